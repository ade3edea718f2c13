"""Columns are the specs, all at once."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fleetgui.backend.devices.columns import (
    AREAS,
    CATEGORIES,
    KIND_NAMES,
    MAKERS,
    MODELS,
    RING_NAMES,
    Choices,
)
from fleetgui.backend.devices.specs import ARCHES, FIRMWARES, SITES, Specs


@pytest.mark.parametrize("count", [0, 1, 5, 3_000])
@pytest.mark.parametrize("seed", [1, 99])
def test_every_column_agrees_with_every_spec(count: int, seed: int) -> None:
    specs = Specs(count, seed)
    columns = specs.columns

    def named(names: tuple[str, ...], column: Choices) -> list[str]:
        return [names[position] for position in column]

    identities: list[dict[str, Any]] = [spec.record(ttl=15, status={})["identity"] for spec in specs]
    assert named(KIND_NAMES, columns.kind) == [spec.kind.name for spec in specs]
    assert named(CATEGORIES, columns.category) == [spec.kind.category for spec in specs]
    assert named(SITES, columns.site) == [spec.site for spec in specs]
    assert named(AREAS, columns.area) == [spec.area for spec in specs]
    assert named(MAKERS, columns.maker) == [identity["manufacturer"] for identity in identities]
    assert named(MODELS, columns.model) == [identity["model"] for identity in identities]
    assert named(FIRMWARES, columns.firmware) == [identity["firmware_version"] for identity in identities]
    assert named(ARCHES, columns.arch) == [identity["arch"] for identity in identities]
    assert named(RING_NAMES, columns.ring) == [spec.labels()["ring"] for spec in specs]
    assert columns.number.tolist() == [spec.number for spec in specs]
    assert columns.faulty.tolist() == [spec.faulty for spec in specs]
    assert columns.busy.tolist() == [spec.busy for spec in specs]
    assert [None if math.isnan(each) else each for each in columns.battery] == [spec.battery for spec in specs]
    assert len(columns) == count


def test_the_shares_of_faults_and_rings_are_as_said() -> None:
    columns = Specs(200_000, 1).columns
    assert columns.faulty.mean() == pytest.approx(0.05, abs=0.003)
    rings = [RING_NAMES[position] for position in columns.ring]
    assert {name: rings.count(name) / len(rings) for name in RING_NAMES} == pytest.approx(
        {"canary": 0.02, "early": 0.18, "broad": 0.8}, abs=0.005
    )

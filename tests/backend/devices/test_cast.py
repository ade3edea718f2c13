"""Which devices live, and in which process."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from fleetgui.backend.devices.cast import SAMPLE, cast_of
from fleetgui.backend.devices.specs import Specs


def test_in_an_ordinary_fleet_every_device_lives() -> None:
    cast = cast_of({"devices": 30, "seed": 4})
    assert list(cast.own) == list(cast.living) == list(Specs(30, 4))
    assert cast.leads


def test_of_a_computed_fleet_a_sample_lives_with_every_kind_in_its_share() -> None:
    cast = cast_of({"computed": 1_000_000, "seed": 4})
    assert len(cast.fleet) == 1_000_000
    assert len(cast.living) == len(cast.own) == SAMPLE
    steps = {after.index - before.index for before, after in zip(cast.own, cast.own[1:], strict=False)}
    assert steps == {500}
    counts = Counter(spec.kind.name for spec in cast.own)
    assert counts["camera"] == 0.30 * SAMPLE
    assert all(cast.fleet[spec.index] == spec for spec in cast.own[::100])


@pytest.mark.parametrize(("records", "sample", "living"), [(100, 2_000, 100), (100, 0, 0), (0, 2_000, 0), (100, 7, 7)])
def test_a_sample_is_never_larger_than_its_fleet(records: int, sample: int, living: int) -> None:
    cast = cast_of({"computed": records, "sample": sample})
    ids = [spec.device_id for spec in cast.living]
    assert len(ids) == len(set(ids)) == living
    assert ids == sorted(ids)


@pytest.mark.parametrize("settings", [{"devices": 1_000}, {"computed": 50_000, "sample": 1_000}])
def test_parts_are_the_whole_without_overlap_and_one_leads(settings: dict[str, Any]) -> None:
    parts = [cast_of(settings | {"from": first, "count": 400}) for first in (0, 400, 800)]
    assert [spec for part in parts for spec in part.own] == list(parts[0].living)
    assert [part.leads for part in parts] == [True, False, False]
    assert len(cast_of(settings | {"from": 1_000}).own) == 0


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"devices": "many"}, "devices must be a whole number, and not below 0: 'many'"),
        ({"devices": -1}, "devices must be"),
        ({"devices": True}, "devices must be"),
        ({"devices": 1.5}, "devices must be"),
        ({"computed": []}, "computed must be"),
        ({"computed": 5, "sample": -1}, "sample must be"),
        ({"devices": 5, "seed": "x"}, "seed must be a whole number: 'x'"),
        ({"devices": 5, "from": 6}, "is to begin at device 6, and only 5 live"),
        ({"devices": 5, "from": 0, "count": None}, ""),
        ({"devices": 5, "count": -2}, "count must be"),
    ],
)
def test_wrong_settings_are_answered_in_words(settings: dict[str, Any], why: str) -> None:
    if not why:
        assert len(cast_of(settings).own) == 5
        return
    with pytest.raises(ValueError, match=why):
        cast_of(settings)

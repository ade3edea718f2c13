"""Which processes a fleet of a given size is made of, and what each of them is told."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from fleetgui.backend.devices.cast import SAMPLE, cast_of
from fleetgui.backend.options import ServeOptions
from fleetgui.backend.roles import BROKER, NAMES, ROLES, Part, Stage, parts_of, simulated


def named(options: ServeOptions, role: str) -> list[Part]:
    return [part for part in parts_of(options) if part.module == ROLES[role].module]


def told(options: ServeOptions, role: str) -> list[dict[str, Any]]:
    return [part.settings for part in named(options, role)]


@pytest.mark.parametrize("devices", [1, 19_999, 20_000, 20_001, 45_000, 60_000])
def test_every_device_of_a_fleet_lives_in_exactly_one_process(devices: int) -> None:
    casts = [cast_of(settings) for settings in told(ServeOptions(devices=devices, seed=3), "devices")]
    assert len(casts) == -(-devices // 20_000)
    assert max(len(cast.own) for cast in casts) <= 20_000
    assert [spec.index for cast in casts for spec in cast.own] == list(range(devices))
    assert [cast.leads for cast in casts] == [True] + [False] * (len(casts) - 1)
    assert all("computed" not in settings for settings in told(ServeOptions(devices=devices), "gateway"))


def test_a_fleet_without_devices_has_no_process_for_them() -> None:
    assert [part.name for part in parts_of(ServeOptions(devices=0)) if part.stage is Stage.LIVE] == []
    assert len(told(ServeOptions(devices=0), "gateway")) == 1


@pytest.mark.parametrize(("ttl", "lease"), [(None, 45), (120, 120)])
def test_above_sixty_thousand_records_are_computed_and_a_sample_lives(ttl: int | None, lease: int) -> None:
    options = ServeOptions(devices=1_000_000, seed=7, gateways=2, ttl=ttl)
    for settings in told(options, "gateway"):
        assert settings["computed"] == {"devices": 1_000_000, "seed": 7, "ttl": lease}
    [settings] = told(options, "devices")
    cast = cast_of(settings)
    assert (len(cast.fleet), len(cast.own), cast.fleet.seed) == (1_000_000, SAMPLE, 7)


def test_several_of_a_role_can_be_told_apart_in_the_log() -> None:
    options = ServeOptions(devices=30_000, gateways=2)
    assert [part.name for part in named(options, "gateway")] == ["gateway gw-1", "gateway gw-2"]
    assert [part.name for part in named(options, "devices")] == ["devices 1", "devices 2"]
    assert [part.name for part in named(ServeOptions(), "gateway")] == ["gateway gw-1"]
    assert [part.name for part in named(ServeOptions(node="paris"), "gateway")] == ["gateway paris"]
    assert [part.name for part in named(ServeOptions(), "devices")] == ["devices"]


@pytest.mark.parametrize(
    ("devices", "run", "count"),
    [(7, NAMES, 7), (0, NAMES, 0), (7, ["gateway"], 0), (1_000_000, ["gateway"], 1_000_000)],
)
def test_how_many_devices_are_simulated(devices: int, run: list[str], count: int) -> None:
    assert simulated(ServeOptions(devices=devices, roles=frozenset(run))) == count


def test_only_the_roles_asked_for_run() -> None:
    assert parts_of(ServeOptions(roles=frozenset({BROKER}))) == []
    assert {part.module for part in parts_of(ServeOptions(roles=frozenset({"gateway"})))} == {ROLES["gateway"].module}


@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_role_is_a_module_that_can_be_run(role: str) -> None:
    module = ROLES[role].module
    try:
        runnable = importlib.util.find_spec(f"{module}.__main__") or importlib.util.find_spec(module)
    except ModuleNotFoundError:  # a module and no package
        runnable = importlib.util.find_spec(module)
    assert runnable is not None
    assert NAMES[0] == BROKER

"""A round of a scenario is a function of scenario, round, cast and seed; and what it does to a fleet on a broker."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from fleetgui.backend.devices.cast import cast_of
from fleetgui.backend.devices.device import Phase
from fleetgui.backend.devices.player import Planned, Player, plan
from fleetgui.backend.devices.specs import Spec, Specs
from fleetgui.backend.scenarios import (
    NAMES,
    SCENARIOS,
    Action,
    Deploy,
    Flap,
    Flood,
    Herd,
    Partition,
    Restart,
    Scenario,
    Step,
    Storm,
    scenario,
)
from tests.backend.devices.fabric import DEVICES, Fabric

FLEET = Specs(1_400, 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_plan(name: str) -> None:
    for number in range(3):
        assert plan(scenario(name), number, FLEET, 5) == plan(scenario(name), number, Specs(1_400, 1), 5)


def test_plans_stay_the_same_from_one_version_to_the_next() -> None:
    storm, storm100 = plan(scenario("storm"), 0, FLEET, 1)[0], plan(scenario("storm100"), 3, FLEET, 1)[0]
    assert storm.device_ids == ("lock-0090",)
    assert storm100.device_ids[:2] == ("camera-0221", "robot-0029")
    assert plan(scenario("restart"), 0, FLEET, 1)[0].sites == ("site-38",)


def test_rounds_and_seeds_differ_in_whom_they_strike() -> None:
    storms = [plan(scenario("storm"), number, FLEET, seed)[0].device_ids for number in range(3) for seed in (1, 2)]
    assert len(set(storms)) == len(storms)


def test_rounds_follow_each_other_at_the_period() -> None:
    story = scenario("demo")
    assert story.period is not None
    assert [step.at + 2 * story.period for step in story.steps] == [each.at for each in plan(story, 2, FLEET, 1)]


def struck(planned: Planned, fleet: list[Spec] | Specs = FLEET) -> set[str]:
    return {spec.device_id for spec in fleet if spec.device_id in planned.device_ids or spec.site in planned.sites}


def test_a_storm_strikes_as_many_as_it_says_and_a_restart_one_site() -> None:
    assert len(struck(plan(scenario("storm"), 0, FLEET, 1)[0])) == 1
    assert len(struck(plan(scenario("storm100"), 0, FLEET, 1)[0])) == 100
    (restart,) = plan(scenario("restart"), 0, FLEET, 1)
    assert len(restart.sites) == 1
    assert 10 < len(struck(restart)) < 80


def test_a_partition_strikes_a_third_of_the_sites() -> None:
    (partition,) = plan(scenario("partition"), 0, FLEET, 1)
    assert len(partition.sites) == 13
    assert 350 < len(struck(partition)) < 600


def test_processes_that_share_a_fleet_strike_each_device_once() -> None:
    parts = [cast_of({"devices": 1_400, "from": first, "count": 500}) for first in (0, 500, 1_000)]
    assert [part.leads for part in parts] == [True, False, False]
    for name in NAMES:
        plans = [plan(scenario(name), 1, part.living, 1) for part in parts]
        assert plans[0] == plans[1] == plans[2]
        for planned in plans[0]:
            by_part = [struck(planned, list(part.own)) for part in parts]
            assert struck(planned) == set().union(*by_part)
            assert not any(one & other for one, other in itertools.combinations(by_part, 2))


def test_the_demo_tells_its_story_early() -> None:
    first = {type(each.action): each.at for each in reversed(plan(scenario("demo"), 0, FLEET, 1))}
    assert first[Storm] <= 8
    assert first[Flood] <= 18
    assert 20 <= first[Restart] <= 30


def test_an_incident_has_it_all_within_ten_minutes() -> None:
    story = scenario("incident")
    assert {type(step.action) for step in story.steps} == {Storm, Flood, Restart, Herd, Flap, Partition, Deploy}
    assert story.steps[-1].at < 600
    assert story.period is not None
    assert story.period > 600


@pytest.mark.parametrize("count", [0, 1])
def test_a_fleet_that_is_too_small_for_the_story_is_no_error(count: int) -> None:
    for story in SCENARIOS.values():
        for planned in plan(story, 0, Specs(count, 1), 1):
            assert len(struck(planned, Specs(count, 1))) <= count


def test_the_readme_names_every_scenario() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if name != "demo" and f"`{name}`" not in readme] == []


def test_an_unknown_scenario_is_answered_with_the_names() -> None:
    with pytest.raises(ValueError, match="there is no scenario 'drama'; there are demo, calm, storm, storm100, herd"):
        scenario("drama")


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_in_order_within_the_period_and_say_what_happens(name: str) -> None:
    story = scenario(name)
    times = [step.at for step in story.steps]
    assert times == sorted(times)
    assert story.period is None or all(at < story.period for at in times)
    assert all(10 < len(step.note) < 80 for step in story.steps)


def playing(fabric: Fabric, *actions: Action) -> Player:
    """The actions at once, on the running fleet."""
    story = Scenario("test", "", tuple(Step(0.0, action, "it happens") for action in actions))
    cast = [device.spec for device in fabric.fleet.devices]
    player = Player(story, fabric.fleet, fabric.schedule, cast=cast, seed=1, deploy=fabric.deployed.append)
    player.start()
    return player


def phases(fabric: Fabric) -> dict[Phase, int]:
    counts = dict.fromkeys(Phase, 0)
    for device in fabric.fleet.devices:
        counts[device.phase] += 1
    return counts


async def test_a_herd_goes_down_at_once_and_is_back_with_new_sessions_spread_over_the_jitter(running: Fabric) -> None:
    running.fleet.settings = running.fleet.settings.__class__(register_jitter=10.0)
    sessions = {device.session for device in running.fleet.devices}
    playing(running, Herd(down_for=2.0))
    await running.passes(0.25)
    assert phases(running)[Phase.DOWN] == DEVICES
    await running.passes(6.0)
    assert 0 < phases(running)[Phase.UP] < DEVICES
    await running.passes(6.0)
    assert phases(running)[Phase.UP] == DEVICES
    assert not sessions & {device.session for device in running.fleet.devices}
    assert running.rejects == []


async def test_flapping_devices_are_gone_longer_than_their_lease_again_and_again(running: Fabric) -> None:
    player = playing(running, Flap(devices=3, times=2, leases=1.5, up=1.0))
    await running.passes(0.25)
    flapping = [running.fleet.by_id[device_id] for device_id in player.played[0].device_ids]
    was_up = [0] * len(flapping)
    for _ in range(100):
        await running.passes(1.0, step=1.0)
        was_up = [times + (device.phase is Phase.UP) for times, device in zip(was_up, flapping, strict=True)]
    assert [device.boots for device in flapping] == [2, 2, 2]
    assert all(abs(times - (100 - 2 * 22.5)) <= 3 for times in was_up)
    assert phases(running)[Phase.UP] == DEVICES


async def test_a_partition_takes_sites_away_and_gives_them_back_together(running: Fabric) -> None:
    player = playing(running, Partition(share=0.5, leases=2.0, noticed_after=10.0))
    await running.passes(0.25)
    gone = phases(running)[Phase.CUT_OFF]
    assert 0 < gone < DEVICES
    assert gone == sum(device.spec.site in player.played[0].sites for device in running.fleet.devices)
    await running.passes(29.0, step=1.0)
    assert phases(running)[Phase.CUT_OFF] == gone
    await running.passes(1.0)
    assert phases(running)[Phase.UP] == DEVICES


async def test_power_does_not_bring_back_what_the_network_has_lost(running: Fabric) -> None:
    playing(running, Partition(share=1.0, leases=2.0), Herd(down_for=2.0))
    await running.passes(10.0, step=1.0)
    assert phases(running)[Phase.DOWN] == DEVICES
    await running.passes(22.0, step=1.0)
    assert phases(running)[Phase.UP] == DEVICES


async def test_a_site_of_any_size_is_restarted_within_the_time_given(running: Fabric) -> None:
    player = playing(running, Restart(every=100.0, within=5.0, leases=1.0))
    await running.passes(6.0)
    expected = sum(device.spec.site in player.played[0].sites for device in running.fleet.devices)
    assert phases(running)[Phase.DOWN] == expected > 0
    await running.passes(15.0)
    assert phases(running)[Phase.UP] == DEVICES


async def test_a_deployment_goes_out_once_in_the_process_that_leads(running: Fabric) -> None:
    playing(running, Deploy("release", "canary"))
    await running.passes(0.25)
    assert running.deployed == [Deploy("release", "canary")]

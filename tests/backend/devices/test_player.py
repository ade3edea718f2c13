"""A round of a scenario is a function of scenario, round, fleet and seed."""

from __future__ import annotations

import pytest

from fleetgui.backend.devices.player import plan
from fleetgui.backend.devices.specs import Specs
from fleetgui.backend.scenarios import NAMES, SCENARIOS, Action, scenario

FLEET = Specs(1_400, 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_plan(name: str) -> None:
    for number in range(3):
        assert plan(scenario(name), number, FLEET, 5) == plan(scenario(name), number, Specs(1_400, 1), 5)


def test_rounds_and_seeds_differ_in_whom_they_strike() -> None:
    storms = [plan(scenario("storm"), number, FLEET, seed)[0].device_ids for number in range(3) for seed in (1, 2)]
    assert len(set(storms)) == len(storms)


def test_rounds_follow_each_other_at_the_period() -> None:
    story = scenario("demo")
    assert story.period is not None
    assert [step.at + 2 * story.period for step in story.steps] == [each.at for each in plan(story, 2, FLEET, 1)]


def test_a_restart_strikes_all_of_one_site_and_nobody_else() -> None:
    restarts = [each for each in plan(scenario("restart"), 0, FLEET, 1) if each.action is Action.RESTART]
    struck = {spec.site for spec in FLEET if spec.device_id in restarts[0].device_ids}
    assert len(struck) == 1
    assert len(restarts[0].device_ids) == sum(spec.site in struck for spec in FLEET)


def test_the_demo_tells_its_story_early() -> None:
    first = {each.action: each.at for each in reversed(plan(scenario("demo"), 0, FLEET, 1))}
    assert first[Action.STORM] <= 8
    assert first[Action.FLOOD] <= 18
    assert 20 <= first[Action.RESTART] <= 30


@pytest.mark.parametrize("count", [0, 1])
def test_a_fleet_that_is_too_small_for_the_story_is_no_error(count: int) -> None:
    for story in SCENARIOS.values():
        for planned in plan(story, 0, Specs(count, 1), 1):
            assert len(planned.device_ids) <= count


def test_an_unknown_scenario_is_answered_with_the_names() -> None:
    with pytest.raises(ValueError, match="there is no scenario 'drama'; there are demo, calm, storm, lag, restart"):
        scenario("drama")


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_in_order_and_within_the_period(name: str) -> None:
    story = scenario(name)
    times = [step.at for step in story.steps]
    assert times == sorted(times)
    assert story.period is None or all(at < story.period for at in times)

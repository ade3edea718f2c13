"""Roll-ups: worst of what holds, unknown where nobody counted, failing ones counted whatever came in which order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetgui.policy.states import State
from fleetgui.stores.deployments import rollups as module
from fleetgui.stores.deployments.rollups import Definition, Rollup, Rollups
from fleetgui.stores.sources import Sources
from fleetgui.wire.deployments import Deployment, DeploymentName, DeviceKey, Moment
from tests.widgets.fill_deployments import status


@pytest.fixture
def rollups() -> Rollups:
    return Rollups(Sources())


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ((3, 0, 0), State.RUNNING),
        ((3, 0, 1), State.PENDING),
        ((3, 1, 1), State.FAILED),
        ((0, 0, 0), State.UNTARGETED),
    ],
)
def test_a_deployment_is_in_the_worst_state_of_its_devices(counts: tuple[int, int, int], state: State) -> None:
    running, failed, pending = counts
    assert Rollup("d", status("d", running=running, failed=failed, pending=pending)).state is state


def test_what_nobody_has_counted_or_what_cannot_be_read_is_unknown_and_not_zero(rollups: Rollups) -> None:
    rollups.apply_definitions([("a", Definition(1, 0.0, 5))])
    rollups.apply_statuses([("b", "The record cannot be read: it is no JSON.")])
    assert {name: (row.state, row.counted) for name, row in rollups.rows.items()} == {
        "a": (State.UNKNOWN, None),
        "b": (State.UNKNOWN, None),
    }
    assert (rollups.failing, rollups.malformed) == (0, 1)


def test_uncounted_is_said_only_once_both_buckets_were_read(rollups: Rollups) -> None:
    rollups.apply_definitions([("a", Definition(1, 0.0, 5))])
    rollups.definitions.follows(lambda: 1.0)
    assert rollups.uncounted == 0
    rollups.statuses.follows(lambda: 1.0)
    assert rollups.uncounted == 1


def test_only_what_changed_is_told_and_once_a_batch(rollups: Rollups) -> None:
    told: list[frozenset[str]] = []
    rollups.changed.connect(told.append)
    rollups.apply_statuses([("a", status("a", running=1)), ("b", status("b", failed=1))])
    rollups.apply_statuses([("a", status("a", running=1)), ("c", None)])
    rollups.apply_statuses([("b", None)])
    assert told == [frozenset("ab"), frozenset("b")]
    assert set(rollups.rows) == {"a"}


def test_a_definition_is_kept_without_the_names_of_its_targets() -> None:
    named = Deployment(
        name=DeploymentName("d"),
        generation=3,
        created_at=Moment(5.0),
        target_devices=tuple(DeviceKey(f"c-{number}") for number in range(10)),
    )
    assert Definition.of(named) == Definition(3, 5.0, 10)


def test_more_than_are_held_are_said_to_be_beyond(rollups: Rollups, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DEPLOYMENTS", 2)
    rollups.apply_statuses((name, status(name, failed=1)) for name in ("a", "b", "c"))
    assert (set(rollups.rows), rollups.beyond, rollups.failing) == ({"a", "b"}, 1, 2)


Write = st.tuples(
    st.sampled_from("abcd"), st.sampled_from(["failed", "running", "malformed", "gone", "on record", "off"])
)


@settings(max_examples=100, deadline=None)
@given(writes=st.lists(Write, max_size=40))
def test_failing_equals_a_recount(writes: list[tuple[str, str]]) -> None:
    rollups = Rollups(Sources())
    for name, what in writes:
        match what:
            case "failed":
                rollups.apply_statuses([(name, status(name, failed=1))])
            case "running":
                rollups.apply_statuses([(name, status(name, running=1))])
            case "malformed":
                rollups.apply_statuses([(name, "it is no JSON")])
            case "gone":
                rollups.apply_statuses([(name, None)])
            case "on record":
                rollups.apply_definitions([(name, Definition(1, 0.0, None))])
            case "off":
                rollups.apply_definitions([(name, None)])
        assert rollups.failing == sum(row.state is State.FAILED for row in rollups.rows.values())
        assert all(row.status is not None or row.definition is not None for row in rollups.rows.values())

"""The roll-up kept from changes is what a recount gives, whatever the history; and each rule by itself."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fleetgui.backend.deployments.rollup import Figures, Rollup
from fleetgui.wire.deployments import Deployment, DeploymentName, DeviceKey, DeviceState, LastError, Moment, Phase
from tests.backend.deployments.recount import recount

A, B, C = DeviceKey("a"), DeviceKey("b"), DeviceKey("c")
D, E = DeploymentName("d"), DeploymentName("e")


def state(
    device: DeviceKey, phase: Phase, at: float, name: DeploymentName = D, error: str | None = None
) -> DeviceState:
    return DeviceState(device_id=device, deployment=name, phase=phase, last_event_at=Moment(at), last_error=error)


def selecting(selector: dict[str, str], name: DeploymentName = D, generation: int = 1) -> Deployment:
    return Deployment(name=name, target_selector=selector, generation=generation, created_at=Moment(0.0))


def listing(*devices: DeviceKey, name: DeploymentName = D) -> Deployment:
    return Deployment(name=name, target_devices=devices, generation=1, created_at=Moment(0.0))


@pytest.fixture
def rollup() -> Rollup:
    """A, B in ring 1, C in ring 2; D goes to ring 1."""
    made = Rollup()
    for device, ring in ((A, "1"), (B, "1"), (C, "2")):
        made.put_info(device, {"ring": ring, "site": "x"})
    made.put_deployment(selecting({"ring": "1"}))
    made.take_dirty()
    return made


def counts(rollup: Rollup, name: DeploymentName = D) -> tuple[int, int, int, int]:
    figures = rollup.figures(name)
    assert figures is not None
    return figures.target, figures.succeeded, figures.failed, figures.pending


def test_a_targeted_device_that_said_nothing_is_pending(rollup: Rollup) -> None:
    assert counts(rollup) == (2, 0, 0, 2)


def test_running_succeeded_failed_failed_and_pending_is_pending(rollup: Rollup) -> None:
    rollup.put_state(state(A, Phase.PENDING, 1))
    assert counts(rollup) == (2, 0, 0, 2)
    rollup.put_state(state(A, Phase.RUNNING, 2))
    rollup.put_state(state(B, Phase.FAILED, 2, error="no room"))
    assert rollup.figures(D) == Figures(2, 1, 1, 0, LastError(device_id=B, message="no room", at=Moment(2)))
    assert rollup.take_dirty() == [D]
    assert rollup.take_dirty() == []


@pytest.mark.parametrize("late", [1.0, 2.0])
def test_an_older_or_equal_state_is_ignored(rollup: Rollup, late: float) -> None:
    rollup.put_state(state(A, Phase.RUNNING, 2))
    rollup.take_dirty()
    assert not rollup.put_state(state(A, Phase.FAILED, late))
    assert counts(rollup) == (2, 1, 0, 1)
    assert (rollup.ignored, rollup.has_dirty) == (1, False)


def test_what_a_full_read_says_holds_even_if_it_is_older(rollup: Rollup) -> None:
    rollup.put_state(state(A, Phase.RUNNING, 2))
    assert rollup.put_state(state(A, Phase.FAILED, 1), anew=True)
    assert counts(rollup) == (2, 0, 1, 1)


def test_a_removed_state_makes_a_targeted_device_pending_again(rollup: Rollup) -> None:
    rollup.put_state(state(A, Phase.RUNNING, 2))
    rollup.drop_state(A, D)
    rollup.drop_state(A, D)
    assert counts(rollup) == (2, 0, 0, 2)


def test_a_state_before_its_deployment_counts_when_that_appears(rollup: Rollup) -> None:
    rollup.put_state(state(C, Phase.RUNNING, 1, E))
    assert rollup.figures(E) is None
    assert not rollup.has_dirty
    rollup.put_deployment(selecting({}, E))
    assert counts(rollup, E) == (3, 1, 0, 2)


def test_states_of_devices_that_are_not_meant_count_nowhere(rollup: Rollup) -> None:
    rollup.put_state(state(C, Phase.FAILED, 1))
    assert counts(rollup) == (2, 0, 0, 2)
    assert not rollup.has_dirty
    rollup.put_info(C, {"ring": "1"})
    assert counts(rollup) == (3, 0, 1, 2)
    rollup.put_info(C, {"ring": "3"})
    rollup.drop_info(A)
    assert counts(rollup) == (1, 0, 0, 1)


def test_targets_move_with_the_selector(rollup: Rollup) -> None:
    rollup.put_state(state(C, Phase.RUNNING, 1))
    rollup.put_deployment(selecting({"ring": "2"}, generation=2))
    assert counts(rollup) == (1, 1, 0, 0)
    rollup.put_deployment(selecting({"ring": "1", "site": "y"}, generation=3))
    assert counts(rollup) == (0, 0, 0, 0)
    rollup.put_deployment(listing(C, DeviceKey("unheard-of"), C))
    assert counts(rollup) == (2, 1, 0, 1)


def test_a_withdrawn_deployment_is_told_once_and_its_states_count_when_it_returns(rollup: Rollup) -> None:
    rollup.put_state(state(A, Phase.RUNNING, 1))
    rollup.take_dirty()
    rollup.drop_deployment(D)
    rollup.drop_deployment(D)
    assert rollup.take_dirty() == [D]
    assert rollup.figures(D) is None
    rollup.put_deployment(selecting({"ring": "1"}, generation=2))
    assert counts(rollup) == (2, 1, 0, 1)


def test_the_last_error_is_the_latest_that_still_holds(rollup: Rollup) -> None:
    def last() -> str | None:
        figures = rollup.figures(D)
        assert figures is not None
        return figures.last_error.message if figures.last_error else None

    rollup.put_state(state(A, Phase.FAILED, 1, error="one"))
    rollup.put_state(state(B, Phase.FAILED, 2, error="two"))
    assert last() == "two"
    rollup.put_state(state(B, Phase.RUNNING, 3))
    assert last() == "one"
    rollup.drop_info(A)
    assert last() is None
    rollup.put_info(A, {"ring": "1"})
    assert last() == "one"


def test_failures_that_come_and_go_do_not_pile_up(rollup: Rollup) -> None:
    rollup.put_state(state(A, Phase.FAILED, 1e6, error="stays"))
    for turn in range(5_000):
        rollup.put_state(state(B, Phase.FAILED if turn % 2 else Phase.RUNNING, turn))
    assert len(rollup._tallies[D].failures) < 100


def test_nothing_is_left_of_what_is_gone(rollup: Rollup) -> None:
    rollup.put_state(state(A, Phase.FAILED, 1))
    rollup.drop_deployment(D)
    rollup.drop_state(A, D)
    for device in (A, B, C):
        rollup.drop_info(device)
    assert (rollup.devices, rollup.states, rollup.deployments, rollup._tallies) == (0, 0, [], {})
    targets = rollup._targets
    assert not any((targets._profiles, targets._having, targets._groups, targets._asking))


DEVICES = st.sampled_from([DeviceKey(f"device-{n}") for n in range(6)])
NAMES = st.sampled_from([DeploymentName(f"deployment-{n}") for n in range(4)])
LABELS = st.dictionaries(st.sampled_from(["ring", "site", "kind"]), st.sampled_from("12"))
TIMES = st.integers(0, 20)


class History(RuleBasedStateMachine):
    """Any history of changes: late and repeated states, labels and selectors that move, keys that vanish."""

    def __init__(self) -> None:
        super().__init__()
        self.rollup = Rollup()
        self.infos: dict[DeviceKey, dict[str, str]] = {}
        self.states: dict[tuple[DeviceKey, DeploymentName], DeviceState] = {}
        self.deployments: dict[DeploymentName, Deployment] = {}
        self.written: dict[DeploymentName, Figures | None] = {}

    @rule(device=DEVICES, labels=LABELS)
    def labels_change(self, device: DeviceKey, labels: dict[str, str]) -> None:
        self.infos[device] = labels
        self.rollup.put_info(device, labels)

    @rule(device=DEVICES)
    def a_device_goes(self, device: DeviceKey) -> None:
        self.infos.pop(device, None)
        self.rollup.drop_info(device)

    @rule(device=DEVICES, name=NAMES, phase=st.sampled_from(Phase), at=TIMES, anew=st.booleans())
    def a_state_comes(self, device: DeviceKey, name: DeploymentName, phase: Phase, at: int, anew: bool) -> None:
        new = state(device, phase, at, name, error=f"{device} at {at}" if phase is Phase.FAILED else None)
        known = self.states.get((device, name))
        taken = anew or known is None or at > known.last_event_at
        if taken:
            self.states[device, name] = new
        assert self.rollup.put_state(new, anew=anew) is taken

    @rule(device=DEVICES, name=NAMES)
    def a_state_goes(self, device: DeviceKey, name: DeploymentName) -> None:
        self.states.pop((device, name), None)
        self.rollup.drop_state(device, name)

    @rule(name=NAMES, selector=LABELS)
    def a_deployment_selects(self, name: DeploymentName, selector: dict[str, str]) -> None:
        self.deployments[name] = selecting(selector, name)
        self.rollup.put_deployment(self.deployments[name])

    @rule(name=NAMES, devices=st.lists(DEVICES, max_size=4))
    def a_deployment_lists(self, name: DeploymentName, devices: list[DeviceKey]) -> None:
        self.deployments[name] = listing(*devices, name=name)
        self.rollup.put_deployment(self.deployments[name])

    @rule(name=NAMES)
    def a_deployment_goes(self, name: DeploymentName) -> None:
        self.deployments.pop(name, None)
        self.rollup.drop_deployment(name)

    @rule()
    def everything_is_written(self) -> None:
        for name in self.rollup.take_dirty():
            self.written[name] = self.rollup.figures(name)
        standing = {name: figures for name, figures in self.written.items() if figures is not None}
        assert standing == self.counted(), "something changed and was not told as dirty"

    @invariant()
    def the_figures_are_those_of_a_recount(self) -> None:
        told = {name: self.rollup.figures(name) for name in self.rollup.deployments}
        assert told == self.counted()

    def counted(self) -> dict[DeploymentName, Figures]:
        return recount(self.infos, self.states.values(), self.deployments.values())


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)

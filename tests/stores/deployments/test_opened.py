"""The devices of one deployment are counted as the contract has it: held against a plain recount."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetgui.policy.states import State
from fleetgui.stores.deployments import opened as module
from fleetgui.stores.deployments.opened import Counted, Opened
from fleetgui.stores.deployments.store import Deployments
from fleetgui.stores.sources import Sources
from fleetgui.wire.deployments import Phase
from tests.widgets.fill_deployments import deployment, said


def test_a_device_that_is_meant_and_has_said_nothing_is_pending() -> None:
    opened = Opened("d", Sources())
    opened.apply_definition(deployment("d", ["a", "b"]))
    opened.apply_states([("a", said("a", "d", Phase.RUNNING, 1.0))], anew=True)
    assert opened.counted == Counted(2, 1, 0, 1, 0)
    assert opened.rows["b"].state is State.PENDING


def test_who_is_not_meant_is_shown_and_counts_nowhere() -> None:
    opened = Opened("d", Sources())
    opened.apply_definition(deployment("d", ["a"]))
    opened.apply_states([("x", said("x", "d", Phase.FAILED, 1.0, "no room"))], anew=True)
    assert opened.rows["x"].state is State.UNTARGETED
    assert opened.counted == Counted(1, 0, 0, 1, 0)


def test_of_a_selector_only_those_are_counted_that_have_spoken() -> None:
    opened = Opened("d", Sources())
    opened.apply_definition(deployment("d"))
    opened.apply_states([("x", said("x", "d", Phase.FAILED, 1.0))], anew=True)
    assert opened.counted == Counted(None, 0, 1, 0, 0)


def test_an_older_word_changes_nothing_unless_all_is_read_anew() -> None:
    opened = Opened("d", Sources())
    states = []
    for phase, at, anew in ((Phase.FAILED, 5.0, True), (Phase.RUNNING, 5.0, False), (Phase.RUNNING, 2.0, True)):
        opened.apply_states([("a", said("a", "d", phase, at))], anew=anew)
        states.append(opened.rows["a"].state)
    assert states == [State.FAILED, State.FAILED, State.RUNNING]


def test_more_than_are_held_are_said_to_be_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DEVICES", 1)
    opened = Opened("d", Sources())
    opened.apply_states([(name, said(name, "d", Phase.FAILED, 1.0)) for name in "ab"], anew=True)
    assert (len(opened.rows), opened.beyond, opened.counted.failed) == (1, 1, 1)


def test_one_is_open_at_a_time_and_its_source_goes_with_it() -> None:
    sources = Sources()
    deployments = Deployments(sources)
    first = deployments.open("a")
    assert deployments.open("a") is first
    second = deployments.open("b")
    assert deployments.opened is second
    second.reading.follows(lambda: 10.0)
    assert sources.state(module.STATES, 10.0) is State.LIVE
    deployments.close()
    assert sources.state(module.STATES, 10.0) is State.UNKNOWN


Step = st.one_of(
    st.tuples(st.just("say"), st.sampled_from("abcd"), st.sampled_from([*Phase, None, "nonsense"])),
    st.tuples(st.just("mean"), st.frozensets(st.sampled_from("abcd")), st.just(None)),
    st.tuples(st.just("select"), st.just(""), st.just(None)),
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(Step, max_size=30))
def test_counts_equal_a_recount(steps: list[tuple[str, str | frozenset[str], Phase | str | None]]) -> None:
    opened = Opened("d", Sources())
    held: dict[str, Phase | str] = {}
    targets: frozenset[str] | None = None
    for number, (what, whom, phase) in enumerate(steps):
        if what == "say":
            device = str(whom)
            record = said(device, "d", phase, float(number)) if isinstance(phase, Phase) else phase
            opened.apply_states([(device, record)], anew=False)
            held.pop(device, None)
            if phase is not None:
                held[device] = phase
        else:
            targets = frozenset(whom) if what == "mean" else None
            opened.apply_definition(deployment("d", sorted(targets) if targets is not None else None))
    meant = {device: phase for device, phase in held.items() if targets is None or device in targets}
    silent = len(targets - meant.keys()) if targets is not None else 0
    phases = list(meant.values())
    assert opened.counted == Counted(
        None if targets is None else len(targets),
        phases.count(Phase.RUNNING),
        phases.count(Phase.FAILED),
        phases.count(Phase.PENDING) + silent,
        phases.count("nonsense"),
    )
    assert set(opened.rows) == set(held) | (targets or set())

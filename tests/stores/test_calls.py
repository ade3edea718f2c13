"""Calls as they are kept: settled once, in order, and never forgotten while they are under way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetgui.stores.calls import Call, Calls, Outcome, Timing

SETTLED = [outcome for outcome in Outcome if outcome is not Outcome.RUNNING]


def call(number: int, device_id: str = "d") -> Call:
    return Call(f"c{number}", device_id, "ping", {}, 0.0, 1.0)


@given(st.lists(st.sampled_from(SETTLED), min_size=1))
def test_the_first_outcome_stands(outcomes: list[Outcome]) -> None:
    calls, told = Calls(), list[Outcome]()
    calls.changed.connect(lambda each: told.append(each.outcome))
    calls.begin(call(1))
    for outcome in outcomes:
        calls.end("c1", outcome)
    assert told == [Outcome.RUNNING, outcomes[0]]
    assert calls.running == 0


def test_an_outcome_of_nothing_is_nothing() -> None:
    calls = Calls()
    calls.end("c1", Outcome.SUCCEEDED)
    assert calls.get("c1") is None


def test_one_that_is_under_way_is_kept_while_settled_ones_make_room() -> None:
    calls = Calls(kept=10)
    calls.begin(call(0))
    for number in range(1, 100):
        calls.begin(call(number))
        calls.end(f"c{number}", Outcome.FAILED)
    assert len(calls.of_device("d")) == 10
    assert calls.running == 1
    calls.end("c0", Outcome.SUCCEEDED, result=1)
    settled = calls.get("c0")
    assert settled is not None
    assert (settled.outcome, settled.result) == (Outcome.SUCCEEDED, 1)


def test_calls_of_a_device_come_oldest_first() -> None:
    calls = Calls()
    for number in range(6):
        calls.begin(call(number, "even" if number % 2 == 0 else "odd"))
    assert [each.call_id for each in calls.of_device("odd")] == ["c1", "c3", "c5"]


def test_the_parts_of_the_time_add_up() -> None:
    assert Timing(0.5, 2.0, 0.25).total_ms == 2.75

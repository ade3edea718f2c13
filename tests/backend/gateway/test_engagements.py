"""More than fifty rejects of one device in a second become one message with a count; none is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetgui.backend.gateway.engagements import SINGLY_A_SECOND, Merger
from fleetgui.policy.band import Band
from fleetgui.policy.throttle import Key, Reject

CAM: Key = ("t", "cam")


def reject(level: int = 1) -> Reject:
    return Reject("in-backoff", 6, 5, 1000.0, level, 0.0, Band.NORMAL, False)


def test_fifty_come_singly_and_the_rest_of_the_second_as_one() -> None:
    merger = Merger()
    published = [count for number in range(80) for _, count in merger.add(CAM, reject(number), 10.0 + number / 100)]
    assert published == [1] * SINGLY_A_SECOND
    assert merger.flush(10.99) == []
    assert merger.flush(11.0) == [(CAM, reject(79), 30)]
    assert merger.flush(20.0) == []


def test_the_next_second_brings_what_the_last_one_held_back_first() -> None:
    merger = Merger()
    for number in range(53):
        merger.add(CAM, reject(number), 10.0)
    assert merger.add(CAM, reject(99), 11.0) == [(reject(52), 3), (reject(99), 1)]


def test_devices_are_counted_apart() -> None:
    merger = Merger()
    for _ in range(60):
        merger.add(CAM, reject(), 10.0)
    assert merger.add(("t", "other"), reject(), 10.0) == [(reject(), 1)]
    assert merger.add(("u", "cam"), reject(), 10.0) == [(reject(), 1)]


@given(st.lists(st.tuples(st.floats(0, 0.5), st.sampled_from("ab"), st.integers(1, 120)), max_size=30))
def test_no_reject_is_lost_and_nothing_is_remembered_for_long(steps: list[tuple[float, str, int]]) -> None:
    merger = Merger()
    now, came, told = 0.0, 0, 0
    for pause, name, burst in steps:
        now += pause
        for _ in range(burst):
            came += 1
            told += sum(count for _, count in merger.add(("t", name), reject(), now))
        told += sum(count for *_, count in merger.flush(now))
        assert told <= came
    told += sum(count for *_, count in merger.flush(now + 2))
    assert told == came
    assert merger._seconds == {}

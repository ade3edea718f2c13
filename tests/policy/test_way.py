"""How long messages were on their way: queues are seen through, clocks may be wrong, and may be set."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.way import NOTICED_S, Way, arrived


def lates(messages: list[tuple[float, float]]) -> list[float]:
    """Of (published, received) one after another, how late each was held to be."""
    way, told = Way(), []
    for published, received in messages:
        way = arrived(way.ahead, way.behind, published, received)
        told.append(way.late)
    return told


@pytest.mark.parametrize("wrong", [0.0, 3_600.0, -86_400.0, 1.7e9])
def test_a_clock_may_be_wrong_by_any_amount(wrong: float) -> None:
    assert lates([(wrong + beat + 0.25, 100.0 + beat) for beat in range(0, 60, 5)]) == [0.0] * 12


@pytest.mark.parametrize("wrong", [0.0, 3_600.0, -86_400.0])
def test_what_a_broker_kept_while_it_stood_is_as_old_as_it_is(wrong: float) -> None:
    sent = [wrong + second + 0.5 for second in (0, 2, 4, 6, 8)]
    came = [100.0, 102.0, 109.5, 109.5, 109.5]  # it stood from 103 to 109.5
    assert lates(list(zip(sent, came, strict=True))) == [0.0, 0.0, 5.5, 3.5, 1.5]


def test_a_single_one_that_was_kept_stays_old_and_the_next_in_time_is_fresh() -> None:
    assert lates([(0.5, 100.0), (2.5, 108.0), (10.5, 110.0)]) == [0.0, 6.0, 0.0]


def test_what_came_together_is_no_clock_that_was_set() -> None:
    way = arrived(math.nan, 0.0, 10.0, 100.0)
    way = arrived(way.ahead, way.behind, 12.5, 109.0)
    again = arrived(way.ahead, way.behind, 12.5, 109.0, apart=False)
    assert (way.late, again.late) == (6.5, 6.5)


def test_a_clock_that_was_set_back_is_followed_from_the_second_message_on() -> None:
    assert lates([(0.5, 100.0), (-2.5, 102.0), (-0.5, 104.0), (1.5, 106.0)]) == [0.0, 5.0, 0.0, 0.0]


def test_a_clock_that_was_set_back_by_more_than_a_queue_keeps_is_followed_at_once() -> None:
    assert lates([(0.5, 100.0), (-3_597.5, 102.0), (-3_595.5, 104.0)]) == [0.0, 0.0, 0.0]


def test_a_clock_that_was_set_forward_is_followed_at_once() -> None:
    assert lates([(0.5, 100.0), (3_602.5, 102.0), (3_604.5, 104.0)]) == [0.0, 0.0, 0.0]


def test_a_clock_that_goes_slow_is_followed() -> None:
    told = lates([(beat * 0.999 + 0.25, 100.0 + beat) for beat in range(0, 6_000, 5)])
    assert max(told) <= NOTICED_S + 0.1
    assert sum(late > 0 for late in told) <= 6_000 * 0.001 / NOTICED_S  # once for each time it fell behind by that


def test_whole_seconds_are_not_taken_for_delays() -> None:
    assert max(lates([(math.floor(beat * 1.7), 100.0 + beat * 1.7) for beat in range(500)])) == 0.0


@given(
    st.lists(st.tuples(st.floats(-1e12, 1e12), st.floats(0.0, 100.0)), max_size=30),
)
def test_whatever_a_clock_says_nothing_is_fresher_than_its_arrival(messages: list[tuple[float, float]]) -> None:
    assert all(late >= 0.0 and math.isfinite(late) for late in lates(messages))

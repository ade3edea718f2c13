"""The distance between walks, and how old the picture is without one."""

from __future__ import annotations

import pytest

from fleetgui.backend.topology.pace import (
    FIRST_RETRY_S,
    FURTHEST_APART_S,
    LEAST_APART_S,
    LONGEST_RETRY_S,
    MOST_APART_S,
    STALE_S,
    Pace,
    distance_s,
)
from fleetgui.policy.clock import ManualClock


@pytest.mark.parametrize(
    ("took", "distance"),
    [(0.0, LEAST_APART_S), (1.0, 9.0), (20.0, MOST_APART_S), (160.0, 160.0), (9_999.0, FURTHEST_APART_S)],
)
def test_the_distance_grows_with_the_walk_and_is_bounded(took: float, distance: float) -> None:
    assert distance_s(took) == distance


def test_a_walk_is_due_from_the_beginning_and_keeps_its_distance_afterwards() -> None:
    clock = ManualClock()
    pace = Pace(clock)
    assert pace.may_walk
    pace.began()
    assert (pace.walking, pace.may_walk) == (True, False)
    pace.succeeded(1.0, whole=True)
    assert (pace.walking, pace.due) == (False, False)
    pace.want()
    assert (pace.due, pace.may_walk) == (True, False)
    clock.advance(9.0)
    assert pace.may_walk


def test_what_is_wanted_during_a_walk_is_another_one() -> None:
    clock = ManualClock()
    pace = Pace(clock)
    pace.began()
    clock.advance(40.0)
    pace.want()
    clock.advance(10.0)
    assert pace.behind_s == 50.0
    pace.succeeded(1.0, whole=True)
    assert pace.due
    assert pace.behind_s == 10.0


def test_a_walk_that_fails_is_tried_again_ever_later_and_at_once_when_the_link_is_back() -> None:
    clock = ManualClock()
    pace = Pace(clock)
    waited = []
    for _ in range(6):
        pace.began()
        pace.failed()
        since = clock.now()
        while not pace.may_walk:
            clock.advance(0.5)
        waited.append(clock.now() - since)
    assert waited == [FIRST_RETRY_S, 2.0, 4.0, 8.0, LONGEST_RETRY_S, LONGEST_RETRY_S]
    pace.began()
    pace.failed()
    assert not pace.may_walk
    pace.want_at_once()
    assert pace.may_walk


def test_it_is_stale_when_a_walk_has_been_due_for_long_and_as_old_as_the_last_one_was_begun() -> None:
    clock = ManualClock()
    pace = Pace(clock)
    assert (pace.as_of, pace.stale) == (None, False)
    clock.advance(STALE_S + 1)
    assert pace.stale
    began = clock.wall()
    pace.began()
    clock.advance(5.0)
    assert pace.stale, "until it has come to its end"
    pace.succeeded(5.0, whole=True)
    assert (pace.as_of, pace.stale) == (began, False)
    clock.advance(600.0)
    assert (pace.as_of, pace.stale) == (began, False), "nothing says that anything is missing"
    pace.agreed()
    assert pace.as_of == clock.wall()
    agreed = pace.as_of
    pace.began()
    pace.succeeded(5.0, whole=False)
    assert (pace.as_of, pace.due) == (agreed, True), "by offset, somebody may have been skipped"
    clock.advance(1.0)
    pace.agreed()
    assert pace.as_of == agreed, "a walk is due"

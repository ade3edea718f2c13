"""Ranges of rows that are merged, clipped and bounded: late, never wrong."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fleetgui.models.changes import Changes, merged, ranges_of

ROWS = st.integers(0, 60)
RANGES = st.lists(st.tuples(ROWS, ROWS).map(lambda pair: (min(pair), max(pair))), max_size=12)


@given(RANGES, st.tuples(ROWS, ROWS).map(lambda pair: (min(pair), max(pair))))
def test_merged_ranges_hold_the_same_rows_are_sorted_and_neither_touch_nor_leave_the_bounds(
    ranges: list[tuple[int, int]], within: tuple[int, int]
) -> None:
    result = merged(ranges, within)
    rows = {row for first, last in ranges for row in range(first, last + 1) if within[0] <= row <= within[1]}
    assert {row for first, last in result for row in range(first, last + 1)} == rows
    assert all(one[1] + 1 < other[0] for one, other in pairwise(result))


def test_neighbouring_rows_are_one_range() -> None:
    assert merged(ranges_of([4, 2, 3, 9]), (0, 100)) == [(2, 4), (9, 9)]


def test_nothing_changed_is_false_and_every_kind_of_change_is_true() -> None:
    changes = [Changes() for _ in range(4)]
    changes[1].devices(frozenset({"a"}))
    changes[2].rows(1, 2)
    changes[3].all_rows()
    assert [bool(each) for each in changes] == [False, True, True, True]


def test_a_flood_while_nobody_looks_is_bounded_and_ends_as_everything() -> None:
    changes = Changes()
    for row in range(10_000):
        changes.rows(row * 2, row * 2)
    assert changes.everything
    assert len(changes.ranges) < 5_000

"""Marks: kept by id, bounded, and found again where their devices stand."""

from __future__ import annotations

import pytest

from fleetgui.stores.marks import MOST_MARKED, Marks, next_row
from fleetgui.stores.roster import Roster
from tests.models.fleet import device_id, record


def read(roster: Roster, offset: int, *indices: int, total: int = 500) -> None:
    records = [record(index) for index in indices]
    roster.page_read(offset, records, next_offset=offset + len(indices), total=total, read_at=1.0)


def test_a_mark_is_set_and_taken_away_and_told() -> None:
    marks = Marks()
    told: list[frozenset[str]] = []
    marks.changed.connect(told.append)
    assert marks.toggle({"a": 1, "b": 2}) == 0
    assert marks.toggle({"b": 2, "c": 3}) == 0  # one of them was not: both are now
    assert list(marks) == ["a", "b", "c"]
    marks.toggle({"b": 2, "a": 1})
    assert ("a" in marks, "c" in marks, len(marks)) == (False, True, 1)
    marks.clear()
    marks.clear()
    assert told == [{"a", "b"}, {"c"}, {"a", "b"}, {"c"}]


def test_marks_are_bounded_and_say_who_found_no_room() -> None:
    marks = Marks()
    assert marks.toggle({str(number): number for number in range(MOST_MARKED + 7)}) == 7
    assert marks.toggle({"one more": 1}) == 1
    assert (len(marks), "one more" in marks) == (MOST_MARKED, False)


def test_a_marked_device_is_found_where_it_stands_now() -> None:
    roster, marks = Roster(), Marks()
    read(roster, 0, 0, 1, 2, 3)
    marks.toggle({device_id(1): 1, device_id(3): 3})
    assert marks.rows_in(roster) == [1, 3]
    read(roster, 0, 9, 0, 1, 2, 3)
    assert marks.rows_in(roster) == [2, 4]


def test_one_whose_page_was_dropped_is_sought_where_it_was_until_rows_mean_something_else() -> None:
    roster, marks = Roster(max_blocks=1), Marks()
    read(roster, 0, *range(100))
    marks.toggle({device_id(7): 7})
    read(roster, 300, *range(300, 400))
    assert roster.offset_of(device_id(7)) is None
    assert marks.rows_in(roster) == [7]
    read(roster, 0, *range(200, 300))
    assert marks.rows_in(roster) == []  # another device stands there
    read(roster, 300, *range(300, 400))
    marks.forget_rows()
    assert marks.rows_in(roster) == []
    assert device_id(7) in marks


@pytest.mark.parametrize(
    ("current", "step", "expected"), [(-1, 1, 3), (3, 1, 8), (8, 1, 3), (4, -1, 3), (3, -1, 8), (9, -1, 8), (5, 1, 8)]
)
def test_the_next_mark_goes_round_the_end(current: int, step: int, expected: int) -> None:
    assert next_row([3, 8], current, step) == expected
    assert next_row([], current, step) is None

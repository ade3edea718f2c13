"""The table's rows by the source that is shown: one that is taken away tells nobody any more."""

from __future__ import annotations

import json

from fleetgui.stores.roster import Roster, RosterStatus
from fleetgui.stores.rows import TableRows


def roster(count: int) -> Roster:
    made = Roster()
    fill(made, count)
    return made


def fill(made: Roster, count: int) -> None:
    records = [json.dumps({"device_id": f"d{number}"}).encode() for number in range(count)]
    made.page_read(0, records, next_offset=None, total=count, read_at=1.0)


def test_rows_of_one_source_go_before_those_of_the_other_come() -> None:
    first, second = roster(3), roster(5)
    table = TableRows(first)
    told: list[tuple[int, int]] = []
    statuses: list[RosterStatus] = []
    table.resized.connect(lambda old, new: told.append((old, new)))
    table.status_changed.connect(statuses.append)
    table.show(second)
    assert told == [(3, 0), (0, 5)]
    assert (table.total, table.loaded, table.offset_of("d4")) == (5, 5, 4)
    assert statuses == [second.status]
    table.show(second)
    assert told == [(3, 0), (0, 5)]


def test_only_the_source_that_is_shown_is_heard() -> None:
    first, second = roster(3), roster(5)
    table = TableRows(first)
    table.show(second)
    told: list[tuple[int, int]] = []
    table.rows_changed.connect(lambda low, high: told.append((low, high)))
    fill(first, 3)
    assert told == []
    fill(second, 5)
    assert told == [(0, 4)]


def test_while_the_one_is_told_to_be_gone_there_are_no_rows() -> None:
    table = TableRows(roster(3))
    seen: list[tuple[int, int | None]] = []
    table.resized.connect(lambda _old, _new: seen.append((table.total, table.offset_of("d1"))))
    table.show(roster(2))
    assert seen == [(0, None), (2, 1)]

"""The held fleet as rows of a table: what was arranged, found by device, with its age."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from fleetgui.policy.filters import parse
from fleetgui.stores.held import layout
from fleetgui.stores.held.fleet import HeldFleet
from fleetgui.stores.held.layout import Layout
from fleetgui.stores.held.rows import HeldRows
from fleetgui.stores.roster import RosterPhase, RowKind
from fleetgui.wire.query import Order
from fleetgui.wire.records import Summary


def held(count: int) -> tuple[HeldFleet, HeldRows]:
    fleet = HeldFleet()
    rows = HeldRows(fleet)
    rows.taken(fleet.take([Summary(f"d{number}", ttl=15.0) for number in range(count)]), 7.0)
    return fleet, rows


def in_order(fleet: HeldFleet, *rows: int) -> Layout:
    return Layout.of(np.array(rows, np.int32), fleet.size)


def test_what_was_arranged_is_what_is_shown() -> None:
    fleet, rows = held(5)
    told: list[tuple[int, int]] = []
    rows.resized.connect(lambda old, new: told.append((old, new)))
    rows.show(in_order(fleet, 4, 0, 2))
    assert told == [(0, 3)]
    assert [rows.row(place).device_id for place in range(3)] == ["d4", "d0", "d2"]
    assert (rows.row(0).kind, rows.row(0).read_at) == (RowKind.LOADED, 7.0)
    assert (rows.offset_of("d2"), rows.offset_of("d1"), rows.offset_of("nobody")) == (2, None, None)
    assert [rows.device_id_at(place) for place in (-1, 0, 2, 3)] == [None, "d4", "d2", None]
    assert rows.offsets_of(["d2", "d4", "d1"]) == [0, 2]
    assert [offset for offset, _ in rows.loaded_rows(1, 9)] == [1, 2]
    fleet.close()


def test_a_device_that_came_after_it_was_arranged_stands_nowhere_yet() -> None:
    fleet, rows = held(2)
    rows.show(in_order(fleet, 0, 1))
    rows.taken(fleet.take([Summary("later")]), 8.0)
    assert rows.offset_of("later") is None
    fleet.close()


def test_one_that_went_is_no_row_any_more() -> None:
    fleet, rows = held(3)
    rows.show(in_order(fleet, 0, 1, 2))
    fleet.remove(["d1"])
    assert [rows.row(place).kind for place in range(3)] == [RowKind.LOADED, RowKind.NOT_LOADED, RowKind.LOADED]
    assert [rows.device_id_at(place) for place in range(3)] == ["d0", None, "d2"]
    fleet.close()


def test_what_a_walk_did_not_meet_again_was_read_before_it() -> None:
    fleet, rows = held(3)
    rows.taken(fleet.take([Summary("d1"), Summary("new")]), 9.0)
    assert list(rows.read_before(9.0)) == ["d0", "d2"]
    fleet.close()


def test_the_status_says_how_far_the_reading_is() -> None:
    fleet, rows = held(1)
    rows.reading(5.0)
    assert (rows.status.phase, rows.status.waiting_since) == (RosterPhase.WAITING, 5.0)
    rows.show(in_order(fleet, 0))
    rows.read(5.0)
    assert (rows.status.phase, rows.status.read_at, rows.status.waiting_since) == (RosterPhase.READY, 5.0, None)
    rows.membership_changed()
    assert rows.status.stale_total
    rows.failed("The registry failed.")
    assert (rows.status.phase, rows.total) == (RosterPhase.FAILED, 1)
    rows.clear()
    assert (rows.status.phase, rows.total) == (RosterPhase.EMPTY, 0)
    fleet.close()


def test_more_groups_than_can_be_shown_are_counted_and_the_rows_stand_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layout, "MOST_GROUPS", 3)
    fleet, rows = held(4)
    rows.show(asyncio.run(fleet.lay_out(None, [], "device_id")))
    assert (rows.total, rows.distinct) == (4, 4)
    assert [rows.row(place).device_id for place in range(4)] == ["d0", "d1", "d2", "d3"]
    rows.show(asyncio.run(fleet.lay_out(parse("-d3").filter, [], "device_id")))
    assert (rows.total, rows.distinct) == (3, 0)
    assert [row.group is not None and row.group.value for _, row in rows.loaded_rows(0, 2)] == ["d0", "d1", "d2"]
    fleet.close()


def test_groups_stay_open_by_their_value_however_they_move() -> None:
    fleet, rows = held(3)
    rows.taken(fleet.take([Summary("d0", location="m"), Summary("d1", location="z")]), 1.0)
    rows.show(asyncio.run(fleet.lay_out(None, [], "location")))
    assert [row.group and row.group.value for _, row in rows.loaded_rows(0, 9)] == ["m", "z", None]
    rows.toggle(1)
    assert (rows.offset_of("d1"), rows.offset_of("d0")) == (2, None)
    rows.taken(fleet.take([Summary("new", location="a")]), 1.0)
    rows.show(asyncio.run(fleet.lay_out(None, [Order("location", descending=True)], "location")))
    heads = [row.group for _, row in rows.loaded_rows(0, 9) if row.group is not None]
    assert [(head.value, head.is_open) for head in heads] == [("z", True), ("m", False), ("a", False), (None, False)]
    assert rows.offset_of("d1") == 1
    fleet.close()

"""The roster against a plain model of it, whatever order pages, churn and evictions come in."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fleetgui.stores.roster import BLOCK, FEWEST_BLOCKS, MOST_BYTES, Roster, RosterPhase, RowKind


def page(*ids: str) -> list[bytes]:
    return [json.dumps({"device_id": device_id}).encode() for device_id in ids]


def phase(roster: Roster) -> RosterPhase:
    return roster.status.phase


def shown(roster: Roster) -> list[str | None]:
    return [roster.row(offset).device_id for offset in range(roster.total)]


class RosterMachine(RuleBasedStateMachine):
    """A fleet that changes, a reader that reads any part of it, and what may be believed of the roster meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.roster = Roster(max_blocks=3)
        self.fleet = [f"d{number:04d}" for number in range(0, 900, 3)]
        self.rows = 0
        self.now = 0.0
        self.roster.resized.connect(self._resized)

    def _resized(self, old: int, new: int) -> None:
        assert old == self.rows
        self.rows = new

    @rule(first=st.integers(0, 950), limit=st.integers(1, 250))
    def read(self, first: int, limit: int) -> None:
        self.now += 1
        part = self.fleet[first : first + limit]
        end = first + limit
        self.roster.page_read(
            first,
            page(*part),
            next_offset=end if end < len(self.fleet) else None,
            total=len(self.fleet),
            read_at=self.now,
        )
        for index, device_id in enumerate(part):
            if self.roster.row(first + index).kind is RowKind.LOADED:
                assert self.roster.row(first + index).device_id == device_id

    @rule(number=st.integers(0, 999))
    def arrive(self, number: int) -> None:
        self.fleet = sorted({*self.fleet, f"d{number:04d}"})

    @rule(index=st.integers(0, 5_000))
    def leave(self, index: int) -> None:
        if self.fleet:
            del self.fleet[index % len(self.fleet)]

    @rule(first=st.integers(0, 950), many=st.integers(0, 150))
    def ask(self, first: int, many: int) -> None:
        self.roster.loading(first, first + many)
        self.roster.not_loading(first, first + many, None)

    @rule()
    def start_over(self) -> None:
        self.roster.clear()

    @invariant()
    def the_size_was_told(self) -> None:
        assert self.rows == self.roster.total

    @invariant()
    def no_device_stands_twice_and_each_is_found_where_it_stands(self) -> None:
        ids = [device_id for device_id in shown(self.roster) if device_id is not None]
        assert len(ids) == len(set(ids)) == self.roster.loaded
        for device_id in ids:
            offset = self.roster.offset_of(device_id)
            assert offset is not None
            assert self.roster.row(offset).device_id == device_id

    @invariant()
    def memory_is_bounded(self) -> None:
        assert self.roster.loaded <= 3 * BLOCK

    @invariant()
    def what_the_records_take_is_known(self) -> None:
        rows = (self.roster.row(offset) for offset in range(self.roster.total))
        assert self.roster._bytes == sum(len(row.record or b"") for row in rows)


TestRosterMachine = RosterMachine.TestCase
TestRosterMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def read(roster: Roster, offset: int, ids: list[str], **more: Any) -> None:
    values = {"next_offset": None, "total": None, "read_at": 1.0} | more
    roster.page_read(offset, page(*ids), **values)


def test_nothing_read_is_not_an_empty_fleet() -> None:
    roster = Roster()
    assert phase(roster) is RosterPhase.EMPTY
    assert roster.status.read_at is None
    read(roster, 0, [], total=0)
    assert phase(roster) is RosterPhase.READY


def test_a_row_beyond_what_was_read_says_so() -> None:
    roster = Roster()
    read(roster, 0, ["a", "b"], next_offset=2, total=5)
    assert [roster.row(offset).kind for offset in range(5)] == [RowKind.LOADED] * 2 + [RowKind.NOT_LOADED] * 3


def test_a_device_that_moved_empties_its_older_row() -> None:
    roster = Roster()
    read(roster, 0, ["a", "b", "c"], total=3)
    read(roster, 0, ["b"], next_offset=1, total=2)
    assert shown(roster) == ["b", None]
    assert roster.row(1).kind is RowKind.NOT_LOADED


def test_a_failure_keeps_what_was_read_and_names_itself() -> None:
    roster = Roster()
    read(roster, 0, ["a"], total=1)
    roster.failed("The registry is silent.")
    assert (roster.status.phase, roster.status.error) == (RosterPhase.FAILED, "The registry is silent.")
    assert shown(roster) == ["a"]


def test_rows_that_were_asked_for_and_not_got_say_why() -> None:
    roster = Roster()
    read(roster, 0, ["a"], next_offset=1, total=3)
    roster.loading(0, 2)
    assert [roster.row(offset).kind for offset in range(3)] == [RowKind.LOADED, RowKind.LOADING, RowKind.LOADING]
    roster.not_loading(1, 2, "no answer")
    assert (roster.row(1).kind, roster.row(1).note) == (RowKind.FAILED, "no answer")


def test_a_change_of_membership_makes_the_total_old_until_it_is_read() -> None:
    roster = Roster()
    roster.membership_changed()
    stale = [roster.status.stale_total]
    for _ in range(2):
        read(roster, 0, ["a"], total=1)
        stale.append(roster.status.stale_total)
        roster.membership_changed()
        stale.append(roster.status.stale_total)
    assert stale == [False, False, True, False, True]


def test_a_shrinking_fleet_forgets_the_rows_behind_its_end() -> None:
    roster = Roster()
    read(roster, 0, [f"d{number:03d}" for number in range(250)], total=250)
    read(roster, 0, ["d000"], total=1)
    assert roster.total == 1
    assert roster.loaded == 1
    assert roster.offset_of("d200") is None


def test_an_empty_page_behind_the_end_shows_how_far_the_fleet_shrank() -> None:
    """Half the fleet left while the end was in view: the table ends where the registry says, not where it was asked."""
    roster = Roster()
    read(roster, 900, [f"d{n:04}" for n in range(900, 1_000)], total=1_000)
    read(roster, 900, [], total=500)
    assert roster.total == 500
    assert roster.row(950).kind is RowKind.NOT_LOADED
    assert roster.offset_of("d0950") is None


def test_large_records_are_kept_as_far_as_there_is_memory_for_them() -> None:
    roster, total = Roster(), 40 * BLOCK
    filler = "x" * 50_000
    for first in range(0, total, BLOCK):
        records = [json.dumps({"device_id": f"d{first + at:05d}", "x": filler}).encode() for at in range(BLOCK)]
        roster.page_read(first, records, next_offset=first + BLOCK, total=total, read_at=1.0)
        assert roster.row(first + BLOCK - 1).kind is RowKind.LOADED
    assert FEWEST_BLOCKS * BLOCK <= roster.loaded <= MOST_BYTES / 50_000
    assert roster.row(0).kind is RowKind.NOT_LOADED


def test_records_too_large_for_any_memory_still_fill_a_screen() -> None:
    roster, total = Roster(), 6 * BLOCK
    filler = "x" * 200_000
    for first in range(0, total, BLOCK):
        records = [json.dumps({"device_id": f"d{first + at:05d}", "x": filler}).encode() for at in range(BLOCK)]
        roster.page_read(first, records, next_offset=first + BLOCK, total=total, read_at=1.0, whole=True)
    assert roster.loaded == FEWEST_BLOCKS * BLOCK
    assert roster.row(total - 1).whole


def test_malformed_rows_are_counted_as_they_stand_not_as_often_as_they_were_read() -> None:
    roster = Roster()
    wrong = b'{"device_id":"a","status":{"battery":"lots"}}'
    for read_at in (1.0, 2.0, 3.0):
        roster.page_read(0, [wrong, b'{"device_id":"b"}'], next_offset=None, total=2, read_at=read_at)
    assert roster.malformed == 1
    roster.page_read(0, [b'{"device_id":"0"}', wrong], next_offset=None, total=2, read_at=4.0)
    assert roster.malformed == 1
    roster.page_read(0, [b'{"device_id":"0"}'], next_offset=None, total=1, read_at=5.0)
    assert roster.malformed == 0
    roster.page_read(0, [wrong], next_offset=None, total=1, read_at=6.0)
    roster.clear()
    assert roster.malformed == 0

"""The held fleet as rows of the table: those that were found, in the order that was asked for, under their heads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleetgui.policy.signals import Signal
from fleetgui.stores.held.cells import Rows
from fleetgui.stores.held.fleet import HeldFleet
from fleetgui.stores.held.heads import Heads
from fleetgui.stores.held.layout import NOWHERE, Layout
from fleetgui.stores.roster import NOT_LOADED, RosterPhase, RosterStatus, Row, RowKind

_KEPT: Final = 1_000
"""Rows whose summaries are kept; more than any window shows."""


class HeldRows:
    """A `stores.rows.RowSource`. An offset is a place in what was laid out; all of them are loaded.

    Groups are closed at first where there are several. Which are open is remembered by their value for as long as rows
    are grouped by the same field, however often they are laid out anew.
    """

    def __init__(self, fleet: HeldFleet) -> None:
        self.resized = Signal[[int, int]]()
        self.rows_changed = Signal[[int, int]]()
        self.status_changed = Signal[[RosterStatus]]()
        self.status = RosterStatus()
        self.malformed = 0
        self._fleet = fleet
        self._layout = Layout()
        self._heads: Heads | None = None
        self._chosen: dict[str | None, bool] = {}
        """Groups of `_chosen_of` that were opened or closed by hand."""
        self._chosen_of = ""
        self._read_at: NDArray[np.float64] = np.zeros(0, np.float64)
        self._kept: dict[int, Row] = {}
        fleet.changed.connect(lambda _change: self._kept.clear())

    # What can be asked

    @property
    def total(self) -> int:
        return len(self._layout.rows) if self._heads is None else self._heads.total

    @property
    def loaded(self) -> int:
        """Devices that were found, in closed groups as well."""
        return len(self._layout.rows)

    @property
    def distinct(self) -> int:
        """How many groups there would be, where they are too many for heads; else 0."""
        return self._layout.distinct if self._heads is None else 0

    def row(self, offset: int) -> Row:
        kept = self._kept.get(offset)
        if kept is not None:
            return kept
        if not 0 <= offset < self.total:
            return NOT_LOADED  # as in a roster: whoever asks may not have heard yet that rows are gone
        place = offset
        if self._heads is not None:
            spot = self._heads.at(offset)
            if spot.place is None:
                return Row(RowKind.GROUP, group=self._heads.head(spot.group))
            place = spot.place
        row = self._device(int(self._layout.rows[place]))
        if row is None:
            return NOT_LOADED  # it went since it was found
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[offset] = row
        return row

    def device_id_at(self, offset: int) -> str | None:
        if not 0 <= offset < self.total:
            return None
        place: int | None = offset if self._heads is None else self._heads.at(offset).place
        if place is None:
            return None
        number = int(self._layout.rows[place])
        return self._fleet.device_id(number) if self._fleet.is_held(number) else None

    def offset_of(self, device_id: str) -> int | None:
        number = self._fleet.index_of(device_id)
        if number is None or number >= len(self._layout.places):
            return None
        place = int(self._layout.places[number])
        if place == NOWHERE:
            return None
        return place if self._heads is None else self._heads.offset_of(place)

    def offsets_of(self, device_ids: Iterable[str]) -> list[int]:
        places = (self.offset_of(device_id) for device_id in device_ids)
        return sorted(place for place in places if place is not None)

    def loaded_rows(self, first: int, last: int) -> Iterator[tuple[int, Row]]:
        return ((offset, self.row(offset)) for offset in range(max(0, first), min(last + 1, self.total)))

    def count_in(self, first: int, last: int) -> int:
        return len(self._places(first, last))

    def devices_in(self, first: int, last: int) -> Iterator[Row]:
        rows = self._layout.rows
        for place in self._places(first, last):
            if (row := self._device(int(rows[place]))) is not None:
                yield row

    def toggle_all(self, *, is_open: bool) -> None:
        if self._heads is not None:
            self._chosen.update(self._heads.toggled(is_open=is_open))
            before = self.total
            self._put_heads()
            self._tell(before, 0)

    def toggle(self, offset: int) -> None:
        """Open or close the group whose head is at `offset`; nothing happens where none is."""
        if self._heads is None or not 0 <= offset < self.total or self._heads.at(offset).place is not None:
            return
        head = self._heads.head(self._heads.at(offset).group)
        self._chosen[head.value] = not head.is_open
        before = self.total
        self._put_heads()
        self._tell(before, offset)

    # What the feed reports

    def taken(self, rows: Rows, read_at: float) -> None:
        """These rows of the fleet were asked for at `read_at` (`Clock.now()`)."""
        if self._fleet.size > len(self._read_at):
            grown = np.zeros(max(1_024, 2 * self._fleet.size), np.float64)
            grown[: len(self._read_at)] = self._read_at
            self._read_at = grown
        self._read_at[rows] = read_at
        self._kept.clear()

    def told(self, rows: range) -> None:
        """What stands in these rows was read again."""
        first, last = max(0, rows.start), min(rows.stop, self.total) - 1
        if first <= last:
            self.rows_changed.emit(first, last)

    def read_before(self, moment: float) -> Iterator[str]:
        """The held devices that were last asked for before `moment`, one by one: they may be a million."""
        for number in np.flatnonzero(self._read_at[: self._fleet.size] < moment).tolist():
            if self._fleet.is_held(number):
                yield self._fleet.device_id(number)

    def show(self, layout: Layout) -> None:
        """Show what was laid out. Costs the same for a million rows as for ten, and a little for each group."""
        before = self.total
        self._layout = layout
        if layout.groups is not None and layout.groups.field != self._chosen_of:
            self._chosen_of = layout.groups.field
            self._chosen.clear()
        self._put_heads()
        self._tell(before, 0)
        self._set(replace(self.status, total=len(layout.rows), waiting_since=None))

    def reading(self, since: float | None) -> None:
        """A walk is under way since then; None: none is."""
        phase = RosterPhase.WAITING if since is not None and not self.total else RosterPhase.READY
        self._set(replace(self.status, phase=phase, waiting_since=None if self.total else since, error=None))

    def read(self, at: float) -> None:
        """The walk that began at `at` has come to its end."""
        self._set(replace(self.status, phase=RosterPhase.READY, read_at=at, waiting_since=None, stale_total=False))

    def failed(self, error: str) -> None:
        """It could not be read on; what was read stays."""
        self._set(replace(self.status, phase=RosterPhase.FAILED, error=error, waiting_since=None))

    def membership_changed(self) -> None:
        """A device came or went since the fleet was read."""
        if self.status.read_at is not None and not self.status.stale_total:
            self._set(replace(self.status, stale_total=True))

    def clear(self) -> None:
        """Nothing is held any more."""
        before = self.total
        self._layout = Layout()
        self._put_heads()
        self._tell(before, 0)
        self._set(RosterStatus())

    # Within

    def _device(self, number: int) -> Row | None:
        """What is held of a device; None where it went."""
        if not self._fleet.is_held(number):
            return None
        summary = self._fleet.summary(number)
        return Row(
            RowKind.LOADED,
            summary.device_id,
            None,
            summary,
            float(self._read_at[number]) or None,
            values=self._fleet.payload(number) if self._fleet.paths else None,
        )

    def _places(self, first: int, last: int) -> range:
        first, last = max(0, first), min(last, self.total - 1)
        if first > last:
            return range(0)
        return range(first, last + 1) if self._heads is None else self._heads.places(first, last)

    def _put_heads(self) -> None:
        groups = self._layout.groups
        self._kept.clear()
        self._heads = None if groups is None else Heads(groups, self._chosen, otherwise=len(groups.values) == 1)

    def _tell(self, before: int, first: int) -> None:
        """Rows from `first` on are others; there were `before`."""
        if self.total != before:
            self.resized.emit(before, self.total)
        if self.total > first:
            self.rows_changed.emit(first, self.total - 1)

    def _set(self, status: RosterStatus) -> None:
        if status != self.status:
            self.status = status
            self.status_changed.emit(status)

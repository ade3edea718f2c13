"""The held fleet as rows of the table: those that were found, in the order that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleetgui.policy.signals import Signal
from fleetgui.stores.held.cells import Rows
from fleetgui.stores.held.fleet import HeldFleet
from fleetgui.stores.roster import NOT_LOADED, RosterPhase, RosterStatus, Row, RowKind

_KEPT: Final = 1_000
"""Rows whose summaries are kept; more than any window shows."""
_NOWHERE: Final = -1


class HeldRows:
    """A `stores.rows.RowSource`. An offset is a place in what was arranged; all of them are loaded."""

    def __init__(self, fleet: HeldFleet) -> None:
        self.resized = Signal[[int, int]]()
        self.rows_changed = Signal[[int, int]]()
        self.status_changed = Signal[[RosterStatus]]()
        self.status = RosterStatus()
        self.malformed = 0
        self._fleet = fleet
        self._rows: Rows = np.zeros(0, np.int32)
        self._places: NDArray[np.int32] = np.zeros(0, np.int32)
        """Where each row of the fleet stands here, `_NOWHERE` for those that were not found."""
        self._read_at: NDArray[np.float64] = np.zeros(0, np.float64)
        self._kept: dict[int, Row] = {}

    # What can be asked

    @property
    def total(self) -> int:
        return len(self._rows)

    @property
    def loaded(self) -> int:
        return len(self._rows)

    def row(self, offset: int) -> Row:
        kept = self._kept.get(offset)
        if kept is not None:
            return kept
        number = int(self._rows[offset])
        if not self._fleet.is_held(number):
            return NOT_LOADED  # it went since it was found
        summary = self._fleet.summary(number)
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        row = self._kept[offset] = Row(
            RowKind.LOADED, summary.device_id, None, summary, float(self._read_at[number]) or None
        )
        return row

    def offset_of(self, device_id: str) -> int | None:
        number = self._fleet.index_of(device_id)
        if number is None or number >= len(self._places):
            return None
        place = int(self._places[number])
        return None if place == _NOWHERE else place

    def offsets_of(self, device_ids: Iterable[str]) -> list[int]:
        places = (self.offset_of(device_id) for device_id in device_ids)
        return sorted(place for place in places if place is not None)

    def loaded_rows(self, first: int, last: int) -> Iterator[tuple[int, Row]]:
        return ((offset, self.row(offset)) for offset in range(max(0, first), min(last + 1, self.total)))

    def toggle(self, offset: int) -> None:
        """Open or close the group whose head is at `offset`."""

    # What the feed reports

    def taken(self, rows: Rows, read_at: float) -> None:
        """These rows of the fleet were asked for at `read_at` (`Clock.now()`)."""
        if self._fleet.size > len(self._read_at):
            grown = np.zeros(max(1_024, 2 * self._fleet.size), np.float64)
            grown[: len(self._read_at)] = self._read_at
            self._read_at = grown
        self._read_at[rows] = read_at
        self._kept.clear()

    def read_before(self, moment: float) -> list[str]:
        """The held devices that were last asked for before `moment`."""
        numbers = np.flatnonzero(self._read_at[: self._fleet.size] < moment)
        return [self._fleet.device_id(int(number)) for number in numbers if self._fleet.is_held(int(number))]

    def show(self, rows: Rows) -> None:
        """Show these rows of the fleet, in this order."""
        before = self.total
        self._kept.clear()
        self._places = np.full(self._fleet.size, _NOWHERE, np.int32)
        self._places[rows] = np.arange(len(rows), dtype=np.int32)
        self._rows = rows
        if len(rows) != before:
            self.resized.emit(before, len(rows))
        self._set(replace(self.status, total=len(rows), waiting_since=None))
        if len(rows):
            self.rows_changed.emit(0, len(rows) - 1)

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
        self._rows = np.zeros(0, np.int32)
        self._places = np.zeros(0, np.int32)
        self._kept.clear()
        if before:
            self.resized.emit(before, 0)
        self._set(RosterStatus())

    def _set(self, status: RosterStatus) -> None:
        if status != self.status:
            self.status = status
            self.status_changed.emit(status)

"""Copying rows of the device table, and saying how many of those that were meant went along.

Ten thousand rows take a second: they are copied in parts between events, and said when they are all there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import QObject, QTimer
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QGuiApplication

from fleetgui.models.devices import DeviceTableModel
from fleetgui.stores.roster import Row
from fleetgui.widgets.devices.copy import Cells, Ids, Ranges, Records, Sink, devices_among
from fleetgui.widgets.devices.table import DeviceTable

PART_S: Final = 0.008
"""So long the loop is held by a part of what is copied."""
SLOW_S: Final = 0.3
"""What takes longer says how far it is, as often as this."""
_BETWEEN_LOOKS: Final = 16
"""Rows between two looks at the clock."""


class Copying(QObject):
    """What is copied are the selected rows, or the current one where none is; the last that was asked for counts.

    A closed group's head stands for its devices. All that match are as many as were read, up to what a clipboard is
    good for; what is left out is said.
    """

    said = QtSignal(str)
    """What was copied."""

    def __init__(self, table: DeviceTable, model: DeviceTableModel) -> None:
        super().__init__(table)
        self._table = table
        self._model = model
        self._rows: Iterator[Row] = iter(())
        self._sink: Sink = Ids()
        self._meant, self._how = 0, "selected"
        self._tell_at = 0.0
        self._next = QTimer(self, singleShot=True, interval=0)
        self._next.timeout.connect(self._part)

    def rows(self) -> None:
        """As tab-separated text with a header, in the columns that are shown."""
        self._copy(Cells(self._model, self._table.shown_columns()), self._ranges)

    def markdown(self) -> None:
        """As a Markdown table, in the columns that are shown."""
        self._copy(Cells(self._model, self._table.shown_columns(), markdown=True), self._ranges)

    def ids(self) -> None:
        self._copy(Ids(), self._ranges)

    def json(self) -> None:
        self._copy(Records(), self._ranges)

    def group_ids(self, row: int) -> None:
        """The ids of all devices of the group whose head is in this row, open or closed."""
        head = self._model.group(row)
        if head is not None:
            self._copy(Ids(), [(row, row + head.count) if head.is_open else (row, row)], "in the group")

    def marked_ids(self) -> None:
        """The ids of all marked devices, loaded or not."""
        sink = Ids()
        for device_id in self._model.marks:
            sink.take_id(device_id)
        self._begin(sink, iter(()), sink.count, "marked")

    def marked_rows(self) -> None:
        self._copy_marked(Cells(self._model, self._table.shown_columns()))

    def marked_json(self) -> None:
        self._copy_marked(Records())

    def stop(self) -> None:
        """Other rows are wanted: what was not copied yet is not copied, and that is said before somebody pastes."""
        if self.is_busy:
            self._next.stop()
            self._rows = iter(())
            self.said.emit("Copying stopped, since other rows are wanted; the clipboard is as it was.")

    @property
    def is_busy(self) -> bool:
        """Whether what was asked for is not on the clipboard yet."""
        return self._next.isActive()

    @property
    def _ranges(self) -> Ranges:
        current = self._table.currentIndex().row()
        return self._table.selected_ranges or ([(current, current)] if current >= 0 else [])

    def _copy(self, sink: Sink, ranges: Ranges, how: str = "selected") -> None:
        source = self._model.roster
        meant = sum(source.count_in(first, last) for first, last in ranges)
        self._begin(sink, devices_among(self._model, ranges), meant, how)

    def _copy_marked(self, sink: Sink) -> None:
        source = self._model.roster
        rows = (source.row(offset) for offset in source.offsets_of(self._model.marks))
        self._begin(sink, rows, len(self._model.marks), "marked")

    def _begin(self, sink: Sink, rows: Iterator[Row], meant: int, how: str) -> None:
        self._sink, self._rows, self._meant, self._how = sink, rows, meant, how
        self._tell_at = time.perf_counter() + SLOW_S
        self._part()

    def _part(self) -> None:
        """Copy on for as long as the loop may be held; few rows are copied at once."""
        sink, until = self._sink, time.perf_counter() + PART_S
        for number, row in enumerate(self._rows, 1):
            sink.take(row)
            if sink.count >= sink.most:
                break
            if number % _BETWEEN_LOOKS == 0 and time.perf_counter() >= until:
                self._tell_progress()
                self._next.start()
                return
        self._put()

    def _tell_progress(self) -> None:
        if time.perf_counter() >= self._tell_at:
            self._tell_at = time.perf_counter() + SLOW_S
            self.said.emit(f"Copying, {self._sink.count:,} {self._sink.what}s so far.")

    def _put(self) -> None:
        """Onto the clipboard, and say how many went there of those that were meant."""
        self._next.stop()
        sink, meant, how = self._sink, self._meant, self._how
        self._rows = iter(())
        if sink.count == 0:
            is_head = how == "selected" and meant == 0 and self._model.has_groups
            why = "an open group's head stands for no device" if is_head else f"no loaded row is {how}"
            self.said.emit(f"Nothing copied: {why}.")
            return
        QGuiApplication.clipboard().setText(sink.text())
        plural = "" if sink.count == 1 else "s"
        left = "." if sink.count >= meant else f" of {meant:,} {how}; File → Export snapshot writes all of them."
        self.said.emit(f"Copied {sink.count:,} {sink.what}{plural}{left}")

"""Copying rows of the device table, and saying how many of those that were meant went along."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QGuiApplication

from fleetgui.models.devices import DeviceTableModel
from fleetgui.widgets.devices import copy as devices_copy
from fleetgui.widgets.devices.copy import Ranges
from fleetgui.widgets.devices.table import DeviceTable


class Copying(QObject):
    """What is copied are the selected rows, or the current one where none is."""

    said = QtSignal(str)
    """What was copied."""

    def __init__(self, table: DeviceTable, model: DeviceTableModel) -> None:
        super().__init__(table)
        self._table = table
        self._model = model

    def rows(self) -> None:
        """As tab-separated text with a header, in the columns that are shown."""
        self._copy(*devices_copy.as_rows(self._model, self._ranges, self._table.shown_columns()), what="row")

    def markdown(self) -> None:
        """As a Markdown table, in the columns that are shown."""
        self._copy(*devices_copy.as_markdown(self._model, self._ranges, self._table.shown_columns()), what="row")

    def ids(self) -> None:
        self._copy(*devices_copy.as_ids(self._model, self._ranges), what="id")

    def json(self) -> None:
        self._copy(*devices_copy.as_json(self._model, self._ranges), what="record")

    def marked_ids(self) -> None:
        """The ids of all marked devices, loaded or not."""
        ids = list(self._model.marks)
        self._put("\n".join(ids), len(ids), len(ids), "id", "marked")

    def marked_rows(self) -> None:
        text, number = devices_copy.as_rows(self._model, self._marked_ranges, self._table.shown_columns())
        self._put(text, number, len(self._model.marks), "row", "marked")

    def marked_json(self) -> None:
        text, number = devices_copy.as_json(self._model, self._marked_ranges)
        self._put(text, number, len(self._model.marks), "record", "marked")

    @property
    def _marked_ranges(self) -> Ranges:
        rows = self._model.roster.offsets_of(self._model.marks)
        return [(row, row) for row in rows]

    @property
    def _ranges(self) -> Ranges:
        current = self._table.currentIndex().row()
        return self._table.selected_ranges or ([(current, current)] if current >= 0 else [])

    def _copy(self, text: str, number: int, *, what: str) -> None:
        ranges = self._ranges
        heads = devices_copy.heads_among(self._model, ranges)
        selected = sum(last - first + 1 for first, last in ranges) - heads
        self._put(text, number, selected, what, "selected")

    def _put(self, text: str, number: int, meant: int, what: str, how: str) -> None:
        """Onto the clipboard, and say it: `number` things went there of `meant` that were selected or marked."""
        if number == 0:
            heads = how == "selected" and self._model.has_groups and meant == 0
            self.said.emit(
                "Nothing copied: devices are copied, and heads of groups are none; open the groups first."
                if heads
                else f"Nothing copied: no loaded row is {how}."
            )
            return
        QGuiApplication.clipboard().setText(text)
        plural = "" if number == 1 else "s"
        left = "." if number >= meant else f" of {meant:,} {how}; File → Export snapshot writes all of them."
        self.said.emit(f"Copied {number:,} {what}{plural}{left}")

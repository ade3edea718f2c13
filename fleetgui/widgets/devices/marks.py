"""Marks on devices: set with Space, gone to with F2 and Shift+F2, copied and cleared by the button that counts."""

from __future__ import annotations

from itertools import islice

from PySide6.QtCore import QObject
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtWidgets import QMenu, QToolButton

from fleetgui.models.devices import DeviceTableModel
from fleetgui.policy.filters.writing import quoted
from fleetgui.stores.marks import MOST_MARKED, next_row
from fleetgui.widgets.devices.clipboard import Copying
from fleetgui.widgets.devices.copy import devices_among
from fleetgui.widgets.devices.filter_line import LONGEST_FILTER
from fleetgui.widgets.devices.table import DeviceTable


class Marking(QObject):
    said = QtSignal(str)
    """What came of it, where that is not seen."""
    filter_asked = QtSignal(str)
    """Show what this filter finds: the marked devices."""

    def __init__(self, table: DeviceTable, model: DeviceTableModel, copying: Copying) -> None:
        super().__init__(table)
        self._table = table
        self._model = model
        self.button = QToolButton()
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.button.setToolTip("Devices that you marked with Space")
        menu = QMenu(self.button)
        menu.addAction("Next mark\tF2").triggered.connect(self.next)
        menu.addAction("Mark before\tShift+F2").triggered.connect(self.previous)
        menu.addAction("Show only marked").triggered.connect(self.show_only)
        menu.addSeparator()
        menu.addAction("Copy marked ids").triggered.connect(copying.marked_ids)
        menu.addAction("Copy marked rows").triggered.connect(copying.marked_rows)
        menu.addAction("Copy marked as JSON").triggered.connect(copying.marked_json)
        menu.addSeparator()
        menu.addAction("Clear marks\tCtrl+Shift+F2").triggered.connect(self.clear)
        self.button.setMenu(menu)
        self.show_count()

    def show_count(self) -> None:
        """Say how many there are; nothing is shown for none."""
        marked = len(self._model.marks)
        self.button.setVisible(marked > 0)
        self.button.setText(f"{marked:,} marked")

    def toggle(self) -> None:
        """Mark the current device, or all that are selected where several are; again: take the marks away.

        The head of a closed group stands for its devices.
        """
        ranges = self._table.selected_ranges
        if self._table.selected_count <= 1:
            row = self._table.currentIndex().row()
            ranges = [(row, row)] if row >= 0 else []
        source = self._model.roster
        selected = sum(source.count_in(first, last) for first, last in ranges)
        ids = (row.device_id for row in islice(devices_among(self._model, ranges), MOST_MARKED))
        devices = {device_id: source.offset_of(device_id) for device_id in ids if device_id is not None}
        if not devices:
            self.said.emit("Nothing marked: no loaded row is selected.")
            return
        marks = self._model.marks
        done = len(devices) - marks.toggle(devices)
        if done < selected:
            full = f"no more than {MOST_MARKED:,} devices can be marked"
            why = full if len(marks) >= MOST_MARKED else "the others are not loaded"
            self.said.emit(f"{done:,} of {selected:,} selected: {why}.")

    def next(self) -> None:
        self._go(1)

    def previous(self) -> None:
        self._go(-1)

    def clear(self) -> None:
        self._model.marks.clear()

    def show_only(self) -> None:
        """Make a filter of the marks, where that can be typed."""
        ids = [device_id for device_id in self._model.marks if device_id.isprintable()]
        text = "id=" + ",".join(map(quoted, ids))
        if not ids or len(text) > LONGEST_FILTER:
            self.said.emit("The marked devices make no filter that could be typed; their ids can be copied.")
            return
        self.filter_asked.emit(text)
        if len(ids) < len(self._model.marks):
            self.said.emit(f"Without {len(self._model.marks) - len(ids):,} marked, by an id that cannot be typed.")

    def _go(self, step: int) -> None:
        marks = self._model.marks
        row = next_row(marks.rows_in(self._model.roster), self._table.currentIndex().row(), step)
        if row is not None:
            self._table.go_to_row(row)
        elif marks:
            self.said.emit(f"What is marked ({len(marks):,}) does not stand in what is shown.")
        else:
            self.said.emit("Nothing is marked: Space marks the current device.")

"""Keeps the table where its user is, by device: selection, current row and scroll position follow device ids.

A row number is an offset in the registry's order at the time of reading. When devices come and go, and a page is read
again, the same device stands at another offset; without this, the row under the pointer would become another device
just before the click.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, QTimer
from PySide6.QtGui import QCursor

from fleetgui.models.changes import merged, ranges_of
from fleetgui.models.devices import DeviceTableModel
from fleetgui.stores.roster import RowKind
from fleetgui.widgets.devices.rows import RowsView

FARTHEST: Final = 500
"""A device that moved by more rows than this is not followed: the order changed as a whole."""
MOST_REMEMBERED: Final = 10_000


class Place:
    """What stood where, so that it can be found again after a page was read anew.

    Made before the table gets its model, since a selection model drops what is removed before anybody else hears of
    it; `attach` afterwards.
    """

    def __init__(self, table: RowsView, model: DeviceTableModel) -> None:
        self._table = table
        self._model = model
        self._on_screen: dict[str, int] = {}
        """Device → the row where it was seen."""
        self._selected: dict[int, str | None] = {}
        """Selected row → the device that was selected there, None where it was not read."""
        self._waiting: list[str] = []
        """Devices that were selected and stand nowhere now."""
        self._current: str | None = None
        self._pointer_at_opening = QCursor.pos()
        """A pointer that only happened to rest where the window opened aims at nothing."""
        self._moving = False
        self._holding = False
        self._starting_over = False
        """Other rows are wanted, and did not come yet."""
        model.rowsAboutToBeRemoved.connect(self._removing)
        model.rowsRemoved.connect(self._removed)
        model.reread.connect(self._reread)
        self._settled = QTimer(table, singleShot=True, interval=0)
        self._settled.timeout.connect(self._restore_selection)

    def attach(self) -> None:
        """Listen to the table's selection, from now on."""
        selection = self._table.selectionModel()
        selection.selectionChanged.connect(self._selection_changed)
        selection.currentChanged.connect(self._current_changed)

    def remember(self) -> None:
        """Note which devices are on the screen; after scrolling, and after rows were read."""
        first, last = self._table.first_visible, min(self._table.last_visible, self._model.rowCount() - 1)
        row_of = self._model.roster.row
        seen = {}
        for row in range(first, last + 1):
            if (device_id := row_of(row).device_id) is not None:
                seen[device_id] = row
        self._on_screen = seen

    @contextmanager
    def held(self) -> Iterator[None]:
        """What changes meanwhile does so below a row that stays: nothing is followed by scrolling."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False

    def start_over(self) -> None:
        """Other rows are wanted: whatever stood where is no reason to be anywhere but at the top."""
        self._selected, self._waiting, self._current = {}, [], None
        self._starting_over = True

    # What the user does

    def _selection_changed(self) -> None:
        if self._moving:
            return
        selected: dict[int, str | None] = {}
        for first, last in [] if self._table.many_selected else self._table.selected_ranges:
            for row in range(first, min(last, first + MOST_REMEMBERED) + 1):
                selected[row] = self._model.roster.device_id_at(row)
            if len(selected) >= MOST_REMEMBERED:
                break
        self._selected = selected
        self._waiting = []

    def _current_changed(self) -> None:
        if not self._moving:
            self._current = self._model.device_id(self._table.currentIndex().row())

    # What the registry does

    def _removing(self) -> None:
        self._moving = True

    def _removed(self) -> None:
        self._moving = False
        self._settled.start()

    def _reread(self, first: int, last: int) -> None:
        if first == last and self._model.roster.row(first).kind is RowKind.NOT_LOADED:
            return  # its device was found elsewhere, in a page that is being taken in: the page itself is told of next
        if first <= self._table.last_visible and last >= self._table.first_visible:
            if not self._holding and not self._starting_over:
                self._follow()
            # Those that were wanted come from the first on, unless somebody has scrolled away from the top by now.
            at_top = self._table.verticalScrollBar().value() == 0
            self._starting_over = self._starting_over and first > 0 and at_top
            self.remember()
        if self._selected or self._waiting or self._current is not None:
            self._settled.start()

    def _follow(self) -> None:
        """Scroll so that the anchor stays where it is on the screen."""
        offset_of = self._model.roster.offset_of
        for device_id in self._anchors():
            row = offset_of(device_id)
            if row is None:
                continue
            shift = row - self._on_screen[device_id]
            if 0 < abs(shift) <= FARTHEST:
                bar = self._table.verticalScrollBar()
                bar.setValue(bar.value() + shift * self._table.row_height)
            return

    def _anchors(self) -> list[str]:
        """Devices to hold on to, the most important first: under the pointer, current, then from the top.

        Only those on the screen now: after scrolling, what was seen last may be elsewhere.
        """
        first, last = self._table.first_visible, self._table.last_visible
        by_row = {row: device_id for device_id, row in self._on_screen.items() if first <= row <= last}
        viewport = self._table.viewport()
        aims = viewport.underMouse() and QCursor.pos() != self._pointer_at_opening
        pointer = viewport.mapFromGlobal(QCursor.pos()) if aims else QPoint(-1, -1)
        rows = [self._table.row_at(pointer)] if viewport.rect().contains(pointer) else []
        if not rows and self._nobody_chose:
            return []  # what now comes first is shown first
        if self._current is not None:
            rows.append(self._on_screen.get(self._current, -1))
        rows.extend(sorted(by_row))
        return [by_row[row] for row in rows if row in by_row]

    @property
    def _nobody_chose(self) -> bool:
        """The table is as it opened: at its top, nothing selected, the current row the one that got the focus."""
        row = self._table.currentIndex().row()
        return not self._selected and row <= 0 and self._table.verticalScrollBar().value() == 0

    def _restore_selection(self) -> None:
        """Select the devices that were selected, wherever they stand now."""
        offset_of, device_id_at = self._model.roster.offset_of, self._model.roster.device_id_at
        now: dict[int, str | None] = {}
        waiting: list[str] = []
        for row, device_id in [*self._selected.items(), *((-1, waiting_id) for waiting_id in self._waiting)]:
            there = device_id_at(row) if row >= 0 else None
            if device_id is None:
                now.setdefault(row, there)
            elif (moved_to := offset_of(device_id)) is not None:
                now[moved_to] = device_id
            elif row >= 0 and there is None and row < self._model.rowCount():
                now.setdefault(row, device_id)  # its page was dropped or is being read: nothing says that it moved
            else:
                waiting.append(device_id)
        self._moving = True
        try:
            self._select({row for row in now if 0 <= row < self._model.rowCount()})
            self._move_current()
        finally:
            self._moving = False
        self._selected, self._waiting = now, waiting

    def _select(self, rows: set[int]) -> None:
        if self._table.many_selected:
            return
        bounds = (0, self._model.rowCount())
        wanted = merged(ranges_of(rows), bounds)
        if wanted == merged(self._table.selected_ranges, bounds):
            return
        selection = QItemSelection()
        for first, last in wanted:
            selection.select(self._model.index(first, 0), self._model.index(last, self._model.columnCount() - 1))
        self._table.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _move_current(self) -> None:
        if self._nobody_chose:
            self._current = self._model.device_id(self._table.currentIndex().row())
            return
        if self._current is None or (row := self._model.roster.offset_of(self._current)) is None:
            return
        index = self._table.currentIndex()
        if index.row() != row:
            column = max(0, index.column())
            self._table.selectionModel().setCurrentIndex(
                self._model.index(row, column), QItemSelectionModel.SelectionFlag.NoUpdate
            )

"""The table of devices: a view that paints itself, keeps its place by device, and never does anything a row.

What a million rows must not cost: selecting all (beyond `MOST_SELECTED` it is remembered as "all that match"), walking
the selection (ranges only), sizing to contents (fixed heights, widths measured on what is on the screen).
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPoint,
    QRect,
    Qt,
    QTimer,
)
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from fleetgui.models.devices import DeviceTableModel, Index
from fleetgui.stores.roster import GroupHead
from fleetgui.widgets import theme
from fleetgui.widgets.devices_coverage import CoverageBar
from fleetgui.widgets.devices_header import TableHeader
from fleetgui.widgets.devices_heads import GLYPH_END
from fleetgui.widgets.devices_painting import TablePainter
from fleetgui.widgets.devices_place import Place

MOST_SELECTED: Final = 10_000
"""Rows that Qt selects; more of them are remembered as a range, and all of them as all that match."""
_ALL: Final = range(2**62)
_NO_TEXT: Final = (
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
)
VIEW_MOVED_MS: Final = 30
"""Scrolling is reported once in this time."""


class DeviceTable(QTableView):
    device_opened = QtSignal(str)
    """Enter, or a double click, on a row with a device."""
    view_moved = QtSignal(int, int)
    """First and last row that are on the screen now; coalesced."""
    mark_asked = QtSignal()
    """Space: mark what is current or selected, or take the marks away."""
    typed = QtSignal(str)
    """A character was typed: somebody begins to search."""
    column_clicked = QtSignal(int, bool)
    """The header of this column (its number in the model) was clicked; with Shift or Ctrl."""
    selection_told = QtSignal()
    """The selection changed, "all that match" included."""

    def __init__(self, model: DeviceTableModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._painting = TablePainter(self, model)
        self._wide: range | None = None
        """Rows that are selected without Qt's knowledge, too many for it; all that match: from 0 on without an end."""
        self.hovered = -1
        """The row under the pointer, −1 for none."""
        self._moved = QTimer(self, singleShot=True, interval=VIEW_MOVED_MS)
        self._moved.timeout.connect(self.tell_moved)
        self._place = Place(self, model)
        self.header = TableHeader(self)
        self.setHorizontalHeader(self.header)
        self.setModel(model)
        self._place.attach()
        self.coverage = CoverageBar(self)
        self._set_up()
        self._retheme()
        theme.changed.connect(self._retheme)
        self.selectionModel().selectionChanged.connect(self._selection_changed)
        # Not `start` itself: it would take the row that was scrolled to for the milliseconds to wait.
        self.verticalScrollBar().valueChanged.connect(lambda _row: self._moved.start())
        model.rowsInserted.connect(lambda *_: self._moved.start())
        model.rowsRemoved.connect(lambda *_: self._moved.start())
        model.columnsRemoved.connect(lambda _parent, first, last: self.header.columns_removed(first, last))

    def _set_up(self) -> None:
        self.setAccessibleName("Devices")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.header
        for signal in (header.sectionPressed, header.sectionEntered):
            signal.disconnect()  # Qt's view would select the column, which is every row
        header.column_clicked.connect(self.column_clicked)
        header.pins_changed.connect(self.viewport().update)
        # A header asks whether its whole column is selected, row by row, whenever it is painted: not of ours.
        header.setSelectionModel(QItemSelectionModel(self._model, header))
        header.setStretchLastSection(True)
        for number, column in enumerate(self._model.columns):
            header.resizeSection(number, column.width)
            header.setSectionHidden(number, not column.shown)

    def _retheme(self) -> None:
        look = theme.current()
        self._painting.retheme()
        self._model.glow_enabled = not look.reduced_motion
        header = self.verticalHeader()
        if header.defaultSectionSize() != look.row_height:
            top = self.first_visible
            header.setMinimumSectionSize(look.row_height)
            header.setDefaultSectionSize(look.row_height)
            self.verticalScrollBar().setValue(top * look.row_height)
        self.horizontalHeader().setFixedHeight(look.row_height + 4)
        self.verticalScrollBar().setSingleStep(look.row_height)
        self.viewport().update()

    # Where we are

    @property
    def row_height(self) -> int:
        return self.verticalHeader().defaultSectionSize()

    @property
    def first_visible(self) -> int:
        return self.verticalHeader().offset() // max(1, self.row_height)

    @property
    def last_visible(self) -> int:
        """May lie beyond the last row."""
        return (self.verticalHeader().offset() + max(0, self.viewport().height() - 1)) // max(1, self.row_height)

    @property
    def all_selected(self) -> bool:
        """All that match are selected, loaded or not."""
        return self._wide == _ALL

    @property
    def many_selected(self) -> bool:
        """More rows are selected than can be told one by one: by their numbers, not by their devices."""
        return self._wide is not None

    @property
    def selected_ranges(self) -> list[tuple[int, int]]:
        """First and last rows of what is selected, in order; costs by the range, not by the row."""
        if self._wide is not None:
            last = min(self._wide.stop, self._model.rowCount()) - 1
            return [(self._wide.start, last)] if last >= self._wide.start else []
        return sorted({(each.top(), each.bottom()) for each in _ranges(self.selectionModel().selection())})

    @property
    def selected_count(self) -> int:
        return sum(last - first + 1 for first, last in self.selected_ranges)

    def go_to_row(self, row: int) -> None:
        """Make a row the current one and bring it into view."""
        index = self._model.index(row, self._first_column())
        if index.isValid():
            self.setCurrentIndex(index)
            self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    # Pinned columns: Qt believes that they scroll along, so it is told where they are

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        if dx:  # what does not scroll along would be moved with the pixels: pinned columns, heads of groups
            self.viewport().update()
            self.header.viewport().update()

    def scrollTo(
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        bar = self.horizontalScrollBar()
        before = bar.value()
        super().scrollTo(index, hint)
        header, number = self.header, index.column()
        if number in header.fixed:
            bar.setValue(before)
        elif (under := header.fixed_width - header.sectionViewportPosition(number)) > 0:
            bar.setValue(bar.value() - under)

    def visualRect(self, index: Index) -> QRect:
        rect = super().visualRect(index)
        if rect.isValid() and index.column() in self.header.fixed:
            rect.moveLeft(self.header.x_of(index.column()))
        return rect

    def indexAt(self, point: QPoint) -> QModelIndex:
        row, number = self.row_at(point), self.header.column_at(point.x())
        return self._model.index(row, number) if row >= 0 and number >= 0 else QModelIndex()

    # Selecting

    def selectAll(self) -> None:
        rows = self._model.rowCount()
        if rows == 0:
            return
        if rows <= MOST_SELECTED:
            last = self._model.index(rows - 1, self._model.columnCount() - 1)
            whole = QItemSelection(self._model.index(0, 0), last)
            self.selectionModel().select(whole, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            return
        self._select_many(_ALL)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """What Shift with a key or a click asks for. `rect` is on the viewport."""
        height, offset = self.row_height, self.verticalHeader().offset()
        rows = range((offset + rect.top()) // height, (offset + rect.bottom()) // height + 1)
        if len(rows) > MOST_SELECTED and command & QItemSelectionModel.SelectionFlag.Select:
            self._select_many(rows)
        else:
            super().setSelection(rect, command)

    def _select_many(self, rows: range) -> None:
        self.selectionModel().clearSelection()
        self._wide = rows
        self.selection_told.emit()
        self.viewport().update()

    def clear_selection(self) -> None:
        self._wide = None
        self.selectionModel().clearSelection()
        self.selection_told.emit()
        self.viewport().update()

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        # Qt's own expands what changed into single cells as soon as a screen reader listens: 20 s for a million rows.
        if _rows_in(selected) + _rows_in(deselected) <= MOST_SELECTED:
            super().selectionChanged(selected, deselected)

    def _selection_changed(self) -> None:
        if self._wide is not None and self.selectionModel().hasSelection():
            self._wide = None
        self.viewport().update()
        self.selection_told.emit()

    # Keys and pointer

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, row = event.key(), self.currentIndex().row()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open(row)
            event.accept()
        elif key == Qt.Key.Key_Space and not event.modifiers():
            self.mark_asked.emit()
            event.accept()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and (head := self.head_in(row)) is not None:
            if head.is_open is (key == Qt.Key.Key_Left):
                self.toggle(row)
            event.accept()
        elif event.matches(QKeySequence.StandardKey.Copy):
            event.ignore()  # Qt's view copies one cell; the page copies rows
        elif (text := event.text()).isprintable() and text.strip() and not event.modifiers() & _NO_TEXT:
            self.typed.emit(text)
            event.accept()
        elif key == Qt.Key.Key_Escape and (self.many_selected or self.selectionModel().hasSelection()):
            self.clear_selection()
            event.accept()
        else:
            super().keyPressEvent(event)

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        # Qt's Home and End go to the first and last column of this row; in a table of rows, rows are meant.
        ends = {QAbstractItemView.CursorAction.MoveHome: 0, QAbstractItemView.CursorAction.MoveEnd: -1}
        if (end := ends.get(action)) is not None and self._model.rowCount():
            column = max(self.currentIndex().column(), 0)
            return self._model.index(end % self._model.rowCount(), column)
        return super().moveCursor(action, modifiers)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        point = event.position().toPoint()
        row = self.row_at(point)
        if event.button() is Qt.MouseButton.LeftButton and point.x() < GLYPH_END and self.head_in(row) is not None:
            self.toggle(row)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        super().mouseDoubleClickEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self._open(self.row_at(event.position().toPoint()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self.row_at(event.position().toPoint()))

    def leaveEvent(self, event: object) -> None:
        super().leaveEvent(event)  # type: ignore[arg-type] # Qt's signature says QEvent
        self._hover(-1)

    def row_at(self, point: QPoint) -> int:
        """The row under a point of the viewport, −1 where there is none."""
        row = (self.verticalHeader().offset() + point.y()) // max(1, self.row_height)
        return row if 0 <= row < self._model.rowCount() else -1

    def _hover(self, row: int) -> None:
        if row != self.hovered:
            for each in (row, self.hovered):
                self._update_row(each)
            self.hovered = row

    def toggle(self, row: int) -> None:
        """Open or close the group whose head is in this row, which stays where it is on the screen."""
        with self._place.held():
            self._model.roster.toggle(row)

    def head_in(self, row: int) -> GroupHead | None:
        """The head of a group that stands in this row; None where none does."""
        return self._model.group(row) if 0 <= row < self._model.rowCount() else None

    def _open(self, row: int) -> None:
        if self.head_in(row) is not None:
            self.toggle(row)
            return
        device_id = self._model.device_id(row)
        if device_id is not None:
            self.device_opened.emit(device_id)

    def _first_column(self) -> int:
        return next(iter(self.shown_columns()), 0)

    # Painting

    def update_cells(self, cells: list[tuple[int, int]]) -> None:
        """Paint these (row, column) again."""
        header, height, offset = self.header, self.row_height, self.verticalHeader().offset()
        viewport = self.viewport()
        for row, number in cells:
            viewport.update(header.x_of(number), row * height - offset, header.sectionSize(number), height)

    def _update_row(self, row: int) -> None:
        if row >= 0:
            y = row * self.row_height - self.verticalHeader().offset()
            self.viewport().update(0, y, self.viewport().width(), self.row_height)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._painting.paint(QPainter(self.viewport()), event.rect())

    def sizeHintForColumn(self, number: int) -> int:
        """Wide enough for what is on the screen."""
        rows = range(self.first_visible, min(self.last_visible + 1, self._model.rowCount()))
        return max((self._painting.cells.width_of(number, row) for row in rows), default=-1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._moved.start()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._update_row(self.currentIndex().row())

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._update_row(self.currentIndex().row())

    def shown_columns(self) -> list[int]:
        """Numbers of the columns that are shown, in their order on the screen."""
        header = self.horizontalHeader()
        numbers = [header.logicalIndex(visual) for visual in range(header.count())]
        return [number for number in numbers if not header.isSectionHidden(number)]

    def rows_told(self) -> None:
        """The model told of changed rows."""
        self._place.remember()

    def tell_moved(self) -> None:
        """Report where we are, now; nothing while we are not on the screen."""
        if not self.isVisible():
            return
        rows = self._model.rowCount()
        if rows:
            first, last = min(self.first_visible, rows - 1), min(self.last_visible, rows - 1)
            self._model.watch(first, last)
            self._place.remember()
            self.view_moved.emit(first, last)


def _rows_in(selection: QItemSelection) -> int:
    return sum(each.height() for each in _ranges(selection))


def _ranges(selection: QItemSelection) -> list[QItemSelectionRange]:
    return [selection.at(number) for number in range(selection.size())]

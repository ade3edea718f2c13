"""The table of devices: it paints itself, keeps its place by device, and takes keys and clicks to what they mean.

Whatever it does costs by the rows on the screen: widths are measured there, and `rows` bounds the selection.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import (
    QItemSelectionModel,
    QModelIndex,
    Qt,
    QTimer,
)
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QWidget

from fleetgui.models.devices import DeviceTableModel
from fleetgui.stores.roster import GroupHead
from fleetgui.widgets.devices.coverage import CoverageBar
from fleetgui.widgets.devices.heads import GLYPH_END
from fleetgui.widgets.devices.painting import TablePainter
from fleetgui.widgets.devices.place import Place
from fleetgui.widgets.devices.rows import RowsView
from fleetgui.widgets.look import theme

_NO_TEXT: Final = (
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
)
VIEW_MOVED_MS: Final = 30
"""Scrolling is reported once in this time."""


class DeviceTable(RowsView):
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

    def __init__(self, model: DeviceTableModel, parent: QWidget | None = None) -> None:
        super().__init__(model, parent)
        self._model: DeviceTableModel = model
        self._painting = TablePainter(self, model)
        self.hovered = -1
        """The row under the pointer, −1 for none."""
        self._moved = QTimer(self, singleShot=True, interval=VIEW_MOVED_MS)
        self._moved.timeout.connect(self.tell_moved)
        self._place = Place(self, model)
        self.put_in()
        self._place.attach()
        self.coverage = CoverageBar(self)
        self._set_up()
        self._retheme()
        theme.changed.connect(self._retheme)
        # Not `start` itself: it would take the row that was scrolled to for the milliseconds to wait.
        self.verticalScrollBar().valueChanged.connect(lambda _row: self._moved.start())
        model.rowsInserted.connect(lambda *_: self._moved.start())
        model.rowsRemoved.connect(lambda *_: self._moved.start())

    def _set_up(self) -> None:
        self.setAccessibleName("Devices")
        header = self.header
        header.column_clicked.connect(self.column_clicked)
        header.setStretchLastSection(True)
        for number, column in enumerate(self._model.columns):
            header.resizeSection(number, column.width)
            header.setSectionHidden(number, not column.shown)

    def _retheme(self) -> None:
        look = theme.current()
        self._painting.retheme()
        self._model.glow_enabled = not look.reduced_motion
        self.set_row_height(look.row_height)
        self.viewport().update()

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
            index = self._model.index(end % self._model.rowCount(), max(self.currentIndex().column(), 0))
            self.scrollTo(index)  # Qt would not where that row is the current one already, and the wheel has left it
            return index
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

    def _hover(self, row: int) -> None:
        if row != self.hovered:
            for each in (row, self.hovered):
                self._update_row(each)
            self.hovered = row

    def toggle(self, row: int) -> None:
        """Open or close the group whose head is in this row, which stays where it is on the screen."""
        index = self._model.index(row, max(0, self.currentIndex().column()))
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
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
        self._painting.paint(QPainter(self.viewport()), event.rect(), hovered=self.hovered)

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

    def start_over(self) -> None:
        """Other rows are wanted: nothing of these is selected any more, and one begins at the top."""
        self.clear_selection()
        self.selectionModel().clearCurrentIndex()
        self._place.start_over()
        self.scrollToTop()

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

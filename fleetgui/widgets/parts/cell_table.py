"""A table of rows whose cells are `models.columns.Cell`: rows of one height, drawn by hand, wholly by keyboard.

Enter or a double click opens a row, Ctrl+C copies the selected ones. What is read stays where it is when rows come in
above it, and the current row is found again by its id when the model starts over.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFocusEvent, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from fleetgui.models.cell_model import ID_ROLE, CellModel
from fleetgui.models.columns import Align
from fleetgui.widgets.look import glyphs, theme
from fleetgui.widgets.parts.cells import TextCache

_STRETCHED_LEAST: Final = 96
"""Pixels that a column which takes what is left has at least, before others go."""
_PAD: Final = 8.0
_GLYPH_BOX: Final = 16.0
_CHIP_MARGIN: Final = 3.0
_SELECTED: Final = QStyle.StateFlag.State_Selected.value


class WordsLine(QLineEdit):
    """Filters a table by words, as they are typed; Down and Enter go to the table, Escape clears."""

    def __init__(self, name: str, table: CellTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = table
        self.setPlaceholderText("Filter by words")
        self.setAccessibleName(name)
        self.setClearButtonEnabled(True)
        self.setMaximumWidth(200)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._table.setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)


class CellTable(QTableView):
    """`follows`: new rows come in at the top, as in a log."""

    opened = Signal(QModelIndex)

    def __init__(self, model: CellModel, name: str, *, follows: bool = False, parent: QWidget | None = None):
        super().__init__(parent)
        self._cells = model
        self._kept_id: str | None = None
        self._follows = follows
        self.setModel(model)
        self.setItemDelegate(_Delegate(self, model))
        self.setAccessibleName(name)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSelectionModel(QItemSelectionModel(model, header))  # with ours it asks every row for each selection
        header.setMinimumSectionSize(32)
        for column, heading in enumerate(self._cells.headings):
            if heading.width:
                self.setColumnWidth(column, heading.width)
            else:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self.doubleClicked.connect(self.opened)
        model.modelAboutToBeReset.connect(self._keep_current)
        model.modelReset.connect(self._find_current)
        model.rowsInserted.connect(self._inserted)
        self._restyle()
        theme.changed.connect(self._restyle)

    @property
    def current_id(self) -> str | None:
        """The id of the row that the keyboard is on."""
        found = self.currentIndex().data(ID_ROLE)
        return found if isinstance(found, str) else None

    def copy_rows(self) -> None:
        """Put the selected rows on the clipboard; with none selected it keeps what it has."""
        chosen = self.selectionModel().selection()
        ranges = [chosen.at(number) for number in range(chosen.count())]
        rows = sorted({row for each in ranges for row in range(each.top(), each.bottom() + 1)})
        if rows:
            QGuiApplication.clipboard().setText(self._cells.copied(rows))

    def selectAll(self) -> None:
        """As one range: Qt's own asks every cell whether it may be selected."""
        model = self.model()
        if model.rowCount():
            last = model.index(model.rowCount() - 1, model.columnCount() - 1)
            chosen = QItemSelection(model.index(0, 0), last)
            self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex())
        elif event.matches(QKeySequence.StandardKey.Copy):  # Qt's view would copy one cell
            self.copy_rows()
            event.accept()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        by_pointer = event.reason() is Qt.FocusReason.MouseFocusReason  # whose click says itself which row is meant
        if not by_pointer and not self.currentIndex().isValid() and self.model().rowCount():
            self.setCurrentIndex(self.model().index(max(0, self.rowAt(0)), 0))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._choose_columns()

    def _choose_columns(self) -> None:
        """Hide what is minor until the rest fits."""
        headings = self._cells.headings
        missing = sum(each.width or _STRETCHED_LEAST for each in headings) - self.viewport().width()
        for column in sorted(range(len(headings)), key=lambda number: -headings[number].minor):
            hide = missing > 0 and headings[column].minor > 0
            missing -= headings[column].width if hide else 0
            if self.isColumnHidden(column) is not hide:
                self.setColumnHidden(column, hide)

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        # Qt's Home and End go to the first and last column of this row; in a table of rows, rows are meant.
        ends = {QAbstractItemView.CursorAction.MoveHome: 0, QAbstractItemView.CursorAction.MoveEnd: -1}
        rows = self.model().rowCount()
        if (end := ends.get(action)) is not None and rows:
            return self.model().index(end % rows, max(self.currentIndex().column(), 0))
        return super().moveCursor(action, modifiers)

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().currentChanged(current, previous)
        self.viewport().update()  # the current row's mark stands in another cell than the one Qt repaints

    def sizeHint(self) -> QSize:
        return QSize(320, 6 * theme.current().row_height)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 3 * theme.current().row_height)

    def _keep_current(self) -> None:
        self._kept_id = self.current_id

    def _find_current(self) -> None:
        kept, self._kept_id = self._kept_id, None
        if kept is None:
            return
        found = self.model().match(self.model().index(0, 0), ID_ROLE, kept, 1, Qt.MatchFlag.MatchExactly)
        if found:
            self.setCurrentIndex(found[0])

    def _inserted(self, _parent: QModelIndex, first: int, last: int) -> None:
        """Rows above what is in view push nothing down; a log that stands at its top follows."""
        bar, height = self.verticalScrollBar(), self.verticalHeader().defaultSectionSize()
        if bar.value() == 0 and (self._follows or first > 0):
            return
        if first * height < bar.value():
            self.updateGeometries()
            bar.setValue(bar.value() + (last - first + 1) * height)

    def _restyle(self) -> None:
        height, header, bar = theme.current().row_height, self.verticalHeader(), self.verticalScrollBar()
        top = bar.value() // max(1, header.defaultSectionSize())
        header.setMinimumSectionSize(height)
        header.setDefaultSectionSize(height)
        self.updateGeometries()
        bar.setValue(top * height)
        bar.setSingleStep(height)
        self.viewport().update()


class _Delegate(QStyledItemDelegate):
    """Draws a cell by hand: several times faster than the style does, and the mark of a state is a shape."""

    def __init__(self, table: CellTable, model: CellModel) -> None:
        super().__init__(table)
        self._table = table
        self._model = model
        self._rights = [heading.align is Align.RIGHT for heading in model.headings]
        self._retheme()

    def _retheme(self) -> None:
        self._look = theme.current()
        self._texts = TextCache(self._look.font("body"))
        self._inks: dict[str, QColor] = {}

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row, column = index.row(), index.column()
        if row >= self._model.row_count():
            return
        if self._look is not theme.current():
            self._retheme()
        cell = self._model.cell(row, column)
        rect = QRectF(option.rect)
        if option.state.value & _SELECTED:
            painter.fillRect(rect, self._ink("selection"))
        if column == 0 and row == self._table.currentIndex().row():
            ink = "accent" if self._table.hasFocus() else "muted"
            painter.fillRect(QRectF(rect.left(), rect.top(), 2, rect.height()), self._ink(ink))
        left, room = rect.left() + _PAD, rect.width() - 2 * _PAD
        before = _GLYPH_BOX if cell.glyph else 0.0
        color = self._ink(cell.ink)
        text = self._texts.get(cell.text, int(room - before))
        if cell.chip:  # louder than its neighbours
            width = min(room, text.width + before) + 8
            painter.fillRect(
                QRectF(left - 4, rect.top() + _CHIP_MARGIN, width, rect.height() - 2 * _CHIP_MARGIN), color
            )
            color = self._ink("on_state")
        if cell.glyph:
            glyphs.draw(painter, cell.glyph, QRectF(left, rect.top(), glyphs.SIZE, rect.height()), color)
        if cell.text:
            painter.setFont(self._texts.font)
            painter.setPen(color)
            x = left + room - text.width if self._rights[column] else left + before
            painter.drawStaticText(QPointF(x, rect.top() + (rect.height() - text.height) / 2), text.text)

    def _ink(self, token: str) -> QColor:
        ink = self._inks.get(token)
        if ink is None:
            ink = self._inks[token] = self._look.color(token)
        return ink

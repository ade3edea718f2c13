"""The journal page: what happened, newest first, in words. It follows while it stands at the top and else stays put.

Double click or Enter opens the device of an entry, Ctrl+C copies the selected entries.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fleetgui.models.journal import ENTRY_ROLE, SOURCE_LENGTH, Column, JournalModel
from fleetgui.policy import formats
from fleetgui.stores.journal import Entry, Journal
from fleetgui.widgets import glyphs, theme
from fleetgui.widgets.placeholder import Placeholder

_WIDTHS: Final = {Column.TIME: 84, Column.STATE: 112, Column.SOURCE: 128}
_PAD: Final = 12.0
_EMPTY: Final = "Nothing has happened yet since this console was opened."


class JournalPage(QWidget):
    device_opened = Signal(str)
    """The id of the device that an entry is about."""

    def __init__(self, journal: Journal, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = JournalModel(journal, self)
        self.table = _Table(self.model)
        self.table.doubleClicked.connect(self._open)
        self.table.opened.connect(self._open)
        self.words = QLineEdit()
        self.words.setPlaceholderText("Filter by words")
        self.words.setAccessibleName("Filter the journal by words")
        self.words.setClearButtonEnabled(True)
        self.words.setMaximumWidth(280)
        self.words.textChanged.connect(self._filter)
        self._newer = QToolButton()
        self._newer.setVisible(False)
        self._newer.setToolTip("Go to the newest entry, and follow again")
        self._newer.clicked.connect(self.table.scrollToTop)
        self._empty = Placeholder(_EMPTY)
        self._empty.acted.connect(self.words.clear)
        self.table.fell_behind.connect(self._show_newer)
        self.model.rowsInserted.connect(self._choose)
        self.model.rowsRemoved.connect(self._choose)
        self.model.modelReset.connect(self._choose)
        self._lay_out()
        self.setFocusProxy(self.table)
        self._choose()

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(3 * theme.GRID, theme.GRID, 3 * theme.GRID, theme.GRID)
        bar.addWidget(self.words, 1)
        bar.addStretch(1)
        bar.addWidget(self._newer)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addLayout(self._stack, 1)

    def _filter(self, text: str) -> None:
        self.model.filter(text)

    def _choose(self) -> None:
        """The table, or why there is nothing in it."""
        filtered = bool(self.words.text().strip())
        if self.model.matching:
            self._stack.setCurrentWidget(self.table)
        else:
            self._empty.say("No entry has all of these words." if filtered else _EMPTY, "Show all" if filtered else "")
            self._stack.setCurrentWidget(self._empty)

    def _show_newer(self, count: int) -> None:
        self._newer.setText(f"{count:,} new above")
        self._newer.setVisible(count > 0)

    def _open(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY_ROLE)
        if isinstance(entry, Entry) and entry.device_id is not None:
            self.device_opened.emit(entry.device_id)

    def sizeHint(self) -> QSize:
        return QSize(640, 160)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 90)


class _Table(QTableView):
    """Rows of one height; what is read does not move when something newer comes in above."""

    opened = Signal(QModelIndex)
    fell_behind = Signal(int)
    """Rows that came in above what is in view; 0 when the newest is."""

    def __init__(self, model: JournalModel) -> None:
        super().__init__()
        self._model = model
        self._behind = 0
        self.setModel(model)
        self.setItemDelegate(_Line(self))
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Journal")
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setVisible(False)
        self.horizontalHeader().setStretchLastSection(True)
        for column, width in _WIDTHS.items():
            self.setColumnWidth(column, width)
        model.rowsInserted.connect(self._inserted)
        model.modelReset.connect(self._reset)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self._restyle()
        theme.changed.connect(self._restyle)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex())
        elif event.matches(QKeySequence.StandardKey.Copy):  # Qt's view would copy one cell
            self.copy_rows()
            event.accept()
        else:
            super().keyPressEvent(event)

    def copy_rows(self) -> None:
        """Put the selected entries on the clipboard; with none selected it keeps what it has."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        if rows:
            QGuiApplication.clipboard().setText(self._model.copied(rows))

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        # Qt's Home and End go to the first and last column of this row; in a table of rows, rows are meant.
        ends = {QAbstractItemView.CursorAction.MoveHome: 0, QAbstractItemView.CursorAction.MoveEnd: -1}
        if (end := ends.get(action)) is not None and self._model.rowCount():
            return self._model.index(end % self._model.rowCount(), max(self.currentIndex().column(), 0))
        return super().moveCursor(action, modifiers)

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().currentChanged(current, previous)
        self.viewport().update()  # the current row's mark stands in another cell than the one Qt repaints

    def _inserted(self, _parent: QModelIndex, first: int, last: int) -> None:
        bar = self.verticalScrollBar()
        if bar.value() == 0:
            return
        rows = last - first + 1
        self._behind += rows
        self.updateGeometries()
        bar.setValue(bar.value() + rows * self.verticalHeader().defaultSectionSize())
        self.fell_behind.emit(self._behind)

    def _scrolled(self, value: int) -> None:
        hidden = -(-value // self.verticalHeader().defaultSectionSize())
        if hidden < self._behind:
            self._behind = hidden
            self.fell_behind.emit(hidden)

    def _reset(self) -> None:
        self.scrollToTop()
        self._scrolled(0)

    def _restyle(self) -> None:
        look = theme.current()
        header, bar = self.verticalHeader(), self.verticalScrollBar()
        if header.defaultSectionSize() != look.row_height:
            top = bar.value() // max(1, header.defaultSectionSize())
            header.setMinimumSectionSize(look.row_height)
            header.setDefaultSectionSize(look.row_height)
            self.updateGeometries()
            bar.setValue(top * look.row_height)
        bar.setSingleStep(look.row_height)
        self.viewport().update()


class _Line(QStyledItemDelegate):
    """Draws a cell by hand: several times faster than the style does, and the mark of a state is a shape."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(table)
        self._table = table

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        look = theme.current()
        entry = index.data(ENTRY_ROLE)
        if not isinstance(entry, Entry):
            return
        rect = QRectF(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, look.color("selection"))
        match index.column():
            case Column.TIME:
                self._mark_current(painter, rect, index.row())
                _write(painter, rect, formats.clock_utc(entry.at), "muted")
            case Column.STATE:
                color = look.state_color(entry.state)
                mark = QRectF(rect.left() + _PAD, rect.top(), glyphs.SIZE, rect.height())
                glyphs.draw(painter, entry.state.glyph, mark, color)
                _write(painter, rect.adjusted(glyphs.SIZE + 6, 0, 0, 0), entry.state.word, entry.state.token)
            case Column.SOURCE:
                _write(painter, rect, formats.text(entry.source, SOURCE_LENGTH), "muted")
            case Column.TEXT:
                _write(painter, rect, formats.text(entry.text), "text")

    def _mark_current(self, painter: QPainter, rect: QRectF, row: int) -> None:
        """A bar at the left edge of the row that the keyboard is on, as in the table of devices."""
        if row == self._table.currentIndex().row():
            ink = "accent" if self._table.hasFocus() else "muted"
            painter.fillRect(QRectF(rect.left(), rect.top(), 2, rect.height()), theme.current().color(ink))


def _write(painter: QPainter, rect: QRectF, text: str, token: str) -> None:
    look = theme.current()
    font = look.font("body")
    painter.setFont(font)
    painter.setPen(look.color(token))
    room = rect.adjusted(_PAD, 0, -4, 0)
    shown = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, room.width())
    painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)

"""The journal page: what happened, newest first, in words. It follows while it stands at the top and else stays put.

Double click or Enter opens the device of an entry, Ctrl+C copies the selected entries.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedLayout, QToolButton, QVBoxLayout, QWidget

from fleetgui.models.journal import JournalModel
from fleetgui.stores.journal import Journal
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.cell_table import CellTable
from fleetgui.widgets.parts.guarded import Guarded
from fleetgui.widgets.parts.placeholder import Placeholder

_EMPTY: Final = "Nothing has happened yet since this console was opened."


class JournalPage(QWidget):
    device_opened = Signal(str)
    """The id of the device that an entry is about."""

    def __init__(self, journal: Journal, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = JournalModel(journal, self)
        self.model.due.connect(Guarded(self, self.model.take_in))
        self.table = _Table(self.model)
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
        entry = self.model.entry(index.row())
        if entry.device_id is not None:
            self.device_opened.emit(entry.device_id)

    def sizeHint(self) -> QSize:
        return QSize(640, 160)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 90)


class _Table(CellTable):
    """Says how much has come in above what is in view."""

    fell_behind = Signal(int)
    """Rows that came in above what is in view; 0 when the newest is."""

    def __init__(self, model: JournalModel) -> None:
        super().__init__(model, "Journal", follows=True)
        self._behind = 0
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.horizontalHeader().setVisible(False)
        model.rowsInserted.connect(self._came)
        model.modelReset.connect(self._reset)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    def _came(self, _parent: QModelIndex, first: int, last: int) -> None:
        if self.verticalScrollBar().value() > 0:
            self._behind += last - first + 1
            self.fell_behind.emit(self._behind)

    def _scrolled(self, value: int) -> None:
        hidden = -(-value // self.verticalHeader().defaultSectionSize())
        if hidden < self._behind:
            self._behind = hidden
            self.fell_behind.emit(hidden)

    def _reset(self) -> None:
        self.scrollToTop()
        self._scrolled(0)

"""The list in the columns dialog: checkboxes, an order that keys and the pointer change, and a search.

Rows are moved while the pointer drags them, as the table's own header does; Qt's drag and drop would run a loop of its
own meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QHeaderView, QTreeWidget, QTreeWidgetItem

from fleetgui.policy import formats
from fleetgui.widgets.devices.columns import Entry
from fleetgui.widgets.look import theme

_KEY: Final = Qt.ItemDataRole.UserRole
_TITLE, _FIELD, _WIDTH = range(3)


class ColumnList(QTreeWidget):
    toggled = QtSignal(str, bool)
    """Show the column with this key, or hide it."""
    moved = QtSignal(str, int)
    """Put the column with this key at this place."""
    chosen = QtSignal(object)
    """Another row is current: its `Entry`, None for none."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self._sought = ""
        self._filling = False
        self._pressed: QPoint | None = None
        """Where the pointer went down on a row, until it has gone far enough to drag it."""
        self._dragged: str | None = None
        self.setColumnCount(3)
        self.setHeaderLabels(["Column", "Field", "Width"])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setAccessibleName("Columns")
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        header.setSectionResizeMode(_TITLE, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(_FIELD, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_WIDTH, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(_TITLE, 190)
        header.resizeSection(_WIDTH, 84)
        self.headerItem().setTextAlignment(_WIDTH, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.itemChanged.connect(self._changed)
        self.currentItemChanged.connect(lambda *_: None if self._filling else self.chosen.emit(self.current))

    # What is shown

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Show these; the current one stays, by its key."""
        current = self.current
        self.entries = list(entries)
        look = theme.current()
        self._filling = True
        try:
            while self.topLevelItemCount() > len(self.entries):
                self.takeTopLevelItem(self.topLevelItemCount() - 1)
            while self.topLevelItemCount() < len(self.entries):
                self.addTopLevelItem(QTreeWidgetItem())
            for place, entry in enumerate(self.entries):
                item, column = self._row(place), entry.column
                pinned = "   ⊢ at the left" if entry.pinned else ""
                item.setText(_TITLE, column.header + pinned)
                item.setText(_FIELD, formats.text(column.path) if column.path else column.field or "")
                item.setFont(_FIELD, look.font("mono"))
                item.setForeground(_FIELD, look.color("muted"))
                item.setText(_WIDTH, f"{entry.width} px" if entry.shown else "")
                item.setTextAlignment(_WIDTH, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(_FIELD, formats.markup(item.text(_FIELD)))
                item.setCheckState(_TITLE, Qt.CheckState.Checked if entry.shown else Qt.CheckState.Unchecked)
                item.setData(_TITLE, _KEY, entry.key)
                item.setSizeHint(_TITLE, QSize(0, look.row_height))
        finally:
            self._filling = False
        self.show_only(self._sought)
        self.choose(current.key if current is not None else self.entries[0].key if self.entries else "")

    def show_only(self, text: str) -> None:
        """Show the columns whose title or field has `text` in it."""
        self._sought = text
        sought = text.strip().casefold()
        for place, entry in enumerate(self.entries):
            words = f"{entry.column.header} {entry.column.field or ''} {entry.column.path or ''}".casefold()
            self._row(place).setHidden(sought not in words)

    def _row(self, place: int) -> QTreeWidgetItem:
        item = self.topLevelItem(place)
        if item is None:
            raise IndexError(f"there is no row {place}")
        return item

    @property
    def current(self) -> Entry | None:
        item = self.currentItem()
        key = None if item is None else item.data(_TITLE, _KEY)
        return next((entry for entry in self.entries if entry.key == key), None)

    def choose(self, key: str) -> None:
        """Make this column's row the current one."""
        for place, entry in enumerate(self.entries):
            if entry.key == key:
                self.setCurrentItem(self._row(place))
                return

    def _changed(self, item: QTreeWidgetItem, column: int) -> None:
        if self._filling or column != _TITLE:
            return
        key, on = item.data(_TITLE, _KEY), item.checkState(_TITLE) is Qt.CheckState.Checked
        shown = next((entry.shown for entry in self.entries if entry.key == key), on)
        if on is not shown:
            self.toggled.emit(key, on)
            # Where that was not done, as for the last column, the mark is as it was.
            shown = next((entry.shown for entry in self.entries if entry.key == key), on)
            self._filling = True
            item.setCheckState(_TITLE, Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)
            self._filling = False

    # Moving

    def move_current(self, by: int) -> None:
        """Move the current column by so many of the rows that can be seen."""
        entry = self.current
        if entry is None:
            return
        place = self.entries.index(entry) + by
        while 0 <= place < len(self.entries) and self._row(place).isHidden():
            place += by
        if 0 <= place < len(self.entries):
            self.moved.emit(entry.key, place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        if event.modifiers() & Qt.KeyboardModifier.AltModifier and event.key() in steps:
            self.move_current(steps[Qt.Key(event.key())])
            event.accept()
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        if self._pressed is None:
            super().mouseMoveEvent(event)
            return
        if self._dragged is None:
            if (at - self._pressed).manhattanLength() < QApplication.startDragDistance():
                return
            item = self.itemAt(self._pressed)
            self._dragged = None if item is None else item.data(_TITLE, _KEY)
        under = self.itemAt(at)
        if self._dragged is not None and under is not None and under.data(_TITLE, _KEY) != self._dragged:
            self.moved.emit(self._dragged, self.indexOfTopLevelItem(under))
            self.choose(self._dragged)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        dragged, self._pressed, self._dragged = self._dragged, None, None
        if dragged is None:  # else it would check the row that it was let go over
            super().mouseReleaseEvent(event)

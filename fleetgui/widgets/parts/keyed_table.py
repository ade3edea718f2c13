"""A `CellTable` sorted by its header, and calm: while somebody points at it or types, rows keep their places.

A click on a header sorts by it, a second one the other way, a third one as at first. Bars are drawn in parts.
"""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRectF, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from fleetgui.models.cell_model import PARTS_ROLE
from fleetgui.models.keyed import KeyedModel
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.cell_table import CellTable

HELD_MS: Final = 3_000
"""How long rows keep their places after the pointer or a key moved last."""
BAR_HEIGHT: Final = 4
_PAD: Final = 8.0
_DOUBTED: Final = 0.3
"""How much is left of a bar's colours where its figures are not live."""


class KeyedTable(CellTable):
    """`name` is what a screen reader calls it."""

    def __init__(self, model: KeyedModel[Any], name: str, parent: QWidget | None = None) -> None:
        super().__init__(model, name, parent=parent)
        self._model = model
        self._top: tuple[str, int] | None = None
        for number, column in enumerate(model.columns):
            if column.parts is not None:
                self.setItemDelegateForColumn(number, _Bar(self, model))
        header = self.horizontalHeader()
        header.setSectionsClickable(True)
        header.sectionClicked.connect(self.sort_by)
        header.setSortIndicatorShown(False)
        self._still = QTimer(self, singleShot=True, interval=HELD_MS)
        self._still.timeout.connect(lambda: model.hold(False))
        self.setMouseTracking(True)
        model.layoutAboutToBeChanged.connect(self._keep_top)
        model.layoutChanged.connect(self._find_top)

    def sort_by(self, column: int) -> None:
        """What a click on the header of `column` does."""
        first, second = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
        if self._model.columns[column].biggest_first:
            first, second = second, first
        if self._model.sorted_by == (column, first):
            chosen: tuple[int, Qt.SortOrder] | None = (column, second)
        elif self._model.sorted_by == (column, second):
            chosen = None
        else:
            chosen = (column, first)
        self._model.sort(*(chosen or (-1, first)))
        header = self.horizontalHeader()
        header.setSortIndicatorShown(chosen is not None)
        if chosen is not None:
            header.setSortIndicator(*chosen)

    def release(self) -> None:
        """Let rows go to their places again, before the time is over."""
        if self._still.isActive():
            self._still.stop()
            self._model.hold(False)

    def _hold(self) -> None:
        if not self._still.isActive():
            self._model.hold(True)
        self._still.start()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hold()
        super().mouseMoveEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._hold()
        super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._hold()
        super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.release()
        super().leaveEvent(event)

    def _keep_top(self) -> None:
        """The row that stands at the top, and how far down its upper edge is, where somebody has scrolled."""
        self._top = None
        row = self.rowAt(0)
        if self.verticalScrollBar().value() and row >= 0:
            self._top = self._model.names[row], self.rowViewportPosition(row)

    def _find_top(self) -> None:
        top, self._top = self._top, None
        row = None if top is None else self._model.row_of(top[0])
        if top is not None and row is not None:
            self.verticalScrollBar().setValue(row * self.verticalHeader().defaultSectionSize() - top[1])


class _Bar(QStyledItemDelegate):
    """A thin bar in parts, each in the colour of a state; what is left of it is the track."""

    def __init__(self, table: CellTable, model: KeyedModel[Any]) -> None:
        super().__init__(table)
        self._model = model

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        look, rect = theme.current(), QRectF(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, look.color("selection"))
        parts = index.data(PARTS_ROLE)
        if not parts:
            return
        bar = QRectF(rect.left() + _PAD, rect.center().y() - BAR_HEIGHT / 2, rect.width() - 2 * _PAD, BAR_HEIGHT)
        painter.fillRect(bar, look.color("raised"))
        strength = _DOUBTED if self._model.is_doubted else 1.0
        left = bar.left()
        for token, fraction in parts:
            # a single failure among ten thousand is still to be seen
            width = min(max(2.0, fraction * bar.width()), bar.right() - left)
            painter.fillRect(QRectF(left, bar.top(), width, bar.height()), look.color(token, strength))
            left += width

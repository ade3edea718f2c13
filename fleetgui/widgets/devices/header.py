"""The header of the device table: sorts by clicks, and keeps pinned columns at the left while the others scroll.

Pinned columns are the first ones of the header, so that their places are known without asking: Qt scrolls every
column, and this header paints the pinned ones once more where they would stand unscrolled. What the pointer does
there is handed to Qt at the place where Qt believes them to be; so are clicks, drags and changes of width right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHeaderView, QTableView

from fleetgui.widgets.look import theme

NARROWEST: Final = 40
MOST_FIXED: Final = 2 / 3
"""Of the table's width: pinned columns that take more scroll along, or there would be nothing left to scroll."""


class TableHeader(QHeaderView):
    column_clicked = QtSignal(int, bool)
    """A column (its number in the model) was clicked; with Shift or Ctrl."""
    pins_changed = QtSignal()
    """Which columns are fixed at the left, or where they end, has changed."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, table)
        self._pinned: frozenset[int] = frozenset()
        self._arranging = False
        self._more = False
        self._shift = 0
        self.setSectionsMovable(True)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setMinimumSectionSize(NARROWEST)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # the end is what says how it is sorted
        self.sectionClicked.connect(lambda number: self.column_clicked.emit(number, self._more))
        self.sectionMoved.connect(self._arrange)
        self.sectionResized.connect(self._resized)

    # Pins

    @property
    def pinned(self) -> tuple[int, ...]:
        """Numbers of the pinned columns, in their order on the screen; those that are hidden too."""
        first = (self.logicalIndex(visual) for visual in range(min(len(self._pinned), self.count())))
        return tuple(first)

    def pin(self, numbers: Iterable[int]) -> None:
        """Pin these columns and no others. They come before all others, each group in its order."""
        pinned = frozenset(number for number in numbers if 0 <= number < self.count())
        if pinned != self._pinned:
            self._pinned = pinned
            self._arrange()
            self._pins_changed()

    def columns_removed(self, first: int, last: int) -> None:
        """Columns first … last are no more; those behind them have other numbers now."""
        gone = last - first + 1
        self._pinned = frozenset(
            number if number < first else number - gone for number in self._pinned if not first <= number <= last
        )
        self._pins_changed()

    @property
    def fixed(self) -> list[int]:
        """The pinned columns that are shown and have room: what stands at the left however far one scrolls."""
        room = MOST_FIXED * self.viewport().width()
        fixed: list[int] = []
        for number in self.pinned:
            room -= self.sectionSize(number)
            if room < 0:
                break
            if not self.isSectionHidden(number):
                fixed.append(number)
        return fixed

    @property
    def fixed_width(self) -> int:
        """Where the fixed columns end, in pixels from the left; 0 where none is."""
        return sum(self.sectionSize(number) for number in self.fixed)

    def x_of(self, number: int) -> int:
        """Where a column begins on the screen, in pixels; may lie outside of it."""
        return self.sectionPosition(number) if number in self.fixed else self.sectionViewportPosition(number)

    def column_at(self, x: int) -> int:
        """The column on the screen at `x`, −1 where there is none."""
        return self.logicalIndexAt(x - self.offset() if 0 <= x < self.fixed_width else x)

    def _arrange(self, *_moved: int) -> None:
        """Bring what is pinned before what is not."""
        if self._arranging or not self._pinned:
            return
        order = [self.logicalIndex(visual) for visual in range(self.count())]
        wanted = sorted(order, key=lambda number: number not in self._pinned)
        if order == wanted:
            return
        self._arranging = True
        try:
            for visual, number in enumerate(wanted):
                self.moveSection(self.visualIndex(number), visual)
        finally:
            self._arranging = False
        self._pins_changed()

    def _resized(self, number: int, _old: int, _new: int) -> None:
        if number in self._pinned:
            self._pins_changed()

    def _pins_changed(self) -> None:
        self.viewport().update()
        self.pins_changed.emit()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.offset() or not (fixed := self.fixed):
            return
        painter = QPainter(self.viewport())
        height = self.viewport().height()
        painter.fillRect(0, 0, self.fixed_width, height, theme.current().color("bg"))
        for number in fixed:
            painter.save()
            self.paintSection(painter, QRect(self.x_of(number), 0, self.sectionSize(number), height), number)
            painter.restore()
        painter.fillRect(self.fixed_width - 1, 0, 1, height, theme.current().color("hairline"))

    # The pointer

    def mousePressEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        self._shift = self.offset() if 0 <= x < self.fixed_width else 0
        super().mousePressEvent(_moved(event, self._shift))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not event.buttons():
            x = event.position().x()
            self._shift = self.offset() if 0 <= x < self.fixed_width else 0
        super().mouseMoveEvent(_moved(event, self._shift))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        held = event.modifiers()
        self._more = bool(held & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier))
        super().mouseReleaseEvent(_moved(event, self._shift))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        super().mouseDoubleClickEvent(_moved(event, self._shift))


def _moved(event: QMouseEvent, shift: int) -> QMouseEvent:
    """The event `shift` pixels further to the left; itself where that is nothing."""
    if not shift:
        return event
    return QMouseEvent(
        event.type(),
        event.position() - QPointF(shift, 0),
        event.scenePosition(),
        event.globalPosition(),
        event.button(),
        event.buttons(),
        event.modifiers(),
    )

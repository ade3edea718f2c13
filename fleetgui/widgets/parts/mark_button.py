"""A small button with a drawn mark: to close what it stands at, or to tear it off. The keyboard passes it by."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.plain import tip


class MarkButton(QAbstractButton):
    """`kind` is what it looks like, `says` what it does: its tool tip, and its name for screen readers."""

    def __init__(
        self, kind: Literal["close", "float"], says: str, parent: QWidget, *, size: int = 6 * theme.GRID
    ) -> None:
        super().__init__(parent)
        self._kind = kind
        self._size = size
        self.setToolTip(tip(says))
        self.setAccessibleName(says)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def sizeHint(self) -> QSize:
        return QSize(self._size, self._size)

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        if self.underMouse():
            painter.fillRect(self.rect(), look.color("raised"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, self._kind == "close")
        painter.setPen(QPen(look.color("text" if self.underMouse() else "muted"), 1.2))
        middle = self.rect().center()
        if self._kind == "close":
            painter.drawLine(middle.x() - 3, middle.y() - 3, middle.x() + 4, middle.y() + 4)
            painter.drawLine(middle.x() + 4, middle.y() - 3, middle.x() - 3, middle.y() + 4)
        else:
            painter.drawRect(middle.x() - 4, middle.y() - 1, 5, 5)
            x, y = middle.x(), middle.y()
            painter.drawPolyline([QPoint(x - 1, y - 4), QPoint(x + 4, y - 4), QPoint(x + 4, y + 1)])

"""The line above the plots: for each gateway its colour, its name and its values, now or where the pointer is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from fleetgui.widgets import theme


class Part(NamedTuple):
    """One piece; `series` is the index of the curve whose colour is shown before it, None for none."""

    text: str
    series: int | None = None
    quiet: bool = False


class Readout(QWidget):
    """Plain text in one line, cut at its end."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: tuple[Part, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    @property
    def text(self) -> str:
        return "  ".join(part.text for part in self._parts)

    def show_parts(self, parts: Sequence[Part]) -> None:
        shown = tuple(parts)
        if shown != self._parts:
            self._parts = shown
            self.setAccessibleName(self.text)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(100, 6 * theme.GRID)

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        font = look.font("body")
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        x = 0.0
        middle = self.height() / 2
        for part in self._parts:
            room = self.width() - x
            if room < 24:
                break
            if part.series is not None:
                painter.fillRect(QRectF(x, round(middle) - 1, 12, 2), look.series_color(part.series))
                x += 18
            painter.setPen(look.color("muted" if part.quiet else "text"))
            shown = metrics.elidedText(part.text, Qt.TextElideMode.ElideRight, self.width() - x)
            flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
            painter.drawText(QRectF(x, 0, self.width() - x, self.height()), flags, shown)
            x += metrics.horizontalAdvance(shown) + 16

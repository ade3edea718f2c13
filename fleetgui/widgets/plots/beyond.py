"""What the lag axis does not hold, in numbers at its top: a scale for one stall would leave nothing of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QTransform

from fleetgui.policy import formats
from fleetgui.widgets.look import theme
from fleetgui.widgets.plots.curves import LagCurves
from fleetgui.widgets.plots.items import PixelItem, x_to_px

_MOST_NUMBERS: Final = 12
_FROM_MARK_PX: Final = 6
_APART_PX: Final = 8


class Beyond(PixelItem):
    """Beside the triangle of a maximum above the scale, how large it was; of those that would overlap the largest."""

    def __init__(self, nodes: Mapping[str, LagCurves]) -> None:
        super().__init__()
        self.said: list[str] = []
        """The numbers that stand there, the largest first."""
        self._nodes = nodes
        self.setZValue(16)

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        look = theme.current()
        font = look.font("label")
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        ground = look.color("surface", 0.8)
        self.said = []
        taken: list[tuple[float, float]] = []
        for px, value, ink in self._largest(to_px, box):
            said = f"max {formats.millis(value)}"
            width = metrics.horizontalAdvance(said)
            left = px + _FROM_MARK_PX
            if left + width > box.right():
                left = px - _FROM_MARK_PX - width
            if any(left < end + _APART_PX and left + width > start - _APART_PX for start, end in taken):
                continue
            taken.append((min(px, left), max(px, left + width)))
            where = QRectF(left, box.top() + 1, width + 1, metrics.height())
            painter.fillRect(where, ground)
            painter.setPen(look.series_color(ink))
            painter.drawText(where, Qt.AlignmentFlag.AlignLeft, said)
            self.said.append(said)
            if len(taken) == _MOST_NUMBERS:
                return

    def _largest(self, to_px: QTransform, box: QRectF) -> Iterable[tuple[float, float, int]]:
        """(pixel, milliseconds, index of the gateway) of what is above the scale and in view, the largest first."""
        top_ms = float((box.top() - to_px.dy()) / to_px.m22())
        found: list[tuple[float, float, int]] = []
        for index, name in enumerate(sorted(self._nodes)):
            x, most = self._nodes[name].maxima
            px = x_to_px(to_px, x)
            above = (most > top_ms) & (px >= box.left()) & (px <= box.right())
            found += zip(px[above].tolist(), most[above].tolist(), [index] * int(above.sum()), strict=True)
        return sorted(found, key=lambda each: -each[1])

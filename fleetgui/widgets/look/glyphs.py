"""The marks of states, drawn as shapes: the same size, weight and baseline whatever fonts a machine has.

Fonts disagree about ◔ ◌ ⟲ ✕ or lack them, so a table of states would look ragged. In running text (a sentence, a tool
tip) the characters themselves are used; wherever a mark stands in a column or a chip, it is drawn from here.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, radians, sin

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from fleetgui.widgets.look import fonts

SIZE = 10.0
"""Pixels of a mark beside body text."""


def draw(painter: QPainter, glyph: str, at: QRectF, color: QColor, size: float = SIZE) -> None:
    """Draw a state's glyph in the middle of `at`. A character that has no shape here is drawn as text."""
    device = painter.device()
    ratio = device.devicePixelRatioF() if device is not None else 1.0
    mark = _pixmap(glyph, color.rgba(), size, ratio)
    # whole device pixels, or the mark blurs
    left = round((at.center().x() - size / 2 - 1) * ratio) / ratio
    top = round((at.center().y() - size / 2 - 1) * ratio) / ratio
    painter.drawPixmap(QPointF(left, top), mark)


@lru_cache(maxsize=256)
def _pixmap(glyph: str, rgba: int, size: float, ratio: float) -> QPixmap:
    """The mark on a transparent square one pixel larger on each side."""
    extent = size + 2
    pixmap = QPixmap(round(extent * ratio), round(extent * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(1, 1)
    painter.scale(size / 10, size / 10)
    _paint(painter, glyph, QColor.fromRgba(rgba))
    painter.end()
    return pixmap


def _paint(painter: QPainter, glyph: str, color: QColor) -> None:
    """Draw in a square of 10 by 10."""
    pen = QPen(color, 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.MiterJoin)
    circle = QRectF(1.2, 1.2, 7.6, 7.6)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    match glyph:
        case "●":
            painter.drawEllipse(QRectF(1, 1, 8, 8))
        case "○":
            _outline(painter, pen)
            painter.drawEllipse(circle)
        case "◇":
            _outline(painter, pen)
            painter.drawPolygon(QPolygonF([QPointF(5, 0.9), QPointF(9.1, 5), QPointF(5, 9.1), QPointF(0.9, 5)]))
        case "◔":
            painter.drawPie(circle, 0, 90 * 16)
            _outline(painter, pen)
            painter.drawEllipse(circle)
        case "◌":
            for step in range(8):
                angle = radians(step * 45 + 22.5)
                painter.drawEllipse(QPointF(5 + 3.9 * cos(angle), 5 + 3.9 * sin(angle)), 0.95, 0.95)
        case "↻" | "⟲":
            if glyph == "⟲":
                painter.translate(10, 0)
                painter.scale(-1, 1)
            _outline(painter, pen)
            painter.drawArc(QRectF(1.4, 1.6, 7.2, 7.2), 30 * 16, -300 * 16)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawPolygon(QPolygonF([QPointF(9.6, 0.4), QPointF(9.6, 4.6), QPointF(5.4, 4.6)]))
        case "‖":
            painter.drawRect(QRectF(2, 1, 2, 8))
            painter.drawRect(QRectF(6, 1, 2, 8))
        case "▬":
            painter.drawRect(QRectF(0.5, 3.5, 9, 3))
        case "▲":
            painter.drawPolygon(QPolygonF([QPointF(5, 0.6), QPointF(9.8, 9.2), QPointF(0.2, 9.2)]))
        case "▼":
            painter.drawPolygon(QPolygonF([QPointF(5, 9.4), QPointF(9.8, 0.8), QPointF(0.2, 0.8)]))
        case "▸":
            painter.drawPolygon(QPolygonF([QPointF(2.6, 0.8), QPointF(7.4, 5), QPointF(2.6, 9.2)]))
        case "▾":
            painter.drawPolygon(QPolygonF([QPointF(0.8, 2.6), QPointF(9.2, 2.6), QPointF(5, 7.4)]))
        case "■":
            painter.drawRect(QRectF(1, 1, 8, 8))
        case "✕":
            pen.setWidthF(1.8)
            _outline(painter, pen)
            painter.drawLine(QPointF(1.4, 1.4), QPointF(8.6, 8.6))
            painter.drawLine(QPointF(8.6, 1.4), QPointF(1.4, 8.6))
        case _:
            path = QPainterPath()
            font = fonts.font("body", strong=True)
            font.setPixelSize(12)
            path.addText(0, 0, font, glyph)
            box = path.boundingRect()
            painter.translate(QPointF(5, 5) - box.center())
            painter.drawPath(path)


def _outline(painter: QPainter, pen: QPen) -> None:
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)

"""What the plots are made of besides curves, each one item that paints everything of its kind in device pixels.

Hundreds of small graphics items cost a frame each; one that fills a list of rectangles does not.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QTransform

from fleetgui.widgets.look import theme
from fleetgui.widgets.plots.data import Array

BAND_TOKENS: Final = ("band_normal", "band_elevated", "band_critical")
_STRIP_PX: Final = 60_000
"""Pixels filled at once; from about 100,000 on Qt divides the work."""


class PixelItem(pg.GraphicsObject):  # type: ignore[misc]  # pyqtgraph ships no types
    """Covers the view and draws in its pixels: `draw(painter, to_px, box)`. What it raises goes to `sys.excepthook`.

    It may not leave `paint`: Qt goes on with the next item, whose Python then meets an error that is not its own, and
    the process crashes in the middle of the picture.
    """

    def boundingRect(self) -> QRectF:
        return QRectF(self.viewRect())

    def viewRangeChanged(self, *_: Any) -> None:
        self.prepareGeometryChange()
        self.update()

    def paint(self, painter: QPainter, *_: Any) -> None:
        to_px = painter.worldTransform()
        if not to_px.isInvertible():  # a plot that has no height: nothing can be seen, and no scale told from it
            return
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        try:
            self.draw(painter, to_px, to_px.mapRect(self.boundingRect()))
        except Exception as error:  # noqa: BLE001  # whatever it is, it goes to the hook, where every error of Qt goes
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            painter.restore()

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        raise NotImplementedError


def x_to_px(to_px: QTransform, x: Array) -> Array:
    """Data x to pixels."""
    return np.asarray(x * to_px.m11() + to_px.dx())


def y_to_px(to_px: QTransform, y: Array) -> Array:
    """Data y to pixels."""
    return np.asarray(y * to_px.m22() + to_px.dy())


def draw_points(painter: QPainter, ink: QColor, x: Array, y: Array) -> None:
    """Single pixels, from arrays: a fifth of what they cost as lines of a path, a tenth of as rectangles."""
    if len(x):
        points = pg.functions.create_qpolygonf(len(x))
        table = pg.functions.ndarray_from_qpolygonf(points)
        table[:, 0], table[:, 1] = x, y
        painter.setPen(QPen(ink, 1))
        painter.drawPoints(points)


def mixed(ink: QColor, strength: float) -> QColor:
    """`ink` with the ground: what lets the ground through costs eight times as much to draw."""
    ground = theme.current().color("surface")
    channels = (
        round(strength * own + (1 - strength) * under)
        for own, under in zip(ink.getRgb()[:3], ground.getRgb()[:3], strict=True)  # type: ignore[index]  # its stub says object
    )
    return QColor(*channels)


def fill(painter: QPainter, box: QRectF, brush: QBrush) -> None:
    """Fill with something translucent, in strips that Qt fills by itself.

    What is larger it hands to threads, and waits for them: where all cores are busy, for longer than a frame.
    """
    left, right = round(box.left()), round(box.right())
    top, bottom = round(box.top()), round(box.bottom())
    rows = max(1, _STRIP_PX // max(1, right - left))
    for row in range(top, bottom, rows):
        painter.fillRect(left, row, right - left, min(rows, bottom - row), brush)


class BandRegions(PixelItem):
    """The three bands as quiet regions, and their thresholds as labelled lines."""

    def __init__(self, elevated_ms: float, critical_ms: float) -> None:
        super().__init__()
        self.elevated_ms = elevated_ms
        self.critical_ms = critical_ms
        self.setZValue(-20)

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        look = theme.current()
        levels = [0.0, self.elevated_ms, self.critical_ms, 1e9]
        pixels = np.clip(np.round(y_to_px(to_px, np.array(levels))), box.top(), box.bottom())
        for token, low, high in zip(BAND_TOKENS, pixels[:-1], pixels[1:], strict=True):
            if low > high:
                painter.fillRect(QRectF(box.left(), high, box.width(), low - high), mixed(look.color(token), 0.10))
        for token, y in zip(BAND_TOKENS[1:], pixels[1:3], strict=True):
            if box.top() < y < box.bottom():
                painter.setPen(QPen(look.color(token, 0.75), 1, Qt.PenStyle.DashLine))
                painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))


class BandLabels(PixelItem):
    """What the thresholds are called, over everything else, at the left, where the past is and nothing new comes."""

    def __init__(self, regions: BandRegions) -> None:
        super().__init__()
        self._regions = regions
        self.setZValue(15)

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        look = theme.current()
        font = look.font("label")
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        levels = (self._regions.elevated_ms, self._regions.critical_ms)
        lower = box.bottom()
        for token, ms, y in zip(BAND_TOKENS[1:], levels, y_to_px(to_px, np.array(levels)), strict=True):
            # too little height: the lower one speaks for itself, and labels never lie upon one another
            if not box.top() + metrics.height() < y < lower:
                continue
            lower = y - metrics.height()
            label = f"{ms:g} ms {token.removeprefix('band_')}"
            top = y - metrics.height() - 1
            painter.setPen(look.color(token))
            painter.drawText(QRectF(box.left() + 6, top, metrics.horizontalAdvance(label) + 2, metrics.height()), label)


class Crosshair(PixelItem):
    """A hairline at the moment that the values in the line above are of."""

    def __init__(self) -> None:
        super().__init__()
        self._x: float | None = None
        self.setZValue(20)

    def move_to(self, x: float | None) -> None:
        if x != self._x:
            self._x = x
            self.update()

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        if self._x is None:
            return
        px = round(float(x_to_px(to_px, np.array([self._x]))[0]))
        painter.setPen(QPen(theme.current().color("muted", 0.8), 1))
        painter.drawLine(QPointF(px, box.top()), QPointF(px, box.bottom()))

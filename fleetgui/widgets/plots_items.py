"""What the plots are made of besides curves, each one item that paints everything of its kind in device pixels.

Hundreds of small graphics items cost a frame each; one that fills a list of rectangles does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF, QTransform

from fleetgui.widgets import theme
from fleetgui.widgets.plots_data import Array
from fleetgui.widgets.plots_lanes import Shown

_BAND_TOKENS: Final = ("band_normal", "band_elevated", "band_critical")
_MARK_HEIGHTS: Final = (0.45, 0.75, 1.0)
"""By reason, as a share of the lane: a try inside a block is the least of them."""
_MOST_RECTS: Final = 4_000
_COLUMN_PX: Final = 4
"""Width of a column in the lane that many devices share."""


class PixelItem(pg.GraphicsObject):  # type: ignore[misc]  # pyqtgraph ships no types
    """Covers the view and draws in its pixels: `draw(painter, to_px, box)`."""

    def boundingRect(self) -> QRectF:
        return QRectF(self.viewRect())

    def viewRangeChanged(self, *_: Any) -> None:
        self.prepareGeometryChange()
        self.update()

    def paint(self, painter: QPainter, *_: Any) -> None:
        to_px = painter.worldTransform()
        box = to_px.mapRect(self.boundingRect())
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        self.draw(painter, to_px, box)
        painter.restore()

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        raise NotImplementedError


def x_to_px(to_px: QTransform, x: Array) -> Array:
    """Data x to pixels."""
    return np.asarray(x * to_px.m11() + to_px.dx())


def y_to_px(to_px: QTransform, y: Array) -> Array:
    """Data y to pixels."""
    return np.asarray(y * to_px.m22() + to_px.dy())


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
        for token, low, high in zip(_BAND_TOKENS, pixels[:-1], pixels[1:], strict=True):
            if low > high:
                painter.fillRect(QRectF(box.left(), high, box.width(), low - high), look.color(token, 0.10))
        for token, y in zip(_BAND_TOKENS[1:], pixels[1:3], strict=True):
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
        for token, ms, y in zip(_BAND_TOKENS[1:], levels, y_to_px(to_px, np.array(levels)), strict=True):
            # too little height: the lower one speaks for itself, and labels never lie upon one another
            if not box.top() + metrics.height() < y < lower:
                continue
            lower = y - metrics.height()
            label = f"{ms:g} ms {token.removeprefix('band_')}"
            top = y - metrics.height() - 1
            painter.setPen(look.color(token))
            painter.drawText(QRectF(box.left() + 6, top, metrics.horizontalAdvance(label) + 2, metrics.height()), label)


class Gaps(PixelItem):
    """Spans in which nothing was seen, hatched. `spans` are data x; `color` goes with the curve that is interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self._spans: list[tuple[float, float, QColor]] = []
        self.setZValue(-10)

    def show_spans(self, spans: list[tuple[float, float, QColor]]) -> None:
        if spans != self._spans:
            self._spans = spans
            self.update()

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        for left, right, color in self._spans:
            ends = x_to_px(to_px, np.array([left, right]))
            x0, x1 = max(box.left(), float(ends[0])), min(box.right(), float(ends[1]))
            if x1 > x0:
                color.setAlphaF(0.5)
                painter.fillRect(QRectF(x0, box.top(), max(2.0, x1 - x0), box.height()), _hatch(color))


def _hatch(color: QColor) -> QBrush:
    return QBrush(color, Qt.BrushStyle.BDiagPattern)


class Dots(PixelItem):
    """The largest lag of each moment as dots; one above the axis is a small triangle at its top, not out of sight."""

    def __init__(self, color: QColor) -> None:
        super().__init__()
        self.color = color
        self._x: Array = np.empty(0)
        self._y: Array = np.empty(0)

    def show_points(self, x: Array, y: Array) -> None:
        self._x, self._y = x, y
        self.update()

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        x, y = x_to_px(to_px, self._x), y_to_px(to_px, self._y)
        seen = (x >= box.left()) & (x <= box.right())
        x, y = x[seen], y[seen]
        above = y < box.top() + 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.color)
        inside = zip(x[~above].tolist(), y[~above].tolist(), strict=True)
        painter.drawRects([QRectF(round(px) - 1, round(py) - 1, 2, 2) for px, py in inside])
        top = box.top() + 1
        for px in x[above].tolist():
            painter.drawPolygon(QPolygonF([QPointF(px, top), QPointF(px + 3.5, top + 6), QPointF(px - 3.5, top + 6)]))


class LaneMarks(PixelItem):
    """Refusals in lanes: a bar while a device is held back, a mark at each refusal, coloured by the band it met."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: Shown | None = None
        self._origin = 0.0
        self._shared_lane = 0
        self.muted = False

    def show_refusals(self, shown: Shown, *, origin: float, shared_lane: int) -> None:
        """`origin` is the epoch second of data x 0; refusals of lane −1 stand in `shared_lane`."""
        self._shown, self._origin, self._shared_lane = shown, origin, shared_lane
        self.update()

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        shown = self._shown
        if shown is None or not len(shown.at):
            return
        look = theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        height = abs(to_px.m22())
        x0 = np.clip(np.round(x_to_px(to_px, shown.at - self._origin)), box.left() - 4, box.right() + 4)
        x1 = np.clip(np.round(x_to_px(to_px, shown.until - self._origin)), box.left() - 4, box.right() + 4)
        lane = np.where(shown.lane < 0, self._shared_lane, shown.lane)
        top = np.round(y_to_px(to_px, lane.astype(np.float64))) + 2
        full = max(4.0, height - 4)
        quarter = round(full / 4)
        strength = 0.4 if self.muted else 1.0
        for band, token in enumerate(_BAND_TOKENS):
            chosen = np.flatnonzero(shown.band == band)
            bars = chosen[x1[chosen] > x0[chosen]]
            # in the shared lane bars would cover each other
            bars = bars[shown.lane[bars] >= 0]
            painter.setBrush(look.color(token, 0.28 * strength))
            painter.drawRects(
                _rects(bars, lambda i: QRectF(x0[i], top[i] + quarter, x1[i] - x0[i], full - 2 * quarter))
            )
            painter.setBrush(look.color(token, strength))
            own = chosen[shown.lane[chosen] >= 0]
            marks = _distinct(own, x0, lane, shown.reason)
            painter.drawRects(_rects(marks, lambda i: _mark(x0[i], top[i], full, shown.reason[i])))
        self._draw_shared(painter, shown, x0, float(y_to_px(to_px, np.array([self._shared_lane + 1.0]))[0]), full)

    def _draw_shared(self, painter: QPainter, shown: Shown, x0: Array, bottom: float, full: float) -> None:
        """How many of the others were refused when: columns whose height grows with the number, of its worst band."""
        shared = np.flatnonzero(shown.lane < 0)
        if not len(shared):
            return
        columns, which, counts = np.unique(x0[shared] // _COLUMN_PX, return_inverse=True, return_counts=True)
        worst = np.zeros(len(columns), dtype=np.int8)
        np.maximum.at(worst, which, shown.band[shared])
        heights = np.maximum(2.0, np.round(full * np.sqrt(counts / counts.max())))
        look = theme.current()
        for band, token in enumerate(_BAND_TOKENS):
            painter.setBrush(look.color(token, 0.4 if self.muted else 1.0))
            painter.drawRects(
                [
                    QRectF(columns[i] * _COLUMN_PX, round(bottom) - 2 - heights[i], _COLUMN_PX - 1, heights[i])
                    for i in np.flatnonzero(worst == band).tolist()
                ]
            )


def _mark(x: float, top: float, full: float, reason: int) -> QRectF:
    height = round(full * _MARK_HEIGHTS[reason])
    return QRectF(x - 1, top + (full - height) / 2, 2, height)


def _rects(chosen: Any, make: Callable[[int], QRectF]) -> list[QRectF]:
    return [make(index) for index in chosen[-_MOST_RECTS:].tolist()]


def _distinct(chosen: Any, x: Array, lane: Any, reason: Any) -> Any:
    """Of marks that fall on the same pixel of a lane and say the same, one."""
    if len(chosen) < 2:
        return chosen
    key = (x[chosen].astype(np.int64) * 64 + lane[chosen]) * 4 + reason[chosen]
    return chosen[np.sort(np.unique(key, return_index=True)[1])]


class EdgeMarks(PixelItem):
    """Devices that went offline (down) or came back (up), in one lane."""

    def __init__(self) -> None:
        super().__init__()
        self._edges: Sequence[tuple[float, bool]] = ()
        self.lane = 0

    def show_edges(self, edges: Sequence[tuple[float, bool]], *, lane: int) -> None:
        """(data x, online?) of each edge."""
        self._edges, self.lane = edges, lane
        self.update()

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        look = theme.current()
        height = abs(to_px.m22())
        middle = float(y_to_px(to_px, np.array([self.lane + 0.5]))[0])
        half = min(4.0, height / 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for online, token, tip in ((False, "offline", half), (True, "live", -half)):
            painter.setBrush(look.color(token))
            places = {round(x * to_px.m11() + to_px.dx()) for x, up in self._edges if up is online}
            for px in places:
                if box.left() <= px <= box.right():
                    points = [
                        QPointF(px - half, middle - tip),
                        QPointF(px + half, middle - tip),
                        QPointF(px, middle + tip),
                    ]
                    painter.drawPolygon(QPolygonF(points))


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

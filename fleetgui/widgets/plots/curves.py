"""One gateway's lag as curves: p50 thin, p99 strong, the largest as dots. Decimated to what a screen can show.

Where a pixel stands for many windows the p99 is a strong line through their middle, on a faint one from their least to
their largest: otherwise the curve drawn last would be a wall before all others.

One item for all of it: the plot library's own curves work out their bounds again with every move, which costs more
than their paint.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF, QTransform

from fleetgui.stores.lag_series import Curves
from fleetgui.widgets.look import theme
from fleetgui.widgets.plots.data import Array, decimate, middle, peaks, worth_showing
from fleetgui.widgets.plots.items import PixelItem, draw_points, mixed, x_to_px, y_to_px

_DOT_APART: Final = 0.03
"""How far above the p99 a maximum has to be to get a dot, as a share of the scale."""
_DOT_PX: Final = 4.0
"""Of maxima nearer to each other than this the largest gets a dot."""


class Line(NamedTuple):
    """Points in data coordinates, NaN where it breaks, and the same as Qt draws it."""

    x: Array
    y: Array
    path: QPainterPath


def _line(x: Array, y: Array) -> Line:
    return Line(x, y, pg.arrayToQPath(x, y, "finite") if len(x) else QPainterPath())


def _columns(x: Array, y: Array) -> Line:
    """Pairs of points, each a line of its own: half of what a line through all of them costs to draw."""
    there = ~np.isnan(y)
    return Line(x, y, pg.arrayToQPath(x[there], y[there], "pairs") if there.any() else QPainterPath())


_EMPTY: Final = np.empty(0)


class LagCurves(PixelItem):
    """All that is drawn of one gateway."""

    def __init__(self) -> None:
        super().__init__()
        self.p50 = self.p99 = self.extent = _line(_EMPTY, _EMPTY)
        self.maxima = _EMPTY, _EMPTY
        """Data x and milliseconds of the maxima that are marked."""
        self.style(0, muted=False)

    def style(self, index: int, *, muted: bool) -> None:
        """The colour of the `index`th gateway; `muted` when it is no longer live."""
        strength, color = 0.45 if muted else 1.0, theme.current().series_color(index)
        self._inks = [mixed(color, alpha * strength) for alpha in (0.5, 1.0, 0.7, 0.2)]
        self.update()

    def show_curves(self, curves: Curves, origin: float, pixel_s: float, top_ms: float) -> None:
        """Draw `curves`; data x counts from `origin`, a pixel is `pixel_s` seconds, the scale ends at `top_ms`."""
        x = curves.ts - origin
        self.p50, self.p99 = _line(*middle(x, curves.p50)), _line(*middle(x, curves.p99_mid))
        is_each = len(x) == len(self.p99.x) and bool(np.array_equal(curves.p99, curves.p99_mid, equal_nan=True))
        self.extent = _line(_EMPTY, _EMPTY) if is_each else _columns(*decimate(x, curves.p99))
        chosen = peaks(x, curves.max, _DOT_PX * pixel_s)
        # a dot that would lie on the line of the p99 says nothing and hides it
        chosen = chosen[curves.max[chosen] - curves.p99[chosen] > _DOT_APART * top_ms]
        self.maxima = x[chosen], curves.max[chosen]
        self.update()

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        p50, p99, dots, faint = self._inks
        self._draw_dots(painter, to_px, box, dots)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setWorldTransform(to_px)
        for line, ink in ((self.extent, faint), (self.p50, p50), (self.p99, p99)):
            pen = QPen(ink, 1)
            pen.setCosmetic(True)  # a pixel, not a second
            painter.setPen(pen)
            painter.drawPath(line.path)

    def _draw_dots(self, painter: QPainter, to_px: QTransform, box: QRectF, ink: QColor) -> None:
        """The largest as two by two pixels; one above the scale is a small triangle at its top, not out of sight."""
        x, y = x_to_px(to_px, self.maxima[0]), y_to_px(to_px, self.maxima[1])
        seen = (x >= box.left()) & (x <= box.right())
        x, y = np.round(x[seen]), np.round(y[seen])
        above = y < box.top() + 2
        left, row = x[~above], y[~above]
        draw_points(
            painter, ink, np.tile(np.concatenate([left - 1, left]), 2), np.repeat([row, row - 1], 2, axis=0).ravel()
        )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        top = box.top() + 1
        for px in x[above].tolist():
            painter.drawPolygon(QPolygonF([QPointF(px, top), QPointF(px + 3.5, top + 6), QPointF(px - 3.5, top + 6)]))


def highest(curves: Curves, left: float, right: float, readable: float) -> float:
    """The p99 between two epoch seconds that the scale should hold, beside bands that are seen up to `readable`."""
    seen = curves.p99[np.searchsorted(curves.ts, left) : np.searchsorted(curves.ts, right, side="right")]
    return worth_showing(seen, readable)

"""What happened to devices, as marks in lanes: who was refused and for how long, who went offline and came back."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QTransform

from fleetgui.stores.edges import EdgesShown
from fleetgui.widgets.look import theme
from fleetgui.widgets.plots.data import Array
from fleetgui.widgets.plots.items import BAND_TOKENS, PixelItem, draw_points, x_to_px, y_to_px
from fleetgui.widgets.plots.lanes import Shown

_MARK_HEIGHTS: Final = np.array([0.45, 0.75, 1.0])
"""By reason, as a share of the lane: a try inside a block is the least of them."""
_MOST_RECTS: Final = 4_000
_COLUMN_PX: Final = 4
"""Width of a column in the lane that many devices share."""
_EDGES_APART_PX: Final = 9
"""Marks nearer to the one before are not drawn: a row of them is told from a bar."""
_HALF_A_MINUTE_S: Final = 30.0
_NOTHING: Final = np.empty(0, dtype=np.int64)


class LaneMarks(PixelItem):
    """Refusals in lanes: a bar while a device is held back, a mark at each refusal, coloured by the band it met."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: Shown | None = None
        self._origin = 0.0
        self._shared_lane = 0
        self.muted = False
        self.selected: int | None = None
        """The row (`Shown.row`) of the refusal that the keyboard is at."""

    def show_refusals(self, shown: Shown, *, origin: float, shared_lane: int) -> None:
        """`origin` is the epoch second of data x 0; refusals of lane −1 stand in `shared_lane`."""
        self._shown, self._origin, self._shared_lane = shown, origin, shared_lane
        self.update()

    def select(self, row: int | None) -> None:
        if row != self.selected:
            self.selected = row
            self.update()

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        shown = self._shown
        if shown is None:
            return
        look = theme.current()
        height = abs(to_px.m22())
        x0 = np.clip(np.round(x_to_px(to_px, shown.at - self._origin)), box.left() - 4, box.right() + 4)
        x1 = np.clip(np.round(x_to_px(to_px, shown.until - self._origin)), box.left() - 4, box.right() + 4)
        lane = np.where(shown.lane < 0, self._shared_lane, shown.lane)
        top = np.round(y_to_px(to_px, lane.astype(np.float64))) + 2
        full = max(4.0, height - 4)
        quarter = round(full / 4)
        strength = 0.4 if self.muted else 1.0
        for band, token in enumerate(BAND_TOKENS):
            chosen = np.flatnonzero(shown.band == band)
            bars = chosen[x1[chosen] > x0[chosen]]
            # in the shared lane bars would cover each other, and one of the same pixels is all that can be seen
            bars = _widest(bars[shown.lane[bars] >= 0], x0, x1, lane)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color(token, 0.28 * strength))
            painter.drawRects(_rects(x0[bars], top[bars] + quarter, x1[bars] - x0[bars], full - 2 * quarter))
            own = chosen[shown.lane[chosen] >= 0]
            marks = _distinct(own, x0, lane, shown.reason)
            tall = np.round(full * _MARK_HEIGHTS[shown.reason[marks]])
            _draw_marks(painter, look.color(token, strength), x0[marks], np.round(top[marks] + (full - tall) / 2), tall)
        self._draw_shared(painter, shown, to_px, x0, full)
        chosen = np.flatnonzero(shown.row == self.selected) if self.selected is not None else _NOTHING
        for i in chosen:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(look.color("accent"), 2))
            right = x1[i] if shown.lane[i] >= 0 else x0[i]
            painter.drawRect(QRectF(x0[i] - 3, top[i] - 1, max(6.0, right - x0[i] + 4), full + 2))

    def _draw_shared(self, painter: QPainter, shown: Shown, to_px: QTransform, x0: Array, full: float) -> None:
        """How many of the others were refused when: columns whose height grows with the number, of its worst band.

        Minutes of which only the numbers are left stand here too, whoever it was.
        """
        shared = np.flatnonzero(shown.lane < 0)
        painter.setPen(Qt.PenStyle.NoPen)
        minute, band = np.nonzero(shown.counts)
        middles = np.round(x_to_px(to_px, shown.minutes[minute] + _HALF_A_MINUTE_S - self._origin))
        places = np.concatenate([x0[shared], middles]) // _COLUMN_PX
        if not len(places):
            return
        bands = np.concatenate([shown.band[shared], band]).astype(np.int8)
        weights = np.concatenate([np.ones(len(shared)), shown.counts[minute, band]])
        columns, which = np.unique(places, return_inverse=True)
        counts = np.bincount(which, weights)
        worst = np.zeros(len(columns), dtype=np.int8)
        np.maximum.at(worst, which, bands)
        heights = np.maximum(2.0, np.round(full * np.sqrt(counts / counts.max())))
        bottom = round(float(y_to_px(to_px, np.array([self._shared_lane + 1.0]))[0])) - 2
        look = theme.current()
        for each, token in enumerate(BAND_TOKENS):
            painter.setBrush(look.color(token, 0.4 if self.muted else 1.0))
            painter.drawRects(
                [
                    QRectF(columns[i] * _COLUMN_PX, bottom - heights[i], _COLUMN_PX - 1, heights[i])
                    for i in np.flatnonzero(worst == each).tolist()
                ]
            )


def _rects(left: Array, top: Array, width: Array | float, height: Array | float) -> list[QRectF]:
    """Rectangles from arrays, the newest where there are too many."""
    table = np.column_stack(np.broadcast_arrays(left, top, width, height))[-_MOST_RECTS:]
    return [QRectF(*row) for row in table.tolist()]


def _draw_marks(painter: QPainter, ink: QColor, x: Array, top: Array, tall: Array) -> None:
    """Marks of two pixels as lines of one path: thousands of rectangles of Python cost more than their paint."""
    if len(x):
        painter.setPen(QPen(ink, 1))
        columns = np.concatenate([np.repeat(x - 1, 2), np.repeat(x, 2)])
        ends = np.tile(np.column_stack([top, top + tall - 1]).ravel(), 2)
        painter.drawPath(pg.arrayToQPath(columns, ends, "pairs"))


def _widest(chosen: Any, x0: Array, x1: Array, lane: Any) -> Any:
    """Of bars that begin at the same pixel of a lane, the longest."""
    if len(chosen) < 2:
        return chosen
    order = np.lexsort((x1[chosen], x0[chosen], lane[chosen]))
    ranked = chosen[order]
    is_last = np.append((np.diff(x0[ranked]) != 0) | (np.diff(lane[ranked]) != 0), True)
    return ranked[is_last]


def _distinct(chosen: Any, x: Array, lane: Any, reason: Any) -> Any:
    """Of marks that fall on the same pixel of a lane and say the same, one."""
    if len(chosen) < 2:
        return chosen
    key = (x[chosen].astype(np.int64) * 64 + lane[chosen]) * 4 + reason[chosen]
    return chosen[np.sort(np.unique(key, return_index=True)[1])]


class EdgeMarks(PixelItem):
    """Devices that went offline (down) or came back (up), in one lane: one mark for all of the same pixels."""

    def __init__(self) -> None:
        super().__init__()
        self._x: Array = np.empty(0)
        self._online: npt.NDArray[np.bool_] = np.empty(0, dtype=bool)
        self.lane = 0

    @property
    def count(self) -> int:
        """Marks, before those are merged that would cover each other."""
        return len(self._x)

    def show_edges(self, edges: EdgesShown, *, origin: float, lane: int) -> None:
        """`origin` is the epoch second of data x 0."""
        self._x, self._online, self.lane = edges.at - origin, edges.online, lane
        self.update()

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        look = theme.current()
        height = abs(to_px.m22())
        middle = round(float(y_to_px(to_px, np.array([self.lane + 0.5]))[0]))
        half = round(min(4.0, height / 3))
        px = np.round(x_to_px(to_px, self._x))
        seen = (px >= box.left()) & (px <= box.right())
        for online, token, tip in ((False, "offline", half), (True, "live", -half)):
            # Ascending, as each kind comes: of the edges of one pixel the first, without sorting tens of thousands.
            x = px[seen & (self._online == online)]
            x = _spread(x[np.diff(x, prepend=-np.inf) > 0], _EDGES_APART_PX)
            draw_points(painter, look.color(token), *_triangles(x, middle, tip))


def _triangles(x: Array, middle: float, tip: int) -> tuple[Array, Array]:
    """The pixels of triangles whose tips point down by `tip` pixels from twice as many at their base, or up."""
    half, down = abs(tip), 1 if tip > 0 else -1
    within = [(dx, row) for row in range(2 * half) for dx in range(row // 2 - half, half - row // 2)]
    dx, row = np.array(within, dtype=np.float64).reshape(-1, 2).T
    y = middle - down * half + down * row
    return (x[:, np.newaxis] + dx).ravel(), np.tile(y, len(x))


def _spread(places: Array, apart: float) -> Array:
    """Of ascending places those that are at least `apart` from the one before that is left."""
    kept: list[float] = []
    for place in places.tolist():
        if not kept or place - kept[-1] >= apart:
            kept.append(place)
    return np.array(kept)

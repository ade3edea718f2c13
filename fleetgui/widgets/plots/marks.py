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
_MARK_PX: Final = 2
_COLUMN_PX: Final = 4
"""Width of a column in the lane that many devices share."""
_EDGES_APART_PX: Final = 9
"""Marks nearer to the one before are not drawn: a row of them is told from a bar."""
_HALF_A_MINUTE_S: Final = 30.0


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
        full = max(4.0, abs(to_px.m22()) - 4)
        self._draw_own(painter, shown, to_px, box, full)
        self._draw_shared(painter, shown, to_px, box, full)
        self._draw_selected(painter, shown, to_px, full)

    def _draw_own(self, painter: QPainter, shown: Shown, to_px: QTransform, box: QRectF, full: float) -> None:
        """Those that have a lane of their own, which are few of the tens of thousands that there may be."""
        look = theme.current()
        own = np.flatnonzero(shown.lane >= 0)
        lane, bands, reason = shown.lane[own], shown.band[own], shown.reason[own]
        x0, x1 = (
            np.clip(np.round(x_to_px(to_px, ends[own] - self._origin)), box.left() - 4, box.right() + 4)
            for ends in (shown.at, shown.until)
        )
        top = np.round(y_to_px(to_px, lane.astype(np.float64))) + 2
        quarter = round(full / 4)
        strength = 0.4 if self.muted else 1.0
        for band, token in enumerate(BAND_TOKENS):
            chosen = np.flatnonzero(bands == band)
            bars = _widest(chosen[x1[chosen] > x0[chosen]], x0, x1, lane)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color(token, 0.28 * strength))
            painter.drawRects(_rects(x0[bars], top[bars] + quarter, x1[bars] - x0[bars], full - 2 * quarter))
            marks = _distinct(chosen, x0, lane, reason)
            tall = np.round(full * _MARK_HEIGHTS[reason[marks]])
            ink, upper = look.color(token, strength), np.round(top[marks] + (full - tall) / 2)
            _draw_marks(painter, ink, x0[marks] - 1, upper, tall, wide=_MARK_PX)

    def _draw_selected(self, painter: QPainter, shown: Shown, to_px: QTransform, full: float) -> None:
        if self.selected is None:
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.current().color("accent"), 2))
        for i in np.flatnonzero(shown.row == self.selected):
            is_shared = shown.lane[i] < 0
            until = shown.at[i] if is_shared else shown.until[i]
            left, right = np.round(x_to_px(to_px, np.array([shown.at[i], until]) - self._origin)).tolist()
            lane = self._shared_lane if is_shared else shown.lane[i]
            top = float(np.round(y_to_px(to_px, np.array([float(lane)])))[0]) + 2
            painter.drawRect(QRectF(left - 3, top - 1, max(6.0, right - left + 4), full + 2))

    def _draw_shared(self, painter: QPainter, shown: Shown, to_px: QTransform, box: QRectF, full: float) -> None:
        """How many of the others were refused when: columns whose height grows with the number, of its worst band.

        Bars would cover each other here. Minutes of which only the numbers are left stand here too, whoever it was.
        """
        shared = np.flatnonzero(shown.lane < 0)
        minute, band = np.nonzero(shown.counts)
        middles = np.round(x_to_px(to_px, shown.minutes[minute] + _HALF_A_MINUTE_S - self._origin))
        x0 = np.clip(np.round(x_to_px(to_px, shown.at[shared] - self._origin)), box.left() - 4, box.right() + 4)
        places = (np.concatenate([x0, middles]) // _COLUMN_PX).astype(np.int64)
        if not len(places):
            return
        leftmost = int(places.min())
        places -= leftmost
        bands = np.concatenate([shown.band[shared], band])
        weights = np.concatenate([np.ones(len(shared)), shown.counts[minute, band]])
        counts = np.bincount(places, weights)
        worst = np.full(len(counts), -1)
        for each in range(len(BAND_TOKENS)):
            worst[places[bands == each]] = each
        heights = np.maximum(2.0, np.round(full * np.sqrt(counts / counts.max())))
        bottom = round(float(y_to_px(to_px, np.array([self._shared_lane + 1.0]))[0])) - 2
        look = theme.current()
        for each, token in enumerate(BAND_TOKENS):
            chosen = np.flatnonzero(worst == each)
            ink, tall = look.color(token, 0.4 if self.muted else 1.0), heights[chosen]
            left = (chosen + leftmost).astype(np.float64) * _COLUMN_PX
            _draw_marks(painter, ink, left, bottom - tall, tall, wide=_COLUMN_PX - 1)


def _rects(left: Array, top: Array, width: Array | float, height: Array | float) -> list[QRectF]:
    """Rectangles from arrays, the newest where there are too many."""
    table = np.column_stack(np.broadcast_arrays(left, top, width, height))[-_MOST_RECTS:]
    return [QRectF(*row) for row in table.tolist()]


def _draw_marks(painter: QPainter, ink: QColor, left: Array, top: Array, tall: Array, *, wide: int) -> None:
    """Upright marks as lines of one path: thousands of rectangles of Python cost more than their paint."""
    if len(left):
        painter.setPen(QPen(ink, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)  # else their path is filled as well: nothing to see, for milliseconds
        columns = np.concatenate([np.repeat(left + dx, 2) for dx in range(wide)])
        ends = np.tile(np.column_stack([top, top + tall - 1]).ravel(), wide)
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
        px = x_to_px(to_px, self._x)
        seen = (px >= box.left()) & (px <= box.right())
        for online, token, tip in ((False, "offline", half), (True, "live", -half)):
            x = _spread(px[seen & (self._online == online)], box.left(), _EDGES_APART_PX)
            draw_points(painter, look.color(token), *_triangles(x, middle, tip))


def _triangles(x: Array, middle: float, tip: int) -> tuple[Array, Array]:
    """The pixels of triangles whose tips point down by `tip` pixels from twice as many at their base, or up."""
    half, down = abs(tip), 1 if tip > 0 else -1
    within = [(dx, row) for row in range(2 * half) for dx in range(row // 2 - half, half - row // 2)]
    dx, row = np.array(within, dtype=np.float64).reshape(-1, 2).T
    y = middle - down * half + down * row
    return (x[:, np.newaxis] + dx).ravel(), np.tile(y, len(x))


def _spread(places: Array, left: float, apart: float) -> Array:
    """Of pixels from `left` on, in any order, those that are at least `apart` from the one before that is left."""
    taken = np.zeros(int(places.max(initial=left) - left) + 2, dtype=bool)
    taken[np.round(places - left).astype(np.int64)] = True  # tens of thousands are no more than there are pixels
    kept: list[float] = []
    for place in np.flatnonzero(taken).tolist():
        if not kept or place - kept[-1] >= apart:
            kept.append(place)
    return np.array(kept) + left

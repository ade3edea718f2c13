"""Spans of time in which what is drawn is missing, or is not to be believed, across a whole plot."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QFontMetricsF, QPainter, QTransform

from fleetgui.widgets.look import theme
from fleetgui.widgets.plots.data import Array
from fleetgui.widgets.plots.items import PixelItem, fill, x_to_px

_NARROWEST_PX: Final = 2.0
_HATCHED_PX: Final = 6.0
"""A pattern in less than this shows nothing but its cost."""
_WORTH_A_WORD_PX: Final = 12.0
_LATE_LABEL: Final = "observer late"
_NONE: Final = np.empty((0, 2))


def merged(spans: Array, apart: float) -> Array:
    """Spans, a row (from, until) each, by their beginnings; those less than `apart` from another as one."""
    if len(spans) < 2:
        return spans
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reach = np.maximum.accumulate(spans[:, 1])
    first = np.concatenate([[0], np.flatnonzero(spans[1:, 0] - reach[:-1] >= apart) + 1])
    return np.column_stack([spans[first, 0], np.maximum.reduceat(spans[:, 1], first)])


class Spans(PixelItem):
    """Draws `brush(color)` over spans of data x; spans that would touch on the screen are one."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[tuple[float, float, int | None]] = []
        """(from, until, index of the gateway, None for all of them)"""
        self.setZValue(-10)

    def show_spans(self, spans: list[tuple[float, float, int | None]]) -> None:
        if spans != self.spans:
            self.spans = spans
            self.update()

    def seen(self, to_px: QTransform, box: QRectF) -> dict[int | None, Array]:
        """What is in view by the gateway: a row of pixels (from, until) each, at least as wide as can be seen."""
        of: dict[int | None, list[tuple[float, float]]] = {}
        for left, right, series in self.spans:
            of.setdefault(series, []).append((left, right))
        return {series: _within(x_to_px(to_px, np.array(spans)), box) for series, spans in of.items()}


class Gaps(Spans):
    """Nothing was seen here: hatched, in the colour of the gateway whose curve breaks; a line if it is short."""

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        look = theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        narrow = [_NONE]
        for series, ends in self.seen(to_px, box).items():
            color = look.color("muted") if series is None else look.series_color(series)
            color.setAlphaF(0.5)
            hatched = QBrush(color, Qt.BrushStyle.BDiagPattern)
            is_wide = ends[:, 1] - ends[:, 0] >= _HATCHED_PX
            for left, right in ends[is_wide].tolist():
                fill(painter, _rect(left, right, box), hatched)
            narrow.append(ends[~is_wide])
        painter.setBrush(look.color("muted", 0.35))
        painter.drawRects(
            [_rect(left, right, box) for left, right in merged(np.concatenate(narrow), _NARROWEST_PX).tolist()]
        )


class LateShades(Spans):
    """This console itself ran late here: dotted, and said where no mark would be under the words, because what was
    seen then is dated late."""

    def __init__(self, *, said: bool) -> None:
        super().__init__()
        self._said = said

    def draw(self, painter: QPainter, to_px: QTransform, box: QRectF) -> None:
        look = theme.current()
        font = look.font("label")
        metrics = QFontMetricsF(font)
        width = metrics.horizontalAdvance(_LATE_LABEL)
        painter.setFont(font)
        free = box.left()
        tint, dots = QBrush(look.color("late", 0.08)), QBrush(look.color("late", 0.35), Qt.BrushStyle.Dense6Pattern)
        for rect in (_rect(left, right, box) for left, right in self.seen(to_px, box).get(None, _NONE).tolist()):
            fill(painter, rect, tint)
            fill(painter, rect, dots)
            left = min(max(rect.left() + 4, free), box.right() - width - 4)
            if self._said and left >= free and rect.width() >= _WORTH_A_WORD_PX:
                painter.setPen(look.color("late"))
                where = QRectF(left, box.top() + 2, width + 2, metrics.height())
                painter.drawText(where, Qt.AlignmentFlag.AlignLeft, _LATE_LABEL)
                free = left + width + 12


def _within(ends: Array, box: QRectF) -> Array:
    """Of spans in pixels what is in the box, those that would touch as one; whole pixels, which cost half to fill."""
    ends = np.round(ends)
    ends = merged(ends[(ends[:, 1] >= box.left()) & (ends[:, 0] <= box.right())], _NARROWEST_PX)
    left = np.maximum(ends[:, 0], box.left())
    return np.column_stack([left, np.maximum(np.minimum(ends[:, 1], box.right()), left + _NARROWEST_PX)])


def _rect(left: float, right: float, box: QRectF) -> QRectF:
    return QRectF(left, box.top(), right - left, box.height())

"""The plots' axes and view: time in UTC at round seconds, device names beside lanes, a mouse that only moves time."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QPen

from fleetgui.policy import formats
from fleetgui.widgets.look import theme
from fleetgui.widgets.plots.data import tick_step

LEFT_WIDTH = 104
"""Pixels of every left axis, so that the plots stand above one another."""


class _Axis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph ships no types
    def __init__(self, orientation: str) -> None:
        super().__init__(orientation, maxTickLength=-4)
        self.enableAutoSIPrefix(False)  # lays out a label anew, which no axis here has, whenever time moves on
        self.restyle()

    def restyle(self) -> None:
        look = theme.current()
        self.setTextPen(look.color("muted"))
        self.setPen(look.color("hairline"))
        self.setTickPen(look.color("hairline"))
        self.setStyle(tickFont=look.font("label"), tickTextOffset=6)


class TimeAxis(_Axis):
    """Labels `HH:MM:SS` in UTC, the day (`11-21`) at midnight; data x counts seconds from `origin` (epoch seconds)."""

    def __init__(self, origin: float) -> None:
        super().__init__("bottom")
        self._origin = origin
        self.setHeight(20)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        step = tick_step(max(high - low, 1e-3), max(size, 1))
        first = ceil((low + self._origin) / step) * step - self._origin
        return [(step, [first + step * index for index in range(int((high - first) / step) + 1)])]

    def tickStrings(self, values: Sequence[float], _scale: float, spacing: float) -> list[str]:
        return [self._label(self._origin + value, spacing) for value in values]

    def _label(self, epoch: float, spacing: float) -> str:
        if spacing < 60:
            return formats.clock_utc(epoch)
        if spacing >= 600 and round(epoch) % 86_400 == 0:
            return formats.moment_utc(epoch)[5:10]
        return f"{formats.clock_utc(epoch)[:5]}Z"


class MillisecondAxis(_Axis):
    """Few round values; the unit stands in the plot's title."""

    def __init__(self) -> None:
        super().__init__("left")
        self.setWidth(LEFT_WIDTH)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        span = max(high - low, 1e-6)
        most = max(2, int(size / 34))
        steps = (scale * unit for scale in (10.0, 100.0, 1_000.0, 10_000.0, 1e5, 1e6) for unit in (1.0, 2.0, 5.0))
        step = next((step for step in steps if span / step <= most), span)
        highest = high - span * 7 / max(size, 14)  # a label at the very top would be cut
        return [(step, [step * index for index in range(int(highest / step) + 1)])]

    def tickStrings(self, values: Sequence[float], _scale: float, _spacing: float) -> list[str]:
        return [f"{value:,.0f}" for value in values]


class LaneAxis(_Axis):
    """A name beside each lane."""

    def __init__(self) -> None:
        super().__init__("left")
        self._names: list[str] = []
        self.setWidth(LEFT_WIDTH)
        self.setStyle(tickLength=0, tickAlpha=0)

    def restyle(self) -> None:
        super().restyle()
        self.setPen(QPen(Qt.PenStyle.NoPen))
        self.setTickPen(QPen(Qt.PenStyle.NoPen))

    def name_lanes(self, names: list[str]) -> None:
        if names != self._names:
            self._names = names
            self.picture = None
            self.update()

    def tickValues(self, *_: float) -> list[tuple[float, list[float]]]:
        return [(1.0, [index + 0.5 for index in range(len(self._names))])]

    def tickStrings(self, values: Sequence[float], _scale: float, _spacing: float) -> list[str]:
        return [_short(self._names[int(value)]) for value in values]


def _short(name: str) -> str:
    """Cut in the middle: ids differ at their ends."""
    name = formats.text(name, 200)
    return name if len(name) <= 15 else f"{name[:6]}…{name[-8:]}"


class TimeView(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph ships no types
    """Wheel zooms time, drag moves it, double click goes back to now. No menu, no automatic ranges."""

    live_requested = Signal()
    clicked = Signal(QPointF)
    """Where, in data coordinates."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=0.0)
        self.setMouseEnabled(x=True, y=False)
        self.disableAutoRange()

    def mouseClickEvent(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        event.accept()
        if event.double():
            self.live_requested.emit()
        else:
            self.clicked.emit(self.mapSceneToView(event.scenePos()))

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis)
        else:
            event.ignore()

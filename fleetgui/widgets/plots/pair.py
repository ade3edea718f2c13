"""The two plots of the overview on one time axis: lag per gateway over its bands, and below it who was refused.

Data x counts seconds from an origin, because epoch seconds are too large for a float's last digits to be pixels.
Everything a frame costs is bounded: curves are decimated, marks merged by pixel, pens one pixel wide, no antialiasing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from fleetgui.stores.edges import Edges
from fleetgui.stores.lag_series import Curves
from fleetgui.widgets.look import theme
from fleetgui.widgets.plots.axes import LaneAxis, MillisecondAxis, TimeAxis, TimeView
from fleetgui.widgets.plots.beyond import Beyond
from fleetgui.widgets.plots.curves import LagCurves
from fleetgui.widgets.plots.data import READABLE, scale_top
from fleetgui.widgets.plots.items import BandLabels, BandRegions, Crosshair
from fleetgui.widgets.plots.lanes import RefusalColumns, Shown
from fleetgui.widgets.plots.marks import EdgeMarks, LaneMarks
from fleetgui.widgets.plots.spans import Gaps, LateShades

LANE_HEIGHT: Final = 15
LONGEST_S: Final = 7 * 86_400.0
_REACH_PX: Final = 8.0
"""How near the pointer has to be to a mark."""


class TimePlots(pg.GraphicsLayoutWidget):  # type: ignore[misc]  # pyqtgraph ships no types
    """Both plots. The page tells it what to show; it tells where the pointer is and what was clicked."""

    hovered = Signal(object)
    """Where the pointer is in the scene (`QPointF`), or None."""
    live_requested = Signal()
    moved_by_hand = Signal()
    refusal_clicked = Signal(int)
    """The store's position of a refusal."""

    def __init__(self, origin: float, elevated_ms: float, critical_ms: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._origin = origin
        self._nodes: dict[str, LagCurves] = {}
        self._lanes: list[str | None] = []
        self._lane_count = 3
        self._edge_lane = True
        self._shared = 0
        self._shown: Shown | None = None
        self._muted = False
        self.ci.layout.setContentsMargins(0, 0, 12, 0)
        self.ci.layout.setSpacing(0)
        self.setFrameShape(self.Shape.NoFrame)
        self.setMinimumSize(120, 90)
        self.lag_view, self.lane_view = TimeView(), TimeView()
        self.lag_axis, self.lane_axis, self.time_axis = MillisecondAxis(), LaneAxis(), TimeAxis(origin)
        self.lag = pg.PlotItem(viewBox=self.lag_view, axisItems={"left": self.lag_axis})
        self.lane = pg.PlotItem(viewBox=self.lane_view, axisItems={"left": self.lane_axis, "bottom": self.time_axis})
        for row, plot in enumerate((self.lag, self.lane)):
            plot.hideButtons()
            for name in ("top", "right", "bottom"):
                plot.getAxis(name).enableAutoSIPrefix(False)  # what nobody sees lays out its label with every move
            plot.setMenuEnabled(False)
            plot.layout.setContentsMargins(0, 4, 0, 0)
            self.addItem(plot, row=row, col=0)
        self.lag.hideAxis("bottom")
        self.lag.setMinimumHeight(0)  # its own minimum would push the time axis out of a low window
        self.lane_view.invertY(True)
        self.lane_view.setXLink(self.lag_view)
        self.bands = BandRegions(elevated_ms, critical_ms)
        self.gaps, self.lane_gaps = Gaps(), Gaps()
        self.late = LateShades(said=True), LateShades(said=False)
        self.marks, self.edge_marks = LaneMarks(), EdgeMarks()
        self.cross = (Crosshair(), Crosshair())
        self.beyond = Beyond(self._nodes)
        for item in (self.bands, BandLabels(self.bands), self.beyond, self.gaps, self.late[0], self.cross[0]):
            self.lag.addItem(item, ignoreBounds=True)
        for item in (self.lane_gaps, self.late[1], self.marks, self.edge_marks, self.cross[1]):
            self.lane.addItem(item, ignoreBounds=True)
        self._top_ms = 0.0
        self.scale_to(0.0)
        for view in (self.lag_view, self.lane_view):
            view.setLimits(minXRange=5.0, maxXRange=LONGEST_S)
            view.live_requested.connect(self.live_requested)
            view.sigRangeChangedManually.connect(lambda *_: self.moved_by_hand.emit())
        self.lane_view.clicked.connect(self._clicked)
        self.scene().sigMouseMoved.connect(self._hover)
        self._count_lanes()
        self.restyle()

    # What is shown

    @property
    def time_range(self) -> tuple[float, float]:
        """Epoch seconds at the left and right end."""
        left, right = self.lag_view.viewRange()[0]
        return left + self._origin, right + self._origin

    @property
    def pixels(self) -> float:
        """Pixels of the time axis."""
        return max(1.0, float(self.lag_view.width()))

    def show_range(self, left: float, right: float) -> None:
        """Show these epoch seconds."""
        self.lag_view.setXRange(left - self._origin, right - self._origin, padding=0)

    @property
    def pixel_s(self) -> float:
        """Seconds that a pixel of the time axis stands for."""
        left, right = self.lag_view.viewRange()[0]
        return float(right - left) / self.pixels

    def show_curves(self, name: str, index: int, curves: Curves) -> None:
        """Show the curves of the `index`th gateway."""
        items = self._nodes.get(name)
        if items is None:
            items = self._nodes[name] = LagCurves()
            self.lag.addItem(items, ignoreBounds=True)
            self.restyle()
        items.show_curves(curves, self._origin, self.pixel_s, self._top_ms)

    @property
    def readable_ms(self) -> float:
        """Up to what the lag axis may reach for a few windows' sake."""
        return READABLE * self.bands.critical_ms

    def scale_to(self, highest_ms: float) -> bool:
        """Scale the lag axis for values up to this; maxima above it are marked at its top. Whether it changed."""
        top = scale_top(highest_ms, self.bands.elevated_ms, self.bands.critical_ms)
        if top == self._top_ms:
            return False
        self._top_ms = top
        self.lag_view.setYRange(0.0, top, padding=0)
        return True

    def show_thresholds(self, elevated_ms: float, critical_ms: float) -> None:
        self.bands.elevated_ms, self.bands.critical_ms = elevated_ms, critical_ms
        self.bands.update()
        self._top_ms = 0.0

    def show_gaps(self, spans: Iterable[tuple[float, float, int | None]]) -> None:
        """(from, until, index of the gateway, None for all): nothing was seen between these epoch seconds."""
        self.gaps.show_spans([(a - self._origin, b - self._origin, index) for a, b, index in spans])

    def show_lane_gaps(self, spans: Iterable[tuple[float, float, int | None]]) -> None:
        """Likewise for the lanes below."""
        self.lane_gaps.show_spans([(a - self._origin, b - self._origin, index) for a, b, index in spans])

    def show_late(self, spans: Sequence[tuple[float, float]]) -> None:
        """(from, until): between these epoch seconds this console ran too late for what it saw to be dated right."""
        for shades in self.late:
            shades.show_spans([(a - self._origin, b - self._origin, None) for a, b in spans])

    def show_refusals(self, columns: RefusalColumns) -> None:
        """Show who was refused in the range in view."""
        left, right = self.time_range
        self._shown, self._lanes, self._shared = columns.shown(left, right, self._lanes, self._lane_count - 1)
        self.marks.show_refusals(self._shown, origin=self._origin, shared_lane=self._lane_count - 1)
        names = [name or "" for name in self._lanes]
        others = f"+{self._shared:,} others" if names else f"{self._shared:,} held back"
        names.append(others if self._shared else "refused" if len(self._shown.minutes) else "")
        if not any(names):
            names[0] = "held back"
        if self._edge_lane:
            names.append("edges")
        self.lane_axis.name_lanes(names)

    def show_edges(self, edges: Edges) -> None:
        """Show who came and went in the range in view."""
        left, right = self.time_range
        shown = edges.between(left, right if self._edge_lane else left)
        self.edge_marks.show_edges(shown, origin=self._origin, lane=self._lane_count)

    def show_muted(self, muted: bool) -> None:
        """Grey what is no longer live."""
        if muted is not self._muted:
            self._muted = muted
            self.marks.muted = muted
            self.restyle()

    def point_at(self, epoch: float | None, row: int | None = None) -> None:
        """Put the crosshair at an epoch second, and a frame around the refusal of that row; None takes them away."""
        self.marks.select(row)
        for cross in self.cross:
            cross.move_to(None if epoch is None else epoch - self._origin)

    def row_near(self, scene: QPointF) -> int | None:
        """The store's position of the refusal under a point of the scene, None when there is none near."""
        if self._shown is None or not self.lane_view.sceneBoundingRect().contains(scene):
            return None
        return self._row_at(self.lane_view.mapSceneToView(scene))

    def restyle(self) -> None:
        """Take the colours and fonts of the look in force."""
        look = theme.current()
        self.setBackground(look.color("surface"))
        for axis in (self.lag_axis, self.lane_axis, self.time_axis):
            axis.restyle()
        for index, name in enumerate(sorted(self._nodes)):
            self._nodes[name].style(index, muted=self._muted)
        self.viewport().update()

    # Within

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        if event is not None and hasattr(self, "lane"):  # called by the base class before we are made
            self._count_lanes()

    def _count_lanes(self) -> None:
        """As many lanes as leave the lag most of the height; the last is for what shares, and one more for edges."""
        room = self.height() * 0.42 - self.time_axis.height()
        lanes = max(1, min(10, int(room / LANE_HEIGHT)))
        self._edge_lane = lanes > 2
        self._lane_count = lanes - 1 if self._edge_lane else lanes
        height = lanes * LANE_HEIGHT + 24
        self.lane.setMinimumHeight(height)
        self.lane.setMaximumHeight(height)
        self.lane_view.setYRange(0, lanes, padding=0)
        self._lanes = self._lanes[: self._lane_count - 1]

    def _hover(self, scene: QPointF) -> None:
        for view in (self.lag_view, self.lane_view):
            if view.sceneBoundingRect().contains(scene):
                self.hovered.emit(scene)
                return
        self.hovered.emit(None)

    def leaveEvent(self, event: object) -> None:
        super().leaveEvent(event)
        self.hovered.emit(None)

    def epoch_at(self, scene: QPointF) -> float:
        """Epoch second under a point of the scene."""
        return float(self.lag_view.mapSceneToView(scene).x()) + self._origin

    def place_of(self, epoch: float, y: float) -> QPointF:
        """Where an epoch second stands in this widget, at height `y` of the scene."""
        scene = self.lag_view.mapViewToScene(QPointF(epoch - self._origin, 0.0))
        return QPointF(self.mapFromScene(QPointF(scene.x(), y)))

    def _clicked(self, at: QPointF) -> None:
        row = self._row_at(at)
        if row is not None:
            self.refusal_clicked.emit(row)

    def _row_at(self, at: QPointF) -> int | None:
        shown = self._shown
        if shown is None or not len(shown.at):
            return None
        lane = int(at.y())
        wanted = -1 if lane == self._lane_count - 1 else lane
        chosen = np.flatnonzero(shown.lane == wanted)
        if not len(chosen):
            return None
        left, right = self.time_range
        reach = _REACH_PX * (right - left) / self.pixels
        x = at.x() + self._origin
        inside = chosen[(shown.at[chosen] <= x) & (shown.until[chosen] >= x)] if wanted >= 0 else chosen[:0]
        if len(inside):
            return int(shown.row[inside[-1]])
        nearest = chosen[np.argmin(np.abs(shown.at[chosen] - x))]
        return int(shown.row[nearest]) if abs(shown.at[nearest] - x) <= reach else None

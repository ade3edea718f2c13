"""The overview: what the gateways' loops did and whom the throttle held back, on one time axis that runs along.

It moves with time until somebody pauses, drags or zooms; what comes in meanwhile is kept, and a double click, End or
"Live" goes back to now. N and P go from engagement to engagement, Enter opens the device of one. Drawn only while it is
visible, at most ten times a second, and no more often than a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from PySide6.QtCore import QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy.clock import Clock
from fleetgui.policy.settings import LagSettings
from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.engagements import Refusal
from fleetgui.stores.storm import storm_now
from fleetgui.widgets.look import theme
from fleetgui.widgets.overview import reading as overview_reading
from fleetgui.widgets.overview import words as overview_words
from fleetgui.widgets.overview.bar import WINDOWS, OverviewBar
from fleetgui.widgets.overview.drawing import CurveDrawing
from fleetgui.widgets.overview.gaps import lag_gaps, lane_gaps
from fleetgui.widgets.overview.reader import Reader
from fleetgui.widgets.overview.spot import By
from fleetgui.widgets.parts.elided import ElidedLabel
from fleetgui.widgets.parts.guarded import Guarded
from fleetgui.widgets.parts.keys import OwnKeys
from fleetgui.widgets.parts.plain import plain_label
from fleetgui.widgets.plots.lanes import RefusalColumns
from fleetgui.widgets.plots.pair import LONGEST_S, TimePlots
from fleetgui.wire.times import to_epoch

FASTEST_MS: Final = 100
SLOWEST_MS: Final = 1_000
_AHEAD: Final = 0.02
"""Share of the window that lies beyond now, so that the newest point does not stick to the edge."""
_SKEW_S: Final = 5.0
"""A gateway's clock that differs by more than this has the axis end at its own now."""
_STORM_EVERY_S: Final = 1.0
"""How often who is held back is told anew."""
_STEP_PX: Final = 8.0


class Motion(Enum):
    LIVE = "runs along with time"
    STILL = "stands where somebody stopped or moved it"


class OverviewPage(QWidget):
    device_opened = Signal(str)
    history_wanted = Signal(float)
    """The epoch second from which on somebody looks, where it is older than what is held."""
    said = Signal(str)
    """A sentence for the status line."""

    def __init__(
        self,
        state: ConsoleState,
        clock: Clock,
        *,
        elevated_ms: float | None = None,
        critical_ms: float | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """Thresholds default to the settings' defaults; `set_thresholds` when a gateway has told its own."""
        super().__init__(parent)
        defaults = LagSettings()
        self._state = state
        self._clock = clock
        self._span = WINDOWS["5 min"]
        self.motion = Motion.LIVE
        self._storm_told = float("-inf")
        self._columns = RefusalColumns(state.engagements)
        origin = float(int(clock.wall()))
        self.plots = TimePlots(origin, elevated_ms or defaults.elevated_ms, critical_ms or defaults.critical_ms)
        self._drawing = CurveDrawing(state.lag, self.plots)
        self.reader = Reader(state, self.plots, self._columns)
        self.plots.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.plots.setAccessibleName("Lag and refusals over time")
        self.bar = OverviewBar()
        self.storm = ElidedLabel()
        self._message = plain_label(parent=self.plots)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._timer = QTimer(self, interval=SLOWEST_MS)
        self._timer.timeout.connect(Guarded(self, self.refresh))
        self._lay_out()
        self._listen()
        self.setFocusProxy(self.plots)
        self._restyle()
        theme.changed.connect(self._restyle)

    # What can be asked for

    def set_window(self, seconds: float) -> None:
        """Show the last `seconds`, running along."""
        self._span = min(seconds, LONGEST_S)
        self.bar.show_window(seconds)
        self._pace()
        self.go_live()

    def set_thresholds(self, elevated_ms: float, critical_ms: float) -> None:
        """Where the bands begin, as a gateway's settings say."""
        self.plots.show_thresholds(elevated_ms, critical_ms)
        self._drawing.forget()

    def set_observer_late(self, spans: Sequence[tuple[float, float]]) -> None:
        """Shade (from, until) in epoch seconds: this console ran late then, and dated late what it saw."""
        self.plots.show_late(spans)

    def pause(self) -> None:
        """Stand still; what comes in is kept."""
        self._set_motion(Motion.STILL)

    def go_live(self) -> None:
        """Run along with time again."""
        self._set_motion(Motion.LIVE)
        self._drawing.forget()
        self.refresh()

    def refresh(self) -> None:
        """Draw what has changed. Called by the timer while the page is visible."""
        now, wall = self._clock.now(), self._clock.wall()
        edge = self._edge(now, wall)
        if self.motion is Motion.LIVE:
            pixel = self._span / self.plots.pixels
            right = (edge // pixel + 1) * pixel + self._span * _AHEAD
            self.plots.show_range(right - self._span, right)
        self.plots.show_muted(self._state.sources.link_state(now) is not State.LIVE)
        self._draw()
        left, _ = self.plots.time_range
        self.plots.show_gaps(lag_gaps(self._state, self._drawing.gaps, since=left, now=now, edge=edge))
        self.plots.show_lane_gaps(lane_gaps(self._state, since=left, now=now, edge=edge))
        self.plots.show_refusals(self._columns)
        self.plots.show_edges(self._state.edges)
        self._say(now, wall, edge)
        self.reader.show(edge)

    # Drawing

    def _draw(self) -> None:
        """The curves that are due; the rest in the next turn."""
        unfinished, moved = self._drawing.draw()
        if moved:
            self._look_back(self.plots.time_range[0])
        if unfinished and self._timer.isActive():
            QTimer.singleShot(0, self, self.refresh)

    def _look_back(self, left: float) -> None:
        held = [since for name in self._state.lag.nodes if (since := self._state.lag.since(name)) is not None]
        if held and left < max(held):
            self.history_wanted.emit(left)

    def _edge(self, now: float, wall: float) -> float:
        """Now, on the gateways' clocks where they differ much from this machine's."""
        theirs = []
        for node in self._state.lag.nodes.values():
            if node.latest is not None and node.heard is not None:
                at = to_epoch(node.latest.ts)
                if at is not None:
                    theirs.append(at + now - node.heard)
        newest = max(theirs, default=wall)
        return wall if abs(newest - wall) <= _SKEW_S else newest

    def _say(self, now: float, wall: float, edge: float) -> None:
        """The sentence over an empty plot, the newest values, and who is held back."""
        text = overview_words.nothing_to_draw(self._state, now)
        if text != self._message.text():
            self._message.setText(text)
        self._message.setVisible(bool(text))
        self.bar.readout.show_parts(overview_reading.latest(self._state, now=now, wall=wall))
        if abs(now - self._storm_told) >= _STORM_EVERY_S:
            self._storm_told = now
            storm = storm_now(self._state, edge)
            self.storm.say(*overview_words.storm_sentence(self._state, storm, now=now, wall=edge))

    # Reading values

    def _read(self) -> None:
        self.reader.show(self._edge(self._clock.now(), self._clock.wall()))

    def _pointed(self, scene: QPointF | None) -> None:
        self.reader.pointed(scene)
        self._read()

    def _bring(self, moment: float | None) -> None:
        """Read at `moment`, which is brought into view."""
        left, right = self.plots.time_range
        if moment is None:
            return
        if left <= moment <= right:
            self._read()
        else:
            self._look_at(moment - (right - left) / 2, moment + (right - left) / 2)

    def _step(self, *, forward: bool) -> None:
        moment = self.reader.step(forward)
        self._bring(moment)
        if moment is None:
            self.said.emit(f"There is no {'later' if forward else 'earlier'} engagement among those that were read.")

    def _open(self) -> None:
        if self.reader.spot.refusal is not None:
            self.device_opened.emit(self.reader.spot.refusal.device_id)

    def _refusal_clicked(self, row: int) -> None:
        refusals = self._state.engagements.refusals
        if 0 <= row < len(refusals):
            self.device_opened.emit(refusals[row].device_id)

    # Moving

    def _set_motion(self, motion: Motion) -> None:
        self.motion = motion
        self.bar.show_still(motion is Motion.STILL)

    def _toggle(self) -> None:
        self.go_live() if self.motion is Motion.STILL else self.pause()

    def _escape(self) -> None:
        """Let go of what is read first, then of standing still."""
        if self.reader.spot.by is By.NOBODY:
            self.go_live()
        else:
            self.reader.spot.clear()
            self._read()

    def _moved(self) -> None:
        if self.motion is Motion.LIVE:
            self.pause()
        self.refresh()

    def _look_at(self, left: float, right: float) -> None:
        self.pause()
        self.plots.show_range(left, right)
        self.refresh()

    def _pan(self, share: float) -> None:
        left, right = self.plots.time_range
        self._look_at(left + share * (right - left), right + share * (right - left))

    def _zoom(self, factor: float) -> None:
        """Around what is read, else around the middle."""
        left, right = self.plots.time_range
        spot = self.reader.spot
        around = spot.moment if spot.by is By.KEYS and spot.moment is not None else (left + right) / 2
        self._look_at(around - (around - left) * factor, around + (right - around) * factor)

    # What is heard

    def _listen(self) -> None:
        state = self._state
        subscriptions = Subscriptions(self)
        subscriptions.listen(state.lag.changed, self._samples_came)
        subscriptions.listen(state.engagements.changed, self._refusals_came)
        subscriptions.listen(state.link.changed, self._link_changed)
        self.plots.live_requested.connect(self.go_live)
        self.plots.moved_by_hand.connect(self._moved)
        self.plots.hovered.connect(self._pointed)
        self.plots.refusal_clicked.connect(self._refusal_clicked)
        self.bar.window_chosen.connect(self.set_window)
        self.bar.pause_requested.connect(self.pause)
        self.bar.live_requested.connect(self.go_live)
        keys = {
            "Space": self._toggle,
            "End": self.go_live,
            "Esc": self._escape,
            "Left": lambda: self._pan(-0.1),
            "Right": lambda: self._pan(0.1),
            "Shift+Left": lambda: self._bring(self.reader.move(-_STEP_PX)),
            "Shift+Right": lambda: self._bring(self.reader.move(_STEP_PX)),
            "+": lambda: self._zoom(0.5),
            "=": lambda: self._zoom(0.5),
            "-": lambda: self._zoom(2.0),
            "N": lambda: self._step(forward=True),
            "P": lambda: self._step(forward=False),
            "Return": self._open,
            "Enter": self._open,
        }
        OwnKeys(self, keys)
        OwnKeys(self.plots, keys)

    def _refusals_came(self, new: list[Refusal]) -> None:
        self._columns.take_in(new)
        self._storm_told = float("-inf")

    def _samples_came(self, nodes: frozenset[str]) -> None:
        self._drawing.came(nodes)

    def _link_changed(self, _link: object) -> None:
        self._drawing.forget()
        self._storm_told = float("-inf")
        if self._timer.isActive():
            self.refresh()

    # The widget

    def _lay_out(self) -> None:
        self.bar.show_window(self._span)
        self.bar.show_still(False)
        self.storm.setContentsMargins(3 * theme.GRID, 0, 3 * theme.GRID, theme.GRID)
        self.storm.setMinimumHeight(6 * theme.GRID)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bar)
        layout.addWidget(self.plots, 1)
        layout.addWidget(self.storm)

    def sizeHint(self) -> QSize:
        return QSize(640, 280)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 120)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._pace()
        self._timer.start()
        self._drawing.forget()
        QTimer.singleShot(0, self, self.refresh)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._message.setGeometry(0, 0, self.plots.width(), max(60, round(self.plots.height() * 0.6)))
        self._pace()
        self._drawing.forget()

    def _pace(self) -> None:
        """As often as the plot moves by a pixel, within bounds."""
        pixel_ms = round(self._span * 1_000 / self.plots.pixels)
        self._timer.setInterval(max(FASTEST_MS, min(SLOWEST_MS, pixel_ms)))

    def _restyle(self) -> None:
        look = theme.current()
        self._message.setFont(look.font("body"))
        palette = self._message.palette()
        palette.setColor(self._message.foregroundRole(), look.color("muted"))
        self._message.setPalette(palette)
        self.plots.restyle()

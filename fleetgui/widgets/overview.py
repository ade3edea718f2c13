"""The overview: what the gateways' loops did and whom the throttle held back, on one time axis that runs along.

It moves with time until somebody pauses, drags or zooms; what comes in meanwhile is kept, and a double click, End or
"Live" goes back to now. Drawn only while it is visible, at most ten times a second, and no more often than a pixel.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from PySide6.QtCore import QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.settings import LagSettings
from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.engagements import Refusal
from fleetgui.stores.journal import Entry
from fleetgui.stores.lag_series import Reading
from fleetgui.widgets import theme
from fleetgui.widgets.plain import plain_label
from fleetgui.widgets.plots import TimePlots
from fleetgui.widgets.plots_lanes import RefusalColumns, sentence
from fleetgui.widgets.readout import Part, Readout
from fleetgui.wire.times import to_epoch

WINDOWS: Final = {"5 min": 300.0, "15 min": 900.0, "1 h": 3_600.0}
FASTEST_MS: Final = 100
SLOWEST_MS: Final = 1_000
_AHEAD: Final = 0.02
"""Share of the window that lies beyond now, so that the newest point does not stick to the edge."""
_SKEW_S: Final = 5.0
"""A gateway's clock that differs by more than this has the axis end at its own now."""


class Motion(Enum):
    LIVE = "runs along with time"
    STILL = "stands where somebody stopped or moved it"


class OverviewPage(QWidget):
    device_opened = Signal(str)

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
        self._dirty = True
        self._drawn_range = (0.0, 0.0)
        self._pointer: QPointF | None = None
        self._columns = RefusalColumns(state.engagements)
        origin = float(int(clock.wall()))
        self.plots = TimePlots(origin, elevated_ms or defaults.elevated_ms, critical_ms or defaults.critical_ms)
        self.plots.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.plots.setAccessibleName("Lag and refusals over time")
        self.readout = Readout()
        self._message = plain_label(parent=self.plots)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._timer = QTimer(self, interval=SLOWEST_MS)
        self._timer.timeout.connect(self.refresh)
        self._lay_out()
        self._listen()
        self.setFocusProxy(self.plots)
        self._restyle()
        theme.changed.connect(self._restyle)

    # What can be asked for

    def set_window(self, seconds: float) -> None:
        """Show the last `seconds`, running along."""
        self._span = seconds
        for name, button in self._windows.items():
            button.setChecked(WINDOWS[name] == seconds)
        self.go_live()

    def set_thresholds(self, elevated_ms: float, critical_ms: float) -> None:
        """Where the bands begin, as a gateway's settings say."""
        self.plots.show_thresholds(elevated_ms, critical_ms)
        self._dirty = True

    def pause(self) -> None:
        """Stand still; what comes in is kept."""
        self._set_motion(Motion.STILL)

    def go_live(self) -> None:
        """Run along with time again."""
        self._set_motion(Motion.LIVE)
        self._dirty = True
        self.refresh()

    def refresh(self) -> None:
        """Draw what has changed. Called by the timer while the page is visible."""
        now, wall = self._clock.now(), self._clock.wall()
        edge = self._edge(now, wall)
        if self.motion is Motion.LIVE:
            pixel = self._span / self.plots.pixels
            right = (edge // pixel + 1) * pixel + self._span * _AHEAD
            self.plots.show_range(right - self._span, right)
        if self._dirty or self._left_what_was_drawn():
            self._draw(now)
        self._draw_gaps(now, edge)
        self.plots.show_refusals(self._columns)
        self._say()
        self._read_out(now, wall)

    # Within

    def _draw(self, now: float) -> None:
        left, right = self.plots.time_range
        reserve = (right - left) / 2
        self._drawn_range = (left - reserve, right + reserve)
        highest = 0.0
        self._gap_spans: list[tuple[float, float, int]] = []
        for index, name in enumerate(sorted(self._state.lag.nodes)):
            curves = self._state.lag.curves(name, left - reserve)
            highest = max(highest, self.plots.show_curves(name, index, curves))
            self._gap_spans += [(start, end, index) for start, end in curves.gaps]
        self.plots.scale_to(highest)
        self.plots.show_muted(self._state.link.state.state is not State.LIVE)
        self._dirty = False

    def _left_what_was_drawn(self) -> bool:
        left, right = self.plots.time_range
        start, end = self._drawn_range
        return left < start or right > end or (right - left) < (end - start) / 4

    def _draw_gaps(self, now: float, edge: float) -> None:
        """Known gaps, and the one that is open: from the last sample of a gateway that fell silent until now."""
        spans = list(self._gap_spans)
        for index, name in enumerate(sorted(self._state.lag.nodes)):
            node = self._state.lag.nodes[name]
            last = to_epoch(node.latest.ts) if node.latest is not None else None
            if last is not None and node.source.state(now) is not State.LIVE:
                spans.append((last, max(edge, last), index))
        self.plots.show_gaps(spans)

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

    def _say(self) -> None:
        """The sentence over an empty plot."""
        state = self._state
        link = state.link.state
        nodes = state.lag.nodes
        up = link.state is State.LIVE
        if not up and link.lost_at is None and not nodes:
            text = "Not connected. Lag and refusals appear here once there is a link."
        elif not nodes:
            text = "No gateway on this fabric has been heard yet. Its lag and refusals appear here when one is."
        elif all(node.latest is None for node in nodes.values()):
            text = "Waiting for the first lag window."
        else:
            text = ""
        if text != self._message.text():
            self._message.setText(text)
        self._message.setVisible(bool(text))

    def _read_out(self, now: float, wall: float) -> None:
        """Values at the pointer, else the latest."""
        state = self._state
        if self._pointer is None:
            lost_at = state.link.state.lost_at
            as_of = f"as of {formats.clock_utc(wall - (now - lost_at))}" if lost_at is not None else "lag, ms"
            parts = [Part(as_of, quiet=True)]
            for index, name in enumerate(sorted(state.lag.nodes)):
                latest = state.lag.nodes[name].latest
                values = None if latest is None else (latest.p50_ms, latest.p99_ms, latest.max_ms)
                parts.append(Part(_values(name, values), index))
            self.plots.point_at(None)
            self.readout.show_parts(parts if len(parts) > 1 else [])
            return
        at = self.plots.epoch_at(self._pointer)
        self.plots.point_at(at)
        row = self.plots.row_near(self._pointer)
        if row is not None and row < len(state.engagements.refusals):
            self.readout.show_parts([Part(sentence(state.engagements.refusals[row], wall=wall))])
            return
        parts = [Part(formats.clock_utc(at))]
        for index, name in enumerate(sorted(state.lag.nodes)):
            sample: Reading | None = state.lag.at(name, at)
            values = None if sample is None else (sample.p50, sample.p99, sample.max)
            parts.append(Part(_values(name, values), index))
        self.readout.show_parts(parts)

    def _pointed(self, scene: QPointF | None) -> None:
        self._pointer = scene
        self._read_out(self._clock.now(), self._clock.wall())

    def _refusal_clicked(self, row: int) -> None:
        refusals = self._state.engagements.refusals
        if 0 <= row < len(refusals):
            self.device_opened.emit(refusals[row].device_id)

    def _set_motion(self, motion: Motion) -> None:
        self.motion = motion
        still = motion is Motion.STILL
        self._pause.setChecked(still)
        self._pause.setText("‖ Paused" if still else "Pause")
        self._live.setEnabled(still)

    def _new_refusals(self, new: list[Refusal]) -> None:
        self._columns.take_in(new)

    def _new_entry(self, entry: Entry) -> None:
        if entry.device_id is not None and entry.state in (State.ONLINE, State.OFFLINE):
            self.plots.edges.append((entry.at, entry.state is State.ONLINE))

    def _samples_came(self, _nodes: frozenset[str]) -> None:
        self._dirty = True

    def _link_changed(self, _link: object) -> None:
        self._dirty = True
        if self._timer.isActive():
            self.refresh()

    def _listen(self) -> None:
        state = self._state
        subscriptions = Subscriptions(self)
        subscriptions.listen(state.lag.changed, self._samples_came)
        subscriptions.listen(state.engagements.changed, self._new_refusals)
        subscriptions.listen(state.journal.appended, self._new_entry)
        subscriptions.listen(state.link.changed, self._link_changed)
        for entry in state.journal.entries:
            self._new_entry(entry)
        self.plots.live_requested.connect(self.go_live)
        self.plots.moved_by_hand.connect(self._moved)
        self.plots.hovered.connect(self._pointed)
        self.plots.refusal_clicked.connect(self._refusal_clicked)

    def _moved(self) -> None:
        if self.motion is Motion.LIVE:
            self.pause()
        self.refresh()

    def _lay_out(self) -> None:
        self._gap_spans = []
        bar = QHBoxLayout()
        bar.setContentsMargins(3 * theme.GRID, 0, 2 * theme.GRID, 0)
        bar.setSpacing(theme.GRID)
        bar.addWidget(self.readout, 1)
        self._windows: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        for name, seconds in WINDOWS.items():
            button = _button(name, f"Show the last {name}", checkable=True)
            button.setChecked(seconds == self._span)
            button.clicked.connect(lambda _checked=False, seconds=seconds: self.set_window(seconds))
            group.addButton(button)
            bar.addWidget(button)
            self._windows[name] = button
        bar.addSpacing(3 * theme.GRID)
        self._pause = _button("Pause", "Stand still; what comes in is kept (Space)", checkable=True)
        self._pause.clicked.connect(lambda checked: self.pause() if checked else self.go_live())
        self._live = _button("Live", "Back to now (End, or double click)")
        self._live.setEnabled(False)
        self._live.clicked.connect(self.go_live)
        bar.addWidget(self._pause)
        bar.addWidget(self._live)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addWidget(self.plots, 1)

    def sizeHint(self) -> QSize:
        return QSize(640, 280)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 120)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._pace()
        self._timer.start()
        self._dirty = True
        QTimer.singleShot(0, self, self.refresh)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._message.setGeometry(0, 0, self.plots.width(), max(60, round(self.plots.height() * 0.6)))
        self._pace()
        self._dirty = True

    def _pace(self) -> None:
        """As often as the plot moves by a pixel, within bounds."""
        pixel_ms = round(self._span * 1_000 / self.plots.pixels)
        self._timer.setInterval(max(FASTEST_MS, min(SLOWEST_MS, pixel_ms)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        left, right = self.plots.time_range
        span = right - left
        match event.key():
            case Qt.Key.Key_Space:
                self.go_live() if self.motion is Motion.STILL else self.pause()
            case Qt.Key.Key_End | Qt.Key.Key_Escape:
                self.go_live()
            case Qt.Key.Key_Left | Qt.Key.Key_Right:
                step = span / 10 * (-1 if event.key() == Qt.Key.Key_Left else 1)
                self._look_at(left + step, right + step)
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self._look_at(left + span / 4, right - span / 4)
            case Qt.Key.Key_Minus:
                self._look_at(left - span / 2, right + span / 2)
            case _:
                super().keyPressEvent(event)

    def _look_at(self, left: float, right: float) -> None:
        self.pause()
        self.plots.show_range(left, right)
        self.refresh()

    def _restyle(self) -> None:
        look = theme.current()
        self._message.setFont(look.font("body"))
        palette = self._message.palette()
        palette.setColor(self._message.foregroundRole(), look.color("muted"))
        self._message.setPalette(palette)
        self.plots.restyle()
        self._dirty = True


def _values(name: str, values: tuple[float, float, float] | None) -> str:
    shown = formats.text(name, 30)
    if values is None:
        return f"{shown}  no sample"
    p50, p99, most = (f"{value:.1f}" if value < 10 else f"{value:,.0f}" for value in values)
    return f"{shown}  p50 {p50} · p99 {p99} · max {most}"


def _button(text: str, says: str, *, checkable: bool = False) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setCheckable(checkable)
    button.setToolTip(says)
    button.setAccessibleName(says)
    return button

"""The header: whose fleet this is, how the link stands, what time it is, the fleet in figures, who runs late.

Two lines; of gateways, and of this console itself, a chip each. It stands before anything is known, and is filled by
`show_state` once a second and on change; nothing is painted unless what it says has changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from fleetgui.policy import formats
from fleetgui.policy.states import BANDS, LinkPhase, LinkState, State
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.chip import Chip
from fleetgui.widgets.parts.plain import plain_label, tip
from fleetgui.widgets.window.figure_view import FigureView
from fleetgui.widgets.window.gateway_chips import GatewayChips

if TYPE_CHECKING:
    from fleetgui.stores.console import ConsoleState
    from fleetgui.stores.observer import Observer

_EDGE: Final = 4
"""Pixels of the context's colour at the left."""

_MARGIN: Final = 4 * theme.GRID
_APART: Final = 7 * theme.GRID
_APART_NARROW: Final = 4 * theme.GRID
_AGAIN: Final = 40
"""Pixels more than needed before what gave way comes back, as a gateway's figures change by the second."""

_WORDS: Final = {
    LinkPhase.IDLE: "not connected",
    LinkPhase.CONNECTING: "connecting",
    LinkPhase.UP: "live",
    LinkPhase.RECONNECTING: "no broker",
    LinkPhase.REFUSED: "refused",
    LinkPhase.CLOSED: "closed",
}


@dataclass(frozen=True)
class ContextFacts:
    """What is shown of the context: its name, tenant, colour (`#RRGGBB`, "" for none) and protection ("" for none)."""

    name: str
    tenant: str
    color: str = ""
    protection: str = ""


class Header(QWidget):
    def __init__(self, facts: ContextFacts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edge = QColor(facts.color) if facts.color else QColor()
        self._name = plain_label(formats.text(facts.name, 60))
        self._tenant = plain_label(f"tenant {formats.text(facts.tenant, 60)}")
        self._protection = plain_label(formats.text(facts.protection, 40) if facts.protection else "")
        self._protection.setVisible(bool(facts.protection))
        self.link = Chip()
        self.utc = plain_label()
        self.local = plain_label()
        self.registered = FigureView("registered")
        self.online = FigureView("online")
        self.offline = FigureView("went offline")
        self.held_back = FigureView("held back", alarm="band_elevated")
        self.failing = FigureView("deployments failing", alarm="band_critical")
        self.failing.hide()
        self.gateways = GatewayChips()
        self.own = Chip()
        self.own.setVisible(False)
        self._has_own = False
        """Whether this console's own loop was measured."""
        self._figures = (self.registered, self.online, self.offline, self.held_back, self.failing)
        self._second = QHBoxLayout()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._lay_out()
        theme.changed.connect(self._restyle)
        self._restyle()

    def show_time(self, wall: float) -> None:
        """Set the clocks to epoch second `wall`."""
        _say(self.utc, formats.clock_utc(wall))
        _say(self.local, formats.clock_local(wall))

    def show_link(self, link: LinkState, fresh: State, *, now: float, heard_at: float | None = None) -> None:
        """Show how the link stands. `fresh` is its state as a source: up, it may be silent, since `heard_at`."""
        up = link.phase is LinkPhase.UP
        silent = f"silent for {formats.age(now - heard_at)}" if up and heard_at and fresh is not State.LIVE else ""
        rest = [link.server_name or link.server or ""]
        if silent:
            rest += [silent]
        elif up:
            rest += [formats.millis(link.rtt_ms) if link.rtt_ms is not None else ""]
            rest += [f"since {formats.clock_utc(link.since_wall)}"]
        elif link.lost_at is not None:
            rest += [f"for {formats.age(now - link.lost_at)}"]
        self.link.show_state(
            fresh,
            word=fresh.word if silent else _WORDS[link.phase],
            rest=[part for part in rest if part],
            loud=link.phase is LinkPhase.REFUSED,
        )
        self.link.setToolTip(
            tip(
                f"Link: {link.phase.value}, server {link.server or 'unknown'}",
                f"since {formats.moment_utc(link.since_wall)}" if link.since_wall else "",
                f"reconnected {link.reconnects} times" if link.reconnects else "",
                f"last error: {link.error}" if link.error else "",
            )
        )

    def show_state(self, state: ConsoleState, *, now: float, wall: float) -> None:
        """Show link, figures and gateways at `now` (`Clock.now()`), `wall` (epoch seconds)."""
        # here, because it needs numpy, which the window's start does not wait for
        from fleetgui.stores.figures import deployments_failing, fleet_figures

        self.show_link(state.link.state, state.sources.link_state(now), now=now, heard_at=state.sources.broker_heard_at)
        figures = fleet_figures(state, now=now, wall=wall)
        quiet = state.link.state.phase is not LinkPhase.UP
        self.registered.show_figure(figures.registered, now=now, wall=wall, quiet=quiet)
        self.online.show_figure(figures.online, now=now, wall=wall, quiet=quiet)
        self.offline.show_figure(figures.offline, now=now, wall=wall, quiet=quiet)
        if state.lag.nodes or state.lag.availability is State.UNKNOWN:
            self.held_back.show_figure(figures.held_back, now=now, wall=wall, quiet=quiet)
        else:
            self.held_back.show_absent("no gateway on this fabric tells it")
        failing = deployments_failing(state, now)
        self.failing.setVisible(failing is not None)
        if failing is not None:
            self.failing.show_figure(failing, now=now, wall=wall, quiet=quiet)
        self.gateways.show_nodes(state, now=now)
        self._show_own(state.observer)
        self._fit()

    def _show_own(self, observer: Observer) -> None:
        """Show how late this console's own loop runs; nothing before that was measured."""
        window = observer.last
        self._has_own = window is not None
        if window is None:
            return
        band = BANDS[observer.band.value]
        self.own.show_state(band, lead="console", rest=[formats.millis(window.p99_ms)])
        self.own.setToolTip(
            tip(
                f"This console's own loop: {band.word}",
                f"p50 {formats.millis(window.p50_ms)}, p99 {formats.millis(window.p99_ms)}, "
                f"max {formats.millis(window.max_ms)} in the last window",
                "While it is not normal, what is noted here may be late by its own fault.",
            )
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        look = theme.current()
        if self._edge.isValid():
            painter.fillRect(0, 0, _EDGE, self.height(), self._edge)
        painter.fillRect(0, self.height() - 1, self.width(), 1, look.color("hairline"))

    def _fit(self) -> None:
        """Leave the gateways their room: bands matter most.

        First what can be said on hover gives way, then this console's own chip, whose figure the status line has too.
        """
        figures = [each for each in self._figures if not each.isHidden()]
        inner = self.width() - 2 * _MARGIN
        own = self.own.sizeHint().width() + _APART if self._has_own else 0
        room = inner - own - sum(each.full_width + _APART for each in figures)
        brief = room < self.gateways.full_width + (_AGAIN if self.offline.is_brief else 0)
        self.offline.is_brief = brief
        self._second.setSpacing(_APART_NARROW if brief else _APART)
        least = inner - sum(each.sizeHint().width() + _APART_NARROW for each in figures) - self.gateways.least_width
        again = _AGAIN if self.own.isHidden() else 0
        self.own.setVisible(self._has_own and (not brief or own + again <= least))

    def _lay_out(self) -> None:
        grid = theme.GRID
        first = QHBoxLayout()
        first.setSpacing(3 * grid)
        for widget in (self._name, self._tenant, self._protection):
            first.addWidget(widget)
        first.addWidget(self.link, 1, Qt.AlignmentFlag.AlignLeft)
        first.addWidget(self.utc)
        first.addWidget(self.local)
        second = self._second
        second.setSpacing(_APART)
        for figure in self._figures:
            second.addWidget(figure)
        second.addWidget(self.gateways, 1)
        second.addWidget(self.own)
        layout = QGridLayout(self)
        layout.setContentsMargins(_MARGIN, 2 * grid, _MARGIN, 2 * grid)
        layout.setVerticalSpacing(2 * grid)
        layout.addLayout(first, 0, 0)
        layout.addLayout(second, 1, 0)

    def _restyle(self) -> None:
        look = theme.current()
        self._name.setFont(look.font("body", strong=True))
        self.utc.setFont(look.font("body", strong=True))
        for label in (self._tenant, self.local, self._protection):
            label.setFont(look.font("body"))
            _ink(label, look.color("muted"))
        _ink(self._name, look.color("text"))
        _ink(self.utc, look.color("text"))
        self.update()


def _say(label: QLabel, text: str) -> None:
    if label.text() != text:
        label.setText(text)


def _ink(label: QLabel, color: QColor) -> None:
    palette = label.palette()
    palette.setColor(QPalette.ColorRole.WindowText, color)
    label.setPalette(palette)

"""The bar under the header: the one most important thing when not all is well, in words. Nothing wrong, no bar.

`notice_of` decides, as a pure function of the stores and the time; `NoticeBar` shows it, and keeps it for `LEAST_S` at
least, because a bar that comes and goes at once makes the page under it jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from fleetgui.policy import formats
from fleetgui.policy.states import LinkPhase, LinkState, State
from fleetgui.widgets.look import glyphs, theme
from fleetgui.widgets.parts.plain import tip

if TYPE_CHECKING:
    from fleetgui.stores.console import ConsoleState

Action = Literal["", "reconnect", "refresh", "diagnostics"]

SLOW_S: Final = 2.0
"""How long one request to the registry may take before it is said."""

LEAST_S: Final = 1.0
"""How long a notice stays once it is there, though all is well again."""

_ACTIONS: Final[dict[Action, str]] = {"": "", "reconnect": "Try now", "refresh": "Read again", "diagnostics": "Show"}


@dataclass(frozen=True)
class Notice:
    """`state` gives glyph and colour; `action` what the button asks for, "" for no button."""

    state: State
    text: str
    action: Action = ""


UNKNOWN: Final = Notice(State.FAILED, "unknown: what is wrong could not be found out. The journal says what failed.")
"""Where `notice_of` itself fails: no bar would mean that all is well."""


def notice_of(
    state: ConsoleState, *, now: float, wall: float, last_gap_s: float | None = None, starting: str = ""
) -> Notice | None:
    """What to say at `now` (`Clock.now()`) and `wall` (epoch seconds); None when all is well.

    `last_gap_s` is how long the link was gone before it last came back, None when it never was. `starting` replaces
    what is said before the first attempt to connect.
    """
    link = state.link.state
    backend = state.link.backend_notice
    failed = State.FAILED if state.link.backend_failed else State.UNCONFIRMED
    if link.phase is not LinkPhase.UP:
        return _link_notice(link, backend, failed, now, wall, starting)
    if backend:
        return Notice(failed, _sentence(backend))
    roster = state.roster.status
    if roster.error is not None:
        as_of = _as_of(roster.read_at, now, wall)
        return Notice(State.FAILED, f"The registry could not be read: {_sentence(roster.error)}{as_of}", "refresh")
    unconfirmed = roster.read_at is None or roster.read_at < state.sources.confirmed_from
    waiting = None if roster.waiting_since is None else now - roster.waiting_since
    if last_gap_s is not None and unconfirmed and roster.read_at is not None:
        text = f"Connected again after {formats.age(last_gap_s)}. Confirming: what is shown was read before the gap."
        return Notice(State.UNCONFIRMED, text)
    if waiting is not None and waiting >= SLOW_S:
        return Notice(State.LATE, f"The registry is slow: waiting for its answer for {formats.age(waiting)}.")
    if state.last_crash:
        return Notice(State.FAILED, _sentence(state.last_crash), "diagnostics")
    return None


def _link_notice(link: LinkState, backend: str, failed: State, now: float, wall: float, starting: str) -> Notice:
    as_of = _as_of(link.lost_at, now, wall)
    off = f"{as_of} Calls are off."
    error = _sentence(link.error or "")
    where = f" at {link.server}" if link.server and link.server not in error else ""
    if backend:
        return Notice(failed, _sentence(backend) + as_of)
    match link.phase:
        case LinkPhase.REFUSED:
            reason = error or "The broker refused this console."
            return Notice(State.FAILED, f"{reason[:1].upper()}{reason[1:]}{off}", "reconnect")
        case LinkPhase.RECONNECTING:
            gone = formats.age(now - (link.lost_at if link.lost_at is not None else link.since))
            reason = f": {error.removesuffix('.')}{where}." if error else f"{where}."
            return Notice(State.FAILED, f"No broker for {gone}{reason}{off}", "reconnect")
        case LinkPhase.CONNECTING if error:
            reason = f": {error.removesuffix('.')}{where}." if error else "."
            waited = f" for {formats.age(now - link.since)}" if now - link.since >= 1 else ""
            return Notice(State.FAILED, f"No broker{waited}{reason}{off}", "reconnect")
        case LinkPhase.CONNECTING:
            return Notice(State.UNCONFIRMED, f"Connecting to {link.server or 'the broker'} …")
        case LinkPhase.CLOSED:
            return Notice(State.FAILED, f"The link is closed{': ' + error if error else '.'}{off}", "reconnect")
    return Notice(State.UNCONFIRMED, starting or "Starting …")


def _as_of(read_at: float | None, now: float, wall: float) -> str:
    if read_at is None:
        return ""
    return f" Everything below is as of {formats.clock_utc(wall - (now - read_at))}."


def _sentence(text: str) -> str:
    text = formats.text(text, 300).strip() if text else ""
    return text if not text or text[-1] in ".…!?" else text + "."


class NoticeBar(QWidget):
    """Full width, hidden while there is nothing to say."""

    reconnect_requested = Signal()
    refresh_requested = Signal()
    diagnostics_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notice: Notice | None = None
        self._shown_at = 0.0
        self._button = QPushButton(self)
        self._button.setObjectName("notice")
        self._button.clicked.connect(self._pressed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 3 * theme.GRID, 0)
        layout.addStretch(1)
        layout.addWidget(self._button)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setVisible(False)
        theme.changed.connect(self._restyle)
        self._restyle()

    @property
    def text(self) -> str:
        """What is said now, "" for nothing."""
        return "" if self._notice is None else self._notice.text

    def show_notice(self, notice: Notice | None, *, now: float) -> None:
        """Change what is said at `now` (`Clock.now()`); None hides the bar."""
        if notice == self._notice or (notice is None and now - self._shown_at < LEAST_S):
            return
        if self._notice is None:
            self._shown_at = now
        self._notice = notice
        self.setVisible(notice is not None)
        if notice is None:
            return
        self.setAccessibleName(notice.text)
        self.setToolTip(tip(notice.text))
        self._button.setText(_ACTIONS[notice.action])
        self._button.setVisible(bool(notice.action))
        self._restyle()

    def sizeHint(self) -> QSize:
        return QSize(200, 8 * theme.GRID)

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._notice is None:
            return
        look = theme.current()
        loud = self._notice.state is State.FAILED
        color = look.state_color(self._notice.state)
        painter = QPainter(self)
        painter.fillRect(self.rect(), color if loud else look.color("raised"))
        ink = look.color("on_state") if loud else look.color("text")
        x = 4.0 * theme.GRID
        mark = QRectF(x, 0, glyphs.SIZE, self.height())
        glyphs.draw(painter, self._notice.state.glyph, mark, ink if loud else color)
        x += glyphs.SIZE + 2 * theme.GRID
        font = look.font("body", strong=loud)
        right = self._button.x() if self._button.isVisible() else self.width()
        width = right - x - 3 * theme.GRID
        painter.setFont(font)
        painter.setPen(ink)
        elided = QFontMetricsF(font).elidedText(self._notice.text, Qt.TextElideMode.ElideRight, width)
        painter.drawText(
            QRectF(x, 0, width, self.height()), Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, elided
        )

    def _pressed(self) -> None:
        if self._notice is None:
            return
        if self._notice.action == "reconnect":
            self.reconnect_requested.emit()
        elif self._notice.action == "refresh":
            self.refresh_requested.emit()
        elif self._notice.action == "diagnostics":
            self.diagnostics_requested.emit()

    def _restyle(self) -> None:
        look = theme.current()
        loud = self._notice is not None and self._notice.state is State.FAILED
        ink = look.palette["on_state" if loud else "text"]
        ground = look.palette[self._notice.state.token] if loud and self._notice else look.palette["raised"]
        self._button.setStyleSheet(
            f"QPushButton {{ color: {ink}; border-color: {ink}; background: transparent; }}"
            f"QPushButton:hover, QPushButton:focus {{ color: {ground}; background: {ink}; }}"
        )
        self.update()

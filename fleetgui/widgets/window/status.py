"""The line at the bottom: what this console costs the fabric, how late its own loop runs, and what it did not see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from fleetgui.policy import formats
from fleetgui.policy.band import Band, BandTracker
from fleetgui.policy.settings import LagSettings
from fleetgui.policy.states import BANDS
from fleetgui.stores.ledger import Cause
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.plain import tip

if TYPE_CHECKING:
    from fleetgui.stores.ledger import Ledger, Loss
    from fleetgui.stores.link import Cost

HEIGHT: Final = 24
_DOT: Final = "  ·  "

Part = tuple[str, str]
"""(text, token of its colour)"""


def cost_parts(cost: Cost, ledger: Ledger) -> list[Part]:
    """What the line says; what is wrong has its own colour, the rest is muted.

    Without a connection there is nothing to hold or to send on it, and none of that is counted.
    """
    connections = "1 connection" if cost.connections == 1 else f"{cost.connections} connections"
    parts: list[Part] = [(connections, "muted")]
    if cost.connections:
        parts += [(text, "muted") for text in _held(cost)]
    own = cost.own_lag_p99_ms
    if own is None:
        parts.append((f"own loop p99 {formats.NOTHING}", "muted"))
    else:
        band = BandTracker(LagSettings()).reached_by(own)
        token = "muted" if band is Band.NORMAL else BANDS[band.value].token
        mark = "" if band is Band.NORMAL else f"{BANDS[band.value].label} "
        parts.append((f"{mark}own loop p99 {formats.millis(own)}", token))
    if cost.malformed:
        parts.append((f"{cost.malformed:,} malformed", "late"))
    lost = _counted(ledger) + _untold(cost, ledger)
    parts.append((f"{lost:,} lost", "band_elevated" if lost else "muted"))
    if gaps := ledger.gaps:
        parts.append((f"{gaps:,} gap{'s' if gaps != 1 else ''} of unknown size", "band_elevated"))
    return parts


class StatusLine(QWidget):
    """Painted in one go; hover says where and when something was lost."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: list[Part] = []
        self._message = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    @property
    def text(self) -> str:
        return _DOT.join(text for text, _ in self._parts).replace("  ", " ")

    def show_cost(self, cost: Cost, ledger: Ledger) -> None:
        """Show the counters as they stand; nothing is painted when they say the same."""
        self._tell_on_hover(cost, ledger)
        parts = cost_parts(cost, ledger)
        if parts != self._parts:
            self._parts = parts
            self.setAccessibleName(self.text)
            self.update()

    def _tell_on_hover(self, cost: Cost, ledger: Ledger) -> None:
        losses = [_told(loss) for loss in ledger.losses]
        more = _untold(cost, ledger)
        self.setToolTip(
            tip(
                f"{cost.messages_in:,} messages in, {cost.messages_out:,} out, {cost.dropped:,} dropped here",
                *([f"{more:,} of them in no line below: only their numbers will tell whose they were"] if more else ()),
                *losses[:20],
            )
        )

    def show_message(self, message: str) -> None:
        """A word at the right: what was just done, or is under way. "" takes it away."""
        if message != self._message:
            self._message = message
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        painter.fillRect(0, 0, self.width(), 1, look.color("hairline"))
        font = look.font("label")
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        x = 4.0 * theme.GRID
        for index, (text, token) in enumerate(self._parts):
            if index:
                x = self._write(painter, metrics, _DOT, x, look.color("muted"))
            x = self._write(painter, metrics, text, x, look.color(token))
        if self._message:
            room = self.width() - x - 8 * theme.GRID
            shown = metrics.elidedText(self._message, Qt.TextElideMode.ElideRight, room)
            left = self.width() - 4 * theme.GRID - metrics.horizontalAdvance(shown)
            self._write(painter, metrics, shown, left, look.color("text"))

    def _write(self, painter: QPainter, metrics: QFontMetricsF, text: str, x: float, ink: QColor) -> float:
        width = metrics.horizontalAdvance(text)
        painter.setPen(ink)
        painter.drawText(
            QRectF(x, 1, width + 2, self.height() - 1),
            Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine,
            text,
        )
        return x + width


def _held(cost: Cost) -> Iterator[str]:
    """What is held on the connection, and what goes over it."""
    yield f"{cost.subscriptions:,} subscription{'s' if cost.subscriptions != 1 else ''}"
    if cost.consumers:
        yield f"{cost.consumers:,} consumer{'s' if cost.consumers != 1 else ''}"
    yield f"{_rate(cost.messages_per_s)} msg/s"
    yield f"{_rate(cost.requests_per_min)} req/min"


def _told(loss: Loss) -> str:
    """One line of the hover: whose, how many, since when."""
    last = f"last at {formats.clock_utc(loss.last)}"
    if loss.cause == Cause.MALFORMED:
        return f"{loss.source}: {loss.count:,} malformed, {last}"
    count = f"{loss.count:,} lost" if loss.count else "nobody knows how many were lost"
    gaps = f"{len(loss.spans):,} gap{'' if len(loss.spans) == 1 else 's'}"
    return f"{loss.source}, {loss.cause}: {count} in {gaps}, {last}"


def _counted(ledger: Ledger) -> int:
    return sum(loss.count for loss in ledger.losses if loss.cause != Cause.MALFORMED)


def _untold(cost: Cost, ledger: Ledger) -> int:
    """What was dropped here beyond all that the ledger counts: streams that are numbered count what did not come by
    its number, which is known later, and of what has none only the drop itself is."""
    return max(0, cost.dropped - _counted(ledger))


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"

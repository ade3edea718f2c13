"""The thin bar under the table's header while the fleet is read: how much of it was, of what is expected."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QTableView, QWidget

from fleetgui.stores.hold import HoldPhase, HoldState
from fleetgui.widgets.look import theme

HEIGHT: Final = 3


class CoverageBar(QWidget):
    """Over the lower edge of a table's header, so that nothing moves when it comes and goes."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(table)
        self._header = table.horizontalHeader()
        self._share: float | None = None
        self._ink = "accent"
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._header.installEventFilter(self)
        self.hide()
        theme.changed.connect(self.update)

    @property
    def share(self) -> float | None:
        """How much was read, 0 … 1; None where nobody knows how much there is."""
        return self._share

    def show_state(self, hold: HoldState | None) -> None:
        """The walk that fills the table; None: none does."""
        if hold is None or not hold.phase.is_under_way:
            self.hide()
            return
        coverage = hold.coverage
        share = min(1.0, coverage.seen / coverage.expected) if coverage.expected else None
        ink = "muted" if hold.phase is HoldPhase.PAUSED else "accent"
        if (share, ink) != (self._share, self._ink) or self.isHidden():
            self._share, self._ink = share, ink
            said = "reading the fleet" if share is None else f"{share:.0%} of the fleet read"
            self.setAccessibleName(f"paused: {said}" if hold.phase is HoldPhase.PAUSED else said)
            self.update()
            self._place()
            self.show()
            self.raise_()

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), look.color("raised"))
        width = self.width() if self._share is None else round(self.width() * self._share)
        painter.fillRect(0, 0, width, self.height(), look.color(self._ink, 1.0 if self._share is not None else 0.3))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move):
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        edge = self._header.geometry()
        self.setGeometry(edge.left(), edge.bottom() + 1 - HEIGHT, edge.width(), HEIGHT)

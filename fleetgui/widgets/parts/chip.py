"""A chip: a state's mark and word, and quiet text after it, in one line. Only what is wrong is filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from fleetgui.policy.states import State
from fleetgui.widgets.look import glyphs, theme

HEIGHT: Final = 20
_PAD: Final = 6
_GAP: Final = 6
_BETWEEN: Final = 10

LOUD: Final = frozenset({State.UNKNOWN, State.CRITICAL, State.FAILED})
"""States whose chip is filled."""


class Chip(QWidget):
    """`show_state(state, lead="gw-1", rest=["12 ms"])`: lead, mark, word, then what fits of the rest."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = State.UNKNOWN
        self._lead = ""
        self._word = State.UNKNOWN.word
        self._rest: tuple[str, ...] = ()
        self._loud = False
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._restyle)

    @property
    def text(self) -> str:
        """What the chip says, as one line."""
        parts = (self._lead, f"{self._state.glyph} {self._word}", *self._rest)
        return "  ".join(part for part in parts if part)

    def show_state(
        self,
        state: State,
        *,
        lead: str = "",
        word: str | None = None,
        rest: Sequence[str] = (),
        loud: bool | None = None,
    ) -> None:
        """Change what is shown; nothing is painted when nothing changed. `loud` None: as the state demands."""
        shown = (
            state,
            lead,
            state.word if word is None else word,
            tuple(rest),
            state in LOUD if loud is None else loud,
        )
        if shown == (self._state, self._lead, self._word, self._rest, self._loud):
            return
        self._state, self._lead, self._word, self._rest, self._loud = shown
        self.setAccessibleName(self.text)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(round(self._width(self._rest)), HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(round(self._width(())), HEIGHT)

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip and not self.toolTip():
            return False
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        color = look.state_color(self._state)
        painter = QPainter(self)
        if self._loud:
            painter.fillRect(self.rect(), color)
        ink = look.color("on_state") if self._loud else None
        x = float(_PAD)
        if self._lead:
            x = self._write(painter, self._lead, x, ink or look.color("text"), strong=False) + _GAP
        glyphs.draw(painter, self._state.glyph, QRectF(x, 0, glyphs.SIZE, self.height()), ink or color)
        x += glyphs.SIZE + _GAP
        if self._word:
            x = self._write(painter, self._word, x, ink or color, strong=True) + _BETWEEN
        for part in self._rest:
            if x + self._advance(part, strong=False) > self.width() - _PAD + 1:
                break
            x = self._write(painter, part, x, ink or look.color("muted"), strong=False) + _BETWEEN

    def _write(self, painter: QPainter, text: str, x: float, ink: QColor, *, strong: bool) -> float:
        painter.setFont(theme.current().font("body", strong=strong))
        painter.setPen(ink)
        width = self._advance(text, strong=strong)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine
        painter.drawText(QRectF(x, 0, width + 1, self.height()), flags, text)
        return x + width

    def _advance(self, text: str, *, strong: bool) -> float:
        return QFontMetricsF(theme.current().font("body", strong=strong)).horizontalAdvance(text)

    def _width(self, rest: Sequence[str]) -> float:
        width = 2 * _PAD + glyphs.SIZE + _GAP
        if self._lead:
            width += self._advance(self._lead, strong=False) + _GAP
        if self._word:
            width += self._advance(self._word, strong=True)
        return width + 1 + sum(self._advance(part, strong=False) + _BETWEEN for part in rest)

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

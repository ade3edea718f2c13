"""One fleet figure of the header: its name above, its value large, and how far it may be trusted.

Live says nothing more. Late and stale lose their brightness and say their age; unknown is a dash and a filled mark,
louder than live. Zero is shown only when zero was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from fleetgui.policy import formats
from fleetgui.policy.states import State
from fleetgui.widgets.look import glyphs, theme
from fleetgui.widgets.parts.plain import tip

if TYPE_CHECKING:
    from fleetgui.stores.figures import Figure

HEIGHT: Final = 44
_QUIET: Final = frozenset({State.LIVE, State.ONLINE})
_SMALL: Final = 8.0


class FigureView(QWidget):
    """`alarm` is the token of a value above zero that asks for attention; None for a figure that never does."""

    def __init__(self, name: str, *, alarm: str | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._since = ""
        self._is_brief = False
        self._alarm = alarm
        self._value: int | None = None
        self._state = State.UNKNOWN
        self._word = State.UNKNOWN.word
        self._filled = False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._restyle)

    @property
    def text(self) -> str:
        """Name, value and, when it is not live, the state: as a screen reader hears it."""
        return " ".join(part for part in (self._label, formats.count(self._value), self._word) if part)

    @property
    def is_brief(self) -> bool:
        """There is little room: since when it counts is said on hover alone."""
        return self._is_brief

    @is_brief.setter
    def is_brief(self, brief: bool) -> None:
        if brief is not self._is_brief:
            self._is_brief = brief
            self._changed()

    @property
    def full_width(self) -> int:
        """Pixels that it takes where there is room for all it says."""
        return self._width(self._name + self._since)

    @property
    def _label(self) -> str:
        return self._name if self._is_brief else self._name + self._since

    def show_figure(self, figure: Figure, *, now: float, wall: float, quiet: bool = False) -> None:
        """Show a figure at `now` (`Clock.now()`), `wall` (epoch seconds).

        `quiet`: why it is unknown is said elsewhere on the screen already, and loudly enough.
        """
        age = None if figure.as_of is None else now - figure.as_of
        word = "" if figure.state in _QUIET else figure.state.word
        if figure.state in (State.LATE, State.STALE) and age is not None:
            word = f"{figure.state.word} {formats.age(age)}"
        as_of = "never read" if figure.as_of is None else f"as of {formats.moment_utc(wall - (now - figure.as_of))}"
        since = "" if figure.since is None else f" since {formats.clock_utc(wall - (now - figure.since))}"
        shown = "" if word else since  # what it lacks is said first
        self._show(shown, figure.value, figure.state, word, filled=figure.state is State.UNKNOWN and not quiet)
        self.setToolTip(
            tip(
                f"{self._name}{since}: {formats.count(figure.value)}, {figure.state.word}",
                f"{figure.source}, {as_of}",
                figure.note,
            )
        )

    def show_absent(self, why: str) -> None:
        """There is no source of this figure, which is no fault: a quiet dash."""
        self._show("", None, State.OFFLINE, "", filled=False)
        self.setToolTip(tip(f"{self._name}: {why}"))

    def _show(self, since: str, value: int | None, state: State, word: str, *, filled: bool) -> None:
        shown = (since, value, state, word, filled)
        if shown == (self._since, self._value, self._state, self._word, self._filled):
            return
        self._since, self._value, self._state, self._word, self._filled = shown
        self._changed()

    def _changed(self) -> None:
        self.setAccessibleName(self.text)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._width(self._label), HEIGHT)

    def _width(self, text: str) -> int:
        look = theme.current()
        label = QFontMetricsF(look.font("label"))
        top = label.horizontalAdvance(text)
        if self._word:
            top += _SMALL + 12 + label.horizontalAdvance(self._word) + (8 if self._filled else 0)
        value = QFontMetricsF(look.font("figure", strong=True)).horizontalAdvance(formats.count(self._value))
        return round(max(72.0, top, value)) + 1

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        label = look.font("label")
        metrics = QFontMetricsF(label)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        painter.setFont(label)
        painter.setPen(look.color("muted"))
        painter.drawText(QRectF(0, 0, self.width(), 16), flags, self._label)
        if self._word:
            x = metrics.horizontalAdvance(self._label) + 8
            ink = look.state_color(self._state)
            if self._filled:
                width = _SMALL + 12 + metrics.horizontalAdvance(self._word)
                painter.fillRect(QRectF(x - 2, 1, width, 14), ink)
                ink = look.color("on_state")
                x += 2
            glyphs.draw(painter, self._state.glyph, QRectF(x, 0, _SMALL, 16), ink, _SMALL)
            painter.setPen(ink)
            painter.drawText(QRectF(x + _SMALL + 4, 0, self.width(), 16), flags, self._word)
        painter.setFont(look.font("figure", strong=True))
        painter.setPen(self._ink())
        painter.drawText(QRectF(0, 16, self.width(), HEIGHT - 16), flags, formats.count(self._value))

    def _ink(self) -> QColor:
        look = theme.current()
        if self._state not in _QUIET or self._value is None:
            return look.color("muted")
        if self._alarm is not None and self._value > 0:
            return look.color(self._alarm)
        return look.color("text")

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

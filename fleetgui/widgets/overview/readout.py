"""Values in words beside the plots: a line of them above, and a card at the pointer with the same parts in rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from fleetgui.widgets.look import theme

_SWATCH: Final = 18
_APART: Final = 16
_FLAGS: Final = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


class Part(NamedTuple):
    """One piece; `series` is the index of the curve whose colour is shown before it, None for none.

    `short` is said in the line where there is no room for `text`. In a card `name` and `cells` stand in columns.
    """

    text: str
    series: int | None = None
    quiet: bool = False
    short: str = ""
    name: str = ""
    cells: tuple[str, ...] = ()


class Readout(QWidget):
    """Plain text in one line; where it is too long each part says less, and then the last ones are counted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: tuple[Part, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    @property
    def text(self) -> str:
        return "  ".join(part.text for part in self._parts)

    def show_parts(self, parts: Sequence[Part]) -> None:
        shown = tuple(parts)
        if shown != self._parts:
            self._parts = shown
            self.setAccessibleName(self.text)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(100, 6 * theme.GRID)

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        font = look.font("body")
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        parts = self._parts
        texts = [part.text for part in parts]
        if _width(metrics, parts, texts) > self.width():
            texts = [part.short or part.text for part in parts]
            if _width(metrics, parts, texts) > self.width() and parts[0].quiet and parts[0].series is None:
                parts, texts = parts[1:], texts[1:]  # the values matter more than what they are
        x = 0.0
        for number, (part, text) in enumerate(zip(parts, texts, strict=True)):
            left = len(texts) - number
            needed = _room(metrics, part, text)
            if number and x + needed > self.width() - (40 if left > 1 else 0):
                painter.setPen(look.color("muted"))
                painter.drawText(QRectF(x, 0, self.width() - x, self.height()), _FLAGS, f"+{left:,}")
                break
            if part.series is not None:
                painter.fillRect(QRectF(x, round(self.height() / 2) - 1, 12, 2), look.series_color(part.series))
                x += _SWATCH
            painter.setPen(look.color("muted" if part.quiet else "text"))
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, self.width() - x)
            painter.drawText(QRectF(x, 0, self.width() - x, self.height()), _FLAGS, shown)
            x += metrics.horizontalAdvance(shown) + _APART


def _width(metrics: QFontMetricsF, parts: Sequence[Part], texts: Sequence[str]) -> float:
    return sum(_room(metrics, part, text) + _APART for part, text in zip(parts, texts, strict=True))


def _room(metrics: QFontMetricsF, part: Part, text: str) -> float:
    return metrics.horizontalAdvance(text) + (0 if part.series is None else _SWATCH)


def _without(parts: tuple[Part, ...], many: int) -> tuple[Part, ...]:
    """Without the last `many` curves' rows, which are counted: what is said in sentences matters more."""
    rows = [part for part in parts if part.series is not None]
    gone = rows[-many:]
    at = parts.index(gone[0])
    return (*parts[:at], Part(f"+{len(gone):,}", quiet=True), *parts[at + len(gone) :])


class Card(QWidget):
    """Parts in rows, near a point of its parent and never under it; the pointer goes through it."""

    LINE: Final = 18
    PAD: Final = 8
    WIDEST: Final = 460

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._said: tuple[Part, ...] = ()
        self._parts: tuple[Part, ...] = ()
        """What of it there is room for."""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        theme.changed.connect(self.update)

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self._said)

    def show_parts(self, parts: Sequence[Part], near: QPointF) -> None:
        """Show `parts` beside `near`, in the parent's coordinates; nothing hides it."""
        self._said = self._parts = tuple(parts)
        self.setAccessibleName(self.text)
        self.setVisible(bool(parts))
        parent = self.parentWidget()
        if not parts or parent is None:
            return
        size = self._size(parent.width())
        left_out = 0
        while size.height() > parent.height() and left_out < sum(part.series is not None for part in parts):
            left_out += 1 if left_out else 2  # the line that says so needs room as well
            self._parts = _without(self._said, left_out)
            size = self._size(parent.width())
        left = near.x() + 14
        if left + size.width() > parent.width():
            left = near.x() - 14 - size.width()
        top = min(max(4.0, near.y() - size.height() / 2), max(4.0, parent.height() - size.height() - 4.0))
        self.setGeometry(round(max(4.0, left)), round(top), size.width(), size.height())
        self.raise_()
        self.update()

    def _size(self, room: int) -> QSize:
        metrics = QFontMetricsF(theme.current().font("body"))
        table = self._names(metrics) + self._columns(metrics) * self._most_cells()
        widest = max([table, *(metrics.horizontalAdvance(part.text) for part in self._parts if not part.cells)])
        width = min(widest + 2 * self.PAD, self.WIDEST, room - 8)
        lines = sum(len(self._lines(metrics, part, width - 2 * self.PAD)) for part in self._parts)
        return QSize(round(width) + 1, lines * self.LINE + 2 * self.PAD - 4)

    def _names(self, metrics: QFontMetricsF) -> float:
        names = [part.name or part.text for part in self._parts if part.cells]
        return max((metrics.horizontalAdvance(name) + _SWATCH for name in names), default=0.0)

    def _columns(self, metrics: QFontMetricsF) -> float:
        cells = [cell for part in self._parts if len(part.cells) > 1 for cell in part.cells]
        return max((metrics.horizontalAdvance(cell) + 12 for cell in cells), default=70.0)

    def _most_cells(self) -> int:
        return max((len(part.cells) for part in self._parts), default=0)

    def _lines(self, metrics: QFontMetricsF, part: Part, width: float) -> list[str]:
        """A part's text broken at words, at most four lines."""
        if part.cells:
            return [part.text]
        lines = [""]
        for word in part.text.split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if lines[-1] and metrics.horizontalAdvance(longer) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines[:4]

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), look.color("raised"))
        painter.setPen(look.color("hairline"))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        font = look.font("body")
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        names, column = self._names(metrics), self._columns(metrics)
        y = self.PAD - 2.0
        for part in self._parts:
            painter.setPen(look.color("muted" if part.quiet else "text"))
            if not part.cells:
                for line in self._lines(metrics, part, self.width() - 2 * self.PAD):
                    shown = metrics.elidedText(line, Qt.TextElideMode.ElideRight, self.width() - 2 * self.PAD)
                    painter.drawText(QRectF(self.PAD, y, self.width(), self.LINE), _FLAGS, shown)
                    y += self.LINE
                continue
            x = float(self.PAD)
            if part.series is not None:
                painter.fillRect(QRectF(x, round(y + self.LINE / 2) - 1, 12, 2), look.series_color(part.series))
                x += _SWATCH
            painter.drawText(QRectF(x, y, names, self.LINE), _FLAGS, part.name or part.text)
            head = part.series is None
            painter.setPen(look.color("muted" if head else "text"))
            for number, cell in enumerate(part.cells):
                right = QRectF(self.PAD + names + number * column, y, column, self.LINE)
                wide = right if len(part.cells) > 1 else right.adjusted(0, 0, 2 * column, 0)
                painter.drawText(wide, _FLAGS | Qt.AlignmentFlag.AlignRight, cell)
            y += self.LINE

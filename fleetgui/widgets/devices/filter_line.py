"""The line in which devices are filtered: coloured as it is typed, mistakes underlined, completions below it.

The text is read by `policy.filters` at every key; `edited` tells what was read once typing pauses, or at Enter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QSize, Qt, QTimer
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QFocusEvent, QInputMethodEvent, QKeyEvent, QTextCharFormat
from PySide6.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QWidget

from fleetgui.policy.filters import Colour, Completion, completions, parse
from fleetgui.policy.filters.positions import from_utf16, to_utf16
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.plain import tip

TYPING_MS: Final = 300
"""What was typed counts once nothing more was for this long."""
MOST_SHOWN: Final = 8
LONGEST_FILTER: Final = 4_000
"""Characters that the line takes."""

_INKS: Final = {
    Colour.FIELD: "accent",
    Colour.OPERATOR: "muted",
    Colour.NEGATION: "late",
    Colour.KEYWORD: "late",
    Colour.PATTERN: "live",
    Colour.REGULAR: "live",
    Colour.PARENTHESIS: "muted",
}

Values = Callable[[str, str], list[str]]


class FilterLine(QLineEdit):
    edited = QtSignal(object)
    """What the text says now (`Parsed`)."""
    left = QtSignal()
    """Escape, or Down, with no completions open: back to the rows. The text stays."""

    def __init__(self, wall: Callable[[], float], values: Values, parent: QWidget | None = None) -> None:
        """`wall()` is the time in epoch seconds, `values` what completions are offered for a field."""
        super().__init__(parent)
        self._wall = wall
        self._values = values
        self.parsed = parse("")
        self.setPlaceholderText("Filter   Ctrl+F   type:camera battery<20 -online")
        self.setAccessibleName("Filter the devices")
        self.setClearButtonEnabled(True)
        self.setMaxLength(LONGEST_FILTER)
        self.setMinimumWidth(80)  # beside a detail on a screen of 1024: less than its words, never over its neighbours
        self._typing = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._typing.timeout.connect(self._tell)
        self._offers = _Offers(self)
        self._offers.chosen.connect(self._complete)
        self.textChanged.connect(self._read)
        self.textEdited.connect(self._offer)
        self.returnPressed.connect(self._tell)
        theme.changed.connect(self._colour)

    @property
    def mistake(self) -> str:
        """The first thing that is wrong with the text, in a sentence; "" for nothing."""
        return self.parsed.mistakes[0].sentence if self.parsed.mistakes else ""

    def set_filter(self, text: str) -> None:
        """Put this text in and tell of it at once."""
        self.setText(text)
        self._tell()

    def narrow(self, term: str) -> None:
        """Ask this of what is found already, too."""
        text = self.text().strip()
        self.set_filter(f"({text}) {term}" if " or " in text.lower() else f"{text} {term}".lstrip())

    # As it is typed

    def _read(self, text: str) -> None:
        self.parsed = parse(text, now=self._wall())
        self._typing.start()
        self._colour()

    def _tell(self) -> None:
        self._typing.stop()
        self.edited.emit(self.parsed)

    def _colour(self) -> None:
        """Qt lets a line of text be formatted in one way only: as an input method does while it composes."""
        text, look = self.parsed.text, theme.current()
        cursor = self.cursorPosition()
        attributes = []

        def mark(start: int, end: int, style: QTextCharFormat) -> None:
            first = to_utf16(text, start)
            attributes.append(
                QInputMethodEvent.Attribute(
                    QInputMethodEvent.AttributeType.TextFormat, first - cursor, to_utf16(text, end) - first, style
                )
            )

        for token in self.parsed.tokens:
            if (ink := _INKS.get(token.colour)) is not None:
                style = QTextCharFormat()
                style.setForeground(look.color(ink))
                mark(token.start, token.end, style)
        for mistake in self.parsed.mistakes:
            style = QTextCharFormat()
            style.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            style.setUnderlineColor(look.color("band_critical"))
            mark(mistake.start, max(mistake.end, mistake.start + 1), style)
        QCoreApplication.sendEvent(self, QInputMethodEvent("", attributes))
        self.setToolTip(tip(self.mistake) or "What can be typed here: Help → Filter language (Shift+F1)")

    # Completions

    def offer_again(self) -> None:
        """More is known of what could be typed; where nothing was chosen or put away meanwhile, it is offered."""
        if self._offers.is_wanted:
            self._offer()

    def _offer(self) -> None:
        text = self.text()
        cursor = from_utf16(text, self.cursorPosition())
        self._offers.show_below(self, completions(text, cursor, self._values)[:MOST_SHOWN] if text.strip() else [])

    def _complete(self, offer: Completion) -> None:
        text = self.text()
        self.setText(text[: offer.start] + offer.insert + text[offer.end :])
        self.setCursorPosition(to_utf16(self.text(), offer.start + len(offer.insert)))
        self._offer()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._offers.takes(event.key()):
            event.accept()
        elif event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Down):
            self.left.emit()
            event.accept()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._offers.put_away()
        super().focusOutEvent(event)


class _Offers(QListWidget):
    """The completions under the line. It never has the keyboard: the line hands it the keys that it takes."""

    chosen = QtSignal(object)

    def __init__(self, line: QLineEdit) -> None:
        super().__init__(line)
        self.setWindowFlags(Qt.WindowType.ToolTip)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setObjectName("completions")
        self.setAccessibleName("Completions")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemClicked.connect(self._choose)
        self._offers: list[Completion] = []
        self._wanted = False
        """Somebody types, and has not put the completions away."""

    @property
    def is_wanted(self) -> bool:
        """Whether other completions may take the place of these, where there are any."""
        return self._wanted and self.currentRow() < 0

    def show_below(self, line: QLineEdit, offers: list[Completion]) -> None:
        """Offer these; nothing is shown for none."""
        self._offers = offers
        self._wanted = True
        self.clear()
        if not offers or not line.isVisible():
            self.hide()
            return
        width = max(len(offer.insert) for offer in offers) + 2
        look = theme.current()
        self.setFont(look.font("mono"))
        for offer in offers:
            item = QListWidgetItem(f" {offer.insert:<{width}}  {offer.explain}", self)
            item.setSizeHint(QSize(self.fontMetrics().horizontalAdvance(item.text()) + 24, look.row_height))
        rows = look.row_height * len(offers) + 2
        self.setFixedSize(max(line.width(), self.sizeHintForColumn(0) + 2), rows)
        self.move(line.mapToGlobal(QPoint(0, line.height() + 2)))
        self.setCurrentRow(-1)
        line.window().installEventFilter(self)  # again and again is once, and the line may have come into another
        self.show()

    def takes(self, key: int) -> bool:
        """Whether a key was for the completions: arrows choose, Tab and Enter take, Escape puts them away."""
        if not self.isVisible():
            return False
        row = self.currentRow()
        if key == Qt.Key.Key_Down:
            self.setCurrentRow(min(row + 1, self.count() - 1))
        elif key == Qt.Key.Key_Up and row >= 0:
            self.setCurrentRow(row - 1)
        elif key == Qt.Key.Key_Tab:
            self._choose(self.item(max(row, 0)))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row >= 0:
            self._choose(self.item(row))
        elif key == Qt.Key.Key_Escape:
            self.put_away()
        else:
            return False
        return True

    def put_away(self) -> None:
        self._wanted = False
        self.hide()

    def _choose(self, item: QListWidgetItem | None) -> None:
        row = -1 if item is None else self.row(item)
        self.put_away()
        if 0 <= row < len(self._offers):
            self.chosen.emit(self._offers[row])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.WindowDeactivate):
            self.put_away()
        return False

"""JSON as it came: indented, monospace, searchable, to be copied whole. Shows plain text, cut where Qt would choke.

A single line of megabytes takes Qt seconds to lay out, and control or bidi characters could make the text say something
else than it holds: lines are cut and escaped for showing, while copying gives everything as it is.
"""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut, QTextCursor, QTextDocument
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from fleetgui.policy import formats
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.elided import ElidedLabel
from fleetgui.wire.codec import Malformed, pretty

LONGEST_LINE: Final = 2_000
MOST_LINES: Final = 20_000


def shown_text(text: str) -> str:
    """`text` for showing: long lines and what is beyond `MOST_LINES` cut, unprintable characters escaped."""
    lines = text.split("\n", MOST_LINES)
    rest = lines.pop() if len(lines) > MOST_LINES else ""
    shown = [formats.text(line, LONGEST_LINE) for line in lines]
    if rest:
        shown.append(f"… {len(rest):,} more characters; Copy has them all")
    return "\n".join(shown)


class JsonView(QWidget):
    """`show_value(value)` keeps scroll position and selection where it can."""

    def __init__(self, name: str = "JSON", *, margins: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = ""
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(name)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setUndoRedoEnabled(False)
        self.text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(*((12, 8, 8, 0) if margins else (0, 0, 0, 0)))
        self.body.setSpacing(0)
        self.body.addWidget(self.text, 1)
        self._retheme()
        theme.changed.connect(self._retheme)

    def _retheme(self) -> None:
        self.text.setFont(theme.current().font("mono"))

    def show_value(self, value: Any) -> None:
        """Show any decoded JSON."""
        try:
            self.show_text(pretty(value))
        except Malformed as error:
            self.show_text(f"This cannot be written as JSON: {error}")

    def show_text(self, whole: str) -> None:
        if whole == self._whole:
            return
        self._whole = whole
        cursor = self.text.textCursor()
        anchor, position = cursor.anchor(), cursor.position()
        down, right = self.text.verticalScrollBar().value(), self.text.horizontalScrollBar().value()
        self.text.setPlainText(shown_text(whole))
        last = max(0, self.text.document().characterCount() - 1)
        cursor = self.text.textCursor()
        cursor.setPosition(min(anchor, last))
        cursor.setPosition(min(position, last), QTextCursor.MoveMode.KeepAnchor)
        self.text.setTextCursor(cursor)
        self.text.verticalScrollBar().setValue(down)
        self.text.horizontalScrollBar().setValue(right)

    @property
    def whole(self) -> str:
        """What Copy copies."""
        return self._whole

    def copy_all(self) -> None:
        QGuiApplication.clipboard().setText(self._whole)


class SearchedJsonView(JsonView):
    """With a line above to find something in it, and to copy it whole."""

    def __init__(self, name: str = "JSON", *, margins: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(name, margins=margins, parent=parent)
        self._search = QLineEdit()
        self._search.setPlaceholderText("Find")
        self._search.setAccessibleName(f"Find in {name}")
        self._search.setClearButtonEnabled(True)
        self._found = ElidedLabel("", role="label")
        self._copy = QToolButton()
        self._copy.setText("Copy")
        self._copy.setToolTip("Copy all of it, uncut")
        self._copy.clicked.connect(self.copy_all)
        self._search.textChanged.connect(lambda: self.find_next(from_start=True))
        self._search.returnPressed.connect(self.find_next)
        line = QHBoxLayout()
        line.setContentsMargins(0, 0, 0, theme.GRID)
        for widget, stretch in ((self._search, 1), (self._found, 1), (self._copy, 0)):
            line.addWidget(widget, stretch)
        self.body.insertLayout(0, line)
        shortcut = QShortcut(QKeySequence.StandardKey.Find, self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(self._search.setFocus)

    def copy_all(self) -> None:
        super().copy_all()
        self._found.say("copied")

    def find_next(self, *, from_start: bool = False) -> None:
        """Select the next place where the searched text stands, around the end."""
        wanted = self._search.text()
        if from_start:
            cursor = self.text.textCursor()
            cursor.setPosition(cursor.selectionStart())
            self.text.setTextCursor(cursor)
        if not wanted:
            self._found.say("")
            return
        if self.text.find(wanted):
            self._found.say("")
            return
        before = self.text.textCursor()
        self.text.moveCursor(QTextCursor.MoveOperation.Start)
        if self.text.find(wanted, QTextDocument.FindFlag(0)):
            self._found.say("from the beginning again")
        else:
            self.text.setTextCursor(before)
            self._found.say("not found", "late")

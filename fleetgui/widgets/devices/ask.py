"""The strip above the table that asks before a whole fleet is read: what for, how much that is, and two answers.

No window of its own: a filter that needs a reading is asked about while it is still being typed.
"""

from __future__ import annotations

from PySide6.QtCore import Signal as QtSignal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from fleetgui.policy import formats
from fleetgui.stores.whole import Answer, Ask
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.elided import ElidedLabel


class AskStrip(QWidget):
    """Not there while there is nothing to ask."""

    answered = QtSignal(bool)
    """Read them, or not now."""

    def __init__(self) -> None:
        super().__init__()
        self._ask: Ask | None = None
        self.words = ElidedLabel()
        self.read = QPushButton("Read them")
        self.read.setProperty("primary", True)
        self.later = QPushButton("Not now")
        self.read.clicked.connect(lambda: self.answered.emit(True))
        self.later.clicked.connect(lambda: self.answered.emit(False))
        line = QHBoxLayout(self)
        line.setContentsMargins(2 * theme.GRID, theme.GRID, 2 * theme.GRID, 2 * theme.GRID)
        line.setSpacing(2 * theme.GRID)
        line.addWidget(self.words, 1)
        line.addWidget(self.read)
        line.addWidget(self.later)
        self.setAccessibleName("Reading whole records")
        self.hide()

    def show_ask(self, ask: Ask | None) -> None:
        """Ask this; nothing is asked twice while it was declined."""
        if ask == self._ask:
            return
        self._ask = ask
        self.setVisible(ask is not None and ask.answer is not Answer.DECLINED)
        if ask is not None:
            self.words.say(formats.text(ask.sentence), "text")
            is_known = ask.seconds is not None or bool(ask.trouble)
            self.read.setVisible(ask.answer is Answer.OPEN)
            self.read.setEnabled(is_known)
            self.later.setVisible(ask.answer is Answer.OPEN)

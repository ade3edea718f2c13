"""A line above a table: a filter by words, a sentence, and a button where there is something to do about it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QWidget

from fleetgui.widgets.deployments.words import Action, Said
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.elided import ElidedLabel

_WORDS_WIDTH = 220


class SaidBar(QWidget):
    filtered = Signal(str)
    """The words of the filter."""
    acted = Signal(Action)

    def __init__(self, filter_by: str, accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = QLineEdit()
        self.words.setPlaceholderText(filter_by)
        self.words.setAccessibleName(accessible)
        self.words.setClearButtonEnabled(True)
        self.words.setMaximumWidth(_WORDS_WIDTH)
        self.words.textChanged.connect(self.filtered)
        self.line = ElidedLabel()
        self._action = Action.NOTHING
        self.button = QToolButton()
        self.button.hide()
        self.button.clicked.connect(lambda: self.acted.emit(self._action))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * theme.GRID, theme.GRID, 2 * theme.GRID, theme.GRID)
        layout.setSpacing(3 * theme.GRID)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.line, 3)
        layout.addWidget(self.button)

    def say(self, said: Said) -> None:
        self.line.say(said.sentence, said.ink)
        self._action = said.action
        self.button.setText(said.action.value)
        self.button.setVisible(said.action is not Action.NOTHING)

"""What stands between the Call button and a call: nothing, a question, or the device's id to be typed. Inline.

Labels of a function say it: `direction: write` asks, `safety: critical` wants the id. Labels are a device's own words;
they can only raise the protection.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from PySide6.QtCore import Signal as QtSignal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from fleetgui.policy import formats
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.plain import plain_label


class Protection(Enum):
    NONE = "none"
    ASK = "ask"
    TYPE_ID = "type the id"


def protection_of(function: dict[str, Any]) -> Protection:
    """What a function's labels ask for."""
    labels = function.get("labels")
    if not isinstance(labels, dict):
        return Protection.NONE
    if _says(labels.get("safety"), "critical"):
        return Protection.TYPE_ID
    return Protection.ASK if _says(labels.get("direction"), "write") else Protection.NONE


def _says(label: Any, word: str) -> bool:
    """Labels are strings or lists of strings."""
    words = label if isinstance(label, list) else [label]
    return any(isinstance(each, str) and each.strip().lower() == word for each in words)


class Confirmation(QWidget):
    """Shown in place of the Call button's line until it is answered."""

    confirmed = QtSignal()
    dismissed = QtSignal()

    def __init__(self, device_id: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._device_id = device_id
        self._question = plain_label()
        self._question.setWordWrap(True)
        self.typed = QLineEdit()
        self.typed.setPlaceholderText("the device's id")
        self.typed.setAccessibleName("The device's id, to confirm")
        self.typed.textChanged.connect(self._check)
        self.typed.returnPressed.connect(self._confirm)
        self.yes = QPushButton("Call now")
        self.yes.setProperty("primary", True)
        self.yes.clicked.connect(self._confirm)
        self.no = QPushButton("Back")
        self.no.clicked.connect(self.dismissed)
        line = QHBoxLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.typed, 1)
        line.addWidget(self.yes)
        line.addWidget(self.no)
        line.addStretch(0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GRID)
        layout.addWidget(self._question)
        layout.addLayout(line)

    def ask(self, protection: Protection, function: str) -> None:
        """Begin to ask, with nothing confirmed yet."""
        name, device = formats.text(function, 80), formats.text(self._device_id, 120)
        typing = protection is Protection.TYPE_ID
        self._question.setText(
            f"{name} is safety-critical. Type {device} to call it."
            if typing
            else f"{name} changes {device}. Call it now?"
        )
        self.typed.clear()
        self.typed.setVisible(typing)
        self.yes.setEnabled(not typing)
        (self.typed if typing else self.yes).setFocus()

    def _check(self, text: str) -> None:
        self.yes.setEnabled(text == self._device_id)

    def _confirm(self) -> None:
        if self.yes.isEnabled():
            self.confirmed.emit()

"""Text shown as it is: labels and tool tips otherwise guess HTML, load what it names, and can hang for seconds."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from fleetgui.policy import formats


def plain_label(text: str = "", parent: QWidget | None = None) -> QLabel:
    """A label that never takes its text for markup."""
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    return label


def tip(*lines: str) -> str:
    """A tool tip of these lines, escaped and each cut at `formats.MAX_TEXT`; "" for none."""
    shown = [escape(formats.text(line)) for line in lines if line]
    return "<p style='white-space: pre'>" + "<br>".join(shown) + "</p>" if shown else ""

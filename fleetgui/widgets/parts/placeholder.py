"""What stands where there is nothing to show yet: one sentence, and one action where there is something to do."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.plain import plain_label


class Placeholder(QWidget):
    """An empty, loading or failed page. `acted` when the button, if there is one, was pressed."""

    acted = Signal()

    def __init__(self, sentence: str, action: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sentence = plain_label(sentence)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sentence.setWordWrap(True)
        self._button = QPushButton(action)
        self._button.setVisible(bool(action))
        self._button.clicked.connect(self.acted)
        layout = QVBoxLayout(self)
        layout.setSpacing(3 * theme.GRID)
        layout.addStretch(1)
        layout.addWidget(self._sentence)
        layout.addWidget(self._button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)
        self._restyle()
        theme.changed.connect(self._restyle)

    def say(self, sentence: str, action: str = "") -> None:
        """Change the sentence and the action."""
        self._sentence.setText(sentence)
        self._button.setText(action)
        self._button.setVisible(bool(action))

    @property
    def sentence(self) -> str:
        return self._sentence.text()

    def _restyle(self) -> None:
        palette = self._sentence.palette()
        palette.setColor(self._sentence.foregroundRole(), theme.current().color("muted"))
        self._sentence.setPalette(palette)

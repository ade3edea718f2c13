"""Small windows: open a device by id, what this program is, its keys. Shown with `open()`, never `exec()`."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, qVersion
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from fleetgui import __version__
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.plain import plain_label

_LONGEST_ID = 512
_MOST_HEIGHT = 640


class _Dialog(QDialog):
    """A dialog that is dropped when it is closed."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(*[5 * theme.GRID] * 4)
        self.body.setSpacing(3 * theme.GRID)

    def finish_with(self, buttons: QDialogButtonBox.StandardButton) -> QDialogButtonBox:
        box = QDialogButtonBox(buttons)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        self.body.addWidget(box)
        return box


class OpenDeviceDialog(_Dialog):
    """Asks for a device id; an exact one is asked of the registry at once, whatever the table has loaded."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__("Open device", parent)
        label = plain_label("Device &id")
        self.entry = QLineEdit()
        self.entry.setMaxLength(_LONGEST_ID)
        self.entry.setMinimumWidth(320)
        self.entry.setFont(theme.current().font("mono"))
        self.entry.setPlaceholderText("camera-0147")
        label.setBuddy(self.entry)
        self.body.addWidget(label)
        self.body.addWidget(self.entry)
        self.body.addWidget(plain_label("The whole id. The registry is asked for it, whether or not the table has it."))
        box = self.finish_with(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel)
        self._open = box.button(QDialogButtonBox.StandardButton.Open)
        self._open.setEnabled(False)
        self.entry.textChanged.connect(lambda text: self._open.setEnabled(bool(text.strip())))
        self.accepted.connect(self._accepted)

    def _accepted(self) -> None:
        if device_id := self.entry.text().strip():
            self.chosen.emit(device_id)


class AboutDialog(_Dialog):
    """What this is, and which versions of it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("About FleetGUI", parent)
        name = plain_label("FleetGUI")
        name.setFont(theme.current().font("figure", strong=True))
        self.body.addWidget(name)
        for line in (
            f"Version {__version__}",
            "Watches a fleet of devices on a NATS fabric.",
            f"Qt {qVersion()}. Apache License 2.0.",
        ):
            self.body.addWidget(plain_label(line))
        self.finish_with(QDialogButtonBox.StandardButton.Close)


class KeyboardDialog(_Dialog):
    """Every key and what it does."""

    def __init__(self, keys: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__("Keyboard", parent)
        grid = QGridLayout()
        grid.setHorizontalSpacing(6 * theme.GRID)
        grid.setVerticalSpacing(theme.GRID)
        for row, (key, does) in enumerate(keys):
            shown = plain_label(key)
            shown.setFont(theme.current().font("mono"))
            grid.addWidget(shown, row, 0)
            grid.addWidget(plain_label(does), row, 1)
        self.body.addLayout(grid)
        self.finish_with(QDialogButtonBox.StandardButton.Close)


class FilterLanguageDialog(_Dialog):
    """What can be typed into the filter line. It may stay open beside it."""

    def __init__(self, grammar: str, parent: QWidget) -> None:
        super().__init__("Filter language", parent)
        text = QPlainTextEdit(grammar)
        text.setReadOnly(True)
        text.setFont(theme.current().font("mono"))
        text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        text.setAccessibleName("Filter language")
        lines = grammar.splitlines()
        metrics = QFontMetrics(theme.current().font("mono"))
        width = metrics.horizontalAdvance("x" * (max(map(len, lines)) + 4))
        height = min(_MOST_HEIGHT, metrics.lineSpacing() * (len(lines) + 2))
        self.body.addWidget(text)
        self.finish_with(QDialogButtonBox.StandardButton.Close)
        self.resize(width + 10 * theme.GRID, height + 25 * theme.GRID)

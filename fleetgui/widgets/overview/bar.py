"""What stands above the overview's plots: the newest values, how long a time is shown, pause and live."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QToolButton, QWidget

from fleetgui.widgets.look import theme
from fleetgui.widgets.overview.readout import Readout

WINDOWS: Final = {
    "5 min": 300.0,
    "15 min": 900.0,
    "1 h": 3_600.0,
    "6 h": 21_600.0,
    "1 d": 86_400.0,
    "3 d": 259_200.0,
}
"""Seconds that are shown, by what the button says."""


class OverviewBar(QWidget):
    window_chosen = Signal(float)
    """Seconds."""
    pause_requested = Signal()
    live_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.readout = Readout()
        bar = QHBoxLayout(self)
        bar.setContentsMargins(3 * theme.GRID, 0, 2 * theme.GRID, 0)
        bar.setSpacing(theme.GRID)
        bar.addWidget(self.readout, 1)
        self.windows: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        for name, seconds in WINDOWS.items():
            button = _button(name, f"Show the last {name}", checkable=True)
            button.clicked.connect(lambda _checked=False, seconds=seconds: self.window_chosen.emit(seconds))
            group.addButton(button)
            bar.addWidget(button)
            self.windows[name] = button
        bar.addSpacing(3 * theme.GRID)
        self._pause = _button("‖ Paused", "Stand still; what comes in is kept (Space)", checkable=True)
        self._pause.setMinimumWidth(self._pause.sizeHint().width())  # what stands beside it does not jump
        self._pause.clicked.connect(lambda held: (self.pause_requested if held else self.live_requested).emit())
        self._live = _button("Live", "Back to now (End, or double click)")
        self._live.clicked.connect(self.live_requested)
        bar.addWidget(self._pause)
        bar.addWidget(self._live)

    def show_window(self, seconds: float) -> None:
        """Mark the button of that many seconds."""
        for name, button in self.windows.items():
            button.setChecked(WINDOWS[name] == seconds)

    def show_still(self, still: bool) -> None:
        """Whether it stands still, as pause and live say."""
        self._pause.setChecked(still)
        self._pause.setText("‖ Paused" if still else "Pause")
        self._live.setEnabled(still)


def _button(text: str, says: str, *, checkable: bool = False) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setCheckable(checkable)
    button.setToolTip(says)
    button.setAccessibleName(says)
    return button

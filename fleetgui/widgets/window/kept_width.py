"""The width of the details outlasts a window that was too narrow for it. Qt narrows docks, and never widens them again.

A dock that changes while its window does not was moved by the operator, and that is the width to come back to.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QMainWindow

from fleetgui.widgets.window.docks import Dock


class KeptWidth(QObject):
    """`dock` gives one of the docks that share the width, None while there is none in the window."""

    def __init__(self, window: QMainWindow, dock: Callable[[], Dock | None]) -> None:
        super().__init__(window)
        self._window = window
        self._dock = dock
        self.wanted = 0
        """Pixels."""
        self._seen = window.width()
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._widen)

    def dock_resized(self) -> None:
        """The dock has another width: by the operator, unless the window has another one too."""
        dock = self._dock()
        if dock is not None and self._window.width() == self._seen:
            self.wanted = dock.width()

    def window_resized(self) -> None:
        """The window has another width; once it is laid out, the dock gets its own back, as far as there is room."""
        self._soon.start()

    def _widen(self) -> None:
        dock = self._dock()
        if dock is not None and 0 < dock.width() < self.wanted:
            self._window.resizeDocks([dock], [self.wanted], Qt.Orientation.Horizontal)
        self._seen = self._window.width()

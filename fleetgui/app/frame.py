"""The window frame: what is made and painted before anything else is imported."""

from __future__ import annotations

import asyncio
import time

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication

from fleetgui.app.options import ConsoleOptions
from fleetgui.app.settings import Settings
from fleetgui.policy.clock import Clock, SystemClock
from fleetgui.stores.console import ConsoleState
from fleetgui.widgets import theme
from fleetgui.widgets.main_window import MainWindow


class Frame(QObject):
    """The main window over empty stores. `painted` is set once it was drawn; `painted_at` is epoch seconds."""

    def __init__(self, window: MainWindow, state: ConsoleState, clock: Clock) -> None:
        super().__init__()
        self.window = window
        self.state = state
        self.clock = clock
        self.painted = asyncio.Event()
        self.painted_at: float | None = None
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Paint and self.painted_at is None:
            self.painted_at = time.time()
            watched.removeEventFilter(self)
            self.painted.set()
        return False


def open_window(app: QApplication, options: ConsoleOptions, settings: Settings) -> Frame:
    """Make and show the main window in the theme that was asked for, or remembered."""
    remembered = settings.get("look")
    theme.apply(app, options.theme or str(remembered.get("theme", "system")))
    state = ConsoleState()
    clock = SystemClock()
    context = options.context
    window = MainWindow(
        state,
        clock,
        context_name=context.name if context else "demo",
        tenant=context.tenant if context else "default",
        colour=context.colour if context else None,
        protection=context.protection.value if context else "open",
    )
    window.restore_state(settings.get("window"))
    window.show()
    return Frame(window, state, clock)

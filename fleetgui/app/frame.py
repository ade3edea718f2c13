"""The window frame: what is made and painted before anything else is imported, the stores included."""

from __future__ import annotations

import asyncio
import time

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication

from fleetgui.app.options import ConsoleOptions
from fleetgui.app.settings import Settings
from fleetgui.policy.clock import Clock, SystemClock
from fleetgui.widgets.look import theme
from fleetgui.widgets.window.main_window import MainWindow


class Frame(QObject):
    """The main window, still empty. `painted` is set once it was drawn; `painted_at` is epoch seconds."""

    def __init__(self, window: MainWindow, clock: Clock) -> None:
        super().__init__()
        self.window = window
        self.clock = clock
        self.painted = asyncio.Event()
        self.painted_at: float | None = None
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and self.painted_at is None:
            self.painted_at = time.time()
            watched.removeEventFilter(self)
            self.painted.set()
        return False


def open_window(app: QApplication, options: ConsoleOptions, settings: Settings) -> Frame:
    """Make and show the main window in the look that was asked for, or remembered."""
    look = settings.get("look")
    mode = options.theme or look.get("theme")
    density = str(look.get("density", "normal")).upper()
    theme.apply(
        app,
        mode if mode in theme.MODES else "system",
        density=theme.Density.__members__.get(density, theme.Density.NORMAL),
    )
    context = options.context
    clock = SystemClock()
    window = MainWindow(
        None,
        clock,
        context_name=context.name if context else "demo",
        tenant=context.tenant if context else "default",
        colour=context.colour if context else None,
        protection=context.protection.value if context else "",
    )
    frame = Frame(window, clock)
    if has_screen(app):
        window.restore_state(settings.get("window"))
    window.show()
    return frame


def has_screen(app: QApplication) -> bool:
    """Whether the window's place on the screen means anything: it is not remembered of a window that nobody saw."""
    return app.platformName() != "offscreen"

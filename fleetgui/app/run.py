"""Qt start-up: the window first, then the loop, then everything else; and one way to end.

The order, and why: the QApplication and an empty main window are made and shown before the network, the plots and the
table are even imported, so that an operator sees a window at once. `asyncio.Runner` owns the loop; closing windows
does not quit Qt (`setQuitOnLastWindowClosed(False)`), it asks the session, which cancels its tasks, closes the link and
only then lets go. A watchdog ends the process if that should ever hang.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import threading

from PySide6.QtWidgets import QApplication

from fleetgui.app.crash import CrashLog
from fleetgui.app.errors import ErrorSink
from fleetgui.app.frame import Frame, open_window
from fleetgui.app.loop import loop_factory
from fleetgui.app.options import ConsoleOptions
from fleetgui.app.settings import Settings, default_path

WATCHDOG_S = 10.0
STARTED_AFTER_S = 15.0
"""Seconds after which modules are imported and pages made."""


def run_console(options: ConsoleOptions) -> int:
    """Open a console and stay until it is closed. Returns the exit code."""
    app = QApplication(sys.argv[:1])
    app.setApplicationName("FleetGUI")
    app.setDesktopFileName("fleetgui")
    app.setQuitOnLastWindowClosed(False)
    sink = ErrorSink()
    sink.install()
    settings = Settings(default_path())
    crashes = CrashLog(settings.path.parent)
    sink.last_crash = crashes.begin()

    frame = open_window(app, options, settings)
    with asyncio.Runner(loop_factory=loop_factory(app)) as runner:
        sink.install_on(runner.get_loop())
        code = runner.run(_session(options, frame, sink, settings))
    crashes.end()
    return code


async def _session(options: ConsoleOptions, frame: Frame, sink: ErrorSink, settings: Settings) -> int:
    quit_requested = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, quit_requested.set)
        except (NotImplementedError, RuntimeError):  # Windows: Ctrl+C comes as KeyboardInterrupt
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(quit_requested.set))
    await frame.painted.wait()
    from fleetgui.app.session import Session

    session = Session(options, frame, sink, settings, quit_requested)
    # What start-up made is there for good: looking through it for garbage would hold the loop for 50 ms now and then.
    loop.call_later(STARTED_AFTER_S, gc.freeze)
    try:
        return await session.run()
    finally:
        _arm_watchdog()


def _arm_watchdog() -> None:
    """From here on nothing but interpreter shutdown is left: end hard when it hangs, with the stacks in the log."""

    def bite() -> None:
        faulthandler.dump_traceback(all_threads=True)
        os._exit(3)

    timer = threading.Timer(WATCHDOG_S, bite)
    timer.daemon = True
    timer.start()

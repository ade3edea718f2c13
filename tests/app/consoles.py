"""A whole console in the test's own process: window, loop and session, driven by a coroutine beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from PySide6.QtWidgets import QApplication

from fleetgui.app.crash import Crash
from fleetgui.app.errors import ErrorSink
from fleetgui.app.frame import open_window
from fleetgui.app.loop import loop_factory
from fleetgui.app.options import ConsoleOptions, DemoOptions
from fleetgui.app.session import Session
from fleetgui.app.settings import Settings
from fleetgui.link.context import Context, embedded

Drive = Callable[[Session], Awaitable[None]]


def context(url: str, user: str = "", password: str = "") -> Context:
    return embedded(url, user, password, "default")


def run_console(
    app: QApplication,
    folder: Path,
    drive: Drive,
    *,
    on: Context | None = None,
    demo: DemoOptions | None = None,
    errors: bool = False,
    crash: Crash | None = None,
    exit_after: float | None = None,
    started_ago: float = 0.0,
) -> Session:
    """Open a console on a context or a demo, run `drive(session)`, then close the window as a user does.

    Returns the session after it ended with exit code 0; unless `errors` are expected, none may have been reported.
    """
    sink = ErrorSink()
    sink.last_crash = crash
    settings = Settings(folder / "settings.json")
    options = ConsoleOptions(started_at=time.time() - started_ago, context=on, demo=demo, exit_after=exit_after)
    frame = open_window(app, options, settings)
    quit_requested = asyncio.Event()
    sessions: list[Session] = []

    async def both() -> int:
        await frame.painted.wait()
        session = Session(options, frame, sink, settings, quit_requested)
        sessions.append(session)

        async def user() -> None:
            try:
                await drive(session)
            finally:
                frame.window.close()

        code, _ = await asyncio.gather(session.run(), user())
        return code

    with asyncio.Runner(loop_factory=loop_factory(app)) as runner:
        sink.install_on(runner.get_loop())
        assert runner.run(both()) == 0
    if not errors:
        assert list(sink.recent) == []
    assert not frame.window.isVisible()
    frame.window.deleteLater()
    return sessions[0]

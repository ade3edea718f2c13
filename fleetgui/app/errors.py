"""One error sink: whatever goes wrong anywhere in the program ends up here, once, and the program lives.

Sources: the event loop's exception handler, `sys.excepthook` (exceptions in Qt slots and virtual methods come there),
threads, `__del__` and friends, Qt's own messages, failed tasks, listeners of signals.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

from fleetgui.app.crash import Crash
from fleetgui.policy.repeats import is_power_of_ten
from fleetgui.policy.signals import report_errors_to
from fleetgui.stores.log_ring import LogRing

log = logging.getLogger("fleetgui")

KEPT: Final = 200
MOST_KNOWN: Final = 1_000
"""Different errors whose repetitions are counted."""

_HARMLESS_QT: Final = (
    "This plugin does not support",  # the offscreen platform says this of every window property it lacks
    "Could not register app ID",  # no desktop portal on a bare machine
)


class ErrorSink:
    """Takes errors and counts them; `on_error(where, text)` lets the session show one line in the journal.

    What fails in a slot fails again with every beat: the same error is told the 1st, 10th, 100th … time.

    `log` has the last lines of the program's log, `last_crash` what the session before left when it broke.
    """

    def __init__(self) -> None:
        self.count = 0
        self.recent: deque[str] = deque(maxlen=KEPT)
        self.on_error: Callable[[str, str], None] | None = None
        self._times: dict[str, int] = {}
        self.log = LogRing()
        self.last_crash: Crash | None = None

    def install(self) -> None:
        """Take over every hook of the process. Called once, after the QApplication is made."""
        sys.excepthook = self._from_python
        threading.excepthook = self._from_thread
        sys.unraisablehook = self._unraisable
        qInstallMessageHandler(self._from_qt)
        report_errors_to(self.failed)
        on_terminal = logging.StreamHandler()
        on_terminal.setLevel(logging.WARNING)
        for handler in (self.log, on_terminal):
            logging.getLogger().addHandler(handler)
        logging.getLogger("fleetgui").setLevel(logging.INFO)

    def install_on(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.set_exception_handler(self._from_loop)

    def failed(self, where: str, error: BaseException) -> None:
        """Something called `where` ended with `error`."""
        self._take(where, f"{type(error).__name__}: {error}", error)

    def _take(self, where: str, text: str, error: BaseException | None = None) -> None:
        self.count += 1
        line = f"{where}: {text}"[:500]
        if line not in self._times and len(self._times) == MOST_KNOWN:
            self._times.clear()
        times = self._times[line] = self._times.get(line, 0) + 1
        if not is_power_of_ten(times):
            return
        if times > 1:
            line, text = f"{line} ({times:,} times)", f"{text} ({times:,} times)"
        self.recent.append(line)
        log.error("%s", line, exc_info=error)
        if self.on_error is not None:
            try:
                self.on_error(where, text)
            except Exception:
                log.exception("the error sink's own listener failed")

    def _from_python(self, _kind: type[BaseException], error: BaseException, _where: TracebackType | None) -> None:
        if not isinstance(error, KeyboardInterrupt):
            self.failed("the program", error)

    def _from_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            self.failed(f"thread {args.thread.name if args.thread else '?'}", args.exc_value)

    def _unraisable(self, args: Any) -> None:
        if args.exc_value is not None:
            self.failed(f"cleaning up {args.object!r:.80}", args.exc_value)

    def _from_loop(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self.failed(str(context.get("message", "the event loop")), error)
        else:
            self._take("the event loop", str(context.get("message", context)))

    def _from_qt(self, kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
        if any(harmless in message for harmless in _HARMLESS_QT):
            return
        if kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg):
            log.debug("Qt: %s", message)
        else:
            self._take("Qt", message)

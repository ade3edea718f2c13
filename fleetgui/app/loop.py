"""The event loop: asyncio on Qt's, by qasync, with a scheduler of its own. Everything of the console runs on it.

qasync makes a Qt timer for each `call_soon`. Here callbacks wait in one queue, run in order for at most `SLICE`
seconds, and then Qt has its turn (input, painting, sockets) before they go on. Timers wait in one heap with one precise
Qt timer for the first of them; cancelled ones are cleared out, where qasync keeps each until it is due.

Differences that one can rely on, tested in tests/app/test_loop.py: callbacks run only while the loop runs; any signal
wakes an idle loop; a dialog's nested `exec()` inside a task holds the other tasks up until it returns, and loses none.

On Windows `loop_factory` gives plain qasync: this scheduler has been soaked on Linux alone, and there the sockets
come from a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import math
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final, TypeVarTuple, Unpack

from PySide6.QtCore import QCoreApplication, Qt, QTimer  # before qasync, which takes the first binding it finds
from PySide6.QtWidgets import QApplication

import qasync  # isort: skip

Ts = TypeVarTuple("Ts")

SLICE: Final = 0.003
"""Seconds for which callbacks run before Qt has its turn: a fifth of a frame."""

_MIN_CANCELLED: Final = 64
"""The heap is cleared of cancelled timers when they are more than this, and half of it."""

_log = logging.getLogger(__name__)


class FleetLoop(qasync.QSelectorEventLoop):  # type: ignore[misc]  # qasync ships no type information
    """One per `QApplication`, run by `asyncio.Runner`. Not to be stopped from outside while its main task runs."""

    def __init__(self, app: QCoreApplication) -> None:
        self._queue: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timer_numbers = itertools.count()
        self._cancelled_timers = 0
        self._armed_for = math.inf
        self._runs = False
        self._in_callback = False
        self._thread_id: int | None = None
        self._awake = False  # or about to look into the queue anyway
        self._fatal: BaseException | None = None
        self._qt_app = app
        self._soon = QTimer()
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._turn)
        self._due = QTimer()
        self._due.setSingleShot(True)
        self._due.setTimerType(Qt.TimerType.PreciseTimer)
        self._due.timeout.connect(self._turn)
        super().__init__(app)

    # Scheduling

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._queue.append(handle)
        if not self._awake:
            self._wake()
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._queue.append(handle)
        self._write_to_self()
        return handle

    def call_later(
        self, delay: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._check_closed()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        handle._scheduled = True  # type: ignore[attr-defined]  # by this it tells us when it is cancelled
        heapq.heappush(self._timers, (when, next(self._timer_numbers), handle))
        if when < self._armed_for and not self._in_callback:
            self._arm()
        return handle

    def time(self) -> float:
        return time.monotonic()

    def _add_callback(self, handle: asyncio.Handle, delay: float = 0) -> asyncio.Handle:
        # Called by asyncio itself, for signals among others.
        self._queue.append(handle)
        if not self._awake:
            self._wake()
        return handle

    def _wake(self) -> None:
        self._awake = True
        self._soon.start()

    def _sleep(self) -> None:
        self._awake = False
        self._soon.stop()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._cancelled_timers += 1
        if self._cancelled_timers > _MIN_CANCELLED and 2 * self._cancelled_timers > len(self._timers):
            for _, _, timer in self._timers:
                timer._scheduled = not timer.cancelled()  # type: ignore[attr-defined]  # as above
            self._timers = [entry for entry in self._timers if not entry[2].cancelled()]
            heapq.heapify(self._timers)
            self._cancelled_timers = 0

    # Running

    def run_forever(self) -> None:
        self._check_closed()
        if self._runs or asyncio._get_running_loop() is not None:
            raise RuntimeError("An event loop runs already")
        hooks = sys.get_asyncgen_hooks()
        self._runs = True
        self._thread_id = threading.get_ident()
        sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)
        asyncio._set_running_loop(self)
        try:
            with self._woken_by_signals():
                if self._queue:
                    self._wake()
                self._arm()
                self._qt_app.exec()
        finally:
            self._runs = False
            self._thread_id = None
            self._sleep()
            self._due.stop()
            self._armed_for = math.inf
            asyncio._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)
        if self._fatal is not None:
            fatal, self._fatal = self._fatal, None
            raise fatal

    def run_until_complete(self, future: Any) -> Any:
        # asyncio's own: qasync's lets Qt, and so our callbacks, run once more after the loop has stopped.
        return asyncio.BaseEventLoop.run_until_complete(self, future)

    def is_running(self) -> bool:
        return self._runs

    def stop(self) -> None:
        self._runs = False
        self._qt_app.exit()

    def close(self) -> None:
        if self._runs:
            raise RuntimeError("Cannot close a running event loop")
        if self.is_closed():
            return
        super().close()
        self._sleep()
        self._due.stop()
        self._queue.clear()
        self._timers.clear()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        # asyncio's own: qasync's threads are joined, one by one, when the loop is closed.
        return asyncio.BaseEventLoop.run_in_executor(self, executor, func, *args)

    def set_default_executor(self, executor: Any) -> None:
        asyncio.BaseEventLoop.set_default_executor(self, executor)

    def _turn(self) -> None:
        """Qt's call: what is due and what waits, in order, until nothing is left or the slice is over."""
        if self._in_callback or not self._runs:
            # A nested exec() inside a callback, or nobody runs us: what waits is taken up when that is over.
            self._sleep()
            return
        self._in_callback = self._awake = True
        queue, debug = self._queue, self.get_debug()
        end = time.monotonic() + SLICE
        try:
            self._queue_what_is_due()
            while queue and self._runs:
                handle = queue.popleft()
                if not handle._cancelled:
                    if debug:
                        self._run_watched(handle)
                    else:
                        handle._run()
                if time.monotonic() >= end:
                    break
        except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt, which Qt would swallow
            self._fatal = error
            self.stop()
        finally:
            handle = None  # type: ignore[assignment]  # what it refers to must not live until the next turn
            self._in_callback = False
        if queue and self._runs:
            self._wake()
        else:
            self._sleep()
        self._arm()

    def _run_watched(self, handle: asyncio.Handle) -> None:
        began = self.time()
        handle._run()
        if (took := self.time() - began) >= self.slow_callback_duration:
            _log.warning("Executing %r took %.3f seconds", handle, took)

    def _queue_what_is_due(self) -> None:
        timers = self._timers
        now = time.monotonic()
        while timers and timers[0][0] <= now:
            timer = heapq.heappop(timers)[2]
            timer._scheduled = False  # type: ignore[attr-defined]  # it has left the heap
            if timer.cancelled():
                self._cancelled_timers -= 1
            else:
                self._queue.append(timer)

    def _arm(self) -> None:
        """Set the one Qt timer for the first of ours."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)[2]._scheduled = False  # type: ignore[attr-defined]  # as above
            self._cancelled_timers -= 1
        if not timers:
            if self._armed_for != math.inf:
                self._due.stop()
                self._armed_for = math.inf
            return
        first = timers[0][0]
        if first != self._armed_for or not self._due.isActive():
            self._armed_for = first
            milliseconds = math.ceil((first - time.monotonic()) * 1_000)
            self._due.start(min(max(0, milliseconds), 2**30))

    @contextlib.contextmanager
    def _woken_by_signals(self) -> Any:
        """Any signal writes into our own pipe: an idle loop wakes, and Python runs its handler."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.set_wakeup_fd(self._csock.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)


def loop_factory(app: QApplication) -> Callable[[], asyncio.AbstractEventLoop]:
    """What `asyncio.Runner(loop_factory=…)` takes: one loop on `app`."""

    def make() -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = qasync.QEventLoop(app) if sys.platform == "win32" else FleetLoop(app)
        return loop

    return make

"""The one thread in which the held fleet is searched and sorted, and how it is told to stop.

numpy lets go of the interpreter while it works, so the loop goes on meanwhile; between its steps the work asks whether
it is still wanted. No step takes longer than about a tenth of a second at a million devices.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from fleetgui.stores.held.texts import Check

T = TypeVar("T")


class NoLongerWanted(Exception):
    """Raised within the work, once nobody waits for it."""


class Worker:
    """Runs one piece of work after another. Used from the loop's thread; the thread starts with the first piece."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="held-fleet")

    async def run(self, work: Callable[[Check], T], ended: Callable[[], None]) -> T:
        """The result of `work(check)`. Cancelling the wait stops the work at its next step.

        `ended` is called on the loop once the work no longer runs, or will never run, however that came about.
        """
        stop = threading.Event()
        loop = asyncio.get_running_loop()

        def check() -> None:
            if stop.is_set():
                raise NoLongerWanted

        def done(_future: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop is closed: there is nothing left to tell
                loop.call_soon_threadsafe(ended)

        future = self._executor.submit(work, check)
        future.add_done_callback(done)
        try:
            return await asyncio.wrap_future(future)
        finally:
            stop.set()

    def close(self) -> None:
        """Nothing more is run; what runs is left to come to its end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

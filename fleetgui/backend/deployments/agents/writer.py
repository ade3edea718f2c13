"""Writes at a bounded rate, a few under way at once, each tried again until it is taken.

A write is an action that looks at what is to be written when its turn comes, under a key: asked for twice, it is done
once. While the broker takes nothing, everybody waits for the same ever longer pause, and nothing is lost but time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

from fleetgui.backend.trouble import Trouble
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks

AT_ONCE: Final = 32
FIRST_PAUSE_S: Final = 0.05
MAX_PAUSE_S: Final = 5.0
BURST_S: Final = 0.05
"""So much of what the rate allows may be written together: fewer wake-ups."""

Action = Callable[[], Awaitable[None]]


class Writer:
    """`rate` is how many begin within a second. `done` and `failed` count since the start."""

    def __init__(self, link: Link, tasks: Tasks, *, rate: float, name: str) -> None:
        self.done = 0
        self.failed = 0
        self._link = link
        self._tasks = tasks
        self._every = 1.0 / rate
        self._name = name
        self._waiting: dict[Hashable, Action] = {}
        self._running: dict[Hashable, Action | None] = {}
        """What is under way, with what was asked for meanwhile under the same key."""
        self._failing: set[Hashable] = set()
        self._asked = asyncio.Event()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._pause = FIRST_PAUSE_S
        self._paused_until = 0.0
        self._trouble = Trouble(f"{name} cannot be written")

    def start(self) -> None:
        self._tasks.spawn(self._run(), name=f"writer: {self._name}")

    def want(self, key: Hashable, action: Action) -> None:
        """Do `action` soon, unless it waits already under this `key`. One that is under way is followed by it."""
        if key in self._running:
            self._running[key] = action
        else:
            self._waiting.setdefault(key, action)
            self._asked.set()

    @property
    def is_idle(self) -> bool:
        return not self._waiting and not self._running

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = 0.0
        while True:
            while not self._waiting:
                self._asked.clear()
                await self._asked.wait()
            await self._places.acquire()
            due = max(due + self._every, loop.time())
            if (ahead := max(due, self._paused_until) - loop.time()) > BURST_S:
                await asyncio.sleep(ahead)
            await self._link.up()
            key = next(iter(self._waiting))
            action = self._waiting.pop(key)
            self._running[key] = None
            self._tasks.spawn(self._do(key, action), name=f"writing {self._name}")

    async def _do(self, key: Hashable, action: Action) -> None:
        again = None
        try:
            await action()
            self.done += 1
            self._pause = FIRST_PAUSE_S
            self._failing.discard(key)
            if not self._failing:
                self._trouble.is_now(None)
        except LinkError as error:
            self.failed += 1
            again = action
            self._failing.add(key)
            self._put_off(error)
        finally:
            self._places.release()
            again = self._running.pop(key) or again
            if again is not None:
                self.want(key, again)

    def _put_off(self, error: LinkError) -> None:
        now = asyncio.get_running_loop().time()
        self._trouble.is_now(error, alike=type(error))
        if now >= self._paused_until:
            self._paused_until = now + self._pause
            self._pause = min(2 * self._pause, MAX_PAUSE_S)

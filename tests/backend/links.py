"""Links for tests of the backend: up, supervised by a list of failures that must stay empty, and closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.credentials import Credentials
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock, SystemClock
from fleetgui.wire.codec import decode_any

LIMIT_S = 20.0
"""A generous bound on anything a test waits for; no test states how fast something is."""


@dataclass
class Party:
    """Somebody with a link of their own."""

    link: Link
    tasks: Tasks
    clock: Clock
    failures: list[str] = field(default_factory=list)

    async def ask(self, subject: str, data: bytes) -> bytes:
        return await self.link.request(subject, data, timeout=LIMIT_S)


@asynccontextmanager
async def party(
    url: str, name: str = "test", *, clock: Clock | None = None, credentials: Credentials | None = None
) -> AsyncIterator[Party]:
    """A party whose link to a broker of `url` (several: commas between) is up; nothing may fail in its tasks."""
    clock = clock or SystemClock()
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    link = Link(Context(servers=tuple(url.split(",")), credentials=credentials), clock=clock, name=name, tasks=tasks)
    link.start()
    try:
        async with asyncio.timeout(LIMIT_S):
            await link.up()
        yield Party(link, tasks, clock, failures)
    finally:
        await tasks.cancel()
        await link.close()
    assert failures == []


class Inbox:
    """Everything that arrives on a subject, decoded, in order."""

    def __init__(self, link: Link, subject: str) -> None:
        self.messages: list[tuple[str, dict[str, object]]] = []
        self._arrived = asyncio.Event()
        link.subscribe(subject, self._take)

    def _take(self, message: Message) -> None:
        self.messages.append((message.subject, decode_any(message.data)))
        self._arrived.set()

    async def until(self, count: int) -> list[tuple[str, dict[str, object]]]:
        """Wait until at least `count` messages are there; returns them all."""
        async with asyncio.timeout(LIMIT_S):
            while len(self.messages) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.messages

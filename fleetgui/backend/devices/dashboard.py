"""The scenario's greedy client: a dashboard that asks for the whole fleet, many times at once.

It has a connection of its own, as a real one would. Its requests are all valid; that the gateway's loop runs late
while it answers them is the gateway's own figure.
"""

from __future__ import annotations

import asyncio
from typing import Final

from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.wire import rpc
from fleetgui.wire.subjects import Subjects

PATIENCE_S: Final = 20.0
MOST_AT_ONCE: Final = 1_000


class Dashboard:
    """`asked`, `answered` and `failed` count requests; a burst that overlaps with the one before it is left out."""

    def __init__(self, link: Link, tenant: str, tasks: Tasks) -> None:
        self.asked = 0
        self.answered = 0
        self.failed = 0
        self._link = link
        self._subject = Subjects(tenant).discovery
        self._tasks = tasks
        self._burst: asyncio.Task[None] | None = None

    def burst(self, requests: int) -> None:
        """Send `requests` requests at once (at most `MOST_AT_ONCE`), unless the last burst is still under way."""
        if self._burst is None or self._burst.done():
            self._burst = self._tasks.spawn(self._ask_all(min(requests, MOST_AT_ONCE)), name="dashboard burst")

    async def _ask_all(self, requests: int) -> None:
        await asyncio.gather(*(self._ask() for _ in range(requests)))

    async def _ask(self) -> None:
        self.asked += 1
        request = rpc.request("discovery/describeFleet", {}, f"dashboard-{self.asked}")
        try:
            await self._link.request(self._subject, request, timeout=PATIENCE_S)
        except LinkError:
            self.failed += 1
        else:
            self.answered += 1

"""The scenario's greedy client: a dashboard that asks about the whole fleet, many times at once.

It has a connection of its own, as a real one would. A fleet that the registry searches on the spot it asks in turn to
be described and searched for something new, which nobody can have kept; through a larger one, whose searches wait in a
queue and hold up no loop, it leafs. Its requests are all valid; that the gateway's loop runs late while it answers them
is the gateway's own figure. How many requests that takes depends on the machine and on the fleet's size, so the
dashboard learns it: the first burst is small, each later one as large as the last one's time per request says, within
bounds.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any, Final

from fleetgui.backend.devices.chance import draw
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.wire import rpc
from fleetgui.wire.subjects import Subjects

PATIENCE_S: Final = 20.0
FIRST_BURST: Final = 40
MOST_AT_ONCE: Final = 2_400
SEARCHED_AT_ONCE: Final = 5_000
"""The registry answers a search of so many devices on the spot (`registry.discovery.AT_ONCE_S`)."""
PAGE: Final = 40
MOST_PAGES_AT_ONCE: Final = 1_000
"""Together they stay below what a link holds for a broker that does not take it (`LinkSettings.max_buffered_bytes`)."""
GROWTH: Final = 8
"""A burst is at most so many times as large as the one before."""


class Dashboard:
    """`asked`, `answered` and `failed` count requests; a burst that overlaps with the one before it is left out.

    `devices` is how many there are on record.
    """

    def __init__(self, link: Link, tenant: str, tasks: Tasks, devices: int = 0) -> None:
        self.asked = 0
        self.answered = 0
        self.failed = 0
        self._devices = devices
        self._leafs = devices > SEARCHED_AT_ONCE
        self._link = link
        self._subject = Subjects(tenant).discovery
        self._tasks = tasks
        self._burst: asyncio.Task[None] | None = None
        self._size = FIRST_BURST
        self._seconds_each: float | None = None

    def burst(self, busy_ms: float) -> None:
        """Send as many requests at once as keep the registry busy for about `busy_ms`, as far as is known."""
        if self._burst is not None and not self._burst.done():
            return
        if self._seconds_each is not None:
            wanted = busy_ms / 1_000 / self._seconds_each
            most = MOST_PAGES_AT_ONCE if self._leafs else MOST_AT_ONCE
            self._size = int(max(FIRST_BURST, min(wanted, GROWTH * self._size, most)))
        self._burst = self._tasks.spawn(self._ask_all(self._size), name="dashboard burst")

    async def _ask_all(self, requests: int) -> None:
        began, failed = perf_counter(), self.failed
        await asyncio.gather(*(self._ask() for _ in range(requests)))
        if self.failed == failed:
            self._seconds_each = max(1e-6, (perf_counter() - began) / requests)

    async def _ask(self) -> None:
        self.asked += 1
        request_id = f"dashboard-{self.asked}"
        method, params = "discovery/listDevices", dict[str, Any]()
        if self._leafs:
            offset = int(draw("dashboard", self.asked) * self._devices)
            params = {"offset": offset, "limit": PAGE, "projection": "summary"}
        elif self.asked % 2:
            method = "discovery/describeFleet"
        else:
            params = {"limit": 1, "query": request_id}
        try:
            request = rpc.request(method, params, request_id)
            await self._link.request(self._subject, request, timeout=PATIENCE_S)
        except LinkError:
            self.failed += 1
        else:
            self.answered += 1

"""History further back than the feed reads by itself, for whoever looks there: an hour at a time, from now backwards.

Every window of days would be hundreds of megabytes, so nothing is read that nobody looks at, one page at a time, with
a pause between them, and no more than `MOST_PAGES` in all. What was read stays (`stores.lag_series`).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol, TypeVar

from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.signals import Signal
from fleetgui.stores.console import ConsoleState
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed
from fleetgui.wire.gateway import Engagement, Lag, LagHistory, ThrottleHistory
from fleetgui.wire.times import rfc3339, to_epoch

CHUNK_S: Final = 3_600.0
PAGE: Final = 1_000
MOST_PAGES: Final = 2_000
"""Pages read of the past in the life of a console: a week of three gateways, some 500 MB over the wire."""
BETWEEN_PAGES_S: Final = 0.02
"""A page is decoded in a few milliseconds; the loop has others to serve."""

M = TypeVar("M", LagHistory, ThrottleHistory)


class Ask(Protocol):
    """Asks a gateway; raises `LinkError`, `rpc.RpcError`, `Malformed`."""

    async def __call__(self, method: str, params: dict[str, Any], kind: type[M]) -> M: ...


class GatewayPast:
    """`reached` says from when on history was read; `look_back` wants it from earlier."""

    def __init__(self, ask: Ask, state: ConsoleState, tasks: Tasks) -> None:
        self.changed = Signal[[]]()
        """`since` or `is_whole` did."""
        self.since: float | None = None
        """From this epoch second on everything was read; None before anything was."""
        self.is_whole = False
        """There is nothing older in the gateways' history, or no more of it is read."""
        self.pages = 0
        self._ask = ask
        self._state = state
        self._tasks = tasks
        self._wanted = float("inf")
        self._reading: asyncio.Task[None] | None = None

    def reached(self, since: float) -> None:
        """Everything from epoch second `since` on was read, by the feed."""
        self.since = since if self.since is None else min(self.since, since)
        self._go_on()

    def look_back(self, since: float) -> None:
        """Somebody looks at times from epoch second `since` on."""
        self._wanted = min(self._wanted, since)
        self._go_on()

    def _go_on(self) -> None:
        under_way = self._reading is not None and not self._reading.done()
        if self.since is not None and self._wanted < self.since and not self.is_whole and not under_way:
            self._reading = self._tasks.spawn(self._read(), name="read older gateway history")

    async def _read(self) -> None:
        """Chunk by chunk; where a gateway does not answer, until somebody looks again."""
        while self.since is not None and self._wanted < self.since and not self.is_whole:
            start = max(self._wanted, self.since - CHUNK_S, 0.0)
            try:
                found = await self._chunk(start, self.since)
                # Nothing of a gateway within an hour, and nothing before it: history begins after this.
                whole = start == 0.0 or (not found and await self._is_first(start))
            except (LinkError, rpc.RpcError, Malformed):
                self._wanted = float("inf")
                return
            self.since = min(self.since, start)
            self.is_whole = whole or self.pages >= MOST_PAGES
            self.changed.emit()

    async def _chunk(self, start: float, end: float) -> bool:
        """Take in all between two epoch seconds; whether there was anything."""
        lags = await self._pages("gateway/lagHistory", start, end, LagHistory)
        refusals = await self._pages("gateway/throttleHistory", start, end, ThrottleHistory)
        return lags or refusals

    async def _pages(self, method: str, start: float, end: float, kind: type[M]) -> bool:
        following: str | None = rfc3339(start)
        asked: set[str] = set()
        found = False
        while following is not None and following not in asked and self.pages < MOST_PAGES:
            asked.add(following)
            page = await self._ask(method, {"since": following, "limit": PAGE}, kind)
            self.pages += 1
            following = page.next_since
            if isinstance(page, LagHistory):
                items, wanted = len(page.samples), [each for each in page.samples if _at(each, end) < end]
                self._state.lag.apply(wanted, live=False)
                taken = len(wanted)
            else:
                items, refusals = len(page.engagements), [each for each in page.engagements if _at(each, end) < end]
                self._state.engagements.apply(refusals, live=False)
                taken = len(refusals)
            found = found or taken > 0
            if taken < items:
                break  # what follows is known
            await asyncio.sleep(BETWEEN_PAGES_S)
        return found

    async def _is_first(self, start: float) -> bool:
        """Whether history has nothing before epoch second `start`."""
        page = await self._ask("gateway/lagHistory", {"limit": 1}, LagHistory)
        self.pages += 1
        oldest = min((to_epoch(sample.ts) or start for sample in page.samples), default=start)
        return oldest >= start


def _at(item: Lag | Engagement, otherwise: float) -> float:
    at = to_epoch(item.ts)
    return otherwise if at is None else at

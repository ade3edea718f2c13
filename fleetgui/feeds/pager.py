"""Reads what the device table shows: what is in view first, then ahead in the direction of scrolling, one at a time.

A page costs the real registry up to a scan of the fleet: what nobody looks at is not read, what scrolled away before
its turn came is dropped, what is in view is read again every `REREAD_S` and after devices came or went, but never in
haste. A failure backs off and says so in the roster; what was read stays, with its age.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.registry import EVERYTHING, Filter, PageRead, RegistryClient
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.stores.presence import Presence
from fleetgui.stores.roster import BLOCK, Roster, RosterPhase

REREAD_S: Final = 10.0
AFTER_CHANGE_S: Final = 2.0
JITTER: Final = 0.2
BACKOFF_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
MOST_PAGES_A_BLOCK: Final = BLOCK
"""A registry that sends one record a page still fills a block; one that sends nothing for so long is at fault."""


@dataclass(frozen=True)
class _View:
    first: int = 0
    last: int = BLOCK - 1
    down: bool = True


class Pager:
    """One table's reader. `run` is its task; everything else only says what changed and wakes it."""

    def __init__(
        self,
        registry: RegistryClient,
        roster: Roster,
        presence: Presence,
        clock: Clock,
        tasks: Tasks,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`jitter()` gives 0 … 1: consoles that were opened together must not ask together."""
        self._registry = registry
        self._roster = roster
        self._presence = presence
        self._clock = clock
        self._tasks = tasks
        self._jitter = jitter
        self._view = _View()
        self._only = EVERYTHING
        self._wake = asyncio.Event()
        self._up = False
        self._reread: set[int] = set()
        self._failures = 0
        self._next_due: dict[int, float] = {}
        roster.status_changed.connect(lambda status: self._wake.set() if status.stale_total else None)

    def start(self) -> None:
        self._tasks.spawn(self._run(), name="pager")

    # What changed

    def view_moved(self, first: int, last: int) -> None:
        """Rows first … last (inclusive) are on the screen now."""
        if (first, last) != (self._view.first, self._view.last):
            self._view = _View(first, last, down=first >= self._view.first)
            self._wake.set()

    def refresh(self) -> None:
        """Somebody asked to read what is on the screen again, now."""
        self._reread.update(self._blocks_in_view())
        self._failures = 0
        self._wake.set()

    def filter(self, device_type: str, location: str) -> None:
        """Show only what matches; the registry does it. Empty texts match everything."""
        only = Filter(device_type.strip() or None, location.strip() or None)
        if only != self._only:
            self._only = only
            self._view = _View()
            self._reread.clear()
            self._next_due.clear()
            self._roster.clear()
            self.refresh()

    def link_came_up(self) -> None:
        """What is in view waits for confirmation: read it again at once."""
        self._up = True
        self._registry.forget_what_it_knows()
        self.refresh()

    def link_went_down(self) -> None:
        self._up = False

    # The reader

    async def _run(self) -> None:
        while True:
            block = self._next_block() if self._up else None
            if block is None:
                await self._sleep(self._until_next())
                continue
            try:
                await self._read(block)
            except RegistryError as error:
                if error.fault is Fault.LINK_DOWN:
                    self._roster.waiting(None)
                    self._up = False
                    continue
                self._roster.failed(str(error))
                pause = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
                self._failures += 1
                self._reread.add(block)
                await self._sleep(pause)
            else:
                self._failures = 0

    async def _sleep(self, seconds: float | None) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _blocks_in_view(self) -> range:
        return range(self._view.first // BLOCK, max(self._view.first, self._view.last) // BLOCK + 1)

    def _wanted(self) -> list[int]:
        """Blocks to hold, most wanted first: in view, in the order of scrolling, then one ahead."""
        view = self._blocks_in_view()
        inside = list(view) if self._view.down else list(reversed(view))
        ahead = view[-1] + 1 if self._view.down else view[0] - 1
        last = max(0, self._roster.total - 1) // BLOCK
        return [block for block in [*inside, ahead] if 0 <= block <= last]

    def _next_block(self) -> int | None:
        now = self._clock.now()
        if self._roster.status.phase is not RosterPhase.READY and self._roster.status.read_at is None:
            return self._blocks_in_view()[0]
        wanted = self._wanted()
        self._reread &= set(wanted)
        for block in wanted:
            if block in self._reread or self._roster.age_of_block(block * BLOCK, now) is None:
                return block
        in_view = set(self._blocks_in_view())
        for block in wanted:
            if block in in_view and self._due(block, now) <= 0:
                return block
        return None

    def _due(self, block: int, now: float) -> float:
        """Seconds until a block in view is read again; at most 0 when it is time."""
        age = self._roster.age_of_block(block * BLOCK, now)
        if age is None:
            return 0.0
        stretch = self._next_due.setdefault(block, 1 + JITTER * (2 * self._jitter() - 1))
        limit = AFTER_CHANGE_S if self._roster.status.stale_total else REREAD_S * stretch
        return limit - age

    def _until_next(self) -> float | None:
        if not self._up:
            return None
        now = self._clock.now()
        in_view = set(self._blocks_in_view())
        return min((max(0.05, self._due(block, now)) for block in self._wanted() if block in in_view), default=None)

    async def _read(self, block: int) -> None:
        """Read one block; where the server sends less than that, follow its own pointer to the block's end."""
        self._reread.discard(block)
        self._next_due.pop(block, None)
        first, last = block * BLOCK, block * BLOCK + BLOCK - 1
        only = self._only
        self._roster.loading(first, last)
        self._roster.waiting(self._clock.now())
        failed: str | None = None
        try:
            offset: int | None = first
            for _ in range(MOST_PAGES_A_BLOCK):
                if offset is None or offset > last:
                    break
                page = await self._registry.read_from(offset, last - offset + 1, only)
                if only is not self._only:
                    return
                self._take(page)
                offset = page.next_offset
        except RegistryError as error:
            failed = str(error)
            raise
        finally:
            self._roster.not_loading(first, last, failed)
            self._roster.waiting(None)

    def _take(self, page: PageRead) -> None:
        if page.unreadable is not None:
            if page.total is not None:
                self._roster.page_read(
                    page.offset, [], next_offset=page.next_offset, total=page.total, read_at=page.asked_at
                )
            self._roster.unreadable(page.offset, page.unreadable, page.asked_at)
            return
        summaries = self._roster.page_read(
            page.offset,
            page.records,
            next_offset=page.next_offset,
            total=page.total,
            read_at=page.asked_at,
            paging=page.paging,
        )
        self._presence.listed(((summary.device_id, summary.ttl) for summary in summaries), page.asked_at)

"""Reads what the device table shows, and nothing else: pages of the registry into the roster, one at a time.

What to read is decided anew before each request, from what is in view then, so a request for what has scrolled away is
never made. In order: the first page, for the total; what is in view and was never read; what is in view and has aged;
one block ahead in the direction of scrolling. Whatever a registry answers, a block is asked for at most every
`MEMBERSHIP_S`, and reading again takes at most a tenth of the time: pages that shift, repeat or come in crumbs cost no
more. A failure backs off, be it silence, and says so in the roster; what was read stays, with its age.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.feed import Feed
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.registry_page import PageRead
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.signals import Signal
from fleetgui.stores.presence import Presence
from fleetgui.stores.roster import BLOCK, Roster, RowKind
from fleetgui.wire.payload import is_left_out
from fleetgui.wire.question import EVERY_ROW, Question

REREAD_S: Final = 10.0
"""How often what is in view is read again …"""
COUNT_EVERY_S: Final = 25.0
"""How often the whole fleet is counted while a part of it is shown."""
JITTER: Final = 0.2
"""… and up to this part later, so that consoles that were opened together do not ask together."""
MEMBERSHIP_S: Final = 2.0
"""How often after devices came or went, and the least between two readings of one block."""
REST: Final = 9.0
"""Reading again waits for at least so many times what it took the last time."""
BACKOFF_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Pauses after failures that follow each other; the last one from then on."""
ABSENT_S: Final = (*(MEMBERSHIP_S,) * 15, 8.0, 15.0, 30.0)
"""The same while nobody listens: registries that were restarted with their broker are there in seconds, and until then
the broker answers, which costs it next to nothing; half a minute later it is a failure like any other."""
_BLOCKS_KEPT: Final = 4_096

_UNREAD: Final = (RowKind.NOT_LOADED, RowKind.LOADING, RowKind.FAILED)


@dataclass(frozen=True)
class _View:
    first: int = 0
    last: int = BLOCK - 1
    down: bool = True


@dataclass(frozen=True)
class _Asked:
    """When a block was last asked for, how long that took, and when age alone makes it due again.

    `took` is what came: a request that nobody answered cost no registry anything, and a pause follows it anyway.
    """

    at: float
    took: float
    due: float


class Pager(Feed):
    """One table's reader. `start` begins it; everything else only says what changed and wakes it."""

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
        """`jitter()` gives 0 … 1."""
        self._registry = registry
        self._roster = roster
        self._presence = presence
        self._clock = clock
        self._tasks = tasks
        self._jitter = jitter
        self._view: _View | None = _View()
        self._question = EVERY_ROW
        self._whole = False
        self._wake = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._asked: dict[int, _Asked] = {}
        self._up = False
        self._confirmed_from = float("-inf")
        """When the link last came up, or somebody asked for a refresh: what was read before that is due."""
        self._membership_at = float("-inf")
        self._failures = 0
        self._not_before = float("-inf")
        self._only_counts = False
        self._counted_at = float("-inf")
        self.unable = Signal[[RegistryError]]()
        """The registry cannot answer what was asked: others can do it here."""
        roster.status_changed.connect(lambda status: self._membership_changed() if status.stale_total else None)

    def start(self) -> None:
        self._tasks.spawn(self._run(), name="pager")

    # What changed

    def view_moved(self, first: int, last: int) -> None:
        """Rows first … last (inclusive) are on the screen now."""
        first = max(0, first)
        before = self._view
        if before is None or (first, last) != (before.first, before.last):
            self._view = _View(first, max(first, last), down=before is None or first >= before.first)
            self._wake.set()

    def refresh(self) -> None:
        """Somebody asked to read what is on the screen again, now, whatever failed before."""
        self._confirmed_from = self._clock.now()
        for block in self._in_view():
            self._asked.pop(block, None)
        if self._reading is not None and self._registry.quick:
            self._reading.cancel()  # a quick one that has not answered yet may have gone; a scan is waited for
        self._failures = 0
        self._not_before = float("-inf")
        self._wake.set()

    def ask_again(self, question: Question) -> None:
        """What was asked, as of now (`age<2h`): rows stay until they are read again."""
        self._question = replace(question, summary=not self._whole)
        self.refresh()

    def ask(self, question: Question) -> None:
        """Show the answer to another question; of each record, what a row shows."""
        question, self._only_counts = replace(question, summary=not self._whole), False
        if question != self._question:
            self._question = question
            self._counted_at = float("-inf")
            self._view = self._view and _View()
            self._asked.clear()
            self._roster.clear()
            if self._up:
                self._roster.waiting(self._clock.now())
            self.refresh()

    def columns_wanted(self, paths: Collection[str]) -> None:
        """These fields of records are shown too (`wire.payload`): records are read whole where summaries lack one."""
        whole = any(map(is_left_out, paths))
        if whole is not self._whole:
            self._whole = whole
            self._question = replace(self._question, summary=not whole)
            if whole:
                self._asked.clear()
            self.refresh()  # what is being read now is the answer to another question

    def only_count(self) -> None:
        """The table's rows come from elsewhere: read no more of them than tells how many devices there are."""
        self.ask(EVERY_ROW)
        self._roster.waiting(None)
        self._view = None
        self._only_counts = True
        self._wake.set()

    def link_came_up(self) -> None:
        """What is in view waits for confirmation: read it again at once."""
        self._up = True
        self._counted_at = float("-inf")
        self._registry.forget_what_it_knows()
        self.refresh()

    def link_went_down(self) -> None:
        self._up = False

    def _membership_changed(self) -> None:
        self._membership_at = self._clock.now()
        self._wake.set()

    # What to read next

    def _in_view(self) -> range:
        """Blocks of which something is in view; the first one of an empty fleet."""
        if self._view is None:
            return range(0)
        last = max(0, self._roster.total - 1)
        return range(min(self._view.first, last) // BLOCK, min(self._view.last, last) // BLOCK + 1)

    def _next(self, now: float) -> tuple[int | None, float | None]:
        """(a block to read now, None), or (None, seconds until one may be due; None: until something happens)."""
        if not self._up:
            return None, None
        if now < self._not_before:
            return None, self._not_before - now
        if self._roster.status.read_at is None:
            # The total is not known: what is in view can only be guessed from the view itself.
            return 0 if self._view is None else self._view.first // BLOCK, None
        blocks = self._in_view()
        order = blocks if self._view is None or self._view.down else blocks[::-1]
        for block in order:
            if block not in self._asked:
                return block, None
        dues = [(self._due(block), block) for block in order]
        if dues and min(dues)[0] <= now:
            return min(dues)[1], None
        ahead = self._ahead(blocks)
        if ahead is not None and self._due(ahead) <= now:
            return ahead, None
        return None, min(dues)[0] - now if dues else None

    def _due(self, block: int) -> float:
        """When a block may be asked for again (`Clock.now()`)."""
        asked = self._asked.get(block)
        if asked is None or asked.at < self._confirmed_from:
            return float("-inf")
        if self._membership_at > asked.at or not self._complete(block):
            return asked.at + max(MEMBERSHIP_S, REST * asked.took)
        return asked.due

    def _complete(self, block: int) -> bool:
        last = min(block * BLOCK + BLOCK, self._roster.total)
        return all(self._roster.row(offset).kind not in _UNREAD for offset in range(block * BLOCK, last))

    def _ahead(self, blocks: range) -> int | None:
        """The block after what is in view, in the direction of scrolling, when it was not read yet."""
        if not blocks or self._view is None:
            return None
        block = blocks[-1] + 1 if self._view.down else blocks[0] - 1
        if block < 0 or block * BLOCK >= self._roster.total or self._complete(block):
            return None
        return block

    # Reading

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            now = self._clock.now()
            counts_at = self._counts_due()
            if counts_at is not None and counts_at <= now:
                await self._until_done(self._count())
                counts_at = self._counts_due()
            now = self._clock.now()
            block, seconds = self._next(now)
            if block is None:
                if counts_at is not None:
                    seconds = counts_at - now if seconds is None else min(seconds, counts_at - now)
                await self._sleep(seconds)
            else:
                await self._until_done(self._read(block))

    async def _until_done(self, work: Coroutine[Any, Any, None]) -> None:
        """Until what is asked is answered, or nobody waits for the answer any more."""
        self._reading = self._tasks.spawn(work, name="read for the table")
        await asyncio.wait([self._reading])

    async def _sleep(self, seconds: float | None) -> None:
        """Until something changes; at most for `seconds`."""
        try:
            async with asyncio.timeout(None if seconds is None else max(0.001, seconds)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _read(self, block: int) -> None:
        """Read one block; where the server sends less than that, follow its own pointer to the block's end."""
        question, began, took = self._question, self._clock.now(), 0.0
        first, last = block * BLOCK, block * BLOCK + BLOCK - 1
        self._remember(block, began)
        self._roster.loading(first, last)
        self._roster.waiting(began)
        failed: str | None = None
        try:
            offset: int | None = first
            while offset is not None and offset <= last:
                memberships = self._roster.memberships
                page = await self._registry.read_from(offset, last - offset + 1, question)
                if question is not self._question:
                    return
                took += page.took_s
                self._take(page)
                if memberships != self._roster.memberships:
                    self._roster.membership_changed()  # it may be newer than the page
                offset = page.next_offset
                if offset is not None and offset <= last:
                    if not self._still_wanted(block):
                        break
                    self._roster.waiting(self._clock.now())
            self._failures = 0
        except RegistryError as error:
            if question is self._question:
                failed = str(error)
                self._failed(error)
        finally:
            if question is self._question:
                self._roster.not_loading(first, last, failed)
                self._roster.waiting(None)
                if self._asked.get(block) is not None:
                    self._remember(block, began, took, paused=self._not_before > began)

    def _still_wanted(self, block: int) -> bool:
        blocks = self._in_view()
        return not blocks or blocks[0] - 1 <= block <= blocks[-1] + 1

    def _failed(self, error: RegistryError) -> None:
        if error.fault is Fault.LINK_DOWN:
            self._up = False  # whoever watches the link tells when it is back
            return
        if error.fault in (Fault.UNABLE, Fault.FALLS_OVER):
            self.unable.emit(error)
            return
        pauses = ABSENT_S if error.fault is Fault.NO_REGISTRY else BACKOFF_S
        pause = pauses[min(self._failures, len(pauses) - 1)]
        self._not_before = self._clock.now() + pause * (1 + JITTER * self._jitter())
        self._failures += 1
        self._roster.failed(str(error))

    def _remember(self, block: int, at: float, took: float = 0.0, *, paused: bool = False) -> None:
        if len(self._asked) >= _BLOCKS_KEPT and block not in self._asked:
            self._asked.clear()
        due = at + max(REREAD_S * (1 + JITTER * self._jitter()), REST * took)
        if paused:
            due = at  # it failed, and the pause after that is what it waits for
        self._asked[block] = _Asked(at, took, due)

    async def _count(self) -> None:
        """Ask how many devices there are in all, while what is shown is a part of them."""
        self._counted_at = self._clock.now()
        try:
            page = await self._registry.list_page(0, 1, EVERY_ROW)
        except RegistryError as error:
            self._counted_at = float("-inf")
            self._failed(error)
        else:
            self._failures = 0
            self._roster.counted(len(page.records) if page.total is None else page.total, page.asked_at)

    def _counts_due(self) -> float | None:
        """When the fleet is to be counted next; None while what is shown tells, or nobody can be asked."""
        tells = self._question.is_open and not self._only_counts
        return None if tells or not self._up else max(self._counted_at + COUNT_EVERY_S, self._not_before)

    def _take(self, page: PageRead) -> None:
        if page.unreadable is not None:
            if page.total is not None:
                self._roster.page_read(
                    page.offset,
                    [],
                    next_offset=page.next_offset,
                    total=page.total,
                    read_at=page.asked_at,
                    of_all=self._question.is_open,
                )
            self._roster.unreadable(page.offset, page.unreadable, page.asked_at)
            return
        if self._question.is_open:
            self._counted_at = self._clock.now()
        summaries = self._roster.page_read(
            page.offset,
            page.as_they_came(),
            next_offset=page.next_offset,
            total=page.total,
            read_at=page.asked_at,
            paging=page.paging,
            of_all=self._question.is_open,
            whole="projection" not in page.applied,
        )
        present = ((summary.device_id, summary.ttl) for summary in summaries if summary.offline_since is None)
        self._presence.listed(present, page.asked_at)
        if not page.paging:
            for block in range(min(-(-len(page.records) // BLOCK), _BLOCKS_KEPT // 2)):
                self._remember(block, page.asked_at, page.took_s)

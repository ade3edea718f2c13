"""Reads the whole fleet once, where the registry cannot search or sort, and then does both here.

What is wanted of the table decides how much is read: what every registry can narrow down (type, location) it narrows
down. What was read serves every later wish within it; reading it again is asked for by hand. While the walk is under
way the table shows what was read so far, arranged anew now and then, and says how much that is.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from fleetgui.feeds.course import WalkedPage
from fleetgui.feeds.errors import RegistryError
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.repair import walk_repaired
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.export import Coverage
from fleetgui.stores.held.fleet import SLICE, HeldFleet
from fleetgui.stores.held.rows import HeldRows
from fleetgui.stores.hold import HoldPhase, HoldStore
from fleetgui.stores.presence import Presence
from fleetgui.wire.question import EVERYTHING, Question

ARRANGE_EVERY_S: Final = 1.0
"""While the fleet is being read, what was read so far is arranged anew this often."""


class HoldFeed:
    """`show` is what the table wants; `again`, `pause`, `go_on` and `cancel` are for the walk under way."""

    def __init__(
        self,
        registry: RegistryClient,
        fleet: HeldFleet,
        rows: HeldRows,
        store: HoldStore,
        presence: Presence,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._registry = registry
        self._fleet = fleet
        self._rows = rows
        self._store = store
        self._presence = presence
        self._clock = clock
        self._tasks = tasks
        self._wanted: Wanted | None = None
        self._scope: Question | None = None
        """What the held fleet is all of, once its walk is done."""
        self._walk: asyncio.Task[None] | None = None
        self._arranging: asyncio.Task[None] | None = None
        self._going_on = asyncio.Event()
        self._going_on.set()

    def show(self, wanted: Wanted, scope: Question) -> None:
        """Show this in the rows; reads `scope`, which holds all of it, where what is held does not cover that."""
        self._wanted = wanted
        covered = self._scope in (EVERYTHING, scope)
        if not covered or self._store.state.phase is HoldPhase.FAILED:
            self._begin(scope, clear=not covered)
        self._arrange()

    def again(self) -> None:
        """Read again what is held; what is shown stays until it is replaced."""
        if self._scope is not None:
            self._begin(self._scope, clear=False)

    def pause(self) -> None:
        if self._store.state.phase is HoldPhase.WALKING:
            self._going_on.clear()
            self._store.update(phase=HoldPhase.PAUSED, eta_s=None)

    def go_on(self) -> None:
        if self._store.state.phase is HoldPhase.PAUSED:
            self._store.update(phase=HoldPhase.WALKING)
            self._going_on.set()

    def cancel(self) -> None:
        """Stop the walk at once; what was read stays, and says that it is not all."""
        if self._store.state.phase.is_under_way and self._walk is not None:
            self._walk.cancel()
            self._going_on.set()
            self._rows.reading(None)
            self._store.update(phase=HoldPhase.CANCELLED, eta_s=None)

    def abandon(self) -> None:
        """The table shows something else: a walk that nobody looks at ends, and begins anew when it is wanted."""
        if self._store.state.phase.is_under_way:
            self.cancel()
            self._scope = None

    def close(self) -> None:
        """Nothing more is asked of what is held."""
        self._fleet.close()

    # Walking

    def _begin(self, scope: Question, *, clear: bool) -> None:
        if self._walk is not None:
            self._walk.cancel()
        if clear:
            self._fleet.clear()
            self._rows.clear()
        self._scope = scope
        self._going_on.set()
        self._store.update(phase=HoldPhase.WALKING, coverage=Coverage(), eta_s=None, error=None)
        self._walk = self._tasks.spawn(self._read(scope), name="walk of the fleet")

    async def _read(self, scope: Question) -> None:
        began = arranged_at = self._clock.now()
        self._rows.reading(began)
        try:
            async with aclosing(walk_repaired(self._registry, replace(scope, summary=True), listed=True)) as pages:
                async for page in pages:
                    await self._take(page)
                    now = self._clock.now()
                    self._store.update(coverage=page.coverage, eta_s=_remaining(page.coverage, now - began))
                    if now - arranged_at >= ARRANGE_EVERY_S or not self._rows.total:
                        arranged_at = now
                        self._arrange()
                    await self._going_on.wait()
        except RegistryError as error:
            self._rows.failed(str(error))
            self._store.update(phase=HoldPhase.FAILED, error=str(error), eta_s=None)
        else:
            gone = self._rows.read_before(began)
            for first in range(0, len(gone), SLICE):
                self._fleet.remove(gone[first : first + SLICE])
                await asyncio.sleep(0)
            self._rows.read(began)
            self._store.update(phase=HoldPhase.DONE, eta_s=None)
        self._arrange()
        await self._fleet.tidy()

    async def _take(self, page: WalkedPage) -> None:
        for first in range(0, len(page.summaries), SLICE):
            summaries = page.summaries[first : first + SLICE]
            self._rows.taken(self._fleet.take(summaries), page.asked_at)
            present = ((each.device_id, each.ttl) for each in summaries if each.offline_since is None)
            self._presence.listed(present, page.asked_at)
            await asyncio.sleep(0)
        for first in range(0, len(page.gone), SLICE):
            self._fleet.remove(page.gone[first : first + SLICE])
            await asyncio.sleep(0)
        self._rows.malformed = page.coverage.malformed

    # Arranging

    def _arrange(self) -> None:
        if self._arranging is not None:
            self._arranging.cancel()
        self._store.update(arranging=True)
        self._arranging = self._tasks.spawn(self._arranged(), name="arrange the held fleet")

    async def _arranged(self) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        self._rows.show(await self._fleet.lay_out(wanted.filter, wanted.keys, wanted.group))
        self._store.update(arranging=False)


def _remaining(coverage: Coverage, spent: float) -> float | None:
    if not coverage.seen or coverage.expected is None:
        return None
    return max(0.0, spent / coverage.seen * (coverage.expected - coverage.seen))

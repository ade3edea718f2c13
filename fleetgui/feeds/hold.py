"""Reads the whole fleet once, where the registry cannot search or sort, and then does both here.

What is wanted of the table decides how much is read: what every registry can narrow down (type, location) it narrows
down. What was read serves every later wish within it; reading it again is asked for by hand. While the walk is under
way the table shows what was read so far, arranged anew now and then, and says how much that is. After it the fleet is
kept abreast of what is announced and heard (`feeds.abreast`), and arranged anew at most once a second and only where
that matters; sorted by what heartbeats change, rows keep their places for longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import islice
from typing import Final

from fleetgui.feeds.abreast import Abreast
from fleetgui.feeds.course import WalkedPage
from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.in_view import InView
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.repair import walk_repaired
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.signals import Signal
from fleetgui.policy.wanted import LABEL, Wanted
from fleetgui.stores.export import Coverage
from fleetgui.stores.held import heard
from fleetgui.stores.held.fleet import MOST_DEVICES, SLICE, HeldFleet
from fleetgui.stores.held.heard import Heard
from fleetgui.stores.held.rows import HeldRows
from fleetgui.stores.hold import HoldPhase, HoldStore, Offered
from fleetgui.stores.presence import Edge, Presence
from fleetgui.wire.payload import is_left_out
from fleetgui.wire.question import EVERYTHING, Question
from fleetgui.wire.records import Summary

ARRANGE_EVERY_S: Final = 1.0
"""While the fleet is being read, and while devices come and go, it is arranged anew this often …"""
SORT_EVERY_S: Final = 10.0
"""… and this often where it is sorted by what changes all the time: rows that nobody can follow are no table."""
SORTED_BY: Final = ("location", "device_type", "availability")
"""What the held fleet is most often sorted and grouped by: learned once it is read, before somebody waits for it."""
MOST_OFFERED: Final = 50
"""Values that are looked up for somebody who types."""
REST: Final = 4.0
"""Arranging anew waits for at least so many times what it took the last time."""


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
        self.unable = Signal[[RegistryError]]()
        """The registry falls over the part of the fleet that was to be read: more of it has to be."""
        self._registry = registry
        self._fleet = fleet
        self._rows = rows
        self._store = store
        self._presence = presence
        self._clock = clock
        self._tasks = tasks
        self._heard = Heard(fleet, presence)
        self._abreast = Abreast(
            registry, fleet, self._heard, presence, clock, put=self._put, missed=rows.membership_changed
        )
        self._in_view = InView(
            registry, fleet, rows, clock, tasks, read=self._abreast.read_again, moved=self._fall_behind
        )
        self._is_shown = False
        self._not_before = float("-inf")
        self._wanted: Wanted | None = None
        self._scope: Question | None = None
        """What the held fleet is all of, once its walk is done."""
        self._walk: asyncio.Task[None] | None = None
        self._arranging: asyncio.Task[None] | None = None
        self._offering: asyncio.Task[None] | None = None
        self._going_on = asyncio.Event()
        self._going_on.set()
        self._edges = 0
        """Devices that were announced so far: what tells of changes where a registry has no revision."""
        presence.announced.connect(self._count)

    def covers(self, scope: Question, paths: frozenset[str] = frozenset()) -> bool:
        """Whether what is held, or is being read now, is all of `scope`, with these fields that no summary has.

        Who is gone is in it, or is not: where those are not wished for they must not stand among the others.
        """
        everything = replace(EVERYTHING, include_offline=scope.include_offline)
        return self._scope in (everything, scope) and paths <= self._fleet.paths

    def show(self, wanted: Wanted, scope: Question, paths: frozenset[str] = frozenset()) -> None:
        """Show this in the rows; reads `scope`, which holds all of it, where what is held does not cover that.

        `paths`: fields that no summary has and that are to be held as well, beside those that are (`wire.payload`).
        """
        self._wanted, self._is_shown = wanted, True
        if not self.covers(scope, paths) or self._store.state.phase is HoldPhase.FAILED:
            self._begin(scope, paths, clear=self._scope not in (EVERYTHING, scope))
        self._arrange()

    def again(self) -> None:
        """Read again what is held; what is shown stays until it is replaced."""
        if self._scope is not None:
            self._begin(self._scope, self._fleet.paths, clear=False)

    def pause(self) -> None:
        if self._store.state.phase is HoldPhase.WALKING:
            self._going_on.clear()
            self._store.update(phase=HoldPhase.PAUSED, eta_s=None, waiting_since=None)

    def go_on(self) -> None:
        if self._store.state.phase is HoldPhase.PAUSED:
            self._store.update(phase=HoldPhase.WALKING, waiting_since=self._clock.now())
            self._going_on.set()

    def cancel(self) -> None:
        """Stop the walk at once; what was read stays, and says that it is not all."""
        if self._store.state.phase.is_under_way and self._walk is not None:
            self._walk.cancel()
            self._going_on.set()
            self._rows.reading(None)
            self._store.update(phase=HoldPhase.CANCELLED, eta_s=None, waiting_since=None)
            if self._is_shown:
                self._arrange()  # what came since it was last arranged

    def abandon(self) -> None:
        """The table shows something else: a walk that nobody looks at ends, and begins anew when it is wanted.

        One that was to read again what is held leaves that as it was.
        """
        self._is_shown = False
        self._in_view.stop()
        if self._store.state.phase.is_under_way:
            self.cancel()
            if (before := self._store.state.before) is not None:
                self._store.update(phase=HoldPhase.DONE, coverage=before)
            else:
                self._scope = None
                self._abreast.follow(None)

    def look_at(self, rows: range) -> None:
        """These rows are on the screen now; none of them is where nobody looks."""
        self._in_view.look_at(rows)

    def offer(self, field: str, prefix: str) -> None:
        """Look up the values of `field` that begin with `prefix`; the last that was asked for counts."""
        if self._offering is not None:
            self._offering.cancel()
        self._offering = self._tasks.spawn(self._offer(field, prefix), name="look up values")

    def retime(self, wanted: Wanted) -> None:
        """Show this from the next step on: what was wanted before, as of a later time."""
        self._wanted = wanted
        self._fall_behind()

    async def step(self) -> None:
        """Take in what happened since the last step, about a second ago; arrange anew where that matters and is due."""
        wanted, store = self._wanted, self._store.state
        if wanted is None or not self._is_shown or store.phase is HoldPhase.IDLE:
            return
        if await self._abreast.step(_looked_at(wanted), walking=store.phase.is_under_way):
            self._fall_behind()
        store = self._store.state
        if not store.phase.is_under_way:
            self._in_view.step(_looked_at(wanted))
        is_busy = self._arranging is not None and not self._arranging.done()
        if store.is_behind and not is_busy and not store.phase.is_under_way and self._clock.now() >= self._not_before:
            self._arrange(renew=True)

    def close(self) -> None:
        """Nothing more is asked of what is held."""
        self._in_view.stop()
        self._fleet.close()

    async def _offer(self, field: str, prefix: str) -> None:
        if field.startswith(LABEL):
            found = await self._fleet.group(field)
        else:
            found = await self._fleet.values(field, prefix, most=MOST_OFFERED)
        likeliest = sorted(found.counts, key=lambda each: -each.rows)
        texts = (each.value for each in likeliest if isinstance(each.value, str))
        values = tuple(islice((text for text in texts if text.lower().startswith(prefix.lower())), MOST_OFFERED))
        self._store.update(offered=Offered((field, prefix), values))

    # Walking

    def _begin(self, scope: Question, paths: frozenset[str], *, clear: bool) -> None:
        if self._walk is not None:
            self._walk.cancel()
        self._in_view.stop()
        if clear:
            self._fleet.clear()
            self._heard.clear()
            self._rows.clear()
        if clear or scope != self._scope or not paths <= self._fleet.paths:
            self._store.update(before=None)
        self._scope = scope
        self._fleet.hold_paths(sorted(paths))
        self._abreast.follow(scope)
        self._going_on.set()
        self._store.update(
            phase=HoldPhase.WALKING,
            coverage=Coverage(),
            waiting_since=self._clock.now(),
            eta_s=None,
            error=None,
            offered=None,
        )
        self._walk = self._tasks.spawn(self._read(scope), name="walk of the fleet")

    async def _read(self, scope: Question) -> None:
        began = arranged_at = self._clock.now()
        tells_who_is_gone = False
        self._rows.reading(began)
        paths = self._fleet.paths
        question = replace(scope, summary=not any(map(is_left_out, paths)))
        try:
            pages = walk_repaired(self._registry, question, listed=not paths, changes=lambda: self._edges)
            async with aclosing(pages):
                async for page in pages:
                    await self._take(page)
                    now, coverage = self._clock.now(), page.coverage
                    # Who slipped between two pages by offset, or is too large to read, was not met and yet is there.
                    tells_who_is_gone = not coverage.unreadable and (page.by_id or not coverage.overtaken)
                    is_paused = self._store.state.phase is HoldPhase.PAUSED
                    self._store.update(
                        coverage=coverage,
                        waiting_since=None if is_paused else now,
                        eta_s=_remaining(coverage, now - began),
                    )
                    if now - arranged_at >= ARRANGE_EVERY_S or not self._rows.total:
                        arranged_at = now
                        self._arrange()
                    await self._going_on.wait()
        except RegistryError as error:
            self._rows.failed(str(error))
            self._store.update(phase=HoldPhase.FAILED, error=str(error), eta_s=None, waiting_since=None)
            if error.fault is Fault.FALLS_OVER:
                self.unable.emit(error)
        else:
            gone = self._rows.read_before(began) if tells_who_is_gone else iter(())
            while part := list(islice(gone, SLICE)):
                self._fleet.remove(part)
                await asyncio.sleep(0)
            self._rows.read(began)
            if self._fleet.left_out:
                self._rows.failed(f"The fleet is larger than can be held: {MOST_DEVICES:,} devices of it are.")
            self._store.update(phase=HoldPhase.DONE, before=self._store.state.coverage, eta_s=None, waiting_since=None)
        self._arrange()
        await self._fleet.tidy()
        await self._fleet.prepare(SORTED_BY)

    async def _take(self, page: WalkedPage) -> None:
        for first in range(0, len(page.summaries), SLICE):
            self._put(page.summaries[first : first + SLICE], page.asked_at)
            await asyncio.sleep(0)
        records = [(each.device_id, each.record) for each in page.devices if each.device_id and self._fleet.paths]
        for first in range(0, len(records), SLICE):
            self._fleet.put_records(records[first : first + SLICE])
            await asyncio.sleep(0)
        for first in range(0, len(page.gone), SLICE):
            self._fleet.remove(page.gone[first : first + SLICE])
            await asyncio.sleep(0)
        self._rows.malformed = page.coverage.malformed

    def _put(self, summaries: Sequence[Summary], asked_at: float) -> None:
        """Take in a slice of what was read."""
        present = ((each.device_id, each.ttl) for each in summaries if each.offline_since is None)
        self._presence.listed(present, asked_at)
        rows = self._fleet.take(summaries)
        if len(rows) < len(summaries):  # there is room for no more
            summaries = [each for each in summaries if self._fleet.index_of(each.device_id) is not None]
        self._rows.taken(rows, asked_at)
        self._heard.taken(rows, summaries)

    def _count(self, edges: list[Edge]) -> None:
        self._edges += len(edges)

    # Arranging

    def _fall_behind(self) -> None:
        self._store.update(is_behind=True)

    def _arrange(self, *, renew: bool = False) -> None:
        """Search and sort; `renew`: nobody waits for it."""
        if self._arranging is not None:
            self._arranging.cancel()
        if not renew:
            self._store.update(arranging=True)
        self._arranging = self._tasks.spawn(self._arranged(), name="arrange the held fleet")

    async def _arranged(self) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        self._store.update(is_behind=False)
        await self._heard.lay_over(_looked_at(wanted), self._clock.now())
        began = self._clock.now()
        self._rows.show(await self._fleet.lay_out(wanted.filter, wanted.keys, wanted.group))
        moves = any(heard.is_restless(key.field) for key in wanted.keys)
        took = self._clock.now() - began
        self._not_before = began + max(SORT_EVERY_S if moves else ARRANGE_EVERY_S, (1 + REST) * took)
        self._store.update(arranging=False, arranged_at=began, ungrouped=self._rows.distinct)


def _looked_at(wanted: Wanted) -> frozenset[str]:
    """The fields that decide what is found, in which order, and under which head."""
    fields = set() if wanted.filter is None else wanted.filter.fields()
    return frozenset(fields | {key.field for key in wanted.keys} | ({wanted.group} if wanted.group else set()))


def _remaining(coverage: Coverage, spent: float) -> float | None:
    if not coverage.seen or coverage.expected is None:
        return None
    return max(0.0, spent / coverage.seen * (coverage.expected - coverage.seen))

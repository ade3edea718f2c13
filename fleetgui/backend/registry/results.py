"""What long work over a fleet found, kept for as long as a walk through its pages takes.

The first page of a walk asks for news: it gets what was found of the fleet as it is now, at most `FRESH_S` ago,
because heartbeats change what is found without changing the fleet's revision. The pages behind it go on in what the
walk began with, for up to `WALK_S`, so that a walk costs one search and sees one fleet, whatever happens meanwhile.

One piece of work runs at a time, in turns of the loop, and whoever asks for the same meanwhile waits for it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, NamedTuple, TypeVar

from fleetgui.backend.registry.steps import Steps, at_once, in_turns
from fleetgui.policy.clock import Clock

T = TypeVar("T")

FRESH_S: Final = 2.0
WALK_S: Final = 30.0
MOST_KEPT: Final = 32
MOST_ENTRIES: Final = 4_000_000
"""Ids in everything that is kept, some eight bytes each."""
MOST_WAITING: Final = 32
"""Different pieces of work; more are refused."""


class TooMuch(Exception):
    """So much is being worked on that no more is begun."""


class Found(NamedTuple, Generic[T]):
    """`revision` is the fleet's when the work began, `made` when it was done (`Clock.now()`)."""

    value: T
    revision: int
    made: float
    entries: int


class Results(Generic[T]):
    """`entries(value)` says how much a result holds. `turn` is held while one works, also by others' results."""

    def __init__(self, clock: Clock, turn: asyncio.Lock, entries: Callable[[T], int]) -> None:
        self.worked = 0
        """How often something was looked for; tests and benchmarks look at it."""
        self._clock = clock
        self._turn = turn
        self._entries = entries
        self._kept: OrderedDict[Hashable, Found[T]] = OrderedDict()
        self._total = 0
        self._under_way: dict[Hashable, asyncio.Event] = {}

    def ready(self, key: Hashable, revision: int, *, begins: bool) -> Found[T] | None:
        """What is kept, when it will do for the begin of a walk (of at least this revision), or for its other pages."""
        found = self._kept.get(key)
        if found is None:
            return None
        age = self._clock.now() - found.made
        if age > (FRESH_S if begins else WALK_S) or (begins and found.revision < revision):
            return None
        self._kept.move_to_end(key)
        return found

    def now(self, key: Hashable, revision: int, work: Callable[[], Steps[T]]) -> Found[T]:
        """Work at once, for what is known to be little."""
        return self._keep(key, at_once(work()), revision)

    async def later(
        self, key: Hashable, revision: Callable[[], int], work: Callable[[], Steps[T]], *, begins: bool
    ) -> Found[T]:
        """Work in turns, or wait for those who do the same; `revision()` is the fleet's. Raises `TooMuch`."""
        asked_at = revision()
        while (found := self.ready(key, asked_at, begins=begins)) is None:
            if (others := self._under_way.get(key)) is not None:
                await others.wait()
                continue  # unless they began too early, or failed
            if len(self._under_way) >= MOST_WAITING:
                raise TooMuch(f"{MOST_WAITING} searches are under way already; ask again later")
            done = self._under_way[key] = asyncio.Event()
            try:
                async with self._turn:
                    began_at = revision()
                    return self._keep(key, await in_turns(work()), began_at)
            finally:
                del self._under_way[key]
                done.set()
        return found

    def _keep(self, key: Hashable, value: T, revision: int) -> Found[T]:
        self.worked += 1
        found = Found(value, revision, self._clock.now(), self._entries(value))
        self._drop(key)
        if found.entries <= MOST_ENTRIES:
            self._kept[key] = found
            self._total += found.entries
        for each in [each for each, kept in self._kept.items() if found.made - kept.made > WALK_S]:
            self._drop(each)
        while len(self._kept) > MOST_KEPT or self._total > MOST_ENTRIES:
            self._drop(next(iter(self._kept)))
        return found

    def _drop(self, key: Hashable) -> None:
        if (dropped := self._kept.pop(key, None)) is not None:
            self._total -= dropped.entries

"""The one timer of the devices' process: a heap of what is due when, instead of a task per device.

Entries that fall into the same tick run together, so 20,000 devices with four thousand beats a second cost two
hundred wake-ups. What runs longer than a slice gives way to the loop in between.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable
from itertools import count, islice
from time import perf_counter
from typing import Final, TypeVar

from fleetgui.policy.clock import Clock

TICK_S: Final = 0.005
SLICE_S: Final = 0.003

_TOGETHER: Final = 16

Action = Callable[[], object]
T = TypeVar("T")


class Schedule:
    """What is due when, on `clock`. Entries due at the same time run in the order in which they were added."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Action]] = []
        self._count = count()
        self._sleeper: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def now(self) -> float:
        return self._clock.now()

    @property
    def next_due(self) -> float | None:
        """When the next entry is due (`Clock.now()`), None when there is none."""
        return self._heap[0][0] if self._heap else None

    def at(self, due: float, action: Action) -> None:
        """Run `action` at `due` (`Clock.now()`)."""
        heapq.heappush(self._heap, (due, next(self._count), action))
        if self._sleeper is not None and not self._sleeper.done() and self._heap[0][0] >= due:
            self._sleeper.set_result(None)

    def after(self, seconds: float, action: Action) -> None:
        self.at(self._clock.now() + seconds, action)

    def each(self, items: Iterable[T], action: Callable[[T], object]) -> None:
        """Run `action` on each item, from now on, giving way to the loop in between as everything here does."""
        left = iter(items)

        def some() -> None:
            taken = 0
            for item in islice(left, _TOGETHER):
                action(item)
                taken += 1
            if taken == _TOGETHER:
                self.at(self._clock.now(), some)

        self.at(self._clock.now(), some)

    async def run_due(self) -> int:
        """Run what is due by now, and what that adds if it is due too; returns how many ran."""
        ran = 0
        slice_began = perf_counter()
        while self._heap and self._heap[0][0] <= self._clock.now():
            heapq.heappop(self._heap)[2]()
            ran += 1
            if perf_counter() - slice_began > SLICE_S:
                await asyncio.sleep(0)
                slice_began = perf_counter()
        return ran

    async def run(self) -> None:
        """Run for ever, until cancelled. An action that raises ends it: actions handle what they expect themselves."""
        while True:
            await self.run_due()
            await self._sleep()

    async def _sleep(self) -> None:
        loop = asyncio.get_running_loop()
        self._sleeper = loop.create_future()
        timer = None
        if self._heap:
            delay = max(TICK_S, self._heap[0][0] - self._clock.now())
            timer = loop.call_later(delay, _wake, self._sleeper)
        try:
            await self._sleeper
        finally:
            self._sleeper = None
            if timer is not None:
                timer.cancel()


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)

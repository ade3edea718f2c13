"""How late the event loop runs: a wake-up is due every few milliseconds, and how late each one came is recorded.

Wake-ups are due on a fixed grid. When the loop is blocked, every wake-up that was due meanwhile counts with how late
it came, in the window in which it was due: a loop blocked for three seconds shows in three windows, the first of them
with the longest wait, and each window says what a registration that arrived in it had to wait.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fleetgui.policy.band import WindowStats, summarize
from fleetgui.policy.settings import LagSettings

MOST_WINDOWS_AT_ONCE: Final = 600
"""Windows made out of one stall. A process that was stopped for longer reports the end of it."""


@dataclass(frozen=True, slots=True)
class Window:
    """A closed window; `ended` is seconds on the sampler's clock."""

    ended: float
    length_ms: float
    stats: WindowStats


class LagWindows:
    """The grid of wake-ups and windows, as plain arithmetic. Times are seconds of one clock that never goes back."""

    def __init__(self, settings: LagSettings, start: float) -> None:
        self._resolution = settings.resolution_ms / 1000
        self._per_window = max(1, settings.sample_interval_ms // settings.resolution_ms)
        self._length_ms = float(settings.sample_interval_ms)
        self._start = start
        self._tick = 1
        """The number of the wake-up that is due next."""
        self._samples: list[float] = []

    @property
    def due(self) -> float:
        """When the next wake-up is due."""
        return self._at(self._tick)

    def woke(self, now: float) -> list[Window]:
        """Record every wake-up due until `now` as happening now; returns the windows that this closes."""
        length = self._length_ms / 1000
        if self.due < (horizon := now - MOST_WINDOWS_AT_ONCE * length):
            self._tick = math.floor((horizon - self._start) / length) * self._per_window + 1
            self._samples.clear()
        closed: list[Window] = []
        while (due := self.due) <= now:
            self._samples.append((now - due) * 1000)
            if self._tick % self._per_window == 0:
                closed.append(Window(due, self._length_ms, summarize(self._samples)))
                self._samples.clear()
            self._tick += 1
        return closed

    def _at(self, tick: int) -> float:
        # Counted from the start and by whole windows, so that neither rounding nor an odd resolution drifts.
        window, within = divmod(tick, self._per_window)
        return self._start + window * self._length_ms / 1000 + within * self._resolution


class LagSampler:
    """Runs `LagWindows` on the loop it is to measure and hands each closed window to `closed`, which must not wait.

    `now` must be the clock that `sleep` goes by, which stops while the machine is suspended: nobody was kept waiting.
    """

    def __init__(
        self,
        settings: LagSettings,
        closed: Callable[[Window], None],
        *,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._closed = closed
        self._now = now
        self._sleep = sleep

    async def run(self) -> None:
        """Measure until cancelled."""
        now = self._now or asyncio.get_running_loop().time
        windows = LagWindows(self._settings, now())
        while True:
            await self._sleep(max(0.0, windows.due - now()))
            for window in windows.woke(now()):
                self._closed(window)

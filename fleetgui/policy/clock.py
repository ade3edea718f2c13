"""What "now" is: a clock for ages that neither a suspend nor a change of the wall clock can fool.

Ages come from `CLOCK_BOOTTIME` where there is one (Linux): the monotonic clock stops while a laptop sleeps, and what
was read before the sleep would then look fresh. The wall clock is for showing times, never for measuring them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since some fixed point, never going back, counting through suspend."""

    def wall(self) -> float:
        """Epoch seconds (UTC), as far as this machine knows them."""

    def slept(self) -> float:
        """Of `now()`, the seconds for which the machine was suspended; stays 0 where nobody can tell."""


class SystemClock:
    """The machine's own clocks."""

    if hasattr(time, "CLOCK_BOOTTIME"):

        def now(self) -> float:
            return time.clock_gettime(time.CLOCK_BOOTTIME)

        def slept(self) -> float:
            return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    else:

        def now(self) -> float:
            return time.monotonic()

        def slept(self) -> float:
            return 0.0

    def wall(self) -> float:
        return time.time()


@dataclass
class ManualClock:
    """A clock that stands still until it is told otherwise: for tests, replays and what-ifs."""

    time: float = 1_000.0
    epoch: float = 1_795_219_200.0
    asleep: float = 0.0

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.epoch

    def slept(self) -> float:
        return self.asleep

    def suspend(self, seconds: float) -> None:
        """The machine sleeps for so long."""
        self.asleep += seconds
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.time += seconds
        self.epoch += seconds

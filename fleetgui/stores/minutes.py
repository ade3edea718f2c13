"""What happened, counted by the minute, for days: what is left of things that are too many to keep one by one."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor
from typing import Final

import numpy as np
import numpy.typing as npt

MINUTE_S: Final = 60.0
MINUTES: Final = 10_080
"""Minutes kept: those of a week, where something happened in each."""


class MinuteCounts:
    """Counts of `kinds` kinds of things; the oldest minutes go first, and what was in them is in `dropped`."""

    def __init__(self, kinds: int, capacity: int = MINUTES) -> None:
        self.dropped = 0
        self._kinds = kinds
        self._capacity = capacity
        self._counts: dict[int, list[int]] = {}
        self._table: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]] | None = None

    def add(self, things: Iterable[tuple[float, int, int]]) -> None:
        """Count (epoch second, kind, how many) each."""
        for at, kind, count in things:
            minute = self._counts.get(number := floor(at / MINUTE_S))
            if minute is None:
                minute = self._counts[number] = [0] * self._kinds
            minute[kind] += count
        while len(self._counts) > self._capacity:
            self.dropped += sum(self._counts.pop(min(self._counts)))
        self._table = None

    def between(self, left: float, right: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """The minutes that touch two epoch seconds: where each begins, and a row of counts for each."""
        if self._table is None:
            minutes = sorted(self._counts)
            counts = np.array([self._counts[minute] for minute in minutes], dtype=np.int64)
            self._table = np.array(minutes, dtype=np.float64) * MINUTE_S, counts.reshape(-1, self._kinds)
        starts, counts = self._table
        chosen = slice(int(np.searchsorted(starts, left - MINUTE_S, side="right")), int(np.searchsorted(starts, right)))
        return starts[chosen], counts[chosen]

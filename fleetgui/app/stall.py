"""How late the console's own loop is, measured all the time.

A precise timer asks to be woken every `RESOLUTION_MS`; what a gap between two wake-ups exceeds that by is time in
which the loop was held. Percentiles are weighted by time, not by wake-up: P(wait > y) = Σ max(0, gap − y) / Σ gap, the
chance that somebody who arrives at a random moment waits longer than y. A plain percentile of gaps hides stalls, since
a long one counts once, like a short one.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QObject, Qt, QTimer

RESOLUTION_MS: Final = 10
KEPT: Final = 360_000
"""Gaps kept: an hour at the default resolution."""


@dataclass(frozen=True)
class Stall:
    """Milliseconds that an arrival at a random moment waits: median, 99th percentile, worst."""

    p50: float
    p99: float
    max: float


def time_weighted(gaps_ms: list[float], resolution_ms: float) -> Stall:
    """The stall of a series of gaps between wake-ups asked for every `resolution_ms`."""
    waits = sorted(max(0.0, gap - resolution_ms) for gap in gaps_ms)
    if not waits:
        return Stall(0.0, 0.0, 0.0)
    total = sum(gaps_ms)

    def quantile(p: float) -> float:
        # Σ max(0, wait − y) falls as y grows: walk from the longest wait down until the tail holds 1 − p of all time.
        budget = (1 - p) * total
        area = 0.0
        for above, index in enumerate(range(len(waits) - 1, -1, -1), start=1):
            below = waits[index - 1] if index else 0.0
            step = (waits[index] - below) * above
            if area + step >= budget:
                return waits[index] - (budget - area) / above
            area += step
        return 0.0

    return Stall(quantile(0.5), quantile(0.99), waits[-1])


class StallMeter(QObject):
    """Measures from `start` on; `overall` covers what is kept."""

    def __init__(self, parent: QObject | None = None, resolution_ms: int = RESOLUTION_MS, kept: int = KEPT) -> None:
        super().__init__(parent)
        self.resolution_ms = resolution_ms
        self._gaps: deque[float] = deque(maxlen=kept)
        self._last: float | None = None
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(resolution_ms)
        self._timer.timeout.connect(self._woke)

    def start(self) -> None:
        self._last = None
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def reset(self) -> None:
        """Forget what was measured, as at the end of start-up."""
        self._gaps.clear()
        self._last = None

    @property
    def gaps(self) -> list[float]:
        """Milliseconds between wake-ups, oldest first, as far as they are kept."""
        return list(self._gaps)

    @property
    def overall(self) -> Stall:
        return time_weighted(self.gaps, self.resolution_ms)

    def _woke(self) -> None:
        now = time.perf_counter() * 1000
        if self._last is not None:
            self._gaps.append(now - self._last)
        self._last = now

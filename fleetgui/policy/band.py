"""The band rule: how late an event loop runs, as one of three bands that rise fast and fall slowly.

A window's p99 that reaches a higher band's threshold raises the band at once, two steps if need be. It falls by
exactly one step, and only after `release_samples` windows in a row whose p99 stayed under 80 % of the current band's
threshold. So one late second is seen, and a loop that hovers around a threshold does not flap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from fleetgui.policy.settings import LagSettings

DEADBAND: Final = 0.8
"""A window is calm when its p99 is below this share of the current band's threshold."""


class Band(Enum):
    """The values are the words used on the wire; `severity` orders them."""

    NORMAL = "normal"
    ELEVATED = "elevated"
    CRITICAL = "critical"

    @property
    def severity(self) -> int:
        return _ORDER.index(self)


_ORDER: Final = (Band.NORMAL, Band.ELEVATED, Band.CRITICAL)


@dataclass(frozen=True, slots=True)
class WindowStats:
    """The lateness of one window's wake-ups, in milliseconds. All zero when it has no samples."""

    samples: int
    mean_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile of ascending values: the smallest that at least `percent` % do not exceed.

    Always one of the values, never an average of two. With fewer than 100 values the 99th is the largest.
    Raises `ValueError` for no values at all.
    """
    if not ordered:
        raise ValueError("no values, no percentile")
    # whole numbers, because 0.99 * 100 is not 99 in floats
    return ordered[max(1, -(-len(ordered) * percent // 100)) - 1]


def summarize(lateness_ms: Sequence[float]) -> WindowStats:
    """Mean, p50, p99 and maximum of one window's samples, which may come in any order."""
    if not lateness_ms:
        return WindowStats(0, 0.0, 0.0, 0.0, 0.0)
    ordered = sorted(lateness_ms)
    return WindowStats(
        samples=len(ordered),
        mean_ms=math.fsum(ordered) / len(ordered),
        p50_ms=percentile(ordered, 50),
        p99_ms=percentile(ordered, 99),
        max_ms=ordered[-1],
    )


@dataclass(frozen=True, slots=True)
class Change:
    """The band went from one to another because of a window with this p99."""

    from_band: Band
    to_band: Band
    p99_ms: float


class BandTracker:
    """The band of one event loop, window after window."""

    def __init__(self, settings: LagSettings) -> None:
        self._settings = settings
        self._thresholds = {
            Band.NORMAL: 0,
            Band.ELEVATED: settings.elevated_ms,
            Band.CRITICAL: settings.critical_ms,
        }
        self._calm = 0
        self.band = Band.NORMAL

    def reached_by(self, p99_ms: float) -> Band:
        """The highest band whose threshold `p99_ms` reaches, whatever the band is now."""
        if p99_ms >= self._settings.critical_ms:
            return Band.CRITICAL
        return Band.ELEVATED if p99_ms >= self._settings.elevated_ms else Band.NORMAL

    def close_window(self, p99_ms: float) -> Change | None:
        """Take in one window; returns the change of band that it caused, if any."""
        before = self.band
        reached = self.reached_by(p99_ms)
        if reached.severity > before.severity:
            self._calm = 0
            self.band = reached
        elif p99_ms < DEADBAND * self._thresholds[before]:
            self._calm += 1
            if self._calm >= self._settings.release_samples:
                self._calm = 0
                self.band = _ORDER[before.severity - 1]
        else:
            self._calm = 0
        return None if self.band is before else Change(before, self.band, p99_ms)

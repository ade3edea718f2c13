"""The gateway's settings: environment names, defaults, and how a value that makes no sense is read.

An empty, zero, negative or unreadable value means the default: a typing error in an environment file must never turn
a protection off. Times are milliseconds unless a name says days. Counts and times are whole numbers; multipliers and
days may be fractional.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self, cast

Reader = Callable[[str], float]


def _whole(text: str) -> int:
    number = float(text)
    if number != int(number):  # int() raises for NaN and infinities, which is as unreadable
        raise ValueError(text)
    return int(number)


def _fraction(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def number_from(environ: Mapping[str, str], name: str, default: float, read: Reader = _whole) -> float:
    """The positive number that `name` has in `environ`, else `default`: for empty, zero, negative and unreadable."""
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        number = read(text)
    except (ValueError, OverflowError):
        return default
    return number if number > 0 else default


def _setting(name: str, default: float, read: Reader = _whole) -> Any:  # a dataclass field poses as its value's type
    return field(default=default, metadata={"environ": name, "read": read})


class _FromEnviron:
    """Reads and writes a frozen dataclass whose fields are made by `_setting`."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The settings that `environ` asks for; never raises."""
        values = {
            each.name: number_from(environ, each.metadata["environ"], cast(float, each.default), each.metadata["read"])
            for each in fields(cast(Any, cls))  # every subclass is a dataclass, which Self cannot say
        }
        return cls(**values)

    def as_dict(self) -> dict[str, float]:
        """Environment name → number in force, as `gateway/describe` shows them."""
        return {each.metadata["environ"]: getattr(self, each.name) for each in fields(cast(Any, self))}


@dataclass(frozen=True, slots=True)
class LagSettings(_FromEnviron):
    """The lag sampler, its history and the band rule (`policy.band`)."""

    sample_interval_ms: int = _setting("LAG_SAMPLE_INTERVAL_MS", 1000)
    """Length of a window."""
    resolution_ms: int = _setting("LAG_RESOLUTION_MS", 10)
    """Spacing of the wake-ups inside a window."""
    retention_days: float = _setting("LAG_TELEMETRY_RETENTION_DAYS", 3, _fraction)
    """History kept; may be a fraction of a day."""
    prune_interval_ms: int = _setting("LAG_PRUNE_INTERVAL_MS", 600_000)
    """How often history is pruned, where the store does not prune by itself. JetStream does."""
    elevated_ms: int = _setting("LAG_ELEVATED_MS", 100)
    """A p99 at or above this is elevated."""
    critical_ms: int = _setting("LAG_CRITICAL_MS", 250)
    """A p99 at or above this is critical."""
    release_samples: int = _setting("LAG_RELEASE_SAMPLES", 5)
    """Consecutive calm windows needed for one step down."""


@dataclass(frozen=True, slots=True)
class ThrottleSettings(_FromEnviron):
    """The reconnect throttle (`policy.throttle`)."""

    window_ms: int = _setting("RECONNECT_WINDOW_MS", 10_000)
    """The sliding window."""
    base_max: int = _setting("RECONNECT_BASE_MAX", 5)
    """Reconnects allowed per window; more flags the device."""
    hard_ceiling: int = _setting("RECONNECT_HARD_CEILING", 20)
    """Absolute cap per window, whatever the band and even in warm-up."""
    base_backoff_ms: int = _setting("RECONNECT_BASE_BACKOFF_MS", 1000)
    """Backoff at level 1 in the normal band; it doubles with each level."""
    max_backoff_ms: int = _setting("RECONNECT_MAX_BACKOFF_MS", 60_000)
    """Cap on the backoff. 25,000 suits devices that do not know `retry_after_ms`: with the default they may never
    get in again, because each try inside a block makes the next block longer."""
    max_level: int = _setting("RECONNECT_MAX_LEVEL", 10)
    """Cap on the level."""
    release_ms: int = _setting("RECONNECT_RELEASE_MS", 30_000)
    """Calm time that lowers the level by one."""
    warmup_ms: int = _setting("RECONNECT_WARMUP_MS", 30_000)
    """After a cold start only the hard ceiling applies, and the band is taken as normal."""
    elevated_multiplier: float = _setting("RECONNECT_BAND_ELEVATED_MULT", 2, _fraction)
    critical_multiplier: float = _setting("RECONNECT_BAND_CRITICAL_MULT", 4, _fraction)

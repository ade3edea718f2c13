"""When a reconnect storm has drained: from the blocks that are known and the throttle's own rule, as an interval.

It is a bound, not a guess. The earliest moment is when the last known block ends. The latest supposes that every
device waits as it was told, tries once within `PATIENCE_S` and is calm once it is let in; what it had done before its
first refusal counts as late as it can have been done (`policy.throttle`, steps 2 to 6), and blocks are as long as the
band in force makes them. Where the rule gives no bound there is no forecast, and a reason: devices that do not wait,
devices that are back as soon as they are let in, a storm that still grows. All times are seconds of one clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import Final

from fleetgui.policy.settings import ThrottleSettings
from fleetgui.policy.throttle import Reason

PATIENCE_S: Final = 2.0
"""How long after its block's end a device that waits may take to try again."""

_MOST_TRIES: Final = 64
_SPANS: Final = 4
"""A storm grows when not fewer were flagged in the last of so many parts of a window than in the one before."""
_MOST_SPANS: Final = 60
"""A storm that would take longer than so many of those to stop growing is growing."""


@dataclass(frozen=True, slots=True)
class Held:
    """A device inside a block: refused at `at`, for the `in_a_row`-th time, until `until`; `level` as it is now.

    `hits` are the times of what counts in its window, as late as each can have been (`hits_of`).
    """

    at: float
    until: float
    reason: Reason
    level: int
    in_a_row: int
    hits: tuple[float, ...]


def hits_of(refusals: Sequence[tuple[float, int]]) -> tuple[float, ...]:
    """What counts against a device that waits: of its refusals in a row, oldest first, (time, observed) each.

    All that was observed at the first may have been right before it; after that there was one try for each refusal.
    """
    if not refusals:
        return ()
    at, observed = refusals[0]
    return (at,) * observed + tuple(at for at, _ in refusals[1:])


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of `waiting` devices, which wait as they were told, the last is let in between `earliest` and `latest`.

    The two are None where nothing can be said, and `why` says why not. `stubborn` are those held back for which there
    never is a forecast: they try inside their blocks, or are back as soon as they are let in.
    """

    waiting: int
    stubborn: int
    earliest: float | None = None
    latest: float | None = None
    why: str = ""


def forecast(
    held: Sequence[Held],
    *,
    settings: ThrottleSettings,
    multiplier: float,
    flagged: Sequence[float],
    admitted_per_s: float | None,
    now: float,
) -> Forecast:
    """When the devices in `held` are let in again, as far as that can be told at `now`.

    `multiplier` is that of the band in force; `flagged` are the times at which devices that had been well behaved were
    refused, of the last window at least; `admitted_per_s` is how many devices a second the gateways are known to
    take in when they have to, None when that was never seen.
    """
    most_in_a_row = _tries_from_calm(settings)
    waiting = [each for each in held if _waits(each, most_in_a_row, settings.window_ms / 1000, now)]
    stubborn = len(held) - len(waiting)
    if not waiting:
        return Forecast(0, stubborn, why=_stubborn(stubborn) if stubborn else "")
    latest_of = [_let_in_by(each, settings, multiplier) for each in waiting]
    if any(latest is None for latest in latest_of):
        return Forecast(len(waiting), stubborn, why="the longest block is too short for the window to empty")
    latest = max(each for each in latest_of if each is not None)
    earliest = max(now, *(each.until for each in waiting))
    span = settings.window_ms / 1000 / _SPANS
    more = _grows_for(flagged, span, now)
    if more is None:
        count = sum(at > now - span for at in flagged)
        return Forecast(len(waiting), stubborn, why=f"the storm still grows, by {count:,} in the last {span:g} s")
    if more > 0:
        at = now + more
        newest = Held(at, at, "rate", 0, 0, (at,) * (settings.base_max + 1))
        latest = max(latest, _let_in_by(newest, settings, multiplier) or latest)
    if admitted_per_s is not None and admitted_per_s > 0:
        latest = max(latest, earliest + len(waiting) / admitted_per_s)
    return Forecast(len(waiting), stubborn, earliest, latest)


def _waits(held: Held, most_in_a_row: int, window: float, now: float) -> bool:
    """Whether it does as it was told: what tried inside its block waits once it was quiet for a window."""
    if held.reason == "in-backoff":
        return now - held.at > window
    return held.in_a_row <= most_in_a_row


def _let_in_by(held: Held, settings: ThrottleSettings, multiplier: float) -> float | None:
    """When a device that waits is let in at the latest; None when it need never be.

    Whoever tries at once is refused most often, because the least of its window has passed; whoever takes its time
    loses `PATIENCE_S` with each try. No device does worse than both together.
    """
    window = settings.window_ms / 1000
    hits, level = list(held.hits), held.level
    at, latest = held.until, held.until + PATIENCE_S
    for _ in range(_MOST_TRIES):
        hits = [*(hit for hit in hits if at - hit < window), at]
        if len(hits) <= settings.base_max:
            return latest
        level = min(level + 1, settings.max_level)
        backoff = _backoff(level, settings, multiplier)
        at += backoff
        latest += backoff + PATIENCE_S
    return None


def _tries_from_calm(settings: ThrottleSettings) -> int:
    """How often in a row a device can be refused that waits each time: more, and it came back when it was let in."""
    window = settings.window_ms / 1000
    hits = [0.0] * (settings.base_max + 1)
    at, level = 0.0, 0
    for tries in range(1, _MOST_TRIES):
        level = min(level + 1, settings.max_level)
        at += _backoff(level, settings, 1.0)
        hits = [hit for hit in hits if at - hit < window] + [at]
        if len(hits) <= settings.base_max:
            return tries
    return _MOST_TRIES


def _backoff(level: int, settings: ThrottleSettings, multiplier: float) -> float:
    doubled = settings.base_backoff_ms * 2.0 ** min(level - 1, 512)
    return min(doubled * multiplier, settings.max_backoff_ms) / 1000


def _grows_for(flagged: Sequence[float], span: float, now: float) -> float | None:
    """Seconds until, at the rate at which it slows down, less than half a device more is flagged; None: it does not."""
    recent = sum(now - span < at <= now for at in flagged)
    before = sum(now - 2 * span < at <= now - span for at in flagged)
    if recent == 0:
        return 0.0
    if recent >= before:
        return None
    spans = ceil(log(0.5 / recent) / log(recent / before))
    return spans * span if spans <= _MOST_SPANS else None


def _stubborn(count: int) -> str:
    return "it does not wait as it was told" if count == 1 else "none of them waits as it was told"

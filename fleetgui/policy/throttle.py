"""The reconnect throttle: which registrations a gateway refuses, and for how long.

Who misbehaves is decided per device and from its own reconnects alone. The band of the event loop never gates a
healthy device: it only multiplies the backoff of one that is flagged already. All times are milliseconds of one clock
that never goes back; whole milliseconds are compared exactly.

The order of the steps in `Throttle.check` is the rule. Each reject raises the device's level and blocks it for
`base · 2^(level−1) · band multiplier`, capped; each allow after a calm `release_ms` lowers it by one.

Several gateways hold one device to one rule by telling each other what each decision left behind: `outcome` on one
side, `adopt` on the others. As long as an outcome arrives before the device tries again, they decide as one would.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

from fleetgui.policy.band import Band
from fleetgui.policy.settings import ThrottleSettings

Key = tuple[str, str]
"""(tenant, device id)"""

Reason = Literal["in-backoff", "hard-ceiling", "rate"]

_SWEPT_PER_NEW_ENTRY: Final = 2
"""Two for one, so that what may go never outnumbers what must stay."""


@dataclass(frozen=True, slots=True)
class Allow:
    """The registration may go on. `refresh` tells a renewal on the same session, which is not counted."""

    refresh: bool = False


@dataclass(frozen=True, slots=True)
class Reject:
    """The registration is refused: `observed` hits where `allowed` are, blocked until `blocked_until_ms`.

    `band` is the one whose multiplier was used: normal inside warm-up, whatever the loop's own band is.
    """

    reason: Reason
    observed: int
    allowed: int
    backoff_ms: float
    level: int
    blocked_until_ms: float
    band: Band
    warmup: bool


Decision = Allow | Reject

_ALLOWED: Final = Allow()
_REFRESHED: Final = Allow(refresh=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one counted decision left behind, for the other gateways. Times are durations: clocks differ.

    `hit`: the try went into the window, of which it made `observed`. `blocked_ms` is how long the device is kept out
    from now on, 0 when it was admitted; `calm_ms` how long ago it was last rejected or lowered, None when never;
    `session` that of an admitted registration.
    """

    hit: bool
    observed: int
    level: int
    blocked_ms: float
    calm_ms: float | None
    session: str | None


class _Entry:
    """What is known of one device. `observed` is how many hits the last look at the window left."""

    __slots__ = ("blocked_until", "calm_since", "hits", "level", "observed", "session")

    def __init__(self) -> None:
        self.hits: list[float] = []
        self.observed = 0
        self.level = 0
        self.blocked_until = float("-inf")
        self.calm_since = float("-inf")
        """When it was last rejected or lowered."""
        self.session: str | None = None


class Throttle:
    """The throttle of one gateway process, from its start at `start_ms` with nothing remembered."""

    def __init__(self, settings: ThrottleSettings, start_ms: float) -> None:
        self.settings = settings
        self.warmup_until_ms = start_ms + settings.warmup_ms
        self._window = settings.window_ms
        self._base_max = settings.base_max
        self._ceiling = settings.hard_ceiling
        self._release = settings.release_ms
        self._multipliers = {
            Band.NORMAL: 1.0,
            Band.ELEVATED: settings.elevated_multiplier,
            Band.CRITICAL: settings.critical_multiplier,
        }
        self._entries: dict[Key, _Entry] = {}
        self._rounds: deque[Key] = deque()

    def __len__(self) -> int:
        """Devices remembered."""
        return len(self._entries)

    def check(self, key: Key, now_ms: float, band: Band, session: str | None = None) -> Decision:
        """Decide one registration and remember it.

        `session` is random per connection of the device: the one of the last admitted registration marks a refresh,
        for as long as the device is remembered. A reject or a registration without session does not extend it.
        """
        entry = self._entries.get(key)
        if entry is None:
            entry = self._remember(key, now_ms)
        elif session is not None and session == entry.session:
            return _REFRESHED
        elif entry.level and self._forgettable(entry, now_ms):
            # Forgotten whether or not the sweep came by: what a device gets must not hang on its neighbours.
            entry.level = 0
        # 1: still blocked. The try itself is not a hit.
        if now_ms < entry.blocked_until:
            return self._reject(entry, now_ms, band, "in-backoff", entry.observed, self._base_max)
        # 2: the window, this try included. Rejected tries stay in it.
        hits = entry.hits
        while hits and now_ms - hits[0] >= self._window:
            del hits[0]
        hits.append(now_ms)
        observed = entry.observed = len(hits)
        # 3: the ceiling holds in warm-up too.
        if observed > self._ceiling:
            return self._reject(entry, now_ms, band, "hard-ceiling", observed, self._ceiling)
        # 4 and 5; 6 is what is left.
        if observed > self._base_max and now_ms >= self.warmup_until_ms:
            return self._reject(entry, now_ms, band, "rate", observed, self._base_max)
        if entry.level:
            self._calm_down(entry, now_ms)
        entry.session = session
        return _ALLOWED

    def outcome(self, key: Key, decision: Decision, now_ms: float) -> Outcome | None:
        """What `check` left behind when it decided so at `now_ms`; None for a refresh, which leaves nothing."""
        entry = self._entries.get(key)
        reject = decision if isinstance(decision, Reject) else None
        if entry is None or decision == _REFRESHED:
            return None
        return Outcome(
            hit=reject is None or reject.reason != "in-backoff",
            observed=entry.observed,
            level=entry.level,
            blocked_ms=0.0 if reject is None else reject.backoff_ms,
            calm_ms=None if entry.calm_since == float("-inf") else now_ms - entry.calm_since,
            session=entry.session if reject is None else None,
        )

    def adopt(self, key: Key, outcome: Outcome, now_ms: float) -> None:
        """Take in what another gateway decided about a device.

        Where the two know different things (one has just started, or both decided at the same moment), what is
        stricter stays; nothing that is told can block a device for longer than this gateway would itself.
        """
        entry = self._entries.get(key)
        if entry is None:
            entry = self._remember(key, now_ms)
        elif entry.level and self._forgettable(entry, now_ms):
            entry.level = 0
        entry.observed = max(outcome.observed, self._count(entry, now_ms) if outcome.hit else entry.observed)
        level = min(outcome.level, self.settings.max_level)
        if outcome.blocked_ms > 0:
            until = now_ms + min(outcome.blocked_ms, self.settings.max_backoff_ms)
            due = min(entry.level + 1, self.settings.max_level)
            # A lower level than is due here was decided without knowing all that is known here.
            entry.blocked_until = until if level >= due else max(until, entry.blocked_until)
            entry.level = max(level, due)
            entry.calm_since = now_ms
        elif now_ms >= entry.blocked_until:  # else it was admitted by one that does not know of the block yet
            if entry.level:
                self._calm_down(entry, now_ms)
            if level > entry.level:
                entry.level = level
                entry.calm_since = now_ms - (outcome.calm_ms or 0.0)
            entry.session = outcome.session

    def blocked(self, key: Key, now_ms: float) -> bool:
        """Whether the device would be refused now as still in backoff. Asking changes nothing."""
        entry = self._entries.get(key)
        return entry is not None and now_ms < entry.blocked_until

    def level(self, key: Key) -> int:
        """The device's level as its last check left it; 0 for an unknown one."""
        entry = self._entries.get(key)
        return entry.level if entry is not None else 0

    def sweep(self, now_ms: float, budget: int) -> int:
        """Look at the `budget` entries that were not looked at for longest, drop what may go; returns how many."""
        dropped = 0
        for _ in range(min(budget, len(self._rounds))):
            key = self._rounds.popleft()
            if self._forgettable(self._entries[key], now_ms):
                del self._entries[key]
                dropped += 1
            else:
                self._rounds.append(key)
        return dropped

    def _remember(self, key: Key, now_ms: float) -> _Entry:
        self.sweep(now_ms, _SWEPT_PER_NEW_ENTRY)
        entry = self._entries[key] = _Entry()
        self._rounds.append(key)
        return entry

    def _count(self, entry: _Entry, now_ms: float) -> int:
        """Put a hit into the window; how many are in it then. `check` has the same lines, for the speed of it."""
        hits = entry.hits
        while hits and now_ms - hits[0] >= self._window:
            del hits[0]
        hits.append(now_ms)
        return len(hits)

    def _calm_down(self, entry: _Entry, now_ms: float) -> None:
        """An admitted device that was calm for long enough goes down by one level, and that time starts anew."""
        if now_ms - entry.calm_since > self._release:
            entry.level -= 1
            entry.calm_since = now_ms

    def _forgettable(self, entry: _Entry, now_ms: float) -> bool:
        """Unblocked, nothing left in its window, and calm for longer than its level takes to be worked off."""
        return (
            now_ms >= entry.blocked_until
            and (not entry.hits or now_ms - entry.hits[-1] >= self._window)
            and now_ms - entry.calm_since > entry.level * self._release
        )

    def _reject(self, entry: _Entry, now_ms: float, band: Band, reason: Reason, observed: int, allowed: int) -> Reject:
        settings = self.settings
        warmup = now_ms < self.warmup_until_ms
        if warmup:
            band = Band.NORMAL
        level = entry.level = min(entry.level + 1, settings.max_level)
        backoff = min(_doubled(settings.base_backoff_ms, level) * self._multipliers[band], settings.max_backoff_ms)
        entry.blocked_until = now_ms + backoff
        entry.calm_since = now_ms
        return Reject(reason, observed, allowed, backoff, level, entry.blocked_until, band, warmup)


def _doubled(base_ms: float, level: int) -> float:
    """`base_ms · 2^(level−1)`; the exponent is bounded, because a level of thousands would overflow a float."""
    return base_ms * 2.0 ** min(level - 1, 512)


def explain(
    *,
    reason: Reason,
    observed: int,
    allowed: int,
    window_ms: float,
    backoff_ms: float,
    level: int,
    band: str,
    in_a_row: int | None = None,
    multiplier: float | None = None,
    left_s: float | None = None,
) -> str:
    """One sentence for people: why a registration was refused and when the next try may be.

    `in_a_row` is how often the device was refused by now without a calm window in between, `multiplier` by how much the
    band lengthened the block, `left_s` how long it still lasts: each is said where it is known. Without `left_s` the
    whole block is told.
    """
    window = f"{window_ms / 1000:g} s"
    match reason:
        case "in-backoff":
            what = "Tried again before its block was over"
        case "hard-ceiling":
            what = f"Observed {observed:,} in {window}, hard ceiling {allowed:,}"
        case "rate":
            what = f"Observed {observed:,} in {window}, allowed {allowed:,}"
    circumstances = [] if in_a_row is None else [f"{_ordinal(in_a_row)} refusal in a row"]
    if in_a_row != level:
        circumstances.append(f"level {level}")
    if band != Band.NORMAL.value:
        circumstances.append(f"band {band}" + ("" if multiplier is None else f" ×{multiplier:g}"))
    wait = backoff_ms / 1000 if left_s is None else left_s
    then = f"next try in {_seconds(wait)}" if wait > 0 else f"its block of {_seconds(backoff_ms / 1000)} is over"
    return f"{what}; {', '.join(circumstances)}: {then}."


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def _ordinal(number: int) -> str:
    if 1 <= number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"

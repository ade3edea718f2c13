"""Which state a source is in, from when it was last heard: the one policy of ages.

Every source has two limits of silence (`Limits`): beyond the first its figures are late, beyond the second stale. They
follow from how often it promises to be heard: a device beats every third of its ttl, is late once one beat is missed,
and stale at its ttl; a gateway closes a lag window every `window_ms`, is late after two, and stale after two
keepalives; the broker answers pings. Each limit has `GRACE_S` for the way. All times are `Clock.now()` seconds; an age
is never computed from a publisher's own clock. Who was heard when is kept by `stores.sources`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from fleetgui.policy.states import State
from fleetgui.wire.gateway import KEEPALIVE_S

GRACE_S: Final = 0.5
"""What the way from the publisher to here may cost before silence counts.

Half of the second in which a figure has to leave live: the other half is for noticing, and for painting it.
"""

BEATS_PER_TTL: Final = 3
ASSUMED_TTL_S: Final = 60.0
"""The lease assumed for a device whose record has not been read and whose rhythm is not known yet."""

LONGEST_TTL_S: Final = 366 * 86_400.0
"""A record that claims a longer lease than a year has none: its device would be live for ever after one beat."""

SKEWED_S: Final = 10.0
"""A publisher's clock that is further than this from ours is said to be wrong, or ours is."""


class Limits(NamedTuple):
    """Seconds of silence: late beyond the first, stale beyond the second."""

    late: float
    stale: float


def reading_limits(interval_s: float) -> Limits:
    """Of something that is read, or speaks up, every `interval_s`."""
    return Limits(interval_s + GRACE_S, 3 * interval_s + GRACE_S)


def gateway_limits(window_s: float) -> Limits:
    return Limits(2 * window_s + GRACE_S, max(3 * window_s, 2 * KEEPALIVE_S) + GRACE_S)


def link_limits(ping_s: float) -> Limits:
    """Of a broker that is pinged every `ping_s`: it may leave one ping unanswered, not two."""
    return Limits(2 * ping_s + GRACE_S, 3 * ping_s + GRACE_S)


def device_limits(ttl: float) -> Limits:
    return Limits(ttl / BEATS_PER_TTL + GRACE_S, ttl)


def freshness(*, heard_at: float | None, limits: Limits, confirmed_from: float, now: float) -> State:
    """The rule itself. `confirmed_from` is when the link last came up: what was heard before waits for more."""
    if heard_at is None:
        return State.UNKNOWN
    age = now - heard_at
    if age > limits.stale:
        return State.STALE
    if heard_at < confirmed_from:
        return State.UNCONFIRMED
    return State.LATE if age > limits.late else State.LIVE


def device_state(
    *,
    last_beat: float | None,
    listed_at: float | None,
    ttl: float,
    offline_since: float | None,
    confirmed_from: float,
    now: float,
) -> State:
    """The presence of one device.

    `last_beat` is when its last heartbeat came in, `listed_at` when the registry last listed it, `offline_since` when
    the registry announced it offline, `confirmed_from` when the link last came up: evidence from before it waits for
    confirmation. A device that was listed and has not beaten yet is unconfirmed, for its ttl, then stale.
    """
    evidence = max((t for t in (last_beat, listed_at) if t is not None), default=None)
    if offline_since is not None and (evidence is None or evidence <= offline_since):
        return State.OFFLINE
    if evidence is None:
        return State.UNKNOWN
    if last_beat is None or (listed_at is not None and listed_at - last_beat > ttl):
        since = max(evidence, confirmed_from)
        return State.UNCONFIRMED if now - since < ttl else State.STALE
    if now - last_beat >= ttl:  # at its ttl the registry lets it go, so not only beyond it
        return State.STALE
    state = freshness(heard_at=last_beat, limits=device_limits(ttl), confirmed_from=confirmed_from, now=now)
    return State.ONLINE if state is State.LIVE else state


def is_skewed(seconds: float | None) -> bool:
    """Whether a publisher's clock, so many seconds ahead of ours (negative: behind), is to be said to be wrong."""
    return seconds is not None and abs(seconds) > SKEWED_S

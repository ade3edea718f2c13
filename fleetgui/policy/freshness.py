"""Which state a source is in, from when it was last heard: the one policy of ages.

Limits: a device beats every third of its ttl; it is late once one beat is missed, stale at its ttl. A gateway closes
a lag window every `window_ms`; it is late after two, stale after two keepalives. Each limit has `GRACE_S` for the way.
All times are `Clock.now()` seconds; an age is never computed from a publisher's own clock.
"""

from __future__ import annotations

from typing import Final

from fleetgui.policy.states import State
from fleetgui.wire.gateway import KEEPALIVE_S

GRACE_S: Final = 1.0
"""What the way from the publisher to here may cost before silence counts."""

BEATS_PER_TTL: Final = 3
ASSUMED_TTL_S: Final = 60.0
"""The lease assumed for a device whose record has not been read and whose rhythm is not known yet."""


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
    age = now - last_beat
    if age >= ttl:
        return State.STALE
    if last_beat < confirmed_from:
        return State.UNCONFIRMED
    if age > ttl / BEATS_PER_TTL + GRACE_S:
        return State.LATE
    return State.ONLINE


def gateway_state(*, last_heard: float | None, window_s: float, confirmed_from: float, now: float) -> State:
    """The freshness of one gateway's figures."""
    if last_heard is None:
        return State.UNKNOWN
    age = now - last_heard
    if age > 2 * KEEPALIVE_S + GRACE_S:
        return State.STALE
    if last_heard < confirmed_from:
        return State.UNCONFIRMED
    if age > 2 * window_s + GRACE_S:
        return State.LATE
    return State.LIVE


def reading_state(*, read_at: float | None, interval_s: float, confirmed_from: float, now: float) -> State:
    """The freshness of something that is read every `interval_s`, such as the registry's total."""
    if read_at is None:
        return State.UNKNOWN
    if now - read_at > 3 * interval_s + GRACE_S:
        return State.STALE
    if read_at < confirmed_from:
        return State.UNCONFIRMED
    if now - read_at > interval_s + GRACE_S:
        return State.LATE
    return State.LIVE

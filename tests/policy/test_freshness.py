"""The one policy of ages, at its boundaries: what is late, what is stale, and what a reconnect leaves unconfirmed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.freshness import GRACE_S, device_state, freshness, gateway_limits, reading_limits
from fleetgui.policy.states import State
from fleetgui.wire.gateway import KEEPALIVE_S

TTL = 15.0
LONG_AGO = float("-inf")
E = 1e-6


def device(
    now: float,
    *,
    beat: float | None = None,
    listed: float | None = None,
    offline: float | None = None,
    up: float = LONG_AGO,
    ttl: float = TTL,
) -> State:
    return device_state(last_beat=beat, listed_at=listed, ttl=ttl, offline_since=offline, confirmed_from=up, now=now)


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (0.0, State.ONLINE),
        (TTL / 3 + GRACE_S, State.ONLINE),
        (TTL / 3 + GRACE_S + E, State.LATE),
        (TTL - E, State.LATE),
        (TTL, State.STALE),
        (1e9, State.STALE),
    ],
)
def test_a_device_that_falls_silent(now: float, state: State) -> None:
    assert device(now, beat=0.0) is state


@pytest.mark.parametrize(("now", "state"), [(0.0, State.UNCONFIRMED), (TTL - E, State.UNCONFIRMED), (TTL, State.STALE)])
def test_a_device_that_is_listed_and_never_beats(now: float, state: State) -> None:
    assert device(now, listed=0.0) is state


def test_what_nobody_ever_heard_of_is_unknown_and_never_offline_or_online() -> None:
    assert device(0.0) is State.UNKNOWN


def test_an_offline_edge_holds_until_there_is_newer_evidence() -> None:
    assert device(5.0, beat=1.0, listed=2.0, offline=3.0) is State.OFFLINE
    assert device(3.0, beat=3.0, offline=3.0) is State.OFFLINE, "a beat of the same moment is not newer"
    assert device(5.0, beat=4.0, offline=3.0) is State.ONLINE
    assert device(5.0, listed=4.0, offline=3.0) is State.UNCONFIRMED


def test_after_a_reconnect_an_older_beat_waits_for_the_next() -> None:
    assert device(3.0, beat=0.0, up=2.0) is State.UNCONFIRMED
    assert device(3.0, beat=2.0, up=2.0) is State.ONLINE
    assert device(TTL, beat=0.0, up=2.0) is State.STALE, "a reconnect makes nothing younger"


def test_a_device_that_is_registered_and_fell_silent_is_unconfirmed_once_it_is_listed_again() -> None:
    assert device(TTL + 6, beat=0.0, listed=TTL + 5) is State.UNCONFIRMED


@given(
    st.floats(0, 1e6),
    st.one_of(st.none(), st.floats(0, 1e6)),
    st.one_of(st.none(), st.floats(0, 1e6)),
    st.floats(0.1, 1e5),
    st.one_of(st.none(), st.floats(0, 1e6)),
    st.floats(0, 1e6),
)
def test_never_false_green(
    now: float, beat: float | None, listed: float | None, ttl: float, offline: float | None, up: float
) -> None:
    if device(now, beat=beat, listed=listed, ttl=ttl, offline=offline, up=up) is State.ONLINE:
        assert beat is not None
        assert now - beat < ttl
        assert beat >= up
        assert offline is None or max(beat, listed or 0.0) > offline


WINDOW = 1.0
GATEWAY = gateway_limits(WINDOW)


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (0.0, State.LIVE),
        (2 * WINDOW + GRACE_S, State.LIVE),
        (2 * WINDOW + GRACE_S + E, State.LATE),
        (2 * KEEPALIVE_S + GRACE_S, State.LATE),
        (2 * KEEPALIVE_S + GRACE_S + E, State.STALE),
    ],
)
def test_a_gateway_that_falls_silent(age: float, state: State) -> None:
    assert freshness(limits=GATEWAY, heard_at=0.0, confirmed_from=LONG_AGO, now=age) is state


def test_a_gateway_heard_before_the_link_came_up_is_unconfirmed_and_one_never_heard_unknown() -> None:
    assert freshness(limits=GATEWAY, heard_at=1.0, confirmed_from=2.0, now=2.0) is State.UNCONFIRMED
    assert freshness(limits=GATEWAY, heard_at=2.0, confirmed_from=2.0, now=2.0) is State.LIVE
    assert freshness(limits=GATEWAY, heard_at=None, confirmed_from=2.0, now=2.0) is State.UNKNOWN


EVERY = 10.0
READING = reading_limits(EVERY)


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (EVERY + GRACE_S, State.LIVE),
        (EVERY + GRACE_S + E, State.LATE),
        (3 * EVERY + GRACE_S, State.LATE),
        (3 * EVERY + GRACE_S + E, State.STALE),
    ],
)
def test_a_reading_that_is_not_repeated(age: float, state: State) -> None:
    assert freshness(limits=READING, heard_at=0.0, confirmed_from=LONG_AGO, now=age) is state


def test_a_reading_from_before_the_link_came_up_is_unconfirmed_until_it_is_stale() -> None:
    assert freshness(limits=READING, heard_at=None, confirmed_from=0.0, now=1.0) is State.UNKNOWN
    assert freshness(limits=READING, heard_at=1.0, confirmed_from=2.0, now=2.0) is State.UNCONFIRMED
    assert freshness(limits=READING, heard_at=1.0, confirmed_from=2.0, now=60.0) is State.STALE

"""Presence: states at their boundaries, counts over the fleet, and beats that are not to be believed."""

from __future__ import annotations

import json

import pytest

from fleetgui.policy.freshness import ASSUMED_TTL_S
from fleetgui.policy.states import State
from fleetgui.stores.presence import Beat, Edge, Presence

TTL = 15.0


def beat(device_id: str, at: float, **status: object) -> Beat:
    return Beat(device_id, json.dumps({"device_id": device_id, "ts": 1_795_219_274.5, **status}).encode(), at)


@pytest.fixture
def presence() -> Presence:
    """One device, listed and heard at 100 s."""
    presence = Presence()
    presence.sources.link_came_up(50.0)
    presence.listed([("a", TTL)], 100.0)
    presence.apply_beats([beat("a", 100.0)])
    return presence


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (100.0, State.ONLINE),
        (105.5, State.ONLINE),  # a third of the ttl, and half a second for the way
        (105.6, State.LATE),
        (114.9, State.LATE),
        (115.0, State.STALE),
        (9_999.0, State.STALE),
    ],
)
def test_a_device_is_late_after_one_missed_beat_and_stale_at_its_ttl(
    presence: Presence, now: float, state: State
) -> None:
    assert presence.state("a", now) is state


def test_what_was_listed_and_not_heard_is_unconfirmed_for_its_ttl() -> None:
    presence = Presence()
    presence.listed([("a", TTL)], 100.0)
    assert presence.state("a", 114.0) is State.UNCONFIRMED
    assert presence.state("a", 115.0) is State.STALE
    assert presence.online_count(101.0) == 0


def test_a_device_nobody_heard_of_is_unknown() -> None:
    assert Presence().state("a", 1.0) is State.UNKNOWN


def test_after_a_reconnect_what_was_heard_before_waits_for_confirmation(presence: Presence) -> None:
    presence.sources.link_came_up(101.0)
    assert presence.state("a", 102.0) is State.UNCONFIRMED
    presence.apply_beats([beat("a", 103.0)])
    assert presence.state("a", 104.0) is State.ONLINE


def test_offline_until_it_beats_or_is_listed_again(presence: Presence) -> None:
    presence.apply_edges([Edge("a", False, 120.0, None)])
    assert presence.state("a", 121.0) is State.OFFLINE
    assert (presence.offline_ids(), len(presence.offline_ids()), presence.online_count(121.0)) == (["a"], 1, 0)
    presence.listed([("a", TTL)], 119.0)  # a reply that was asked for before the announcement
    assert presence.state("a", 121.0) is State.OFFLINE
    presence.apply_beats([beat("a", 122.0)])
    assert presence.state("a", 122.0) is State.ONLINE
    assert len(presence.offline_ids()) == 0


def test_back_online_and_not_yet_heard_is_unconfirmed() -> None:
    presence = Presence()
    presence.apply_edges([Edge("a", False, 10.0, None), Edge("a", True, 20.0, None)])
    assert presence.state("a", 21.0) is State.UNCONFIRMED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"ts": 1}',
        b'{"device_id": 7}',
        b'{"device_id": "b", "ts": 1}',
        b'{"device_id": "a", "ts": NaN}',
        b'{"device_id": "a", "ts": 1e999}',
        b'{"device_id": "a", "ts": {}}',
        b'{"device_id": "a\xff"}',
        b'{"device_id": "a", "x": ' + b"[" * 100_000,
    ],
)
def test_a_beat_that_is_not_to_be_believed_is_counted_and_changes_nothing(data: bytes) -> None:
    presence = Presence()
    presence.apply_beats([Beat("a", data, 1.0)])
    assert (presence.malformed, presence.beats) == (1, 0)
    assert presence.state("a", 1.0) is State.UNKNOWN


def test_status_comes_from_the_last_beat(presence: Presence) -> None:
    presence.apply_beats([beat("a", 105.0, battery=50, halo={"zone": "a"}), beat("a", 110.0, battery=49)])
    assert presence.status("a") == {"battery": 49}
    assert presence.publisher_ts("a") == 1_795_219_274.5


def test_a_lease_that_was_not_read_is_three_observed_beats() -> None:
    presence = Presence()
    presence.apply_beats([beat("a", 0.0), beat("a", 5.0), beat("a", 10.0)])
    assert presence.ttl("a") == 15.0
    assert presence.state("a", 24.0) is State.LATE
    assert presence.state("a", 25.0) is State.STALE


@pytest.mark.parametrize("claimed", [1e9, 1e300, 10**400, 0, -1])
def test_a_lease_for_ever_is_none(claimed: float) -> None:
    """With it a device would be shown as live for ever after a single beat."""
    presence = Presence()
    presence.listed([("a", claimed)], 0.0)
    presence.apply_beats([beat("a", 1.0)])
    assert presence.ttl("a") == ASSUMED_TTL_S
    assert presence.state("a", 1.0 + ASSUMED_TTL_S) is State.STALE


def test_counts_hold_for_a_fleet_larger_than_the_first_arrays() -> None:
    presence = Presence()
    ids = [f"d{number}" for number in range(5_000)]
    presence.listed(((device_id, TTL) for device_id in ids), 0.0)
    presence.apply_beats([beat(device_id, 1.0) for device_id in ids])
    presence.apply_edges([Edge(device_id, False, 2.0, None) for device_id in ids[:100]])
    assert (presence.online_count(3.0), len(presence.offline_ids())) == (4_900, 100)
    assert presence.online_count(1.0 + TTL) == 0


def test_a_batch_is_told_once() -> None:
    presence = Presence()
    told: list[frozenset[str]] = []
    presence.changed.connect(told.append)
    presence.apply_beats([beat("a", 1.0), beat("b", 1.0), beat("a", 2.0)])
    assert told == [frozenset({"a", "b"})]


def test_an_outage_is_no_rhythm() -> None:
    """A device that was away for an hour and whose record nobody read: it does not beat once an hour."""
    presence = Presence()
    presence.apply_beats(beat("a", at) for at in (0.0, 5.0, 10.0, 3_610.0))
    assert presence.ttl("a") == pytest.approx(3 * 5 * 1.25)
    assert presence.state("a", 3_640.0) is State.STALE


def test_a_burst_of_beats_is_no_rhythm() -> None:
    presence = Presence()
    presence.apply_beats(beat("a", at / 1_000) for at in range(200))
    assert presence.ttl("a") == 3.0
    assert presence.state("a", 1.0) is State.ONLINE


@pytest.mark.parametrize(("ts", "epoch"), [(1.5, 1.5), ("1970-01-01T00:00:02Z", 2.0), ("x", None), (1e300, None)])
def test_a_publishers_own_time_is_kept_when_it_is_one(ts: object, epoch: float | None) -> None:
    presence = Presence()
    presence.apply_beats([Beat("a", json.dumps({"device_id": "a", "ts": ts}).encode(), 5.0)])
    assert presence.publisher_ts("a") == epoch
    assert presence.last_beat("a") == 5.0


def test_the_array_counts_what_the_states_say() -> None:
    """The count over the arrays and the state of each device are two ways to one answer."""
    presence = Presence()
    presence.sources.link_came_up(100.0)
    for number in range(60):
        device_id = f"d{number}"
        if number % 2:
            presence.listed([(device_id, 5.0 + number)], 80.0 + number)
        if number % 3:
            presence.apply_beats([beat(device_id, 70.0 + number)])
        if number % 7 == 0:
            presence.apply_edges([Edge(device_id, number % 2 == 0, 95.0, None)])
    for now in (100.0, 115.0, 130.0, 160.0, 400.0):
        states = [presence.state(f"d{number}", now) for number in range(60)]
        heard = [presence.last_beat(f"d{number}") is not None for number in range(60)]
        assert presence.census(now).offline == len(presence.offline_ids()) == states.count(State.OFFLINE)
        sure = states.count(State.ONLINE) + states.count(State.LATE)
        waiting = sum(state is State.UNCONFIRMED and beats for state, beats in zip(states, heard, strict=True))
        assert sure <= presence.online_count(now) <= sure + waiting
        assert presence.online_count(now) - presence.census(now).unconfirmed >= sure


def test_a_beat_that_a_broker_kept_while_it_stood_says_when_it_was_sent() -> None:
    """Whoever sent it may be long gone: what comes out of a queue makes nobody fresh."""
    presence = Presence()

    def beats(*at: tuple[float, float]) -> None:
        presence.apply_beats(Beat("cam", b'{"device_id":"cam","ts":%.1f}' % (50_000 + sent), came) for sent, came in at)

    beats((0.1, 100.1), (2.1, 102.1), (4.1, 104.1))
    presence.listed([("cam", 6.0)], 104.5)
    assert presence.state("cam", 104.6) is State.ONLINE
    beats((6.1, 112.0), (8.1, 112.0))  # the broker stood from 105 to 112, the device sent until 109 and then went
    assert presence.last_beat("cam") == pytest.approx(108.1)
    assert presence.state("cam", 112.1) is State.LATE
    beats((14.1, 114.1))
    assert presence.state("cam", 114.2) is State.ONLINE

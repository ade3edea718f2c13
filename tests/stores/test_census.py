"""A large fleet's numbers may be a moment old; whether they are to be believed may not."""

from __future__ import annotations

import pytest

from fleetgui.policy.states import State
from fleetgui.stores import census
from fleetgui.stores.presence import Beat, Edge, Presence
from fleetgui.wire.codec import encode

TTL = 15.0


@pytest.fixture
def presence(monkeypatch: pytest.MonkeyPatch) -> Presence:
    """Three devices, which count as a large fleet, heard at 100 and counted then."""
    monkeypatch.setattr(census, "LARGE", 3)
    fleet = Presence()
    fleet.listed([(name, TTL) for name in "abc"], 99.0)
    fleet.apply_beats([beat(name, 100.0) for name in "abc"])
    assert fleet.census(100.0).online == 3
    return fleet


def beat(device_id: str, at: float) -> Beat:
    return Beat(device_id, encode({"device_id": device_id, "ts": 1_795_219_200.5}), at)


def test_a_large_fleet_is_counted_again_only_after_a_moment(presence: Presence) -> None:
    presence.apply_edges([Edge("a", False, 100.1, None)])
    assert presence.census(100.0 + census.KEPT_S / 2).online == 3
    later = presence.census(100.0 + 2 * census.KEPT_S)
    assert (later.online, later.offline) == (2, 1)


def test_a_small_fleet_is_always_as_it_is() -> None:
    fleet = Presence()
    fleet.apply_beats([beat("a", 100.0)])
    assert fleet.census(100.0).online == 1
    fleet.apply_edges([Edge("a", False, 100.0, None)])
    assert (fleet.census(100.0).online, fleet.census(100.0).offline) == (0, 1)


def test_silence_is_noticed_on_time_whatever_was_counted_when(presence: Presence) -> None:
    late = TTL / 3 + 0.5
    presence.census(100.0 + late - census.KEPT_S / 2)
    assert presence.heartbeats_state(100.0 + late - 0.01) is State.LIVE
    assert presence.heartbeats_state(100.0 + late + 0.01) is State.LATE


def test_a_count_from_before_the_link_came_up_is_not_used_after_it(presence: Presence) -> None:
    presence.sources.link_came_up(100.05)
    assert presence.census(100.06).unconfirmed == 3
    assert presence.heartbeats_state(100.06) is State.UNCONFIRMED

"""What hostile or unlucky publishers must not do to presence: grow it, or make a device look alive that is not."""

from __future__ import annotations

import pytest

from fleetgui.policy.states import State
from fleetgui.stores import presence as module
from fleetgui.stores.presence import LISTING_CACHE_S, Beat, Edge, Presence
from fleetgui.wire.codec import encode


def beat(device_id: str, at: float, **fields: object) -> Beat:
    return Beat(device_id, encode({"device_id": device_id, "ts": 1_795_219_200.5, **fields}), at)


def test_devices_are_bounded_and_what_is_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DEVICES", 3)
    presence = Presence()
    presence.apply_beats([beat(f"d{number}", 1.0) for number in range(5)])
    presence.apply_edges([Edge("e", True, 1.0, None)])
    presence.listed([("f", 15.0)], 1.0)
    assert (len(presence), presence.beats, presence.refused) == (3, 3, 4)
    presence.apply_beats([beat("d0", 2.0)])
    assert presence.last_beat("d0") == 2.0
    assert presence.state("f", 2.0) is State.UNKNOWN


def test_only_heartbeats_that_say_more_than_i_am_here_are_kept() -> None:
    presence = Presence()
    presence.apply_beats([beat("a", 1.0), beat("cam:1", 1.0), beat("b", 1.0, battery=5)])
    assert [data is not None for data in presence._evidence.status] == [False, False, True]
    assert presence.status("b") == {"battery": 5}
    presence.apply_beats([beat("b", 2.0)])
    assert presence.status("b") == {}


def test_a_listing_from_the_registrys_cache_does_not_undo_an_offline_edge() -> None:
    presence = Presence()
    presence.listed([("a", 15.0)], 0.0)
    presence.apply_edges([Edge("a", False, 10.0, None)])
    presence.listed([("a", 15.0)], 10.0 + LISTING_CACHE_S)
    assert presence.state("a", 12.0) is State.OFFLINE
    presence.listed([("a", 15.0)], 10.1 + LISTING_CACHE_S)
    assert presence.state("a", 12.2) is State.UNCONFIRMED


def test_silence_while_we_were_not_connected_is_no_rhythm() -> None:
    presence = Presence()
    presence.apply_beats([beat("a", 0.0), beat("a", 5.0)])
    presence.sources.link_came_up(500.0)
    presence.apply_beats([beat("a", 501.0), beat("a", 506.0)])
    assert presence.ttl("a") == 15.0


def test_one_long_silence_does_not_let_a_device_look_alive_for_long() -> None:
    presence = Presence()
    presence.apply_beats([beat("a", 0.0), beat("a", 5.0), beat("a", 3_600.0)])
    assert presence.ttl("a") <= 30.0

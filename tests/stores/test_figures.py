"""The header's figures: never a zero that was not read, never "live" for what a reconnect left unconfirmed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from fleetgui.policy.clock import ManualClock
from fleetgui.policy.states import LinkPhase, LinkState, State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.figures import FleetFigures, fleet_figures
from fleetgui.stores.presence import Beat, Edge

TTL = 15.0


@dataclass
class Fleet:
    state: ConsoleState = field(default_factory=ConsoleState)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.state.link.set_state(LinkState(LinkPhase.UP, 0.0, 0.0))

    def figures(self) -> FleetFigures:
        return fleet_figures(self.state, now=self.clock.now(), wall=self.clock.wall())

    def read(self, *ids: str) -> None:
        records = [json.dumps({"device_id": each, "device_ttl": TTL}).encode() for each in ids]
        self.state.roster.page_read(0, records, next_offset=None, total=len(ids), read_at=self.clock.now())
        self.state.presence.listed([(each, TTL) for each in ids], self.clock.now())

    def beat(self, *ids: str) -> None:
        self.state.presence.apply_beats(
            Beat(each, json.dumps({"device_id": each}).encode(), self.clock.now()) for each in ids
        )


@pytest.fixture
def fleet() -> Fleet:
    """Two devices, read and heard at this moment."""
    fleet = Fleet()
    fleet.state.sources.link_came_up(fleet.clock.now())
    fleet.clock.advance(1)
    fleet.read("a", "b")
    fleet.beat("a", "b")
    return fleet


def test_before_anything_was_read_nothing_is_zero() -> None:
    figures = Fleet().figures()
    for figure in (figures.registered, figures.online, figures.offline, figures.held_back):
        assert (figure.value, figure.state) == (None, State.UNKNOWN)


def test_an_empty_fleet_that_was_read_is_zero() -> None:
    fleet = Fleet()
    fleet.read()
    assert (fleet.figures().registered.value, fleet.figures().registered.state) == (0, State.LIVE)
    assert fleet.figures().online.value is None


def test_what_was_read_and_heard_is_live(fleet: Fleet) -> None:
    figures = fleet.figures()
    assert [(each.value, each.state) for each in (figures.registered, figures.online, figures.offline)] == [
        (2, State.LIVE),
        (2, State.LIVE),
        (0, State.LIVE),
    ]


def test_after_a_reconnect_every_figure_waits_until_it_is_read_again(fleet: Fleet) -> None:
    fleet.clock.advance(2)
    fleet.state.sources.link_came_up(fleet.clock.now())
    figures = fleet.figures()
    assert [each.state for each in (figures.registered, figures.online, figures.offline)] == [State.UNCONFIRMED] * 3
    fleet.clock.advance(1)
    fleet.beat("a")
    assert fleet.figures().online.state is State.UNCONFIRMED  # b was not heard yet
    fleet.beat("b")
    fleet.read("a", "b")
    figures = fleet.figures()
    assert [each.state for each in (figures.registered, figures.online, figures.offline)] == [State.LIVE] * 3


def test_who_does_not_come_back_after_a_reconnect_leaves_the_count_with_its_ttl(fleet: Fleet) -> None:
    fleet.state.sources.link_came_up(fleet.clock.now() + 1)
    fleet.clock.advance(TTL - 1)
    fleet.beat("a")
    fleet.clock.advance(1)
    online = fleet.figures().online
    assert (online.value, online.state) == (1, State.LIVE)


def test_without_a_link_nothing_is_live(fleet: Fleet) -> None:
    lost_at = fleet.clock.now()
    fleet.state.link.set_state(LinkState(LinkPhase.RECONNECTING, 0.0, 0.0, lost_at=lost_at))
    figures = fleet.figures()
    assert [each.state for each in (figures.registered, figures.online, figures.offline)] == [State.STALE] * 3
    assert figures.online.as_of == lost_at


def test_a_registry_that_fails_ages_and_says_why(fleet: Fleet) -> None:
    fleet.state.roster.failed("The registry failed: etcd is gone.")
    fleet.clock.advance(32)
    registered = fleet.figures().registered
    assert (registered.value, registered.state) == (2, State.LATE)
    assert "etcd is gone" in registered.note
    fleet.clock.advance(60)
    assert fleet.figures().registered.state is State.STALE


def test_offline_counts_what_was_announced(fleet: Fleet) -> None:
    fleet.clock.advance(1)
    fleet.state.presence.apply_edges([Edge("a", False, fleet.clock.now(), None)])
    figures = fleet.figures()
    assert (figures.online.value, figures.offline.value) == (1, 1)


def test_offline_says_since_when_it_was_listened_for(fleet: Fleet) -> None:
    """Or nought would look as if nobody were gone: who was gone before was not announced to this console."""
    first = fleet.clock.now() - 60
    fleet.state.sources.listening_since = None
    fleet.state.sources.link_came_up(first)
    fleet.state.sources.link_came_up(fleet.clock.now())  # again
    assert fleet.figures().offline.since == first
    assert fleet.figures().online.since is None


def test_who_is_held_back_is_as_old_as_the_gateway_that_is_missing(fleet: Fleet) -> None:
    fleet.state.lag.heard("gw-1", fleet.clock.now())
    fleet.state.lag.heard("gw-2", fleet.clock.now())
    silent_since = fleet.clock.now()
    fleet.clock.advance(8)
    fleet.state.lag.heard("gw-1", fleet.clock.now())
    held_back = fleet.figures().held_back
    assert (held_back.state, held_back.as_of) == (State.LATE, silent_since)
    fleet.state.lag.heard("gw-2", fleet.clock.now())
    assert (fleet.figures().held_back.state, fleet.figures().held_back.as_of) == (State.LIVE, fleet.clock.now())

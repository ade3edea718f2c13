"""The states of all devices at once are those of each, and what changes between two looks is kept."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetgui.policy.clock import ManualClock
from fleetgui.policy.states import LinkPhase, LinkState, State
from fleetgui.stores import device_states
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.device_states import STATES, DeviceStates, codes
from fleetgui.stores.presence import Beat, Edge, Presence

IDS = ["a", "b", "c", "d"]
ID = st.sampled_from(IDS)
STEP = st.one_of(
    st.tuples(st.just("beat"), ID),
    st.tuples(st.just("listed"), ID),
    st.tuples(st.just("offline"), ID),
    st.tuples(st.just("online"), ID),
    st.tuples(st.just("pass"), st.sampled_from([0.0, 0.1, 1.0, 5.0, 5.5, 6.0, 15.0, 61.0])),
    st.tuples(st.just("link"), st.sampled_from(list(LinkPhase))),
    st.tuples(st.just("watch"), st.one_of(st.none(), st.frozensets(ID))),
)


def beat(presence: Presence, device_id: str, now: float) -> None:
    presence.apply_beats([Beat(device_id, b'{"device_id":"%b"}' % device_id.encode(), now)])


@settings(max_examples=300)
@given(st.lists(STEP, max_size=30))
def test_the_columns_say_what_is_said_of_one(steps: list[tuple[str, object]]) -> None:
    console, clock = ConsoleState(), ManualClock()
    presence = console.presence
    for kind, what in steps:
        now = clock.now()
        match kind, what:
            case "beat", str(name):
                beat(presence, name, now)
            case "listed", str(name):
                presence.listed([(name, 15.0 if name < "c" else None)], now)
            case "offline" | "online", str(name):
                presence.apply_edges([Edge(name, kind == "online", now, None)])
            case "pass", float(seconds):
                clock.advance(seconds)
            case "link", LinkPhase() as phase:
                console.link.set_state(LinkState(phase, now, clock.wall()))
                if phase is LinkPhase.UP:
                    console.sources.link_came_up(now)
            case "watch", ids:
                presence.watch(ids, now)  # type: ignore[arg-type]  # a frozenset, or None
        found = codes(presence, 0, len(presence), clock.now())
        names = [presence.device_in(slot) for slot in range(len(presence))]
        assert [STATES[code] for code in found] == [presence.state(name, clock.now()) for name in names]


def test_changes_are_kept_once_each() -> None:
    presence, clock = Presence(), ManualClock()
    states = DeviceStates(presence)
    states.look(clock.now())
    presence.listed([("cam", 15.0)], clock.now())
    beat(presence, "cam", clock.now())
    for seconds in (0.0, 0.25, 5.3, 10.0):
        clock.advance(seconds)
        states.look(clock.now())
        states.look(clock.now())
    assert [(change.source, change.state) for change in states.log] == [
        ("device cam", State.ONLINE),
        ("device cam", State.LATE),
        ("device cam", State.STALE),
    ]
    assert states.changes == 3


def test_a_large_fleet_is_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_states, "MOST_AT_ONCE", 10)
    presence, clock = Presence(), ManualClock()
    states = DeviceStates(presence)
    presence.listed([(f"d-{number}", 15.0) for number in range(25)], clock.now())
    seen = []
    for _ in range(3):
        states.look(clock.now())
        seen.append(states.changes)
    assert seen == [10, 20, 25]

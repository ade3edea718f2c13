"""Who is online, asked of many devices at once, is what each of them is said to be by itself."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.states import State
from fleetgui.stores.evidence import NOTHING_KNOWN
from fleetgui.stores.presence import Beat, Edge, Presence

IDS = [f"d{number}" for number in range(6)]
MEANS = {1: {State.ONLINE, State.LATE}, 0: {State.OFFLINE}, 2: {State.STALE}}

happenings = st.lists(
    st.tuples(
        st.sampled_from(["beat", "online", "offline", "listed", "listed with its lease", "link", "watch", "watch all"]),
        st.sampled_from(IDS[:-1]),
        st.floats(0, 30),
    ),
    max_size=25,
)


@given(happenings, st.floats(0, 90))
def test_many_at_once_are_what_each_is_alone(happened: list[tuple[str, str, float]], later: float) -> None:
    presence, now = Presence(), 1_000.0
    for what, device_id, passed in happened:
        now += passed
        match what:
            case "beat":
                presence.apply_beats([Beat(device_id, json.dumps({"device_id": device_id}).encode(), now)])
            case "online" | "offline":
                presence.apply_edges([Edge(device_id, what == "online", now, None)])
            case "listed":
                presence.listed([(device_id, None)], now)
            case "listed with its lease":
                presence.listed([(device_id, 15.0)], now)
            case "link":
                presence.sources.confirmed_from = now
            case "watch":
                presence.watch(frozenset([device_id]), now)
            case _:
                presence.watch(None, now)
    now += later
    said = presence.online_of(np.array(presence.slots(IDS), np.int32), now)
    for device_id, found in zip(IDS, said.tolist(), strict=True):
        state = presence.state(device_id, now)
        if found == NOTHING_KNOWN:
            # Stale by its record alone is nothing that was heard.
            assert state not in (State.ONLINE, State.LATE, State.OFFLINE)
        else:
            assert state in MEANS[found]


def test_what_is_announced_is_told_in_order_with_what_changed_after_it() -> None:
    presence, told = Presence(), []
    presence.announced.connect(lambda edges: told.append([(edge.device_id, edge.online) for edge in edges]))
    presence.apply_edges([Edge("a", True, 1.0, None), Edge("a", False, 1.0, None)])
    assert told == [[("a", True), ("a", False)]]

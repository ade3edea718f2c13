"""The report: every state and loss with its time, what the console costs, and nothing that JSON cannot hold."""

from __future__ import annotations

import json

from fleetgui.app.report import Timings, report
from fleetgui.app.stall import Stall
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.freshness import reading_limits
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.ledger import Cause
from fleetgui.stores.link import Cost
from fleetgui.stores.presence import Beat


def test_states_ledger_and_footprint() -> None:
    state, clock = ConsoleState(), ManualClock(time=500.0, epoch=1_795_219_200.0)
    timings = Timings(began=490.0)
    state.link.set_state(LinkState(LinkPhase.UP, clock.now(), clock.wall()))
    source = state.sources.declare("bucket b", reading_limits(10.0))
    source.heard(clock.now())
    state.presence.apply_beats([Beat("cam", b'{"device_id":"cam"}', clock.now())])
    state.sources.look(clock.now())
    state.device_states.look(clock.now())
    clock.advance(11)
    state.sources.look(clock.now())
    state.ledger.lose("link", Cause.RECONNECT, None, clock.wall(), since=clock.wall() - 2, until=clock.wall())
    state.ledger.lose("heartbeat", Cause.OVERFLOW, 7, clock.wall())
    state.link.set_cost(Cost(1, 7, 6.123, 214.0, 1_000, 7, 0, 4.1, consumers=2, messages_out=40, reconnects=1))
    said = json.loads(json.dumps(report(state, timings, Stall(1.0, 2.0, 3.0), 0)))
    states = said["states"]
    assert [each["t_s"] for each in states] == sorted(each["t_s"] for each in states)
    assert {"t_s": 10.0, "source": "link", "state": "live"} in states
    assert {"t_s": 10.0, "source": "device cam", "state": "online"} in states
    assert [each for each in states if each["source"] == "bucket b"] == [
        {"t_s": 10.0, "source": "bucket b", "state": "live"},
        {"t_s": 21.0, "source": "bucket b", "state": "late"},
    ]
    assert said["ledger"] == [
        {
            "source": "link",
            "cause": "reconnect gap",
            "from": "2026-11-21T00:00:09.000Z",
            "to": "2026-11-21T00:00:11.000Z",
            "count": None,
        },
        {
            "source": "heartbeat",
            "cause": "intake overflow",
            "from": "2026-11-21T00:00:11.000Z",
            "to": "2026-11-21T00:00:11.000Z",
            "count": 7,
        },
    ]
    assert said["footprint"] == {
        "connections": 1,
        "subscriptions": 7,
        "consumers": 2,
        "requests_per_min": 6.12,
        "messages_per_s": 214.0,
        "messages_in": 1_000,
        "messages_out": 40,
        "bytes_in": 0,
        "reconnects": 1,
    }

"""The report: every state and loss with its time, what the console costs, and nothing that JSON cannot hold."""

from __future__ import annotations

import json
from pathlib import Path

from fleetgui.app.report import Timings, report, write_report
from fleetgui.app.stall import Stall
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.freshness import reading_limits
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.stores import device_states
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.ledger import Cause
from fleetgui.stores.link import Cost
from fleetgui.stores.presence import Beat, Edge


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
    assert said["states_left_out"] == {
        "sources": {"count": 0, "complete_after_t_s": None},
        "devices": {"count": 0, "complete_after_t_s": None},
    }
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


def test_a_fleet_that_comes_and_goes_is_bounded_counted_and_pushes_no_source_out() -> None:
    state, clock = ConsoleState(), ManualClock(time=500.0)
    state.link.set_state(LinkState(LinkPhase.UP, clock.now(), clock.wall()))
    state.sources.look(clock.now())
    fleet = [f"cam-{number}" for number in range(device_states.MOST_AT_ONCE)]
    rounds = 0
    while state.device_states.changes <= device_states.CAPACITY:
        rounds += 1
        clock.advance(1.0)
        state.presence.apply_edges([Edge(name, rounds % 2 == 0, clock.now(), None) for name in fleet])
        if rounds % 2 == 0:
            state.presence.apply_beats(
                [Beat(name, f'{{"device_id":"{name}"}}'.encode(), clock.now()) for name in fleet]
            )
        state.device_states.look(clock.now())
    said = report(state, Timings(began=500.0), Stall(0.0, 0.0, 0.0), 0)
    sources = {each["source"] for each in said["states"]}
    assert "link" in sources
    assert len(said["states"]) <= device_states.CAPACITY + len(state.sources.log)
    left_out = said["states_left_out"]
    assert left_out["sources"]["count"] == 0
    assert left_out["devices"]["count"] == rounds * len(fleet) - device_states.CAPACITY
    assert left_out["devices"]["complete_after_t_s"] == 2.0


def test_each_change_is_a_line_of_the_file(tmp_path: Path) -> None:
    state = ConsoleState()
    content = report(state, Timings(), Stall(0.0, 0.0, 0.0), 0)
    content["states"] = [{"t_s": number / 8, "source": "a \u2028 b", "state": "live"} for number in range(500)]
    path = tmp_path / "report.json"
    write_report(path, content)
    written = path.read_text(encoding="utf-8")
    assert json.loads(written) == json.loads(json.dumps(content))
    assert len(written.splitlines()) < 600

"""Simulated devices on a real nats-server, with the real registry and the real throttle in front of it.

How the fabric is set up: `fabric.py`.
"""

from __future__ import annotations

import pytest

from fleetgui.backend.devices.device import Phase
from fleetgui.link.errors import NoResponders, RequestTimeout
from fleetgui.wire.codec import decode_object
from fleetgui.wire.devices import event_of
from fleetgui.wire.subjects import event_name_of
from tests.backend.devices.fabric import DEVICES, Fabric


async def test_every_device_registers_and_then_beats_every_third_of_its_ttl(running: Fabric) -> None:
    assert running.fleet.first_registered.is_set()
    assert running.fleet.counters.registered == DEVICES == len(running.registry.store)
    assert running.fleet.counters.beats == DEVICES
    await running.passes(15.0)
    assert running.fleet.counters.beats == 4 * DEVICES
    assert running.registry.counters.bad_heartbeats == 0


async def test_heartbeats_change_the_record_in_place(running: Fabric) -> None:
    device = running.device("camera")
    record = running.registry.store.get(running.subjects.tenant, device.spec.device_id)
    assert record is not None
    before = decode_object(record.json())["status"]
    await running.passes(30.0, step=1.0)
    after = decode_object(record.json())["status"]
    assert before["ts"] == after["ts"]
    assert (before["battery"], before["busy_score"]) != (after["battery"], after["busy_score"])


async def test_events_come_now_and_then_and_fit_their_schema(running: Fabric) -> None:
    running.client.subscribe(running.subjects.all_events, running.heard.append)
    await running.client.flush()
    await running.passes(120.0, step=5.0)
    assert 2 <= len(running.heard) <= 40
    assert len(running.heard) == running.fleet.counters.events
    for message in running.heard:
        name = event_name_of(message.subject)
        event = event_of(message.data, name)
        kind = running.fleet.by_id[message.subject.split(".")[2]].spec.kind
        schema = next(each for each in kind.events if each.name == name)
        assert event.name == name
        assert set(event.params) == {*schema.properties, "event_id", "ts"}


async def test_what_the_network_loses_is_unanswered_then_absent_and_back_with_a_new_session(running: Fabric) -> None:
    device = running.device("camera")
    session = device.session
    running.client.subscribe(running.subjects.heartbeat(device.spec.device_id), running.heard.append)
    running.fleet.cut_off(device, seconds=20.0, noticed_after=5.0)
    running.fleet.cut_off(device, seconds=1.0, noticed_after=1.0)
    with pytest.raises(RequestTimeout):
        await running.client.request(running.subjects.cmd(device.spec.device_id), b"{}", timeout=0.2)
    await running.passes(6.0)
    with pytest.raises(NoResponders):
        await running.call(device, "self_test")
    running.fleet.reconnect(device)
    running.fleet.bring_up(device)
    phases = [device.phase]
    assert running.heard == []
    await running.passes(15.0)
    phases.append(device.phase)
    assert phases == [Phase.CUT_OFF, Phase.UP], "neither a new connection nor power helps where there is no network"
    assert device.session != session
    assert len(running.heard) == 1
    assert decode_object(await running.call(device, "self_test"))["result"]["passed"]


async def test_a_device_that_is_taken_down_while_cut_off_stays_down(running: Fabric) -> None:
    device = running.device("camera")
    running.fleet.cut_off(device, seconds=5.0, noticed_after=10.0)
    running.fleet.take_down(device)
    await running.passes(10.0)
    assert device.phase is Phase.DOWN


async def test_a_device_that_is_down_is_silent_and_has_no_responder(running: Fabric) -> None:
    device = running.device("camera")
    running.client.subscribe(running.subjects.heartbeat(device.spec.device_id), running.heard.append)
    running.fleet.take_down(device)
    await running.settled()
    with pytest.raises(NoResponders):
        await running.call(device, "self_test")
    await running.passes(20.0, step=1.0)
    assert running.heard == []
    running.fleet.bring_up(device)
    await running.settled()
    assert device.phase is Phase.UP
    assert len(running.heard) == 1
    assert decode_object(await running.call(device, "self_test"))["result"]["passed"]

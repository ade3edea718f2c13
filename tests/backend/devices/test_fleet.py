"""Simulated devices on a real nats-server, with the real registry and the real throttle in front of it.

How the fabric is set up: `fabric.py`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fleetgui.backend.devices.commands import MOST_WAITING
from fleetgui.backend.devices.dashboard import FIRST_BURST, GROWTH, Dashboard
from fleetgui.backend.devices.device import Phase
from fleetgui.backend.devices.settings import FleetSettings
from fleetgui.link.errors import NoResponders, RequestTimeout
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_object
from fleetgui.wire.devices import event_of
from fleetgui.wire.subjects import event_name_of
from tests.backend.devices.fabric import DEVICES, Fabric
from tests.backend.processes import until


async def test_every_device_registers_and_then_beats_every_third_of_its_ttl(running: Fabric) -> None:
    assert running.fleet.first_registered.is_set()
    assert running.fleet.counters.registered == DEVICES == len(running.registry.store)
    assert running.fleet.counters.beats == DEVICES
    await running.passes(15.0)
    assert running.fleet.counters.beats == 4 * DEVICES
    assert running.registry.counters.bad_heartbeats == 0


async def test_jitter_spreads_a_start_over_its_whole_width(fabric: Fabric) -> None:
    await fabric.start_registry()
    fabric.fleet.settings = FleetSettings(register_jitter=10.0)
    fabric.fleet.start()
    counts = []
    for _ in range(5):
        await fabric.passes(2.0)
        counts.append(fabric.fleet.counters.registered)
    assert 0 < counts[0] < counts[2] < counts[4] == DEVICES


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


async def test_calls_are_answered_and_failures_are_told_apart(running: Fabric) -> None:
    camera = running.device("camera")
    result = decode_object(await running.call(camera, "set_zoom", {"level": 4, "_dc_meta": {"source_device": "noc"}}))
    assert result["result"]["applied"]["level"] == 4
    assert result["id"] == "c-1"
    for method, params, code, text in (
        ("nope", {}, rpc.METHOD_NOT_FOUND, "Unknown method: nope"),
        ("set_zoom", {"level": 99}, rpc.FAILED, "Error invoking set_zoom: level must be between 1 and 12, got 99"),
    ):
        with pytest.raises(rpc.RpcError) as caught:
            rpc.result_of(await running.call(camera, method, params))
        assert (caught.value.code, caught.value.message) == (code, text)
    faulty = next(device for device in running.fleet.devices if device.spec.faulty and device.spec.kind.name != "pump")
    with pytest.raises(rpc.RpcError, match="sensor failed: code 7"):
        rpc.result_of(await running.call(faulty, "self_test"))


async def test_a_device_pulled_by_the_registry_says_what_it_registered(running: Fabric) -> None:
    device = running.device("lock")
    body = decode_object(await running.call(device, "requestRegistration"))["result"]
    assert body["device_id"] == device.spec.device_id
    assert body["session"] == device.session
    assert body["capabilities"]["functions"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"{",
        b"[]",
        b'{"jsonrpc":"2.0","method":"self_test","params":{}}',
        b'{"jsonrpc":"2.0","id":"1","method":"self_test","params":null}',
        b'{"jsonrpc":"2.0","id":"1","method":"self_test","params":[1]}',
        b'{"jsonrpc":"2.0","id":"1","method":"self_test","params":"x"}',
        b'{"jsonrpc":"2.0","id":"1","method":"self_test","params":{"_dc_meta":5}}',
        b'{"jsonrpc":"2.0","id":"1","method":["self_test"],"params":{}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_what_the_runtime_leaves_unanswered_is_unanswered_and_counted(
    running: Fabric, request_bytes: bytes
) -> None:
    device = running.device("camera")
    subject = running.subjects.cmd(device.spec.device_id)
    with pytest.raises(RequestTimeout):
        await running.client.request(subject, request_bytes, timeout=0.2)
    assert running.fleet.commands.ignored == 1
    assert decode_object(await running.call(device, "self_test"))["result"]["passed"]


@pytest.mark.parametrize(
    ("request_bytes", "reply"),
    [
        (
            b'{"jsonrpc":"2.0","id":null,"method":"nope"}',
            {"jsonrpc": "2.0", "id": None, "error": {"code": -32601, "message": "Unknown method: nope"}},
        ),
        (
            b'{"jsonrpc":"2.0","id":9,"params":{}}',
            {"jsonrpc": "2.0", "id": 9, "error": {"code": -32601, "message": "Unknown method: None"}},
        ),
        (
            b'{"id":"c","method":"set_zoom","params":{"level":1,"c":3}}',
            {
                "jsonrpc": "2.0",
                "id": "c",
                "error": {
                    "code": -32000,
                    "message": "Error invoking set_zoom: Camera.set_zoom() got an unexpected keyword argument 'c'",
                },
            },
        ),
        (
            b'{"id":"c","method":"read_nothing","params":{"_dc_meta":{"source_device":"noc"},"source_device":"x"}}',
            {"jsonrpc": "2.0", "id": "c", "error": {"code": -32601, "message": "Unknown method: read_nothing"}},
        ),
    ],
)
async def test_replies_have_the_form_of_the_runtimes(
    running: Fabric, request_bytes: bytes, reply: dict[str, Any]
) -> None:
    subject = running.subjects.cmd(running.device("camera").spec.device_id)
    assert decode_object(await running.client.request(subject, request_bytes, timeout=20)) == reply


@pytest.mark.parametrize("params", [b"null", b"[1]", b'{"x":1}'])
async def test_the_registrys_question_is_answered_whatever_its_parameters(running: Fabric, params: bytes) -> None:
    device_id = running.device("camera").spec.device_id
    request = b'{"id":1,"method":"requestRegistration","params":' + params + b"}"
    reply = await running.client.request(running.subjects.cmd(device_id), request, timeout=20)
    assert decode_object(reply)["result"]["device_id"] == device_id


async def test_a_call_that_wants_no_answer_is_carried_out_all_the_same(running: Fabric) -> None:
    camera = running.device("camera")
    call = rpc.request("set_zoom", {"level": 7, "source_device": "noc-1"}, "c-1")
    await running.client.publish(running.subjects.cmd(camera.spec.device_id), call)
    await until(lambda: camera.memory.get("level") == 7, "it zoomed")
    assert running.fleet.commands.answered == 0


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


async def test_a_device_does_one_thing_at_a_time_and_says_that_it_calibrates(running: Fabric) -> None:
    camera = running.device("camera")
    order: list[str] = []

    async def ask(method: str, params: dict[str, Any]) -> None:
        await running.call(camera, method, params)
        order.append(method)

    slow = running.tasks.spawn(ask("calibrate", {"seconds": 2.0}), name="slow")
    await until(lambda: camera.working is not None, "it calibrates")
    assert camera.live_status()["availability"] == "calibrating"
    quick = running.tasks.spawn(ask("self_test", {}), name="quick")
    await until(lambda: len(camera.calls) == 1, "the second call waits")
    await running.passes(1.75)
    assert order == []
    await running.passes(0.5)
    await asyncio.gather(slow, quick)
    assert order == ["calibrate", "self_test"]


async def test_too_many_waiting_calls_are_refused_in_words(running: Fabric) -> None:
    camera = running.device("camera")
    calls = [
        running.tasks.spawn(running.call(camera, "calibrate", {"seconds": 0.5}), name="call")
        for _ in range(MOST_WAITING + 2)
    ]
    await until(lambda: any(call.done() for call in calls), "one is refused")
    refused = [call for call in calls if call.done()]
    assert len(refused) == 1
    with pytest.raises(rpc.RpcError, match="busy: 64 calls wait"):
        rpc.result_of(refused[0].result())
    await running.passes(0.5 * MOST_WAITING + 1, step=0.5)
    assert all(decode_object(reply)["result"] for reply in await asyncio.gather(*calls) if reply != refused[0].result())


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


async def test_a_reboot_is_answered_then_the_device_is_gone_and_comes_back_with_a_new_session(running: Fabric) -> None:
    device = running.device("camera")
    session = device.session
    assert decode_object(await running.call(device, "reboot"))["result"]["rebooting"]
    phases = []
    for seconds in (0.25, 5.0):
        await running.passes(seconds)
        phases.append(device.phase)
    assert phases == [Phase.DOWN, Phase.UP]
    assert device.session != session


async def test_a_storm_is_really_refused_and_its_neighbours_are_not(running: Fabric) -> None:
    device = running.device("camera")
    running.fleet.storm(device, every=0.25, seconds=8.0)
    await running.passes(9.0)
    assert {device_id for device_id, _ in running.rejects} == {device.spec.device_id}
    assert running.rejects[0][1].reason == "hard-ceiling"
    assert running.rejects[0][1].warmup
    assert running.fleet.counters.refused == len(running.rejects) > 5
    assert device.phase is Phase.WAITING, "held back, it waits for as long as it was told"


async def test_after_its_storm_a_device_obeys_and_is_admitted_at_last(running: Fabric) -> None:
    device = running.device("camera")
    running.fleet.storm(device, every=0.25, seconds=8.0)
    await running.passes(9.0)
    refused, wait = len(running.rejects), running.rejects[-1][1].backoff_ms / 1_000
    await running.passes(wait - 2.0, step=1.0)
    assert len(running.rejects) == refused, "it does not try before its time"
    await running.passes(3.0)
    assert device.phase is Phase.UP


async def test_without_a_registry_a_device_tries_again_ever_later_and_gets_in_when_there_is_one(fabric: Fabric) -> None:
    fabric.fleet.start()
    await fabric.settled()
    assert fabric.fleet.counters.failed == DEVICES
    await fabric.passes(60.0, step=1.0)
    assert 5 * DEVICES < fabric.fleet.counters.failed < 8 * DEVICES
    await fabric.start_registry()
    await fabric.passes(30.0, step=1.0)
    assert len(fabric.registry.store) == DEVICES
    assert not fabric.rejects


async def test_a_lost_broker_makes_every_device_register_with_a_new_session(running: Fabric) -> None:
    sessions = {device.session for device in running.fleet.devices}
    running.fleet_link.reconnect_now()
    await until(lambda: running.fleet_link.state.reconnects == 1 and running.fleet_link.is_up, "the link is back")
    await running.passes(0.25)
    assert running.fleet.counters.registered == 2 * DEVICES
    assert not sessions & {device.session for device in running.fleet.devices}
    assert not running.rejects
    assert decode_object(await running.call(running.device("camera"), "self_test"))["result"]["passed"]


async def test_a_dashboard_grows_its_bursts_to_what_keeps_the_registry_busy(running: Fabric) -> None:
    dashboard = Dashboard(running.client, running.subjects.tenant, running.tasks)
    dashboard.burst(50.0)
    dashboard.burst(50.0)
    assert dashboard.asked == 0, "it has only been scheduled"
    await until(lambda: dashboard.answered == FIRST_BURST, "the first burst is answered, the overlapping one left out")
    dashboard.burst(1e6)
    await until(lambda: dashboard.answered == FIRST_BURST * (1 + GROWTH), "the second is larger, within bounds")
    assert dashboard.failed == 0

"""Calls to simulated devices on a real broker: what is answered, in which words, in which order, and what is not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fleetgui.backend.devices.commands import MOST_WAITING
from fleetgui.backend.devices.device import Phase
from fleetgui.link.errors import RequestTimeout
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_object
from tests.backend.devices.fabric import Fabric
from tests.backend.processes import until


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

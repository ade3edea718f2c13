"""Broadcasts on a real broker: who answers, when, and with what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fleetgui.backend.devices import broadcasts
from fleetgui.backend.devices.broadcasts import MOST_HELD
from fleetgui.wire.codec import decode_object
from fleetgui.wire.devices import event_of
from fleetgui.wire.subjects import event_name_of
from tests.backend.devices.fabric import DEVICES, Fabric

MISSING_LEVEL = "Error invoking set_zoom: Camera.set_zoom() missing 1 required positional argument: 'level'"


@pytest.fixture
async def hearing(running: Fabric) -> Fabric:
    """A client that hears every answer to broadcasts; ordinary events are kept out of the way."""
    running.client.subscribe(f"device-connect.{running.subjects.tenant}.*.event.async_reply.>", running.heard.append)
    await running.client.flush()
    return running


async def tell(fabric: Fabric, **envelope: Any) -> list[dict[str, Any]]:
    """Broadcast, let it be carried out, and return what was answered meanwhile."""
    await tell_raw(fabric, json.dumps({"correlation_id": "br-1", "function": "self_test", **envelope}).encode())
    return answers(fabric)


async def tell_raw(fabric: Fabric, data: bytes) -> None:
    await fabric.client.publish(fabric.subjects.broadcast, data)
    await fabric.client.flush()
    await fabric.fleet_link.flush()
    await fabric.passes(0.25)


def answers(fabric: Fabric) -> list[dict[str, Any]]:
    heard = [decode_object(message.data) for message in fabric.heard]
    fabric.heard.clear()
    return heard


async def test_a_target_answers_as_the_runtime_does(hearing: Fabric) -> None:
    camera = hearing.device("camera")
    device_id = camera.spec.device_id
    reply, *others = await tell(
        hearing, targets=[device_id, device_id, "nobody-0001"], function="set_zoom", params={"level": 3}
    )
    assert not others
    assert reply == {
        "correlation_id": "br-1",
        "device_id": device_id,
        "success": True,
        "result": {"applied": {"level": 3, "smooth": True}, "before": {"level": None, "smooth": None}},
        "actually_fired_at": hearing.clock.epoch,
    }


async def test_a_number_is_a_correlation_id_too_and_comes_back_as_one(hearing: Fabric) -> None:
    targets = [hearing.device("camera").spec.device_id]
    (reply,) = await tell(hearing, correlation_id=7, targets=targets, params={"source_device": "noc-1"})
    assert (reply["correlation_id"], reply["success"]) == (7, True)


async def test_an_answer_is_an_event_of_the_device(hearing: Fabric) -> None:
    device_id = hearing.device("camera").spec.device_id
    envelope = {"correlation_id": "br.1-x", "function": "self_test", "targets": [device_id]}
    await tell_raw(hearing, json.dumps(envelope).encode())
    (message,) = hearing.heard
    assert message.subject == f"device-connect.{hearing.subjects.tenant}.{device_id}.event.async_reply.br.1-x"
    event = event_of(message.data, event_name_of(message.subject))
    assert (event.name, event.params["success"]) == ("async_reply", True)


@pytest.mark.parametrize("targets", [None, []])
async def test_without_targets_everybody_answers_once(hearing: Fabric, targets: list[str] | None) -> None:
    replies = await tell(hearing, targets=targets)
    assert sorted(reply["device_id"] for reply in replies) == sorted(hearing.fleet.by_id)
    faulty = {device.spec.device_id for device in hearing.fleet.devices if device.spec.faulty}
    assert {reply["device_id"] for reply in replies if not reply["success"]} == faulty
    assert hearing.fleet.broadcasts.counters.answered == DEVICES


@pytest.mark.parametrize(
    ("function", "params", "text"),
    [
        ("fly", {}, "unknown function: fly"),
        ("set_zoom", {}, MISSING_LEVEL),
        (
            "set_zoom",
            None,
            MISSING_LEVEL,
        ),
        ("set_zoom", [1], "argument after ** must be a mapping, not list"),
    ],
)
async def test_a_failure_is_answered_in_words(hearing: Fabric, function: str, params: object, text: str) -> None:
    targets = [hearing.device("camera").spec.device_id]
    (reply,) = await tell(hearing, targets=targets, function=function, params=params)
    assert reply["success"] is False
    assert reply["error"] == {"code": "invoke_failed", "message": text}
    assert "result" not in reply


async def test_each_device_judges_the_condition_for_itself(hearing: Fabric) -> None:
    hurt = hearing.device("camera")
    hurt.battery = 3.0
    replies = await tell(
        hearing,
        where='identity.device_type == "camera" && status.battery < bindings.limit && labels.category == "camera"',
        bindings={"limit": 5},
    )
    assert [reply["device_id"] for reply in replies] == [hurt.spec.device_id]
    counters = hearing.fleet.broadcasts.counters
    assert counters.unmeant == DEVICES - 1
    assert counters.failed == 0, "what is not a camera is known before its battery is asked for"


async def test_a_condition_that_fails_means_nobody(hearing: Fabric) -> None:
    assert await tell(hearing, where="status.temperature > 30") == []
    assert hearing.fleet.broadcasts.counters.failed == DEVICES


async def test_judging_has_an_end(hearing: Fabric, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcasts, "MOST_JUDGING_S", -1.0)
    assert await tell(hearing, where="true") == []
    assert hearing.fleet.broadcasts.counters.failed == DEVICES


async def test_it_is_carried_out_at_its_time_and_not_before(hearing: Fabric) -> None:
    fire_at = hearing.clock.epoch + 5.0
    assert await tell(hearing, fire_at=fire_at) == []
    await hearing.passes(4.5)
    assert answers(hearing) == []
    await hearing.passes(0.5)
    replies = answers(hearing)
    assert len(replies) == DEVICES
    assert {reply["actually_fired_at"] for reply in replies} == {fire_at}


async def test_a_device_that_was_restarted_has_forgotten_what_it_waited_for(hearing: Fabric) -> None:
    restarted, reconnected = hearing.fleet.devices[:2]
    await tell(
        hearing, fire_at=hearing.clock.epoch + 5.0, targets=[each.spec.device_id for each in (restarted, reconnected)]
    )
    hearing.fleet.restart(restarted, down_for=1.0)
    hearing.fleet.reconnect(reconnected)
    await hearing.passes(6.0)
    assert [reply["device_id"] for reply in answers(hearing)] == [reconnected.spec.device_id]


@pytest.mark.parametrize(("on_late", "answered"), [({}, 0), ({"on_late": "skip"}, 0), ({"on_late": "fire"}, DEVICES)])
async def test_too_late_is_skipped_unless_told_otherwise(
    hearing: Fabric, on_late: dict[str, str], answered: int
) -> None:
    assert len(await tell(hearing, fire_at=hearing.clock.epoch - 1.0, **on_late)) == answered
    assert hearing.fleet.broadcasts.counters.late == DEVICES - answered


async def test_a_broadcast_is_carried_out_beside_a_call_and_takes_its_own_time(hearing: Fabric) -> None:
    camera = hearing.device("camera")
    call = hearing.tasks.spawn(hearing.call(camera, "calibrate", {"seconds": 5.0}), name="a call")
    (quick,) = await tell(hearing, targets=[camera.spec.device_id])
    assert quick["success"]
    assert await tell(hearing, targets=[camera.spec.device_id], function="calibrate", params={"seconds": 2.0}) == []
    await hearing.passes(2.0)
    assert [reply["result"]["calibrated"] for reply in answers(hearing)] == [True]
    await hearing.passes(5.0)
    assert decode_object(await call)["result"]["calibrated"]


async def test_whoever_is_down_or_cut_off_does_not_answer(hearing: Fabric) -> None:
    down, cut = hearing.fleet.devices[:2]
    hearing.fleet.take_down(down)
    hearing.fleet.cut_off(cut, seconds=60, noticed_after=10)
    replies = await tell(hearing)
    assert {reply["device_id"] for reply in replies} == set(hearing.fleet.by_id) - {
        down.spec.device_id,
        cut.spec.device_id,
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"function": "self_test"}',
        b'{"correlation_id": "", "function": "self_test"}',
        b'{"correlation_id": "a b", "function": "self_test"}',
        b'{"correlation_id": "a.>", "function": "self_test"}',
        b'{"correlation_id": "a..b", "function": "self_test"}',
        b'{"correlation_id": 0, "function": "self_test"}',
        b'{"correlation_id": [7], "function": "self_test"}',
        b'{"correlation_id": "br-1"}',
        b'{"correlation_id": "br-1", "function": ""}',
        b'{"correlation_id": "br-1", "function": "self_test", "targets": "camera-0001"}',
        b'{"correlation_id": "br-1", "function": "self_test", "targets": [1]}',
        b'{"correlation_id": "br-1", "function": "self_test", "fire_at": "soon"}',
        b'{"correlation_id": "br-1", "function": "self_test", "fire_at": 1e999}',
        b'{"correlation_id": "br-1", "function": "self_test", "where": "status..x"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_what_is_no_broadcast_is_counted_and_nothing_else(hearing: Fabric, data: bytes) -> None:
    await tell_raw(hearing, data)
    assert answers(hearing) == []
    assert hearing.fleet.broadcasts.counters.malformed == 1
    assert len(await tell(hearing)) == DEVICES


@pytest.mark.parametrize("fire_at", [1e308, -1e308, 2**63 - 1])
async def test_a_time_that_never_comes_holds_nobody_up(hearing: Fabric, fire_at: float) -> None:
    assert await tell(hearing, fire_at=fire_at) == []
    assert len(await tell(hearing)) == DEVICES


async def test_only_so_many_wait_for_their_time(hearing: Fabric) -> None:
    for number in range(MOST_HELD + 3):
        envelope = {"correlation_id": f"br-{number}", "function": "self_test", "fire_at": hearing.clock.epoch + 9.0}
        await hearing.client.publish(hearing.subjects.broadcast, json.dumps(envelope).encode())
    await hearing.client.flush()
    await hearing.fleet_link.flush()
    assert hearing.fleet.broadcasts.counters.dropped == 3
    await hearing.passes(10.0, step=1.0)
    assert len(answers(hearing)) == MOST_HELD * DEVICES
    assert len(await tell(hearing, fire_at=hearing.clock.epoch + 0.2)) == DEVICES, "there is room again"

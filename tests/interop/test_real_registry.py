"""The console against the real Device Connect registry and a real device: what a user of a real fleet does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleetgui.policy.states import State
from fleetgui.stores.calls import Call, Outcome
from fleetgui.stores.details import DetailPhase
from fleetgui.stores.export import ExportPhase
from fleetgui.stores.roster import RosterPhase, RowKind
from fleetgui.wire.question import Question
from tests.interop import services
from tests.interop.conftest import FLEET, Console, RealServices
from tests.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def device(real: RealServices) -> Iterator[services.RealDevice]:
    with services.RealDevice(real.nats.url, "default", "cam-real") as running:
        running.wait_for("Device registered")
        yield running


async def call(console: Console, function: str, device_id: str = "cam-real", **params: Any) -> Call:
    calls = console.state.calls
    call_id = console.fabric.calls.invoke(device_id, function, params, 20.0)
    await until(lambda: (found := calls.get(call_id)) and found.outcome is not Outcome.RUNNING, calls.changed)
    done = calls.get(call_id)
    assert done is not None
    return done


async def loaded(console: Console, first: int, last: int) -> None:
    roster = console.state.roster
    await until(
        lambda: (
            roster.status.phase is RosterPhase.READY
            and all(roster.row(row).kind is RowKind.LOADED for row in range(first, min(last, roster.total - 1) + 1))
        ),
        roster.rows_changed,
        roster.status_changed,
    )


async def test_it_pages_through_1400_devices(console: Console) -> None:
    await loaded(console, 0, 99)
    for first in range(0, FLEET, 50):
        console.fabric.pager.view_moved(first, first + 49)
        await loaded(console, first, first + 49)
    roster = console.state.roster
    ids = [roster.row(row).device_id for row in range(roster.total)]
    assert set(ids) >= {record["device_id"] for record in services.records(FLEET)}
    assert len(ids) == len(set(ids)) == roster.total


async def test_a_filter_is_the_registrys_own(console: Console) -> None:
    await loaded(console, 0, 99)
    console.fabric.pager.ask(Question("CAMERA", "site-08"))
    await until(lambda: console.state.roster.status.phase is RosterPhase.READY, console.state.roster.status_changed)
    await loaded(console, 0, 34)
    assert console.state.roster.total == 35


async def test_an_opened_device_is_the_record_that_was_stored(console: Console) -> None:
    details = console.state.details
    await until(lambda: console.fabric.link.is_up, console.fabric.link.state_changed)
    console.fabric.details.open("camera-00008")
    await until(lambda: (open_ := details.get("camera-00008")) and open_.phase is DetailPhase.READ, details.changed)
    shown = details.get("camera-00008")
    assert shown is not None
    assert shown.record == next(record for record in services.records(9) if record["device_id"] == "camera-00008")


async def test_a_device_that_does_not_exist_is_said_to_be_absent(console: Console) -> None:
    details = console.state.details
    await until(lambda: console.fabric.link.is_up, console.fabric.link.state_changed)
    console.fabric.details.open("nobody")
    await until(lambda: (open_ := details.get("nobody")) and open_.phase is DetailPhase.ABSENT, details.changed)


async def test_a_function_is_called_with_its_parameters(console: Console, device: services.RealDevice) -> None:
    await until(lambda: console.fabric.link.is_up, console.fabric.link.state_changed)
    added = await call(console, "add", a=2, b=3)
    assert (added.outcome, added.result) == (Outcome.SUCCEEDED, {"sum": 5})
    assert added.timing is not None
    assert added.timing.wire_ms > 0
    failed = await call(console, "boom")
    assert (failed.outcome, failed.code) == (Outcome.FAILED, -32000)
    assert "sensor failed: code 7" in str(failed.error)
    unknown = await call(console, "no_such_function")
    assert (unknown.outcome, unknown.code) == (Outcome.FAILED, -32601)
    absent = await call(console, "add", device_id="nobody", a=1, b=1)
    assert absent.outcome is Outcome.NO_DEVICE


async def test_events_of_an_open_device_are_seen(console: Console, device: services.RealDevice) -> None:
    details = console.state.details
    await until(lambda: console.fabric.link.is_up, console.fabric.link.state_changed)
    console.fabric.details.open("cam-real")
    await until(lambda: (open_ := details.get("cam-real")) and open_.phase is DetailPhase.READ, details.changed)
    await call(console, "fire", n=3)
    await until(lambda: (open_ := details.get("cam-real")) and open_.events_seen == 3, details.changed)
    shown = details.get("cam-real")
    assert shown is not None
    assert [(event.name, (event.params or {})["zone"]) for event in shown.events] == [
        ("motion_detected", "Z0"),
        ("motion_detected", "Z1"),
        ("motion_detected", "Z2"),
    ]


async def test_the_whole_fleet_is_exported(console: Console, tmp_path: Path) -> None:
    await until(lambda: console.fabric.link.is_up, console.fabric.link.state_changed)
    target = tmp_path / "fleet.jsonl"
    assert console.fabric.export.start(str(target), "jsonl")
    done = await console.fabric.export.finished()
    assert done.phase is ExportPhase.DONE
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    by_id = {line["device_id"]: line for line in lines[:-1]}
    assert len(by_id) == len(lines) - 1 >= FLEET
    expected = next(iter(services.records(1)))
    assert {key: by_id["camera-00000"][key] for key in expected} == expected
    assert lines[-1]["_fleetgui"]["coverage"]["complete"] is True


async def test_a_fabric_without_a_gateway_is_said_to_have_none(console: Console) -> None:
    await until(lambda: console.state.lag.availability is State.OFFLINE, console.state.lag.changed)


async def test_a_killed_device_goes_offline(console: Console, real: RealServices) -> None:
    """Its lease of 15 s runs out, and the registry announces it."""
    presence = console.state.presence
    with services.RealDevice(real.nats.url, "default", "cam-killed") as doomed:
        now = console.fabric.link.clock.now
        await until(lambda: presence.state("cam-killed", now()) is State.ONLINE, presence.changed)
        doomed.process.kill()
        await until(lambda: presence.state("cam-killed", now()) is State.OFFLINE, presence.changed)
    assert presence.offline_ids() == ["cam-killed"]
    lines = [entry.text for entry in console.state.journal.entries if entry.device_id == "cam-killed"]
    assert lines[-1] == "cam-killed went offline"

"""What anybody on the fabric can send, to the whole console: counted or shown as malformed, and it lives (M1 to M5).

Each test ends with the console as it was: on its connection, nothing reported, every page drawn, a healthy device
heard. Pages are drawn in between as well, since it is on the screen that a value of a wrong type would surface.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from fleetgui.feeds.errors import RegistryError
from fleetgui.feeds.topology_pages import Overtaken, read_snapshot
from fleetgui.feeds.walk import walk
from fleetgui.link.errors import LinkError
from fleetgui.stores.calls import Outcome
from fleetgui.stores.details import DetailPhase
from fleetgui.stores.roster import RowKind
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed
from fleetgui.wire.deployments import Deployment, DeploymentStatus
from fleetgui.wire.subjects import why_not_addressable
from tests.app.besieged import (
    AT,
    HALL,
    KEPT,
    PUBLISHED,
    RECORD,
    RESULTS,
    ROOT,
    VICTIM,
    Besieged,
    Published,
    besieged,
    notice,
)
from tests.backend import hostile
from tests.link.conftest import until

pytestmark = pytest.mark.timeout(180)

SEEDS = [each.data for each in (*PUBLISHED, *KEPT)]


async def test_m1_malformed_frames_blind_nothing(qapp: QApplication) -> None:
    async with besieged(qapp) as here:
        link = here.fabric.link
        before = link.footprint.malformed
        for each in PUBLISHED[:5]:
            frames = hostile.malformed_frames(each.subject.encode())
            await asyncio.to_thread(hostile.send_raw, here.nats.port, frames, 20)
        await link.flush()
        assert link.footprint.malformed > before
        await here.is_unharmed()


@pytest.mark.parametrize("kind", [hostile.wrong_types, hostile.bad_json], ids=["M4", "M3"])
async def test_m3_m4_what_is_published_is_understood_or_counted(qapp: QApplication, kind: Any) -> None:
    async with besieged(qapp) as here:
        for each in PUBLISHED:
            await here.publish((each, data) for data in kind(each.message))
            here.draw()
        here.adds_up()
        assert min(here.malformed[reader] for reader in ("presence", "gateway", "topology")) > 100
        assert min(here.understood[reader] for reader in ("presence", "gateway", "topology")) > 10
        await here.is_unharmed()


async def test_m4_a_deployment_that_cannot_be_read_is_a_row_that_says_so(qapp: QApplication) -> None:
    async with besieged(qapp) as here:
        payloads: dict[str, tuple[Published, bytes]] = {}
        for number, each in enumerate(KEPT):
            for index, data in enumerate(hostile.wrong_types(each.message)):
                key = f"d{number}-{index}"
                payloads[key] = each, data.replace(f'"name": "{VICTIM}"'.encode(), f'"name": "{key}"'.encode())
        await here.keep((each, key, data) for key, (each, data) in payloads.items())
        rows = here.state.deployments.rollups.rows
        await until(lambda: rows.keys() >= payloads.keys())
        held = {key: rows[key].status or rows[key].definition for key in payloads}
        unreadable = [value for value in held.values() if isinstance(value, str)]
        assert len(unreadable) == here.fabric.deployments.malformed > 300
        assert all(value.startswith("The record cannot be read: ") for value in unreadable)
        here.adds_up()
        await here.is_unharmed()


def _records() -> list[bytes]:
    return [
        data.replace(f'"{VICTIM}"'.encode(), f'"v{number:04}"'.encode())
        for number, data in enumerate(hostile.wrong_types(RECORD))
    ]


def _page(records: list[bytes]) -> bytes:
    rest = b'],"next_offset":null,"total_matched":%d,"revision":3}}' % len(records)
    return b'{"jsonrpc":"2.0","id":"x","result":{"devices":[' + b",".join(records) + rest


async def test_m4_every_record_of_a_page_is_a_row_that_can_be_drawn(qapp: QApplication) -> None:
    records = _records()
    async with besieged(qapp) as here:
        here.answers["discovery/listDevices"] = _page(records)
        given, malformed = 0, 0
        async for page in walk(here.fabric.registry):
            given += len(page.devices)
            malformed += sum(device.summary is None for device in page.devices)
        assert given == len(records) > 500
        assert malformed > 200
        roster, devices = here.state.roster, here.pages[1]
        here.fabric.pager.refresh()
        await until(lambda: roster.total == len(records) and roster.loaded + roster.malformed >= len(records))
        kinds = [roster.row(row).kind for row in range(len(records))]
        assert kinds.count(RowKind.MALFORMED) == malformed
        assert kinds.count(RowKind.LOADED) == len(records) - malformed
        model = devices.model  # type: ignore[attr-defined]  # it is the devices page
        for row, kind in enumerate(kinds):
            words = " ".join(model.cell(row, column).text for column in range(model.columnCount()))
            assert ("malformed" in words) is (kind is RowKind.MALFORMED), words
            assert words.isprintable()
        await here.is_unharmed()


async def test_m4_the_record_of_an_open_device_may_be_anything(qapp: QApplication) -> None:
    async with besieged(qapp) as here:
        details = here.state.details
        phases = set()
        reply = {"jsonrpc": "2.0", "id": "x", "result": {"device": RECORD}}
        for number, data in enumerate(hostile.wrong_types(reply)):
            here.answers["discovery/getDevice"] = data
            here.fabric.details.refresh(VICTIM)
            await until(lambda: not here.fabric.details._fetching)
            detail = details.get(VICTIM)
            assert detail is not None
            assert detail.phase is not DetailPhase.FAILED or detail.error
            phases.add(detail.phase)
            if number % 4 == 0:
                here.pages[-1].grab()
        assert phases >= {DetailPhase.READ, DetailPhase.FAILED}
        await here.is_unharmed()


@pytest.mark.parametrize("method", [method for method in RESULTS if method != "f"])
async def test_m4_an_answer_is_taken_or_refused_with_a_reason(qapp: QApplication, method: str) -> None:
    """Whole replies, errors among them; what is refused is an error of a kind that every caller handles."""
    good = {"jsonrpc": "2.0", "id": "x", "result": RESULTS[method]}
    bad = {"jsonrpc": "2.0", "id": "x", "error": {"code": -32000, "message": "m", "data": {"a": 1}}}
    handled: tuple[type[Exception], ...] = (LinkError, rpc.RpcError, Malformed, Overtaken)
    if method.startswith("discovery/"):
        handled = (RegistryError,)  # the one that whoever reads the registry knows
    async with besieged(qapp) as here:
        fabric = here.fabric
        tried = taken = refused = 0
        for payload in (*hostile.wrong_types(good), *hostile.wrong_types(bad), *hostile.bad_json(bad)):
            here.answers[method] = payload
            tried += 1
            try:
                match method:
                    case "discovery/listDevices":
                        await fabric.registry.list_page(0, 50)
                    case "discovery/getDevice":
                        await fabric.registry.get_device(VICTIM)
                    case "topology/list":
                        await fabric.topologies._read_list(here.clock.now())
                    case "topology/snapshot":
                        await read_snapshot(fabric.topologies.ask, HALL)
                    case _:
                        await fabric.gateway._history.read(here.clock.wall() - 60)
            except handled as error:
                refused += bool(str(error))
            else:
                taken += 1
        assert taken + refused == tried
        assert min(taken, refused) > 5
        here.answers.clear()
        await here.is_unharmed()


async def test_m4_whatever_a_function_answers_its_call_ends(qapp: QApplication) -> None:
    answer = {"jsonrpc": "2.0", "id": "x", "result": RESULTS["f"]}
    error = {"jsonrpc": "2.0", "id": "x", "error": {"code": -32000, "message": "m", "data": None}}
    async with besieged(qapp) as here:
        calls = here.state.calls
        for data in (*hostile.wrong_types(answer), *hostile.wrong_types(error), *hostile.bad_json({})):
            here.answers["f"] = data
            number = here.fabric.calls.invoke(VICTIM, "f", {}, 20.0)
            await until(lambda: calls.running == 0)
            call = calls.get(number)
            assert call is not None
            assert call.outcome in (Outcome.SUCCEEDED, Outcome.FAILED)
        await here.is_unharmed()


# M5


async def test_m5_an_id_may_be_anything(qapp: QApplication) -> None:
    """Shown escaped and cut, kept as it is as the key, and what cannot be addressed says why nothing can be called."""
    ids = hostile.HOSTILE_IDS
    records = [json.dumps({**RECORD, "device_id": each}).encode() for each in ids]
    async with besieged(qapp) as here:
        here.answers["discovery/listDevices"] = _page(records)
        roster, devices = here.state.roster, here.pages[1]
        here.fabric.pager.refresh()
        await until(lambda: roster.total == len(ids) and roster.loaded == len(ids))
        model = devices.model  # type: ignore[attr-defined]  # it is the devices page
        for row, device_id in enumerate(ids):
            assert roster.row(row).device_id == device_id
            assert roster.offset_of(device_id) == row
            for column in range(model.columnCount()):
                words = model.cell(row, column).text
                assert words.isprintable()
                assert len(words) <= 512 + len("…")
        for online in (False, True):
            edges = [notice("device/online" if online else "device/offline", device_id=each, ts=AT) for each in ids]
            subject = f"{ROOT}.device.{'online' if online else 'offline'}"
            await here.publish((Published("presence", subject, edge), json.dumps(edge).encode()) for edge in edges)
            offline = set(here.state.presence.offline_ids())
            assert offline == (set() if online else set(ids))
            here.draw()
        for device_id in ids:
            here.fabric.details.open(device_id)
            detail = here.state.details.get(device_id)
            assert detail is not None
            why = why_not_addressable(device_id)
            assert (detail.can_call is None) is (why is None)
            if why is not None:
                assert why in str(detail.can_call)
                number = here.fabric.calls.invoke(device_id, "f", {}, 5.0)
                call = here.state.calls.get(number)
                assert call is not None
                assert call.outcome is Outcome.NOT_SENT
                assert why in str(call.error)
        here.adds_up()
        await here.is_unharmed()


# M2


async def _mutations(here: Besieged, count: int, seed: int) -> None:
    """Publish mutations of everything that the console reads, and put those of records under a few hundred keys."""
    kinds = (*PUBLISHED, *KEPT)
    last: dict[str, tuple[Published, bytes]] = {}
    done = 0

    def published(some: list[tuple[int, bytes]]) -> Iterator[tuple[Published, bytes]]:
        for which, data in some:
            if which < len(PUBLISHED):
                yield kinds[which], data

    waiting: list[tuple[int, bytes]] = []
    for which, data in hostile.mutated(SEEDS, count, seed):
        waiting.append((which, data))
        if len(waiting) == 2_000 or done + len(waiting) == count:
            await here.publish(published(waiting))
            records = []
            for number, (kind, payload) in enumerate(waiting):
                if kind >= len(PUBLISHED):
                    key = f"m{kind}-{number % 200}"
                    last[key] = kinds[kind], payload.replace(b'"victim"', json.dumps(key).encode(), 1)
                    records.append((last[key][0], key, last[key][1]))
            await here.keep(records)
            done += len(waiting)
            waiting.clear()
            here.draw()
    rows = here.state.deployments.rollups.rows
    await until(lambda: rows.keys() >= last.keys())
    await until(lambda: all(_shows(rows[key], each, data) for key, (each, data) in last.items()))


def _shows(row: Any, each: Published, data: bytes) -> bool:
    """Whether the row of a deployment is what its last record says, or says that it cannot be read."""
    is_status = each.subject == KEPT[0].subject
    shown = row.status if is_status else row.definition
    try:
        (DeploymentStatus if is_status else Deployment).decode(row.name, data)
    except Malformed:
        return isinstance(shown, str)
    return shown is not None and not isinstance(shown, str)


async def test_m2_mutated_messages_are_understood_or_counted(qapp: QApplication) -> None:
    async with besieged(qapp) as here:
        await _mutations(here, 20_000, seed=11)
        here.adds_up()
        assert min(here.malformed[reader] for reader in ("presence", "gateway", "topology")) > 1_000
        assert min(here.understood[reader] for reader in ("presence", "gateway", "topology")) > 100
        await here.is_unharmed()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
async def test_m2_a_million_mutated_messages_are_understood_or_counted(qapp: QApplication, seed: int) -> None:
    async with besieged(qapp) as here:
        await _mutations(here, 250_000, seed)
        here.adds_up()
        await here.is_unharmed()

"""`python -m fleetgui.backend.devices`: ready when its first device is in, gone when its parent is, a sentence when it
cannot."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fleetgui.backend.child import Child, ChildFailed
from fleetgui.backend.devices.specs import Specs
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_object
from tests.backend.devices.fabric import Fabric

READY_S = 60.0


@asynccontextmanager
async def devices(fabric: Fabric, **settings: Any) -> AsyncIterator[tuple[Child, dict[str, Any]]]:
    """The process on the fabric's broker and tenant, and the facts it tells."""
    child = Child("devices", [sys.executable, "-m", "fleetgui.backend.devices"])
    context = fabric.client.context
    child.start({"url": context.servers[0], "tenant": context.tenant, "scenario": "calm", "seed": 3, **settings})
    try:
        yield child, await child.ready(READY_S)
    finally:
        await child.stop()


async def until_registered(fabric: Fabric, expected: list[str]) -> None:
    """Wait until the registry lists exactly `expected`."""
    listed: list[str] = []
    async with asyncio.timeout(READY_S):
        while listed != expected:
            reply = await fabric.client.request(
                fabric.subjects.discovery, rpc.request("discovery/listDevices", {}, "l"), timeout=20
            )
            listed = sorted(device["device_id"] for device in decode_object(reply)["result"]["devices"])


async def test_processes_that_share_a_fleet_bring_up_a_part_each(fabric: Fabric) -> None:
    await fabric.start_registry()
    whole = [spec.device_id for spec in Specs(60, 3)]
    async with devices(fabric, devices=60, count=25) as (_, first):
        assert first["devices"] == 25
        await until_registered(fabric, whole[:25])
        async with devices(fabric, devices=60, **{"from": 25}) as (_, second):
            assert second["devices"] == 35
            await until_registered(fabric, whole)


async def test_of_a_computed_fleet_only_the_sample_registers(fabric: Fabric) -> None:
    await fabric.start_registry()
    async with devices(fabric, computed=100_000, sample=20) as (_, facts):
        assert facts["devices"] == 20
        await until_registered(fabric, [Specs(100_000, 3).device_id(index) for index in range(0, 100_000, 5_000)])


async def test_a_part_without_devices_is_ready_at_once_and_ends_with_its_parent(fabric: Fabric) -> None:
    async with devices(fabric, devices=60, **{"from": 60}) as (child, facts):
        assert facts["devices"] == 0
        child.close_stdin()
        assert (await child.ended()).code == 0


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"devices": "many"}, "devices must be a whole number"),
        ({"devices": 1, "from": 7}, "is to begin at device 7, and only 1 live"),
        ({"devices": 1, "scenario": "drama"}, "there is no scenario 'drama'"),
    ],
)
async def test_settings_that_make_no_sense_end_it_with_a_sentence(
    fabric: Fabric, settings: dict[str, Any], why: str
) -> None:
    with pytest.raises(ChildFailed, match=why):
        async with devices(fabric, **settings):
            pass

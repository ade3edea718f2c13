"""Writes at a rate, a real aggregator, a broker that dies on the way: once writes stop, all that is held is right."""

from __future__ import annotations

import asyncio

import pytest

from fleetgui.feeds.deployments import SETTINGS
from fleetgui.link.watch import WatchSettings
from fleetgui.wire.codec import Malformed
from fleetgui.wire.deployments import Deployment, DeviceState, Phase, parts_of_state
from tests.backend.deployments import rig
from tests.backend.deployments.load import Load
from tests.backend.deployments.rig import Side, contents, converged, side
from tests.feeds.test_deployments import QUICK, Console, console, fabric


async def hold_against(devices: int, deployments: int, states: int, writes: int, settings: WatchSettings) -> Console:
    """Run it, one deployment open all the while; returns the console after it agreed with the buckets."""
    async with fabric() as (broker, client), side(broker.url) as service:
        service.aggregator()
        load = Load(client.buckets, client.tasks, devices=devices, deployments=deployments)
        await load.fill(states)
        async with console(broker.url, settings=settings) as seen:
            await seen.is_read()
            seen.feed.open("deployment-0001")
            enough = asyncio.Event()
            writing = client.tasks.spawn(load.write(100.0, enough), name="writes")
            for _ in range(2):
                await written(load, load.written + writes)
                await asyncio.to_thread(broker.restart)
            enough.set()
            await writing
            await converged(client.link, client.buckets, within=120.0)
            await seen.agrees()
            await the_open_one_agrees(seen, client)
            assert len(seen.deployments.rollups.rows) == deployments
            assert seen.deployments.rollups.uncounted == 0
            return seen


async def written(load: Load, number: int) -> None:
    async def so_many() -> bool:
        return load.written >= number

    await rig.eventually(so_many, "there is something to be seen", 180.0)


async def the_open_one_agrees(seen: Console, client: Side) -> None:
    opened = seen.deployments.opened
    assert opened is not None

    async def same() -> bool:
        there: dict[str, Phase] = {}
        for key, value in (await contents(client.link, client.buckets.state)).items():
            try:
                device, name = parts_of_state(key)
                if name == opened.name:
                    there[str(device)] = DeviceState.decode(key, value).phase
            except Malformed:
                continue
        entry = await client.buckets.deployment.get(opened.name)
        assert entry is not None
        assert entry.value is not None
        named = Deployment.decode(entry.key, entry.value).target_devices
        held = {device: row.said.phase for device, row in opened.rows.items() if isinstance(row.said, DeviceState)}
        meant = None if named is None else {str(device) for device in named}
        return held == there and (meant is None or meant <= set(opened.rows))

    await rig.eventually(same, "the devices of the open one are what the bucket holds", 15.0)


async def test_a_console_agrees_after_writes_and_restarts_of_the_broker() -> None:
    await hold_against(devices=200, deployments=40, states=800, writes=50, settings=QUICK)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_a_console_agrees_at_the_size_to_be_shown() -> None:
    await hold_against(devices=10_000, deployments=1_000, states=50_000, writes=3_000, settings=SETTINGS)

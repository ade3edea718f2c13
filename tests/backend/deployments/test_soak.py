"""The size to be shown: 10,000 devices, 1,000 deployments, 100 writes a second, and everything goes wrong on the way.

200 times the aggregator's connection is ended, by the broker or with it, and one aggregator is killed. Then every
status equals a recount, and the broker has no more consumers than the watches that are alive.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass

import pytest

from tests.backend.deployments.kicker import OPERATOR, SYSTEM, Kicker
from tests.backend.deployments.load import Load
from tests.backend.deployments.rig import TENANT, Side, converged, eventually, side, until
from tests.backend.roles import Role
from tests.nats_server import NatsServer

log = logging.getLogger(__name__)

AGGREGATOR = "fleetgui.backend.deployments"
CLIENT = "fleetgui deployments"
WATCHES = 4


@dataclass(frozen=True)
class Size:
    devices: int = int(os.environ.get("SOAK_DEVICES", "10000"))
    deployments: int = int(os.environ.get("SOAK_DEPLOYMENTS", "1000"))
    states: int = int(os.environ.get("SOAK_STATES", "50000"))
    rate: float = 100.0
    reconnects: int = int(os.environ.get("SOAK_RECONNECTS", "200"))
    restarts: int = 10
    """Of the reconnects, so many are a broker that is killed and started again."""


@pytest.mark.soak
async def test_counts_are_right_after_200_reconnects_and_a_kill() -> None:
    size = Size()
    with NatsServer(SYSTEM, jetstream=True) as broker:
        async with side(broker.url) as client, side(broker.url, OPERATOR) as system:
            await client.buckets.ensure()
            load = Load(client.buckets, client.tasks, devices=size.devices, deployments=size.deployments)
            await load.fill(size.states)
            aggregator = Role(AGGREGATOR, {"url": broker.url, "tenant": TENANT})
            try:
                await asyncio.to_thread(aggregator.start)
                most = await _trouble(size, broker, client, Kicker(broker, system), load, aggregator)
                figures = await converged(client.link, client.buckets, within=120.0)
                assert len(figures) == size.deployments

                async def only_the_living() -> bool:
                    return await client.consumers() == WATCHES

                await eventually(only_the_living, "the broker has let go of the consumers of those that are dead")
                memory = aggregator.memory
                assert await asyncio.to_thread(aggregator.leave) == 0
                assert await client.consumers() == 0
                assert "Traceback" not in aggregator.log
            finally:
                aggregator.close()
    assert most <= 4 * WATCHES  # each with its successor, of an aggregator that was killed and of the one after it
    log.warning(
        "%d writes, %d tried again, %d statuses, %d consumers at most, aggregator's memory %.0f MiB",
        load.written,
        load.tried_again,
        len(figures),
        most,
        memory / 2**20,
    )


async def _trouble(size: Size, broker: NatsServer, client: Side, kicker: Kicker, load: Load, aggregator: Role) -> int:
    """What goes wrong while others write; the most consumers that the broker had at any time."""
    over = asyncio.Event()
    writing = client.tasks.spawn(load.write(size.rate, over), name="the load")
    most = 0
    for turn in range(size.reconnects):
        if turn % (size.reconnects // size.restarts) == size.reconnects // size.restarts - 1:
            await asyncio.to_thread(broker.restart)
            await until(lambda: kicker.connection(CLIENT) is not None, "the aggregator is back")
            await client.insist(client.consumers)
        else:
            await kicker.kick(CLIENT)
        if turn == size.reconnects // 2:
            await asyncio.to_thread(aggregator.restart)
        before = load.written
        await until(lambda before=before: load.written > before + size.rate / 2, "the load goes on")  # type: ignore[misc] # this turn's
        if turn % 5 == 0:
            await client.insist(client.consumers)
            most = max(most, await client.consumers())
    over.set()
    await writing
    return most

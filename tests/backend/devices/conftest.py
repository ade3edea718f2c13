"""The fabric with a simulated fleet: not started yet, and running."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.backend.devices.fabric import Fabric, fabric_on
from tests.nats_server import NatsServer


@pytest.fixture
async def fabric(shared_nats_server: NatsServer) -> AsyncIterator[Fabric]:
    async with fabric_on(shared_nats_server) as made:
        yield made


@pytest.fixture
async def running(fabric: Fabric) -> Fabric:
    await fabric.start_registry()
    fabric.fleet.start()
    await fabric.settled()
    return fabric

"""A broker of their own for tests of deployments, and a link to it with the buckets made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.backend.deployments.rig import Side, side
from tests.nats_server import NatsServer


@pytest.fixture
def broker() -> Iterator[NatsServer]:
    with NatsServer(jetstream=True) as server:
        yield server


@pytest.fixture
async def client(broker: NatsServer) -> AsyncIterator[Side]:
    async with side(broker.url) as made:
        await made.buckets.ensure()
        yield made

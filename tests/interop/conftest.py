"""The real services for one module of tests, and a console's fabric on them. Skipped by name where they are missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from fleetgui.app.fabric import Fabric
from fleetgui.link.context import Context
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.stores.console import ConsoleState
from tests.interop import services
from tests.nats_server import NatsServer

FLEET = 1_400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if (why := services.missing()) is not None:
        for item in items:
            if "tests/interop/" in item.path.as_posix():
                item.add_marker(pytest.mark.skip(reason=why))


@dataclass
class RealServices:
    nats: NatsServer
    etcd: services.Etcd
    registry: services.RealRegistry


@pytest.fixture(scope="module")
def real() -> Iterator[RealServices]:
    """nats-server, etcd with `FLEET` records of tenant `default`, and the real registry on them."""
    with NatsServer() as nats, services.Etcd() as etcd:
        etcd.put_devices("default", services.records(FLEET))
        with services.RealRegistry(nats.url, etcd) as registry:
            yield RealServices(nats, etcd, registry)


@dataclass
class Console:
    """A console without a window: its stores, and the fabric that fills them."""

    state: ConsoleState
    fabric: Fabric


async def open_console(url: str, tenant: str) -> AsyncIterator[Console]:
    failures: list[str] = []
    state = ConsoleState()
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    fabric = Fabric(Context(servers=(url,), tenant=tenant), state, SystemClock(), tasks)
    fabric.start()
    yield Console(state, fabric)
    assert await tasks.cancel() == []
    await fabric.close()
    assert failures == []


@pytest.fixture
async def console(real: RealServices) -> AsyncIterator[Console]:
    async for opened in open_console(real.nats.url, "default"):
        yield opened

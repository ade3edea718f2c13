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
from tests.backend.roles import gateway
from tests.interop import services
from tests.interop.pair import Pair
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


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """The real registry and ours, both empty, each on its own broker. Ours lets a device register as often as it likes:
    the throttle has tests of its own, and the real one has none."""
    with (
        NatsServer() as real_nats,
        NatsServer(jetstream=True) as our_nats,
        services.Etcd() as etcd,
        services.RealRegistry(real_nats.url, etcd) as real,
        gateway(our_nats.url, environ={"RECONNECT_HARD_CEILING": "100000", "RECONNECT_BASE_MAX": "100000"}) as ours,
    ):
        yield Pair(real_nats, our_nats, etcd, real, ours)


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

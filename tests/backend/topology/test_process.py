"""The role as it runs: beside our registry's own process, killed, hung, parted from its broker, and replaced."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from fleetgui.link.credentials import UserPassword
from fleetgui.link.errors import LinkError, NoResponders, RequestTimeout
from fleetgui.wire import rpc
from fleetgui.wire.deployments import Phase
from tests.backend.links import LIMIT_S, Party, party
from tests.backend.processes import until
from tests.backend.registry.samples import params, register, result
from tests.backend.roles import Role, gateway
from tests.backend.topology.reader import View
from tests.backend.topology.rig import Console, Deployer, FakeRegistry
from tests.nats_server import NatsServer

pytestmark = pytest.mark.timeout(180)

REGISTRY = "device-connect.default.registry"


def topology(url: str, **settings: Any) -> Role:
    return Role("fleetgui.backend.topology", {"url": url, **settings})


@asynccontextmanager
async def running(*roles: Role) -> AsyncIterator[None]:
    try:
        for role in roles:
            await asyncio.to_thread(role.start)
        yield
    finally:
        for role in roles:
            role.close()


async def enter(
    one: Party, device_id: str, location: str | None, ttl: int = 3_600, *, patience: float = LIMIT_S
) -> None:
    """Register a device, as soon as there is a registry (again), and one that answers within `patience`."""
    request = register(device_id, device_ttl=ttl, status={**params()["status"], "location": location})
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                result(await one.link.request(REGISTRY, request, timeout=patience))
                return
            except RequestTimeout:
                continue
            except NoResponders:
                await asyncio.sleep(0.05)


def epochs(console: Console) -> set[str]:
    """Of everybody who was heard to publish."""
    return {each.epoch for each in console.keepalives}


async def answered(console: Console) -> dict[str, tuple[str, int, int | None]] | None:
    """The list, None while nobody answers."""
    try:
        return await console.rows()
    except (LinkError, rpc.RpcError):
        return None


async def until_listed(console: Console, expected: dict[str, tuple[str, int, int | None]]) -> None:
    rows: object = None
    try:
        async with asyncio.timeout(2 * LIMIT_S):
            while (rows := await answered(console)) != expected:  # noqa: ASYNC110 - a list sets no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{rows} is not {expected}")


async def test_beside_our_registry_everything_is_seen() -> None:
    with NatsServer(jetstream=True) as nats:
        async with party(nats.url) as one, party(nats.url) as watching, running(gateway(nats.url)):
            for number in range(6):
                await enter(one, f"cam-{number}", f"site-{number % 2}/dock")
            await enter(one, "lost", None)
            await Deployer(one).make_buckets()
            role = topology(nats.url)
            async with running(role):
                assert role.facts["publishes"] is True
                console, deployer = Console(watching), Deployer(one)
                await console.until_rows({"site-0": ("active", 3, 3), "site-1": ("active", 3, 3)})
                reader = await console.open("site-1")
                await deployer.deploy("web", "cam-1", "cam-3", "cam-5")
                for device in ("cam-1", "cam-3", "cam-5"):
                    await deployer.write(device, "web", Phase.RUNNING)
                await enter(one, "brief", "site-1", ttl=1)
                ran = {f"cam-{number}": (True, ("web",)) for number in (1, 3, 5)}
                await console.sees("site-1", View("degraded", {**ran, "brief": (False, ())}))
                steps = [each for each in console.steps("site-1") if each.startswith("mutation")]
                assert steps == ["mutation.enqueued", "mutation.applying", "mutation.applied"]
                beat = b'{"device_id":"lost","ts":1.0,"location":"site-0/roof"}'
                one.link.send("device-connect.default.lost.heartbeat", beat)
                await console.until_rows({"site-0": ("active", 4, 4), "site-1": ("degraded", 4, 3)})
                assert not reader.lost
                with pytest.raises(rpc.RpcError) as unknown:
                    await console.ask("snapshot", topology_id="site-9")
                assert unknown.value.code == -32004
                assert await asyncio.to_thread(role.leave) == 0
                assert "Traceback" not in role.log


async def test_when_the_publisher_is_killed_the_next_one_takes_over_with_a_new_epoch() -> None:
    with NatsServer(jetstream=True) as nats:
        async with party(nats.url) as one, party(nats.url) as watching:
            first, second = topology(nats.url), topology(nats.url)
            async with running(gateway(nats.url), first, second):
                assert (first.facts["publishes"], second.facts["publishes"]) == (True, False)
                deployer, console = Deployer(one), Console(watching)
                await deployer.make_buckets()
                for number in range(3):
                    await enter(one, f"cam-{number}", "hall")
                await deployer.deploy("web", "cam-0", "cam-1")
                await deployer.write("cam-0", "web", Phase.RUNNING)
                await console.until_rows({"hall": ("deploying", 3, 3)})
                reader = await console.open("hall")
                before = reader.epoch
                assert epochs(console) <= {before}
                await asyncio.to_thread(first.kill)
                await console.until(
                    lambda: {each.epoch for each in console.keepalives} - {before}, "another one publishes"
                )
                assert reader.wants_snapshot
                await console.refresh("hall")
                await until_listed(console, {"hall": ("deploying", 3, 3)})
                await deployer.write("cam-1", "web", Phase.RUNNING)
                expected = {"cam-0": (True, ("web",)), "cam-1": (True, ("web",)), "cam-2": (True, ())}
                await console.sees("hall", View("active", expected))
                await asyncio.to_thread(first.start)
                assert first.facts["publishes"] is False
                assert reader.epoch == console.keepalives[-1].epoch


async def test_one_that_hangs_is_replaced_and_stands_by_when_it_wakes() -> None:
    with NatsServer() as nats:
        async with party(nats.url) as watching:
            first, second = topology(nats.url), topology(nats.url)
            async with running(first, second):
                console = Console(watching)
                psutil.Process(first.pid).send_signal(signal.SIGSTOP)
                await console.until(lambda: console.keepalives, "the other one takes over")
                psutil.Process(first.pid).send_signal(signal.SIGCONT)
                await until(lambda: "this one stands by" in first.log, "it learns of the other one")
                assert await console.rows() == {}
                assert "this one stands by" not in second.log
                before = epochs(console)
                await asyncio.to_thread(second.kill)
                await console.until(lambda: epochs(console) - before, "it takes over in its turn")
                assert await console.rows() == {}


async def test_who_registers_while_one_of_two_registry_processes_hangs_is_placed_all_the_same() -> None:
    with NatsServer(jetstream=True) as nats:
        async with party(nats.url) as one, party(nats.url) as watching:
            hung, other = gateway(nats.url, node="gw-1"), gateway(nats.url, node="gw-2")
            async with running(hung, other, topology(nats.url)):
                console = Console(watching)
                await enter(one, "cam-0", "hall")
                await until_listed(console, {"hall": ("active", 1, 1)})
                psutil.Process(hung.pid).send_signal(signal.SIGSTOP)
                for number in range(1, 6):
                    await enter(one, f"cam-{number}", "hall", patience=1.0)
                # Half of its requests reach the one that hangs: each is made again until it reaches the other.
                await until_listed(console, {"hall": ("active", 6, 6)})
                assert psutil.Process(hung.pid).status() == psutil.STATUS_STOPPED
                psutil.Process(hung.pid).send_signal(signal.SIGCONT)


async def test_a_broker_that_restarts_costs_no_more_than_a_snapshot() -> None:
    with NatsServer(jetstream=True) as nats:
        async with party(nats.url) as one, party(nats.url) as watching:
            role = topology(nats.url)
            async with running(gateway(nats.url), role):
                deployer, console = Deployer(one), Console(watching)
                for bucket in deployer.buckets.values():
                    object.__setattr__(bucket.config, "storage", "file")
                await deployer.make_buckets()
                await enter(one, "cam-1", "hall")
                await deployer.write("cam-1", "web", Phase.RUNNING)
                await console.until_rows({"hall": ("active", 1, 1)})
                await console.open("hall")
                nats.restart()
                await until(lambda: watching.link.state.reconnects == 1, "we are back")
                await until(lambda: one.link.state.reconnects == 1 and one.link.is_up, "they are back")
                await until_listed(console, {"hall": ("active", 1, 1)})
                await console.refresh("hall")
                await deployer.write("cam-1", "web", Phase.FAILED)
                await enter(one, "cam-2", "hall")
                await console.sees("hall", View("active", {"cam-1": (True, ()), "cam-2": (True, ())}))
                assert role.running
                assert "Traceback" not in role.log


async def test_the_registry_may_come_and_jetstream_too_after_it() -> None:
    with NatsServer() as nats:
        async with party(nats.url) as one, party(nats.url) as watching:
            role, registry = topology(nats.url), gateway(nats.url)
            async with running(role):
                console = Console(watching)
                assert await console.rows() == {}
                await until(lambda: "no JetStream" in role.log, "it is said")
                nats._jetstream = True
                nats.restart()
                await until(lambda: one.link.state.reconnects == 1 and one.link.is_up, "we are back")
                await until(lambda: watching.link.state.reconnects == 1, "and we")
                async with running(registry):
                    await enter(one, "cam-1", "hall")
                    await until_listed(console, {"hall": ("active", 1, 1)})
                    deployer = Deployer(one)
                    await deployer.make_buckets()
                    await console.open("hall")
                    await deployer.write("cam-1", "web", Phase.RUNNING)
                    await console.sees("hall", View("active", {"cam-1": (True, ("web",))}))
                    assert "Traceback" not in role.log


async def test_the_registrys_policy_holds_here_too(tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"acls":[{"device_id":"door-*","visible_to":["ops-*"]},{"device_id":"*","hidden_from":["x"]}]}')
    environ = {"REGISTRY_ACCESS_POLICY": str(policy)}
    with NatsServer(jetstream=True) as nats:
        async with party(nats.url) as one, party(nats.url) as watching:
            role = topology(nats.url, environ={**environ, "TOPOLOGY_REQUESTER_ID": "ops-topology"})
            async with running(gateway(nats.url, environ=environ), role):
                await enter(one, "door-1", "vault")
                await enter(one, "cam-1", "hall")
                console = Console(watching)
                await console.until_rows({"hall": ("active", 1, 1)})
                page = await console.ask("list", requester_id="ops-anna")
                assert [row["topology_id"] for row in page["topologies"]] == ["hall", "vault"]
                for topology_id in ("hall", "vault", "nowhere"):
                    with pytest.raises(rpc.RpcError) as refused:
                        await console.ask("snapshot", topology_id=topology_id, requester_id="x")
                    assert refused.value.code == rpc.NOT_PERMITTED


async def test_the_rights_of_a_tenant_are_enough_for_one_publisher_without_deployments() -> None:
    allowed = '["device-connect.default.>", "_INBOX.>"]'
    config = f"""authorization {{ users [
        {{ user: "all", password: "p" }},
        {{ user: "tenant", password: "p", permissions: {{ publish: {allowed}, subscribe: {allowed} }} }}
    ] }}"""
    with NatsServer(config, jetstream=True) as nats:
        everything = UserPassword(user="all", password=SecretStr("p"))
        role = topology(nats.url, user="tenant", password="p")
        async with party(nats.url, credentials=everything) as one, party(nats.url, credentials=everything) as watching:
            registry = FakeRegistry(one)
            registry.places = {"cam-1": "hall"}
            await one.link.flush()
            async with running(role):
                console = Console(watching)
                await console.until_rows({"hall": ("active", 1, 1)})
                registry.offline("cam-1")
                await console.until_rows({"hall": ("failed", 1, 0)})
                assert "must be the only one" in role.log
                await until(lambda: "shown without what is rolled out" in role.log, "it says what is missing")
                assert "Traceback" not in role.log


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"tenant": "a.b"}, "tenant"), ({"environ": {"REGISTRY_ACCESS_POLICY": "/nowhere"}}, "cannot be read")],
)
async def test_settings_that_cannot_be_end_it_with_one_sentence(
    nats_server: NatsServer, settings: dict[str, Any], words: str
) -> None:
    role = topology(nats_server.url, **settings)
    with pytest.raises(RuntimeError, match=words):
        await asyncio.to_thread(role.start)
    role.close()

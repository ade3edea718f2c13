"""The deployments feed on a real broker: what it holds is what the buckets hold, counts and all, whatever happened."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

import pytest
from pydantic import SecretStr

from fleetgui.backend.deployments.buckets import deploy, withdraw
from fleetgui.feeds.deployments import DeploymentsFeed
from fleetgui.link import streams
from fleetgui.link.credentials import UserPassword
from fleetgui.link.errors import LinkError
from fleetgui.link.watch import WatchSettings
from fleetgui.policy.states import State
from fleetgui.stores.deployments.opened import Counted
from fleetgui.stores.deployments.reading import ReadPhase
from fleetgui.stores.deployments.store import Deployments
from fleetgui.stores.ledger import Ledger
from fleetgui.stores.sources import Sources
from fleetgui.wire.deployments import (
    BucketNames,
    Deployment,
    DeploymentName,
    DeviceKey,
    Moment,
    Phase,
    rights_to_read,
)
from tests.backend.deployments import rig
from tests.backend.deployments.rig import TENANT, Side, figures_of, info, side, state
from tests.nats_server import NatsServer
from tests.widgets.fill_deployments import status

QUICK = WatchSettings(heartbeat=0.3, compare=0.3, max_backoff=0.2, denied_pause=0.1, abandoned_after=5.0)
D = DeploymentName("d")
RESYNCED_S = 15.0
STATUS = "KV_deployment-status_t"
STATES = "KV_device-state_t"


@dataclass
class Console:
    """A feed with its stores, on a link of its own."""

    side: Side
    deployments: Deployments
    ledger: Ledger
    feed: DeploymentsFeed

    async def sees(self, holds: Callable[[], object], what: str) -> None:
        await rig.until(holds, what)

    async def is_read(self) -> None:
        rollups = self.deployments.rollups
        await self.sees(lambda: rollups.statuses.is_read and rollups.definitions.is_read, "both buckets are read")

    async def agrees(self) -> None:
        """Within the time for a resync, every roll-up held is what stands in the bucket, and no other is held."""

        async def same() -> bool:
            there = await rig.statuses(self.side.link, self.side.buckets)
            rows = self.deployments.rollups.rows
            held = {name: figures_of(row.counted) for name, row in rows.items() if row.counted is not None}
            return held == {str(name): figures for name, figures in there.items()}

        await rig.eventually(same, "what is held is what stands there", RESYNCED_S)


@contextlib.asynccontextmanager
async def console(url: str, user: str | None = None, settings: WatchSettings = QUICK) -> AsyncIterator[Console]:
    credentials = UserPassword(user=user, password=SecretStr("p")) if user else None
    async with side(url, credentials) as made:
        deployments, ledger = Deployments(Sources()), Ledger()
        feed = DeploymentsFeed(made.link, TENANT, deployments, ledger, made.link.clock, made.tasks, settings)
        feed.start()
        yield Console(made, deployments, ledger, feed)
        await feed.give_back()


def named(name: str, *devices: str) -> Deployment:
    return Deployment(
        name=DeploymentName(name),
        generation=1,
        created_at=Moment(1.0),
        target_devices=tuple(DeviceKey(device) for device in devices),
    )


async def fleet(client: Side, count: int = 6) -> None:
    for number in range(count):
        record = info(f"c-{number}", ring=str(number % 2))
        await client.buckets.info.put(record.key, record.encode())
    await deploy(client.link, TENANT, rig.deployment("d", ring="1"))
    await deploy(client.link, TENANT, rig.deployment("all"))


async def write(client: Side, device: str, name: str, phase: Phase, at: float, error: str | None = None) -> None:
    record = state(device, name, phase, at, error)
    await client.buckets.state.put(record.key, record.encode())


@contextlib.asynccontextmanager
async def fabric(config: str = "", *, made: bool = True) -> AsyncIterator[tuple[NatsServer, Side]]:
    with NatsServer(config, jetstream=True) as broker:
        credentials = UserPassword(user="service", password=SecretStr("p")) if config else None
        async with side(broker.url, credentials) as client:
            if made:
                await client.buckets.ensure()
            yield broker, client


async def test_roll_ups_follow_the_aggregator_and_the_open_one_its_devices() -> None:
    async with fabric() as (broker, client), side(broker.url) as service, console(broker.url) as seen:
        service.aggregator()
        await fleet(client)
        await write(client, "c-1", "d", Phase.FAILED, 5.0, "no room")
        await write(client, "c-3", "d", Phase.RUNNING, 6.0)
        rows = seen.deployments.rollups.rows
        await seen.sees(lambda: "d" in rows and rows["d"].state is State.FAILED, "a failure is seen")
        await rig.converged(client.link, client.buckets)
        await seen.agrees()
        assert seen.deployments.rollups.failing == 1
        seen.feed.open("d")
        opened = seen.deployments.opened
        assert opened is not None
        await seen.sees(lambda: opened.counted == Counted(None, 1, 1, 0, 0), "its devices are counted")
        assert (opened.rows["c-1"].error, opened.rows["c-1"].since) == ("no room", 5.0)
        await write(client, "c-1", "d", Phase.RUNNING, 7.0)
        await seen.sees(lambda: opened.counted == Counted(None, 2, 0, 0, 0), "a device that recovers is seen")
        assert await withdraw(client.link, TENANT, D)
        await seen.sees(lambda: "d" not in rows, "what is withdrawn goes")


async def test_only_the_open_deployment_is_followed_and_nothing_once_it_is_shut() -> None:
    async with fabric() as (broker, client), console(broker.url) as seen:
        await deploy(client.link, TENANT, named("d", "a", "b"))
        await write(client, "a", "d", Phase.RUNNING, 1.0)
        await write(client, "a", "other", Phase.FAILED, 1.0)
        await seen.is_read()
        assert (await client.consumers(), seen.side.link.footprint.consumers) == (2, 2)
        seen.feed.open("d")
        opened = seen.deployments.opened
        assert opened is not None
        await seen.sees(lambda: opened.counted == Counted(2, 1, 0, 1, 0), "who is meant and silent is pending")
        assert set(opened.rows) == {"a", "b"}
        seen.feed.open("other")
        await seen.sees(lambda: set(_opened(seen)) == {"a"}, "another is open instead")
        seen.feed.shut()

        async def two_left() -> bool:
            return await client.consumers() == 2

        await rig.eventually(two_left, "the consumers of what was open are taken back")


def _opened(seen: Console) -> list[str]:
    opened = seen.deployments.opened
    return [] if opened is None else list(opened.rows)


async def test_without_an_aggregator_deployments_are_there_and_uncounted_and_the_open_one_is_counted_here() -> None:
    async with fabric() as (broker, client), console(broker.url) as seen:
        await deploy(client.link, TENANT, named("d", "a", "b", "c"))
        await write(client, "a", "d", Phase.FAILED, 1.0, "no room")
        await seen.is_read()
        rollups = seen.deployments.rollups
        await seen.sees(lambda: rollups.uncounted == 1, "it is there")
        assert rollups.rows["d"].state is State.UNKNOWN
        seen.feed.open("d")
        opened = seen.deployments.opened
        assert opened is not None
        await seen.sees(lambda: opened.counted == Counted(3, 0, 1, 2, 0), "it is counted here")


async def test_records_that_cannot_be_read_are_counted_and_hide_no_other() -> None:
    async with fabric() as (broker, client), console(broker.url) as seen:
        buckets = client.buckets
        await buckets.status.put("d", b'{"name": "e"}')
        await buckets.status.put("x.y", b"{}")
        await buckets.deployment.put("d", b"\xff")
        await deploy(client.link, TENANT, named("fine", "a"))
        await buckets.state.put("state.a.fine", b"[" * 5_000)
        await write(client, "b", "fine", Phase.RUNNING, 1.0)
        await seen.is_read()
        rollups = seen.deployments.rollups
        await seen.sees(lambda: set(rollups.rows) == {"d", "fine"}, "both are there")
        assert rollups.rows["d"].state is State.UNKNOWN
        assert "cannot be read" in str(rollups.rows["d"].status)
        seen.feed.open("fine")
        opened = seen.deployments.opened
        assert opened is not None
        await seen.sees(lambda: opened.counted == Counted(1, 0, 0, 0, 1), "the one that is meant is unreadable")
        assert seen.ledger.count("deployments", "malformed") == seen.feed.malformed >= 3


async def test_a_bucket_that_comes_later_is_found_and_one_that_goes_is_said_to_be_gone() -> None:
    async with fabric(made=False) as (broker, client), console(broker.url) as seen:
        statuses = seen.deployments.rollups.statuses
        await seen.sees(lambda: statuses.phase is ReadPhase.NO_BUCKET, "there is none")
        assert statuses.why == "There is no bucket deployment-status_t on this fabric."
        await client.buckets.ensure()
        await client.insist(lambda: client.buckets.status.put("d", rollup("d", 3)))
        await seen.agrees()
        assert (statuses.phase, statuses.why) == (ReadPhase.FOLLOWED, "")
        await streams.api(client.link, f"STREAM.DELETE.{STATUS}")
        await seen.sees(lambda: statuses.phase is ReadPhase.NO_BUCKET, "it is gone")
        assert statuses.state(client.link.clock.now()) is not State.LIVE
        assert set(seen.deployments.rollups.rows) == {"d"}


def rollup(name: str, running: int) -> bytes:
    return status(name, running=running, at=1.0).encode()


async def test_a_bucket_made_anew_with_lower_revisions_ends_with_equal_counts() -> None:
    async with fabric() as (broker, client), console(broker.url) as seen:
        for number in range(20):
            await client.buckets.status.put(f"d-{number}", rollup(f"d-{number}", number))
        await seen.agrees()
        await streams.api(client.link, f"STREAM.DELETE.{STATUS}")
        await client.buckets.status.ensure()
        await client.buckets.status.put("d-3", rollup("d-3", 77))
        await seen.agrees()
        assert set(seen.deployments.rollups.rows) == {"d-3"}


async def test_entries_purged_and_a_consumer_taken_away_end_with_equal_counts() -> None:
    async with fabric() as (broker, client), console(broker.url) as seen:
        await deploy(client.link, TENANT, named("d", "a", "b"))
        for number, device in enumerate("abc"):
            await write(client, device, "d", Phase.RUNNING, 1.0 + number)
        seen.feed.open("d")
        opened = seen.deployments.opened
        assert opened is not None
        await seen.sees(lambda: opened.counted == Counted(2, 2, 0, 0, 0), "all is counted")
        await streams.api(client.link, f"STREAM.PURGE.{STATES}", {"filter": "$KV.device-state_t.state.a.d"})
        await seen.sees(lambda: opened.counted == Counted(2, 1, 0, 1, 0), "what was purged is pending again")
        for name in (await streams.api(client.link, f"CONSUMER.NAMES.{STATES}"))["consumers"]:
            await streams.api(client.link, f"CONSUMER.DELETE.{STATES}.{name}")
        await write(client, "a", "d", Phase.FAILED, 9.0)
        await seen.sees(lambda: opened.counted == Counted(2, 1, 1, 0, 0), "it is followed again")


async def test_after_a_restart_of_the_broker_counts_are_equal_and_no_consumer_is_left_over() -> None:
    async with fabric() as (broker, client), console(broker.url) as seen:
        await client.buckets.status.put("d", rollup("d", 1))
        await deploy(client.link, TENANT, named("d", "a"))
        seen.feed.open("d")
        await seen.agrees()
        for number in range(3):
            await asyncio.to_thread(broker.restart)
            await client.insist(partial(client.buckets.status.put, "d", rollup("d", 5 + number)))
            await seen.agrees()

        async def four() -> bool:
            return await client.consumers() == 4 == seen.side.link.footprint.consumers

        await rig.eventually(four, "there is one consumer a watch")


async def test_what_went_before_somebody_looked_again_is_gone_after() -> None:
    async with fabric() as (broker, client), console(broker.url) as seen:
        for name in ("a", "b"):
            await client.buckets.status.put(name, rollup(name, 1))
        await seen.agrees()
        seen.feed._end(seen.feed._rollups)
        await client.buckets.status.delete("a")
        seen.feed.look_again()
        await seen.agrees()
        assert set(seen.deployments.rollups.rows) == {"b"}


async def test_a_broker_without_jetstream_is_said_to_be_one() -> None:
    with NatsServer() as broker:
        async with console(broker.url) as seen:
            statuses = seen.deployments.rollups.statuses
            await seen.sees(lambda: statuses.phase is ReadPhase.NO_STREAMS, "it is said")
            assert "JetStream" in statuses.why


async def test_a_tenant_that_no_bucket_can_be_named_after_is_said_at_once() -> None:
    with NatsServer(jetstream=True) as broker:
        async with side(broker.url) as made:
            deployments = Deployments(Sources())
            feed = DeploymentsFeed(made.link, "a.b", deployments, Ledger(), made.link.clock, made.tasks, QUICK)
            feed.start()
            assert deployments.rollups.statuses.phase is ReadPhase.FAILED
            assert "a.b" in deployments.rollups.statuses.why
            feed.open("d")
            await feed.give_back()


def _config(publish: tuple[str, ...], subscribe: tuple[str, ...]) -> str:
    allowed = f"publish: [{', '.join(map(_quoted, publish))}], subscribe: [{', '.join(map(_quoted, subscribe))}]"
    return f"""authorization {{ users = [
      {{user: "tenant", password: "p", permissions: {{ {allowed} }} }}
      {{user: "service", password: "p"}}
    ] }}"""


def _quoted(subject: str) -> str:
    return f'"{subject}"'


async def test_the_exact_permission_that_is_missing_is_said() -> None:
    config = _config(("device-connect.t.>",), ("device-connect.t.>", "_INBOX.>"))
    async with fabric(config) as (broker, _client), console(broker.url, "tenant") as seen:
        statuses = seen.deployments.rollups.statuses
        await seen.sees(lambda: statuses.phase is ReadPhase.DENIED, "it is denied")
        wanted = "This user may not publish on $JS.API.STREAM.INFO.KV_deployment-status_t; ask for that permission."
        assert statuses.why == wanted
        assert "publish $JS.API.CONSUMER.CREATE.KV_deployment-status_t.*\n" in seen.deployments.rights


async def test_with_the_rights_that_are_named_and_no_others_all_is_shown() -> None:
    config = _config(*rights_to_read(BucketNames(TENANT)))
    async with fabric(config) as (broker, client), console(broker.url, "tenant") as seen:
        denied: list[LinkError] = []
        seen.side.link.denied.connect(denied.append)
        await deploy(client.link, TENANT, named("d", "a"))
        await client.buckets.status.put("d", rollup("d", 1))
        await write(client, "a", "d", Phase.RUNNING, 1.0)
        rollups = seen.deployments.rollups
        await seen.sees(lambda: "d" in rollups.rows and rollups.rows["d"].counted is not None, "it is rolled up")
        seen.feed.open("d")
        opened = seen.deployments.opened
        assert opened is not None
        await seen.sees(lambda: opened.counted == Counted(1, 1, 0, 0, 0), "its devices are counted")
        for number in range(3_000):  # enough that the broker wants to hear that they came
            await client.buckets.status.put(f"d-{number % 50}", rollup(f"d-{number % 50}", number))
        await seen.sees(lambda: len(rollups.rows) == 51, "they all came")
        seen.feed.shut()
        await client.link.flush()
        assert denied == []


async def test_what_was_denied_is_read_once_it_is_permitted() -> None:
    config = _config(("x",), ("_INBOX.>",))
    async with fabric(config) as (broker, client), console(broker.url, "tenant") as seen:
        statuses = seen.deployments.rollups.statuses
        await seen.sees(lambda: statuses.phase is ReadPhase.DENIED, "it is denied")
        broker.config = _config(*rights_to_read(BucketNames(TENANT)))
        await asyncio.to_thread(broker.restart)
        await client.insist(lambda: client.buckets.status.put("d", rollup("d", 1)))
        await seen.sees(lambda: statuses.phase is ReadPhase.FOLLOWED, "it is read")
        await seen.sees(lambda: "d" in seen.deployments.rollups.rows, "it is there")


@pytest.mark.parametrize("name", ["a.b", "*", ">", "", "a b"])
async def test_what_is_no_name_is_not_watched(name: str) -> None:
    with NatsServer(jetstream=True) as broker:
        async with console(broker.url) as seen:
            seen.feed.open(name)
            opened = seen.deployments.opened
            assert opened is not None
            assert opened.reading.phase is ReadPhase.FAILED

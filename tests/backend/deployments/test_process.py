"""The aggregator and the agents as processes, killed, and a broker without JetStream under them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from fleetgui.backend.deployments.buckets import BucketSettings, deploy
from fleetgui.wire.deployments import DeploymentName
from tests.backend.deployments.load import Load
from tests.backend.deployments.rig import (
    TENANT,
    converged,
    deployment,
    eventually,
    side,
    statuses,
    until,
)
from tests.backend.roles import Role
from tests.nats_server import NatsCluster, NatsServer

AGGREGATOR = "fleetgui.backend.deployments"
AGENTS = "fleetgui.backend.deployments.agents"


@pytest.fixture
def broker() -> Iterator[NatsServer]:
    with NatsServer(jetstream=True) as server:
        yield server


def role(module: str, broker: NatsServer, **settings: Any) -> Role:
    return Role(module, {"url": broker.url, "tenant": TENANT, **settings})


@contextlib.asynccontextmanager
async def started(*roles: Role) -> AsyncIterator[None]:
    try:
        await asyncio.gather(*(asyncio.to_thread(each.start) for each in roles))
        yield
    finally:
        for each in roles:
            each.close()


async def test_an_aggregator_killed_in_the_middle_is_followed_by_one_that_counts_the_same(broker: NatsServer) -> None:
    async with side(broker.url) as client:
        await client.buckets.ensure()
        load = Load(client.buckets, client.tasks, devices=200, deployments=20)
        await load.fill(500)
        aggregator = role(AGGREGATOR, broker)
        async with started(aggregator):
            over = asyncio.Event()
            writing = client.tasks.spawn(load.write(200, over), name="the load")
            for wanted in (800, 1_000):
                await until(lambda wanted=wanted: load.written > wanted, "much was written")  # type: ignore[misc] # this turn's
                await asyncio.to_thread(aggregator.restart)
            await until(lambda: load.written > 1_200, "more was written")
            over.set()
            await writing
            assert len(await converged(client.link, client.buckets)) == 20
            assert await asyncio.to_thread(aggregator.leave) == 0
            # Those of the killed ones go by themselves, 30 s after they were left.
            assert await client.consumers() <= 8


async def test_an_aggregator_that_leaves_in_good_order_leaves_no_consumer(broker: NatsServer) -> None:
    async with side(broker.url) as client:
        aggregator = role(AGGREGATOR, broker)
        agents = role(AGENTS, broker, devices=5, seed=1, work=[0, 0.1])
        async with started(aggregator, agents):
            await client.insist(client.buckets.ensure)

            async def all_watch() -> bool:
                return await client.consumers() == 6

            await eventually(all_watch, "four and two watches are there")
            assert await asyncio.to_thread(aggregator.leave) == 0
            assert await asyncio.to_thread(agents.leave) == 0
            assert await client.consumers() == 0
            assert "Traceback" not in aggregator.log + agents.log


async def test_without_jetstream_both_serve_say_so_and_begin_once_it_is_there() -> None:
    with NatsServer() as broker:
        aggregator, agents = role(AGGREGATOR, broker), role(AGENTS, broker, devices=5, seed=1, work=[0, 0.1])
        async with started(aggregator, agents), side(broker.url) as client:
            for each in (aggregator, agents):
                await until(lambda each=each: "The broker offers no JetStream here" in each.log, "it is said")  # type: ignore[misc] # this turn's
            broker._jetstream = True
            await asyncio.to_thread(broker.restart)
            await client.insist(lambda: deploy(client.link, TENANT, deployment("d")))

            async def stands() -> bool:
                figures = (await statuses(client.link, client.buckets)).get(DeploymentName("d"))
                return figures is not None and (figures.target, figures.pending) == (5, 0)

            await eventually(stands, "it stands on all")
            for each in (aggregator, agents):
                assert each.running
                assert each.log.count("offers no JetStream") <= 3


@pytest.mark.timeout(240)
async def test_a_cluster_that_loses_a_node_loses_no_state_and_no_count() -> None:
    replicated = BucketSettings(replicas=3)
    environ = {"DEPLOYMENTS_REPLICAS": "3"}
    with NatsCluster(3) as cluster:
        settings = {"url": cluster.url, "tenant": TENANT}
        aggregator, other = Role(AGGREGATOR, settings, environ), Role(AGGREGATOR, settings, environ)
        agents = Role(AGENTS, {**settings, "devices": 40, "seed": 1, "work": [0.0, 2.0]}, environ)
        async with side(cluster.url, settings=replicated) as client:
            await client.insist(client.buckets.ensure)
            async with started(aggregator, other, agents):
                await client.insist(lambda: deploy(client.link, TENANT, deployment("before")))
                victim = cluster.leader_of(client.buckets.state.config.stream)
                await asyncio.to_thread(victim.kill)
                await client.insist(lambda: deploy(client.link, TENANT, deployment("after")))

                async def both_stand() -> bool:
                    told = await statuses(client.link, client.buckets)
                    return {name: (each.target, each.pending) for name, each in told.items()} == {
                        DeploymentName("before"): (40, 0),
                        DeploymentName("after"): (40, 0),
                    }

                await eventually(both_stand, "both stand on all", within=120.0)
                await converged(client.link, client.buckets)
                assert "Traceback" not in aggregator.log + other.log + agents.log


@pytest.mark.parametrize("settings", [{"devices": -1}, {"work": [3, 1]}, {"work": "long"}])
async def test_settings_that_make_no_sense_end_the_agents_with_a_sentence(
    broker: NatsServer, settings: dict[str, Any]
) -> None:
    with pytest.raises(RuntimeError, match=r"whole number|from, to"):
        async with started(role(AGENTS, broker, **settings)):
            pass

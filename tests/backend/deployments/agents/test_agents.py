"""Agents on a real broker, with the aggregator beside them: what is deployed comes to stand, whatever happened."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial

import pytest

from fleetgui.backend.deployments.agents.agents import Agents, AgentSettings
from fleetgui.backend.deployments.buckets import deploy, withdraw
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.backend.devices.specs import Specs
from fleetgui.link import streams
from fleetgui.link.errors import LinkError
from fleetgui.wire.deployments import (
    Deployment,
    DeploymentName,
    DeviceInfo,
    DeviceKey,
    DeviceState,
    Heartbeat,
    Moment,
    Phase,
)
from tests.backend.deployments.rig import (
    QUICK,
    TENANT,
    Side,
    contents,
    converged,
    deployment,
    eventually,
    side,
    state,
    until,
)
from tests.nats_server import NatsServer

D = DeploymentName("d")
FLEET = Specs(60, 1)
FAULTY = {spec.device_id for spec in FLEET if spec.faulty}
SETTINGS = AgentSettings(
    rate=10_000, notice=(0.0, 0.02), work=(0.0, 0.05), heartbeat_every=0.5, ensure_every=0.2, watch=QUICK.watch
)
NEVER = replace(SETTINGS, work=(1e6, 1e6))
"""Nothing is ever finished."""


@dataclass
class Running:
    side: Side
    agents: Agents


@contextlib.asynccontextmanager
async def agents(
    broker: NatsServer, settings: AgentSettings = SETTINGS, specs: Specs = FLEET
) -> AsyncIterator[Running]:
    async with side(broker.url) as here:
        clock = here.link.clock
        schedule = Schedule(clock)
        made = Agents(specs, here.buckets, tasks=here.tasks, clock=clock, schedule=schedule, settings=settings)
        here.tasks.spawn(schedule.run(), name="schedule")
        made.start()
        yield Running(here, made)
        await made.close()


async def states(client: Side) -> dict[str, DeviceState]:
    found = await contents(client.link, client.buckets.state)
    return {key: DeviceState.decode(key, value) for key, value in found.items()}


async def settled(client: Side, name: DeploymentName, targets: set[str], since: float = 0.0) -> dict[str, DeviceState]:
    """Wait until exactly `targets` have the outcome that the seed says, of events after `since`."""
    wanted = {f"state.{each}.{name}": Phase.FAILED if each in FAULTY else Phase.RUNNING for each in targets}
    said: dict[str, DeviceState] = {}

    async def stands() -> bool:
        nonlocal said
        said = {key: each for key, each in (await states(client)).items() if each.deployment == name}
        late = all(each.last_event_at > since for each in said.values())
        return late and {key: each.phase for key, each in said.items()} == wanted

    await eventually(stands, f"{name} stands on {len(targets)} devices")
    return said


def in_ring(ring: str) -> set[str]:
    return {spec.device_id for spec in FLEET if spec.ring == ring}


async def test_agents_say_who_they_are_and_beat(broker: NatsServer, client: Side) -> None:
    info, heartbeat = client.buckets.info, client.buckets.heartbeat
    ids = {spec.device_id for spec in FLEET}
    first: dict[str, bytes] = {}

    async def everybody_is_known() -> bool:
        found = await contents(client.link, info)
        labels = {key: DeviceInfo.decode(key, value).labels for key, value in found.items()}
        return labels == {f"info.{spec.device_id}": spec.labels() for spec in FLEET}

    async def everybody_has_beaten() -> bool:
        nonlocal first
        first = await contents(client.link, heartbeat)
        return {Heartbeat.decode(key, value).device_id for key, value in first.items()} == ids

    async def everybody_has_beaten_again() -> bool:
        return not set((await contents(client.link, heartbeat)).items()) & set(first.items())

    async with agents(broker):
        await eventually(everybody_is_known, "everybody is known")
        await eventually(everybody_has_beaten, "everybody has beaten")
        await eventually(everybody_has_beaten_again, "everybody has beaten again")


async def test_a_deployment_to_a_ring_converges_with_its_faulty_part_failed(broker: NatsServer, client: Side) -> None:
    async with agents(broker):
        client.aggregator()
        await deploy(client.link, TENANT, deployment("d", ring="broad"))
        said = await settled(client, D, in_ring("broad"))
        failed = len(FAULTY & in_ring("broad"))
        assert failed > 0
        assert all(each.last_error for each in said.values() if each.phase is Phase.FAILED)
        figures = (await converged(client.link, client.buckets))[D]
        assert (figures.target, figures.failed, figures.pending) == (len(in_ring("broad")), failed, 0)
        assert figures.last_error is not None


async def test_a_new_generation_is_carried_out_anew_and_a_withdrawal_leaves_nothing(
    broker: NatsServer, client: Side
) -> None:
    everybody = {spec.device_id for spec in FLEET}
    async with agents(broker):
        await deploy(client.link, TENANT, deployment("d"))
        first = await settled(client, D, everybody)
        again = await deploy(client.link, TENANT, deployment("d"))
        assert again.generation == 2
        latest = max(each.last_event_at for each in first.values())
        await settled(client, D, everybody, since=latest)
        await deploy(client.link, TENANT, deployment("d", ring="canary"))
        await settled(client, D, in_ring("canary"))
        some = tuple(DeviceKey(spec.device_id) for spec in FLEET[:3])
        listed = Deployment(name=D, target_devices=(*some, DeviceKey("unknown")), generation=1, created_at=Moment(1.0))
        await deploy(client.link, TENANT, listed)
        await settled(client, D, set(some))
        assert await withdraw(client.link, TENANT, D)
        await settled(client, D, set())


async def test_what_one_process_began_the_next_one_finishes_with_later_times(broker: NatsServer, client: Side) -> None:
    await deploy(client.link, TENANT, deployment("d"))

    async def all_are_begun() -> bool:
        return len(await states(client)) == len(FLEET)

    async with agents(broker, NEVER):
        await eventually(all_are_begun, "all are begun")
    begun = await states(client)
    assert {each.phase for each in begun.values()} == {Phase.PENDING}
    async with agents(broker):
        done = await settled(client, D, {spec.device_id for spec in FLEET})
        assert all(done[key].last_event_at > begun[key].last_event_at for key in done)
    async with agents(broker) as third:
        await until(lambda: len(third.agents._seen.get(D, ())) == len(FLEET), "it has read what stands")
        await until(lambda: third.agents.writer.is_idle, "it has nothing to do")
        assert await states(client) == done, "a restart changes nothing"


async def test_what_was_withdrawn_while_no_agent_lived_is_removed(broker: NatsServer, client: Side) -> None:
    await deploy(client.link, TENANT, deployment("d"))
    async with agents(broker):
        await settled(client, D, {spec.device_id for spec in FLEET})
    stranger = state("somebody-else", "d", Phase.RUNNING, 1)
    await client.buckets.state.put(stranger.key, stranger.encode())
    await withdraw(client.link, TENANT, D)

    async def only_the_stranger_is_left() -> bool:
        return set(await states(client)) == {stranger.key}

    async with agents(broker):
        await eventually(only_the_stranger_is_left, "only the stranger's is left")


async def test_a_state_that_somebody_removed_or_spoiled_is_written_again(broker: NatsServer, client: Side) -> None:
    await deploy(client.link, TENANT, deployment("d", ring="early"))
    targets = in_ring("early")
    async with agents(broker) as running:
        await settled(client, D, targets)
        one = sorted(targets)[0]
        await client.buckets.state.put(f"state.{one}.d", b"rubbish")
        await until(lambda: running.agents.malformed == 1, "it was counted")
        await client.buckets.state.delete(f"state.{sorted(targets)[-1]}.d")
        await settled(client, D, targets)
        await streams.api(client.link, f"STREAM.DELETE.{client.buckets.state.config.stream}")
        await settled(client, D, targets)


async def test_a_deployment_that_does_not_decode_is_left_as_it_was(broker: NatsServer, client: Side) -> None:
    async with agents(broker) as running:
        await deploy(client.link, TENANT, deployment("d"))
        said = await settled(client, D, {spec.device_id for spec in FLEET})
        await client.buckets.deployment.put("d", b'{"name":"d"}')
        await until(lambda: running.agents.malformed == 1, "it was counted")
        await until(lambda: running.agents.writer.is_idle, "nothing is to be done")
        assert await states(client) == said


async def test_infos_are_written_again_to_a_bucket_that_was_made_again(broker: NatsServer, client: Side) -> None:
    async def all_are_there() -> bool:
        return len(await contents(client.link, client.buckets.info)) == len(FLEET)

    async with agents(broker):
        await eventually(all_are_there, "all are there")
        await streams.api(client.link, f"STREAM.DELETE.{client.buckets.info.config.stream}")
        await eventually(all_are_there, "all are there again")


@pytest.mark.parametrize("seed", range(2))
async def test_after_random_faults_everything_deployed_stands(broker: NatsServer, client: Side, seed: int) -> None:
    """Broker restarts, reconnects, agents that come and go, deployments that change: then figures and outcomes hold."""
    chance = random.Random(seed)
    client.aggregator()
    for _ in range(3):
        async with agents(broker) as running:
            for _ in range(12):
                name = f"d{chance.randrange(3)}"
                try:
                    match chance.randrange(6):
                        case 0:
                            running.side.link.reconnect_now()
                        case 1:
                            await asyncio.to_thread(broker.restart)
                            await client.link.up()
                        case 2:
                            await withdraw(client.link, TENANT, DeploymentName(name))
                        case _:
                            ring = chance.choice(("canary", "early", "broad"))
                            await deploy(client.link, TENANT, deployment(name, ring=ring))
                except LinkError:
                    await client.link.up()
    await client.insist(client.buckets.ensure)
    everybody = {spec.device_id for spec in FLEET}
    async with agents(broker):
        for name in ("d0", "d1", "d2"):
            await client.insist(partial(deploy, client.link, TENANT, deployment(name)))
        for name in ("d0", "d1", "d2"):
            await settled(client, DeploymentName(name), everybody)

        async def all_is_told() -> bool:
            told = await converged(client.link, client.buckets)
            return [(each.target, each.failed, each.pending) for each in told.values()] == 3 * [
                (len(FLEET), len(FAULTY), 0)
            ]

        await eventually(all_is_told, "all is told")

"""The aggregator on a real broker: what stands in `deployment-status` is what a recount gives, whatever happened."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from fleetgui.backend.deployments.aggregator import Aggregator
from fleetgui.backend.deployments.buckets import BucketSettings, deploy, withdraw
from fleetgui.backend.deployments.rollup import Figures
from fleetgui.link import streams
from fleetgui.link.credentials import UserPassword
from fleetgui.link.errors import LinkError
from fleetgui.wire.deployments import DeploymentName, DeviceKey, LastError, Moment, Phase
from tests.backend import hostile
from tests.backend.deployments.rig import (
    QUICK,
    TENANT,
    Side,
    contents,
    converged,
    deployment,
    info,
    side,
    state,
    until,
)
from tests.nats_server import NatsServer

D = DeploymentName("d")


@pytest.fixture
async def service(broker: NatsServer, client: Side) -> AsyncIterator[Side]:
    """The aggregator's own link."""
    async with side(broker.url) as made:
        yield made


async def small_fleet(client: Side) -> None:
    """Six devices in two rings; d goes to ring 1, all to everybody."""
    buckets = client.buckets
    for number in range(6):
        told = info(f"device-{number}", ring=str(number % 2))
        await buckets.info.put(told.key, told.encode())
    for each in (deployment("d", ring="1"), deployment("all")):
        await buckets.deployment.put(each.key, each.encode())


async def say(client: Side, device: int, phase: Phase, at: float, name: str = "d", error: str | None = None) -> None:
    said = state(f"device-{device}", name, phase, at, error)
    await client.buckets.state.put(said.key, said.encode())


async def test_what_is_there_is_counted_and_then_each_change(client: Side, service: Side) -> None:
    await small_fleet(client)
    await say(client, 1, Phase.RUNNING, 1)
    aggregator = service.aggregator()
    assert (await converged(client.link, client.buckets))[D] == Figures(3, 1, 0, 2)
    await say(client, 3, Phase.FAILED, 2, error="no room")
    await say(client, 2, Phase.FAILED, 2, error="not meant")
    await until(lambda: aggregator.rollup.states == 3, "all was heard")
    error = LastError(device_id=DeviceKey("device-3"), message="no room", at=Moment(2))
    assert (await converged(client.link, client.buckets))[D] == Figures(3, 1, 1, 1, error)


async def test_a_status_whose_deployment_is_gone_is_removed_also_if_it_went_unseen(client: Side, service: Side) -> None:
    await small_fleet(client)
    left = deployment("left-over")
    await client.buckets.status.put(left.key, b"{}")
    await client.buckets.status.put("nonsense", b"\xff")
    service.aggregator()
    assert set(await converged(client.link, client.buckets)) == {"d", "all"}
    assert await withdraw(client.link, TENANT, D)
    assert not await withdraw(client.link, TENANT, DeploymentName("never-there"))
    assert set(await converged(client.link, client.buckets)) == {"all"}


async def test_a_status_that_is_right_is_not_written_again(client: Side, service: Side, broker: NatsServer) -> None:
    await small_fleet(client)
    first = service.aggregator()
    await converged(client.link, client.buckets)
    before = await contents(client.link, client.buckets.status)
    async with side(broker.url) as other:
        second = other.aggregator()
        await until(lambda: second.statuses.counters.unchanged >= 2, "it has compared both")
        await say(client, 0, Phase.RUNNING, 1, "all")
        await converged(client.link, client.buckets)
        await second.close()
    assert second.statuses.counters.malformed == 0
    after = await contents(client.link, client.buckets.status)
    assert after["d"] == before["d"]
    assert after["all"] != before["all"]
    assert first.statuses.counters.written + second.statuses.counters.written == 3


async def test_what_somebody_else_wrote_wrongly_is_put_right(client: Side, service: Side) -> None:
    await small_fleet(client)
    aggregator = service.aggregator()
    await converged(client.link, client.buckets)
    written = aggregator.statuses.counters.written
    await client.buckets.status.put("d", b"rubbish")
    await client.buckets.status.delete("all")
    await until(lambda: aggregator.statuses.counters.written == written + 2, "both were written again")
    await converged(client.link, client.buckets)
    assert aggregator.statuses.counters.malformed == 1


async def test_malformed_records_are_counted_and_are_as_good_as_absent(client: Side, service: Side) -> None:
    await small_fleet(client)
    await say(client, 1, Phase.RUNNING, 1)
    aggregator = service.aggregator()
    await converged(client.link, client.buckets)
    buckets = client.buckets
    await buckets.state.put("state.device-1.d", b"{}")
    await buckets.info.put("info.device-3", b"[" * 100_00)
    await buckets.info.put("info.device-5", info("device-4", ring="1").encode())
    await buckets.deployment.put("all", b'{"name":"all","generation":1e999}')
    await buckets.state.put("state.device-9.d", b"NaN")
    await buckets.state.put("state.another.shape.altogether", b"{}")
    await until(lambda: aggregator.malformed.total() == 5, "all were counted")
    assert aggregator.malformed == {"DeviceState": 2, "DeviceInfo": 2, "Deployment": 1}
    assert await converged(client.link, client.buckets) == {D: Figures(1, 0, 0, 1)}
    await say(client, 1, Phase.RUNNING, 1)
    assert await converged(client.link, client.buckets) == {D: Figures(1, 1, 0, 0)}
    assert aggregator.malformed.total() == 5, "each is told once"


@pytest.mark.parametrize("which", ["info", "state", "deployment", "status"])
async def test_a_bucket_deleted_and_made_again_is_followed(client: Side, service: Side, which: str) -> None:
    await small_fleet(client)
    for device in (1, 3):
        await say(client, device, Phase.RUNNING, 5)
    aggregator = service.aggregator()
    await converged(client.link, client.buckets)
    bucket = getattr(client.buckets, which)
    await streams.api(client.link, f"STREAM.DELETE.{bucket.config.stream}")
    await converged(client.link, client.buckets)  # whoever made it again: it is empty
    await small_fleet(client)
    if which == "state":
        await say(client, 1, Phase.FAILED, 1)  # older than what was known before, and all that is there now
    await until(lambda: aggregator.is_synced, "it hears again")
    assert (await converged(client.link, client.buckets))[D].target == 3


async def test_without_permission_it_says_which_and_goes_on_once_it_has_it(caplog: pytest.LogCaptureFixture) -> None:
    nobody = 'authorization { users: [ { user: u, password: p, permissions: { publish: { deny: ["$JS.>"] } } } ] }'
    somebody = "authorization { users: [ { user: u, password: p } ] }"
    quick = QUICK.__class__(
        write_every=0.02, ensure_every=0.1, watch=QUICK.watch.__class__(denied_pause=0.1, heartbeat=0.3)
    )
    with NatsServer(nobody, jetstream=True) as broker, caplog.at_level("INFO", "fleetgui.backend"):
        async with side(broker.url, UserPassword(user="u", password=SecretStr("p"))) as service:
            aggregator = service.aggregator(quick)
            await until(lambda: "may not publish on $JS.API.STREAM.INFO.KV_device-info_t" in caplog.text, "it is said")
            broker.config = somebody
            await asyncio.to_thread(broker.restart)
            await until(lambda: aggregator.is_synced, "it hears")
            await until(lambda: "it is over that the buckets of deployments cannot be made" in caplog.text, "that too")
    assert caplog.text.count("STREAM.INFO.KV_device-info_t") <= 2


async def test_without_jetstream_it_says_so_and_goes_on_once_there_is(caplog: pytest.LogCaptureFixture) -> None:
    with NatsServer() as broker, caplog.at_level("INFO", "fleetgui.backend"):
        async with side(broker.url) as service:
            aggregator = service.aggregator()
            await until(lambda: "offers no JetStream" in caplog.text, "it is said")
            broker._jetstream = True
            await asyncio.to_thread(broker.restart)
            await until(lambda: aggregator.is_synced, "it hears")


async def test_several_that_deploy_the_same_at_once_each_get_a_generation(client: Side) -> None:
    made = await asyncio.gather(*(deploy(client.link, TENANT, deployment("d", ring="1")) for _ in range(5)))
    assert sorted(each.generation for each in made) == [1, 2, 3, 4, 5]
    again = await deploy(client.link, TENANT, deployment("d", ring="1"), again=False)
    assert again.generation == 5
    assert (await deploy(client.link, TENANT, deployment("d", ring="2"), again=False)).generation == 6


@pytest.mark.parametrize("seed", range(3))
async def test_after_random_faults_the_counts_are_those_of_a_recount(broker: NatsServer, seed: int) -> None:
    """Reconnects, deleted and purged buckets, garbage, late states, two aggregators of which one comes and goes.

    Buckets in memory: of one in files that is made anew while it is being deleted, the broker sometimes removes the
    new files too, and then answers no write to it any more.
    """
    chance, kept = random.Random(seed), BucketSettings("memory")
    async with (
        side(broker.url, settings=kept) as client,
        side(broker.url, settings=kept) as service,
        side(broker.url, settings=kept) as other,
    ):
        buckets = client.buckets
        await buckets.ensure()
        service.aggregator()
        second = other.aggregator()
        for turn in range(150):
            device, name = chance.randrange(8), f"d{chance.randrange(4)}"
            try:
                match chance.randrange(14):
                    case 0:
                        chance.choice((client, service, other)).link.reconnect_now()
                        await client.link.up()
                    case 1 | 2:
                        told = info(f"device-{device}", ring=str(chance.randrange(2)))
                        await buckets.info.put(told.key, told.encode())
                    case 3:
                        await buckets.info.delete(f"info.device-{device}")
                    case 4 | 5:
                        ring = {"ring": str(chance.randrange(2))} if chance.random() < 0.8 else {}
                        await deploy(client.link, TENANT, deployment(name, **ring), settings=kept)
                    case 6:
                        await withdraw(client.link, TENANT, DeploymentName(name))
                    case 7:
                        await buckets.state.delete(f"state.device-{device}.{name}")
                    case 8 if chance.random() < 0.3:
                        bucket = chance.choice((buckets.info, buckets.state, buckets.deployment, buckets.status))
                        verb = chance.choice(("PURGE", "DELETE"))
                        await streams.api(client.link, f"STREAM.{verb}.{bucket.config.stream}")
                        await bucket.ensure()
                    case 9 if chance.random() < 0.3:
                        await buckets.state.put(f"state.device-{device}.{name}", b'{"phase":')
                    case _:
                        await say(client, device, chance.choice(list(Phase)), turn + 1, name)
            except LinkError:
                await client.link.up()
        await buckets.ensure()
        await second.close()
        await converged(client.link, buckets)


async def test_nothing_is_written_before_everything_was_told(client: Side, service: Side) -> None:
    """With one of the buckets unreadable there is no status at all, rather than a wrong one."""
    await small_fleet(client)
    await client.buckets.status.put("left-over", b"{}")
    await streams.api(client.link, f"STREAM.DELETE.{client.buckets.state.config.stream}")
    slow = QUICK.__class__(write_every=0.02, ensure_every=3_600, watch=QUICK.watch)
    service.buckets.ensure = _nothing  # type: ignore[method-assign] # nobody makes the bucket again
    aggregator = service.aggregator(slow)
    await until(lambda: aggregator.rollup.devices == 6 and aggregator.rollup.deployments, "the rest was told")
    await until(lambda: len(aggregator._watches) == 4 and aggregator._watches[3].error, "the fourth is missing")
    assert set(await contents(client.link, client.buckets.status)) == {"left-over"}
    assert await turns(aggregator, 200) < 20, "it waits, and does not go round and round"
    await client.buckets.ensure()
    assert (await converged(client.link, client.buckets))[D] == Figures(3, 0, 0, 3)


async def turns(aggregator: Aggregator, of: int) -> int:
    """How often it looks for something to do in so many turns of the loop, once what it doubts is due."""
    now = aggregator._clock.now
    await until(lambda: (aggregator.statuses.next_due or 0.0) < now(), "something is due")
    looked, wait = 0, aggregator._wait

    async def counting(until: float | None) -> None:
        nonlocal looked
        looked += 1
        await wait(until)

    aggregator._wait = counting  # type: ignore[method-assign] # it counts
    aggregator._something.set()
    for _ in range(of):
        await asyncio.sleep(0)
    aggregator._wait = wait  # type: ignore[method-assign] # as it was
    return looked


async def _nothing() -> None:
    """Makes no bucket."""


@pytest.mark.parametrize("which", ["info", "state", "deployment", "status"])
async def test_malformed_frames_in_a_bucket_blind_nobody(
    broker: NatsServer, client: Side, service: Side, which: str
) -> None:
    """M1: what cannot be read as a message is stored all the same, and is delivered to every watch, for ever."""
    await small_fleet(client)
    bucket = getattr(client.buckets, which)
    key = {"info": "info.victim", "state": "state.victim.d", "deployment": "victim", "status": "victim"}[which]
    subject = f"$KV.{bucket.config.name}.{key}".encode()
    first = service.aggregator()
    await converged(client.link, client.buckets)
    frames = hostile.malformed_frames(subject)
    frames += [frame.replace(b"victim", b"v\xff\xfe", 1) for frame in frames]
    await asyncio.to_thread(hostile.send_raw, broker.port, frames, 3)
    await say(client, 1, Phase.RUNNING, 1)
    await until(lambda: first.is_synced and first.rollup.figures(D) == Figures(3, 1, 0, 2), "it goes on")
    async with side(broker.url) as other:
        second = other.aggregator()
        await until(lambda: second.is_synced, "one that starts now reads all there is")
        assert second.rollup.figures(D) == Figures(3, 1, 0, 2)
        restarts = [watch.restarts for watch in (*first._watches, *second._watches)]
        await say(client, 3, Phase.RUNNING, 2)
        for each in (first, second):
            await until(lambda each=each: each.rollup.figures(D) == Figures(3, 2, 0, 1), "it goes on")  # type: ignore[misc] # the one of this turn
        assert [watch.restarts for watch in (*first._watches, *second._watches)] == restarts, (
            "it does not go in circles"
        )

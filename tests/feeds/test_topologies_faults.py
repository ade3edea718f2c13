"""Topologies while things go wrong between the publisher and the console: it heals, counts, and never pretends."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr

from fleetgui.backend.topology import publisher as publisher_module
from fleetgui.feeds import topologies as feed_module
from fleetgui.feeds import topology_follower
from fleetgui.link.connection import Link
from fleetgui.link.credentials import UserPassword
from fleetgui.link.errors import LinkError
from fleetgui.link.messages import Message
from fleetgui.link.subscriptions import Handler, Subscription
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.states import State
from fleetgui.stores.topologies.following import LIMITS, Following, Phase
from fleetgui.wire import rpc
from fleetgui.wire.deployments import Phase as Rollout
from fleetgui.wire.topology import Mutation
from tests.backend.links import Party, party
from tests.backend.roles import Role
from tests.backend.topology.reader import Reader, View
from tests.backend.topology.rig import Console, Deployer, FakeRegistry, publisher
from tests.feeds.topology_rig import Watching, view_of, watching
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that grow for the sake of others are none here."""
    monkeypatch.setattr(topology_follower, "AGAIN_S", (0.0,))
    monkeypatch.setattr(topology_follower, "ASK_AGAIN_S", (0.1,))


@asynccontextmanager
async def role(url: str) -> AsyncIterator[Role]:
    """The publisher as a process of its own."""
    one = Role("fleetgui.backend.topology", {"url": url})
    try:
        await asyncio.to_thread(one.start)
        yield one
    finally:
        one.close()


class Lossy:
    """Between a link and its subscribers: drops, doubles and holds back messages of subscriptions made from now on."""

    def __init__(self, one: Party, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self.rate = 0.0
        self.lost: list[str] = []
        """The subjects of what was dropped."""
        self._chance = random.Random(seed)
        self._subscribe = one.link.subscribe
        monkeypatch.setattr(one.link, "subscribe", self._lossy)

    def _lossy(self, subject: str, handler: Handler, **more: Any) -> Subscription:
        def take(message: Message) -> None:
            if self._chance.random() < self.rate:
                self.lost.append(message.subject)
                return
            handler(message)
            if self._chance.random() < self.rate / 2:
                handler(message)

        return self._subscribe(subject, take, **more)


async def until_equal(console: Watching, truth: Console, topology_id: str) -> View:
    """Wait until the console's picture is what the publisher itself answers to somebody else."""
    following, seen = console.topologies.get(topology_id), View()
    assert following is not None
    truth.readers.setdefault(topology_id, Reader(topology_id))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await truth.refresh(topology_id)
                    seen = truth.readers[topology_id].view
                except (LinkError, rpc.RpcError):
                    seen = View()
                if following.phase is Phase.FOLLOWED and view_of(following) == seen:
                    return seen
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{following.phase}: {view_of(following)} is not {seen}")


async def test_a_publisher_that_is_killed_and_started_again_is_read_again() -> None:
    with NatsServer(jetstream=True) as nats:
        async with party(nats.url) as one, party(nats.url) as other, watching(nats.url) as console:
            registry, truth = FakeRegistry(one), Console(other)
            registry.places = {f"cam-{number}": "hall" for number in range(5)}
            async with role(nats.url) as running:
                hall = await console.followed("hall")
                epoch = hall.epoch
                await asyncio.to_thread(running.kill)
                registry.places["late"] = "hall"
                console.feed.look(True)
                await until(lambda: hall.phase is Phase.FAILED, hall.changed)
                assert "No topology service answers" in hall.why
                assert console.freshness(hall) is State.STALE
                assert len(hall.members) == 5, "the picture stays, as of its time"
                await asyncio.to_thread(running.start)
                view = await until_equal(console, truth, "hall")
                assert "late" in view.members
                assert hall.epoch != epoch
                assert hall.lost == 0
                assert console.freshness(hall) is State.LIVE


async def test_when_one_is_killed_the_one_that_stood_by_is_followed() -> None:
    with NatsServer() as nats:
        async with party(nats.url) as one, party(nats.url) as other, watching(nats.url) as console:
            registry, truth = FakeRegistry(one), Console(other)
            registry.places = {"cam-1": "hall"}
            async with role(nats.url) as first, role(nats.url):
                hall = await console.followed("hall")
                epoch = hall.epoch
                registry.places["cam-2"] = "hall"
                await asyncio.to_thread(first.kill)
                await until(lambda: hall.epoch != epoch and "cam-2" in hall.members, hall.changed)
                await until_equal(console, truth, "hall")
                registry.offline("cam-1")
                await until(lambda: hall.online == 1, hall.changed)
                assert hall.lost == 0


async def test_where_events_may_not_be_heard_the_picture_is_read_every_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topology_follower, "READ_EVERY_S", 0.1)
    subscribe = 'subscribe: ["_INBOX.>", "device-connect.default.topology.keepalive"]'
    config = f"""authorization {{ users [
        {{ user: "all", password: "p" }},
        {{ user: "noc", password: "p", permissions: {{ publish: [">"], {subscribe} }} }}
    ] }}"""
    everything = UserPassword(user="all", password=SecretStr("p"))
    noc = UserPassword(user="noc", password=SecretStr("p"))
    with NatsServer(config) as nats:
        async with party(nats.url, credentials=everything) as one, watching(nats.url, credentials=noc) as console:
            registry = FakeRegistry(one)
            registry.places = {"cam-1": "hall"}
            nobody = Role("fleetgui.backend.topology", {"url": nats.url, "user": "all", "password": "p"})
            try:
                await asyncio.to_thread(nobody.start)
                hall = await console.followed("hall")
                await until(lambda: hall.denied, hall.changed)
                registry.offline("cam-1")
                await until(lambda: hall.members and hall.online == 0, hall.changed)
                assert (hall.events_seen, hall.lost) == (0, 0)
                assert console.freshness(hall) in (State.LIVE, State.UNCONFIRMED), "as of its last reading"
            finally:
                nobody.close()


async def test_one_that_hangs_is_late_then_stale_by_its_silence_alone() -> None:
    clock = ManualClock()
    with NatsServer() as nats:
        async with party(nats.url) as one, watching(nats.url, clock=clock) as console:
            FakeRegistry(one).places = {"cam-1": "hall"}
            async with role(nats.url) as running:
                hall = await console.followed("hall")
                os.kill(running.pid, signal.SIGSTOP)
                clock.advance(LIMITS.late + 0.01)
                assert console.freshness(hall) is State.LATE
                clock.advance(LIMITS.stale - LIMITS.late)
                assert console.freshness(hall) is State.STALE
                os.kill(running.pid, signal.SIGCONT)


async def test_a_broker_that_restarts_leaves_it_unconfirmed_until_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with NatsServer() as nats:
        async with party(nats.url) as one, party(nats.url) as other, watching(nats.url) as console:
            registry, truth = FakeRegistry(one), Console(other)
            registry.places = {"cam-1": "hall"}
            async with role(nats.url):
                hall = await console.followed("hall")
                states: list[State] = []
                hall.changed.connect(lambda: states.append(console.freshness(hall)))
                nats.kill()
                await until(lambda: not console.party.link.is_up, console.state.link.changed)
                assert console.freshness(hall) is State.STALE
                nats.start()
                registry.places["cam-2"] = "hall"
                await until(lambda: one.link.is_up, one.link.state_changed)
                registry.online("cam-2")
                await until(lambda: State.UNCONFIRMED in states and "cam-2" in hall.members, hall.changed)
                view = await until_equal(console, truth, "hall")
                assert set(view.members) == {"cam-1", "cam-2"}
                assert hall.snapshots >= 2


async def test_a_gap_is_counted_exactly_and_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with NatsServer() as nats:
        async with party(nats.url) as one, watching(nats.url) as console:
            FakeRegistry(one).places = {"cam-1": "hall"}
            async with publisher(nats.url) as (running, _):
                lossy = Lossy(console.party, monkeypatch, 1)
                hall = await console.followed("hall")
                first = hall.seq
                lossy.rate = 0.3
                for number in range(200):
                    burst(running.picture.sites.set_mutation, number)
                await until(lambda: lossy.lost and hall.seq > first, hall.changed)
                lossy.rate = 0.0
                burst(running.picture.sites.set_mutation, 999)
                await console.sees("hall", running.picture)
                came = sum(each.seq is not None for each in hall.events)
                assert hall.lost > 0
                assert came + hall.lost == hall.seq - first
                assert hall.lost == console.state.ledger.count("topology hall", "sequence gap")
                assert any(each.family == "gap" for each in hall.events)


async def test_more_than_a_console_takes_in_is_dropped_here_counted_and_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topology_follower, "QUEUE", 8)
    with NatsServer() as nats:
        async with party(nats.url) as one, watching(nats.url) as console:
            FakeRegistry(one).places = {"cam-1": "hall"}
            async with publisher(nats.url) as (running, _):
                hall = await console.followed("hall")
                first = hall.seq
                for number in range(300):
                    burst(running.picture.sites.set_mutation, number)
                await until(lambda: hall.lost, hall.changed)
                await console.sees("hall", running.picture)
                came = sum(each.seq is not None for each in hall.events)
                assert came + hall.lost == hall.seq - first
                assert console.feed.dropped >= hall.lost
                causes = {(loss.source, loss.cause) for loss in console.state.ledger.losses}
                assert ("topology", "intake overflow") in causes


async def test_a_lost_tail_is_found_by_the_keepalive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "KEEPALIVE_S", 0.2)
    with NatsServer() as nats:
        async with party(nats.url) as one, watching(nats.url) as console:
            registry = FakeRegistry(one)
            registry.places = {"cam-1": "hall"}
            async with publisher(nats.url) as (running, _):
                lossy = Lossy(console.party, monkeypatch, 1)
                hall = await console.followed("hall")
                lossy.rate = 1.0
                registry.offline("cam-1")
                async with asyncio.timeout(PATIENCE_S):
                    while not any(each.endswith(".hall.members") for each in lossy.lost):  # noqa: ASYNC110 - no event
                        await asyncio.sleep(0.01)
                lossy.rate = 0.0
                await console.sees("hall", running.picture)
                assert hall.online == 0
                assert hall.lost > 0


async def test_what_others_publish_there_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with NatsServer() as nats:
        async with party(nats.url) as one, watching(nats.url) as console:
            registry = FakeRegistry(one)
            registry.places = {"cam-1": "hall", "cam-2": "yard"}
            async with publisher(nats.url) as (running, _):
                hall = await console.followed("hall")
                root = "device-connect.default.topology"
                facts = {"topology_id": "yard", "epoch": hall.epoch, "seq": hall.seq + 1, "ts": "2026-11-21T00:00:00Z"}
                for subject, data in (
                    (f"{root}.hall.status", b"nonsense"),
                    (f"{root}.hall.status", b"[" * 100_000),
                    (f"{root}.hall.status", rpc.notification("topology/status", {**facts, "status": "failed"})),
                    (f"{root}.hall.members", rpc.notification("topology/members", {**facts, "changed": [5]})),
                    (f"{root}.keepalive", b'{"method":"topology/keepalive","params":{"epoch":5}}'),
                    (f"{root}.hall.x", rpc.notification("topology/x", {**facts, "topology_id": "hall", "seq": 2**62})),
                ):
                    one.link.send(subject, data)
                await until(lambda: hall.events_seen, hall.changed)
                registry.offline("cam-1")
                await until(lambda: hall.online == 0, hall.changed)
                await console.sees("hall", running.picture)
                assert console.feed.malformed == 5
                assert ("topology", "malformed") in {(loss.source, loss.cause) for loss in console.state.ledger.losses}
                assert hall.lost == 0


async def test_the_list_says_how_old_it_is_when_the_service_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "READ_AFTER_S", 0.05)
    with NatsServer() as nats:
        async with party(nats.url) as one, watching(nats.url) as console:
            FakeRegistry(one).places = {"cam-1": "hall"}
            listing = console.topologies.listing
            async with publisher(nats.url):
                console.feed.look(True)
                await until(lambda: listing.rows, listing.changed)
                assert listing.state(console.party.clock.now()) is State.LIVE
            await until(lambda: listing.why, listing.changed)
            assert listing.state(console.party.clock.now()) is State.STALE
            assert listing.rows, "what was read stays"


class Storm:
    """Facts and faults in an order that a seed decides. After it, `calm` lets everything through again."""

    def __init__(self, nats: NatsServer, running: Role, one: Party, console: Watching, lossy: Lossy, seed: int) -> None:
        self.registry = FakeRegistry(one)
        self.deployer = Deployer(one)
        self._nats, self._running, self._one, self._console, self._lossy = nats, running, one, console, lossy
        self._chance = random.Random(seed)
        self._made = 0
        self.registry.places = {f"cam-{number}": "hall" for number in range(8)}

    async def step(self) -> None:
        facts: tuple[Callable[[], Any], ...] = (
            self.edge,
            self.edge,
            self.arrive,
            self.leave,
            self.roll_out,
            self.write,
        )
        faults: tuple[Callable[[], Any], ...] = (
            self.lose,
            self.lose,
            self.forge,
            self.reconnect,
            self.kill,
            self.restart_broker,
        )
        chosen = self._chance.choice(facts if self._chance.random() < 0.75 else faults)
        await chosen()

    def _device(self) -> str:
        return self._chance.choice(sorted(self.registry.places))

    async def edge(self) -> None:
        say = self.registry.offline if self._chance.random() < 0.5 else self.registry.online
        say(self._device())

    async def arrive(self) -> None:
        self._made += 1
        self.registry.places[f"new-{self._made}"] = self._chance.choice(["hall", "yard"])
        self.registry.online(f"new-{self._made}")

    async def leave(self) -> None:
        device = self._device()
        self.registry.places[device] = "yard"
        self.registry.online(device)

    async def roll_out(self) -> None:
        self._made += 1
        await self.deployer.deploy(f"web-{self._chance.randrange(3)}", self._device(), generation=self._made)

    async def write(self) -> None:
        phase = self._chance.choice([Rollout.RUNNING, Rollout.FAILED, Rollout.PENDING])
        await self.deployer.write(self._device(), f"web-{self._chance.randrange(3)}", phase)

    async def lose(self) -> None:
        self._lossy.rate = self._chance.choice([0.0, 0.2, 0.6])

    async def forge(self) -> None:
        hall = self._console.topologies.get("hall")
        seq = (hall.seq if hall is not None else 0) + self._chance.choice([0, 2, 10**9])
        facts = {"topology_id": "hall", "epoch": hall.epoch if hall else "x", "seq": seq, "ts": "2026-11-21T00:00:00Z"}
        self._one.link.send("device-connect.default.topology.hall.x", rpc.notification("topology/x", facts))

    async def reconnect(self) -> None:
        link = self._console.party.link
        before = link.state.reconnects
        link.reconnect_now()
        await until(lambda: link.state.reconnects > before and link.is_up, link.state_changed)

    async def kill(self) -> None:
        await asyncio.to_thread(self._running.kill)
        await self.edge()
        await asyncio.to_thread(self._running.start)

    async def restart_broker(self) -> None:
        links = (self._one.link, self._console.party.link)
        before = [link.state.reconnects for link in links]
        self._nats.kill()
        self._nats.start()
        for link, count in zip(links, before, strict=True):
            await until(partial(_is_back, link, count), link.state_changed)
        await self.deployer.make_buckets()

    async def calm(self) -> None:
        """Nothing is lost any more, and something new is told, so that nobody has to wait for a keepalive."""
        self._lossy.rate = 0.0
        self.registry.places["last"] = "hall"
        self.registry.online("last")


async def weather(seed: int, steps: int, monkeypatch: pytest.MonkeyPatch) -> Following:
    with NatsServer(jetstream=True) as nats:
        async with party(nats.url) as one, party(nats.url) as other, watching(nats.url) as console:
            lossy = Lossy(console.party, monkeypatch, seed)
            async with role(nats.url) as running:
                storm = Storm(nats, running, one, console, lossy, seed)
                await storm.deployer.make_buckets()
                hall = await console.followed("hall")
                for _ in range(steps):
                    await storm.step()
                await storm.calm()
                await until(lambda: "last" in hall.members, hall.changed)
                await until_equal(console, Console(other), "hall")
                assert console.freshness(hall) is State.LIVE
                assert console.party.link.footprint.subscriptions == 2 + 1, (
                    "whatever happened: stream, keepalive, inbox"
                )
                assert hall.lost == console.state.ledger.count("topology hall", "sequence gap")
                return hall


@pytest.mark.parametrize("seed", range(2))
async def test_after_any_faults_the_consoles_picture_is_the_publishers(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await weather(seed, 15, monkeypatch)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 160))
async def test_after_many_more_faults_likewise(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    await weather(seed, 80, monkeypatch)


def _is_back(link: Link, reconnects: int) -> bool:
    return link.state.reconnects > reconnects and link.is_up


def burst(set_mutation: Callable[[str, Mutation], object], number: int) -> None:
    """One event of the hall."""
    set_mutation("hall", Mutation(mutation_id=f"web.{number}", kind="deployment", state="applying"))

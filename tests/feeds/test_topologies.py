"""The topology feed against the real publisher on a real broker: the picture, the list, and what goes wrong."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from fleetgui.feeds import topologies as feed_module
from fleetgui.feeds import topology_follower
from fleetgui.link.credentials import UserPassword
from fleetgui.link.messages import Message
from fleetgui.policy.states import State
from fleetgui.stores.topologies.following import Phase
from fleetgui.stores.topologies.listing import ListPhase
from fleetgui.wire.deployments import Phase as Rollout
from fleetgui.wire.topology import TopologySubjects
from tests.backend.links import party
from tests.backend.topology.rig import Deployer, FakeRegistry, publisher
from tests.feeds.topology_rig import watching
from tests.nats_server import NatsServer
from tests.waiting import until


async def test_a_snapshot_and_then_every_event() -> None:
    with NatsServer(jetstream=True) as nats:
        async with party(nats.url) as one, watching(nats.url) as console:
            registry, deployer = FakeRegistry(one), Deployer(one)
            registry.places = {"cam-1": "hall/a", "cam-2": "hall/b", "door": "yard"}
            await deployer.make_buckets()
            async with publisher(nats.url) as (running, _):
                console.feed.look(True)
                await until(lambda: console.topologies.listing.rows, console.topologies.listing.changed)
                assert {name: row.devices for name, row in console.topologies.listing.rows.items()} == {
                    "hall": 2,
                    "yard": 1,
                }
                hall = await console.followed("hall")
                await deployer.deploy("web", "cam-1", "cam-2")
                await deployer.write("cam-1", "web", Rollout.RUNNING)
                await until(lambda: hall.members["cam-1"].services == ("web",), hall.changed)
                registry.offline("cam-2")
                await until(lambda: hall.online == 1, hall.changed)
                await deployer.write("cam-2", "web", Rollout.FAILED, "disk full")
                await until(lambda: "web.1" in hall.failures, hall.changed)
                await console.sees("hall", running.picture)
                assert (hall.snapshots, hall.lost) == (1, 0)
                assert console.freshness(hall) is State.LIVE
                families = {each.family for each in hall.events}
                assert {"members", "mutation", "service", "status"} <= families
                assert "cam-2 went offline" in {each.words for each in hall.events}


async def test_only_what_is_open_is_subscribed_and_one_connection_carries_it() -> None:
    with NatsServer() as nats:
        async with party(nats.url) as one, watching(nats.url) as console:
            FakeRegistry(one).places = {"cam-1": "hall", "door": "yard"}
            async with publisher(nats.url):
                link = console.party.link
                before = link.footprint.subscriptions
                await console.followed("hall")
                assert link.footprint.subscriptions == before + 2, "its events, and the publisher's keepalive"
                await console.followed("yard")
                assert link.footprint.subscriptions == before + 3
                for topology_id in ("hall", "yard"):
                    console.feed.shut(topology_id)
                assert link.footprint.subscriptions == before
                await link.flush()
                subjects = [each for row in nats.connections() for each in row.get("subscriptions_list", [])]
                assert not [each for each in subjects if ".topology.hall" in each or ".topology.yard" in each]


async def test_a_sixth_closes_the_one_that_was_looked_at_longest_ago(nats_server: NatsServer) -> None:
    async with watching(nats_server.url) as console:
        for number in range(5):
            console.open(f"site-{number}")
        console.open("site-0")
        console.open("site-5")
        assert console.topologies.open_ids == ["site-2", "site-3", "site-4", "site-0", "site-5"]
        assert "looked at longest ago" in console.state.journal.entries[-1].text
        assert console.party.link.footprint.subscriptions == 5 + 1 + 1, "five streams, the keepalive, the inbox"


async def test_no_service_is_said_and_found_when_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topology_follower, "ASK_AGAIN_S", (3600.0,))
    with NatsServer() as nats:
        async with party(nats.url) as one, watching(nats.url) as console:
            FakeRegistry(one).places = {"cam-1": "hall"}
            listing, hall = console.topologies.listing, console.open("hall")
            console.feed.look(True)
            await until(lambda: listing.phase is ListPhase.NO_SERVICE, listing.changed)
            await until(lambda: hall.phase is Phase.FAILED, hall.changed)
            assert "device-connect.default.topology" in listing.why
            assert "serve --roles topology" in hall.why
            assert console.freshness(hall) is State.UNKNOWN
            async with publisher(nats.url) as (running, _):
                await console.sees("hall", running.picture)  # its first keepalive is enough
                console.feed.refresh()
                await until(lambda: listing.phase is ListPhase.READ, listing.changed)


async def test_a_topology_that_is_none_is_said_to_be_none_until_somebody_is_there() -> None:
    with NatsServer() as nats:
        async with party(nats.url) as one, watching(nats.url) as console:
            registry = FakeRegistry(one)
            async with publisher(nats.url) as (running, _):
                hall = console.open("hall")
                await until(lambda: hall.phase is Phase.ABSENT, hall.changed)
                assert "nobody says to be there" in hall.why
                registry.places = {"cam-1": "hall"}
                registry.online("cam-1")
                await until(lambda: hall.members, hall.changed)
                await console.sees("hall", running.picture)
                assert hall.lost == 0


@pytest.mark.parametrize(
    ("rights", "said"),
    [
        ('publish: ["_INBOX.>"], subscribe: [">"]', "may not publish on device-connect.default.topology;"),
        (
            'publish: [">"], subscribe: ["_INBOX.>", "device-connect.default.topology.keepalive"]',
            "may not subscribe to device-connect.default.topology.hall.>;",
        ),
        (
            'publish: [">"], subscribe: ["_INBOX.>", "device-connect.default.topology.hall.>"]',
            "may not subscribe to device-connect.default.topology.keepalive;",
        ),
    ],
)
async def test_the_exact_permission_that_is_missing_is_said(rights: str, said: str) -> None:
    config = f"""authorization {{ users [
        {{ user: "all", password: "p" }},
        {{ user: "noc", password: "p", permissions: {{ {rights} }} }}
    ] }}"""
    everything = UserPassword(user="all", password=SecretStr("p"))
    noc = UserPassword(user="noc", password=SecretStr("p"))
    with NatsServer(config) as nats:
        async with party(nats.url, credentials=everything) as one, watching(nats.url, credentials=noc) as console:
            FakeRegistry(one).places = {"cam-1": "hall"}
            hall = console.open("hall")
            await until(
                lambda: (
                    said in f"{hall.why} {hall.denied} {console.topologies.keepalive_denied}"
                    and hall.phase is not Phase.READING
                ),
                hall.changed,
                console.party.link.denied,
            )
            console.feed.look(True)
            if "publish" in said:
                listing = console.topologies.listing
                await until(lambda: listing.phase is ListPhase.REFUSED, listing.changed)
                assert said in listing.why
                await until(lambda: hall.phase is Phase.REFUSED, hall.changed)


async def test_a_list_and_a_topology_of_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    with NatsServer("max_payload: 16384") as nats:
        async with party(nats.url) as one, watching(nats.url) as console:
            registry = FakeRegistry(one)
            registry.places = {f"cam-{number:05}": "hall" for number in range(3_000)}
            registry.places |= {f"door-{number:05}": f"site-{number}" for number in range(1_100)}
            async with publisher(nats.url) as (running, _):
                console.feed.look(True)
                await until(lambda: console.topologies.listing.rows, console.topologies.listing.changed)
                assert len(console.topologies.listing.rows) == 1_101
                hall = await console.followed("hall")
                await console.sees("hall", running.picture)
                assert len(hall.members) == hall.online == 3_000


async def test_a_service_that_hung_is_asked_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Politeness is for what a reading costs the service: one that nobody answered for ten seconds cost nothing."""
    monkeypatch.setattr(feed_module, "PATIENCE_S", 0.05)
    monkeypatch.setattr(feed_module, "POLITE", 1_000_000.0)
    monkeypatch.setattr(feed_module, "ASK_AGAIN_S", (0.0, 0.0, 0.0, 0.0))
    with NatsServer() as nats:
        async with watching(nats.url) as console, party(nats.url, "hung") as hung:
            asked = 0
            again = asyncio.Event()

            def take(_message: Message) -> None:
                nonlocal asked
                asked += 1
                if asked == 3:
                    again.set()

            hung.link.subscribe(TopologySubjects("default").requests, take)
            await hung.link.flush()
            console.feed.look(True)
            async with asyncio.timeout(20):
                await again.wait()


async def test_unlooked_at_the_list_is_read_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "READ_AFTER_S", 0.0)
    monkeypatch.setattr(feed_module, "POLITE", 0.0)
    with NatsServer() as nats:
        async with watching(nats.url) as console, publisher(nats.url):
            listing, reads = console.topologies.listing, 0

            def read() -> None:
                nonlocal reads
                reads += 1

            listing.changed.connect(read)
            console.feed.look(True)
            await until(lambda: reads >= 3, listing.changed)
            console.feed.look(False)
            async with asyncio.timeout(20):
                while "read the topologies" in console.party.tasks.names:  # noqa: ASYNC110 - its end sets no event
                    await asyncio.sleep(0)
            assert listing.phase is ListPhase.READ

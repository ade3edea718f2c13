"""The publisher over a real broker with JetStream: what consoles hear and get, and what it survives."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest

from fleetgui.backend.topology import members as members_module
from fleetgui.backend.topology import pace as pace_module
from fleetgui.backend.topology import picture as picture_module
from fleetgui.backend.topology import publisher as module
from fleetgui.policy.access import AccessPolicy, Acl
from fleetgui.wire import rpc
from fleetgui.wire.deployments import Phase
from fleetgui.wire.topology import MutationEvent, ServiceEvent
from tests.backend.links import LIMIT_S, party
from tests.backend.processes import until
from tests.backend.topology.reader import View, inside
from tests.backend.topology.rig import Console, Deployer, FakeRegistry, publisher
from tests.nats_server import NatsServer


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members_module, "TICK_S", 0.02)
    monkeypatch.setattr(pace_module, "LEAST_APART_S", 0.02)
    monkeypatch.setattr(pace_module, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(module, "TELL_EVERY_S", 0.02)


@pytest.fixture
def nats() -> Iterator[NatsServer]:
    with NatsServer(jetstream=True) as server:
        yield server


async def test_a_deployment_is_seen_from_beginning_to_end(nats: NatsServer) -> None:
    async with party(nats.url) as one, party(nats.url) as watching:
        registry, deployer, console = FakeRegistry(one), Deployer(one), Console(watching)
        registry.places = {"cam-1": "hall", "cam-2": "hall", "far": "yard"}
        await deployer.make_buckets()
        await one.link.flush()
        async with publisher(nats.url) as (running, _):
            await console.open("hall")
            await deployer.deploy("web", "cam-1", "cam-2")
            await console.until(lambda: "mutation.enqueued" in console.steps("hall"), "it is enqueued")
            await deployer.write("cam-1", "web", Phase.PENDING)
            await console.until(lambda: "status" in console.steps("hall"), "the site is deploying")
            await deployer.write("cam-1", "web", Phase.RUNNING)
            await console.until(lambda: "device.cam-1.service_added" in console.steps("hall"), "it runs on one")
            await deployer.write("cam-2", "web", Phase.FAILED, "no room")
            await console.sees("hall", View("active", {"cam-1": (True, ("web",)), "cam-2": (True, ())}))
            assert console.steps("hall") == [
                "mutation.enqueued",
                "mutation.applying",
                "status",
                "device.cam-1.service_added",
                "mutation.failed",
                "status",
            ]
            assert console.steps("yard") == []
            [failed] = [each for each in console.events if isinstance(each, MutationEvent) and each.state == "failed"]
            assert (failed.mutation_id, failed.kind, failed.error) == ("web.1", "deployment", "cam-2: no room")
            assert [each.seq for each in console.events] == list(range(1, len(console.events) + 1))
            await deployer.erase("cam-1", "web")
            await console.until(lambda: "device.cam-1.service_removed" in console.steps("hall"), "it is removed")
            removed = console.events[-2:]
            assert any(isinstance(each, ServiceEvent) and each.services == () for each in removed)
            assert inside(running.picture, "hall") == console.readers["hall"].view


async def test_selectors_follow_labels(nats: NatsServer) -> None:
    async with party(nats.url) as one, party(nats.url) as watching:
        registry, deployer, console = FakeRegistry(one), Deployer(one), Console(watching)
        registry.places = {"cam-1": "hall", "cam-2": "yard"}
        await deployer.make_buckets()
        await deployer.label("cam-1", ring="a")
        await deployer.deploy("web", ring="a")
        await one.link.flush()
        async with publisher(nats.url):
            assert (await console.open("hall")).view.in_flight == {"web.1": "enqueued"}
            assert (await console.open("yard")).view.in_flight == {}
            await deployer.label("cam-2", ring="a")
            await console.until(lambda: console.readers["yard"].view.in_flight == {"web.1": "enqueued"}, "it is meant")
            await deployer.withdraw("web")
            readers = console.readers.values()
            await console.until(lambda: not any(each.view.in_flight for each in readers), "it is withdrawn")
            assert [console.steps(site)[-1] for site in ("hall", "yard")] == 2 * ["mutation.failed"]


async def test_what_is_there_at_the_start_comes_with_the_snapshot_and_not_as_events(nats: NatsServer) -> None:
    async with party(nats.url) as one, party(nats.url) as watching:
        registry, deployer, console = FakeRegistry(one), Deployer(one), Console(watching)
        registry.places = {"cam-1": "hall"}
        await deployer.make_buckets()
        await deployer.deploy("web", "cam-1")
        await deployer.write("cam-1", "web", Phase.PENDING)
        await deployer.write("cam-1", "db", Phase.RUNNING)
        await one.link.flush()
        async with publisher(nats.url):
            reader = await console.open("hall")
            assert reader.view == View("deploying", {"cam-1": (True, ("db",))}, {"web.1": "applying"})
            assert reader.seq == 0
            assert console.events == []
            [keepalive] = console.keepalives
            assert (keepalive.epoch, keepalive.last) == (reader.epoch, {"hall": 0})


async def test_buckets_that_are_made_later_are_found(nats: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with party(nats.url) as one, party(nats.url) as watching:
        registry, deployer, console = FakeRegistry(one), Deployer(one), Console(watching)
        registry.places = {"cam-1": "hall"}
        await one.link.flush()
        async with publisher(nats.url):
            assert (await console.open("hall")).view == View("active", {"cam-1": (True, ())})
            await deployer.make_buckets()
            await deployer.write("cam-1", "web", Phase.RUNNING)
            await console.until(lambda: console.steps("hall") == ["device.cam-1.service_added"], "it is heard")
            await until(lambda: "what is rolled out to the sites is shown" in caplog.text, "it is said")
    assert caplog.text.count("shown without what is rolled out") == 1


async def test_without_jetstream_there_are_members_and_it_is_said_once(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with party(nats_server.url) as one, party(nats_server.url) as watching:
        registry, console = FakeRegistry(one), Console(watching)
        registry.places = {"cam-1": "hall"}
        await one.link.flush()
        async with publisher(nats_server.url) as (running, _):
            assert await console.rows() == {"hall": ("active", 1, 1)}
            restarts = [watch.restarts for watch, _ in running.feed._watches]
            await until(
                lambda: all(watch.restarts > restarts[0] + 1 for watch, _ in running.feed._watches), "it is asked again"
            )
            assert running.feed.look()
    assert caplog.text.count("shown without what is rolled out") == 1
    assert "no JetStream" in caplog.text


async def test_a_tenant_that_can_have_no_buckets_has_members(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with party(nats.url) as one, party(nats.url) as watching:
        registry, console = FakeRegistry(one, "acme:eu"), Console(watching, "acme:eu")
        registry.places = {"cam-1": "hall"}
        await one.link.flush()
        async with publisher(nats.url, tenant="acme:eu") as (running, _):
            assert await console.rows() == {"hall": ("active", 1, 1)}
            assert running.feed.look()
    assert "has no buckets" in caplog.text


async def test_malformed_entries_are_counted_and_change_nothing(nats: NatsServer) -> None:
    async with party(nats.url) as one, party(nats.url) as watching:
        registry, deployer, console = FakeRegistry(one), Deployer(one), Console(watching)
        registry.places = {"cam-1": "hall"}
        await deployer.make_buckets()
        await deployer.write("cam-1", "web", Phase.RUNNING)
        await deployer.deploy("web", "cam-1")
        await one.link.flush()
        async with publisher(nats.url) as (running, _):
            before = (await console.open("hall")).view
            info, state, deployment = deployer.buckets.values()

            def counted(heard: int) -> bool:
                return running.feed.malformed == heard

            heard = 0
            for bucket, key, matched in (
                (info, "info.cam-1", True),
                (info, "info.cam-1.x", False),
                (state, "state.cam-1.web", True),
                (state, "other.cam-1.web", False),
                (deployment, "web", True),
            ):
                for data in (b"", b"nonsense", b"{}", b'{"name":5}'):
                    await bucket.put(key, data)
                    heard += matched
                    # One by one: a bucket that keeps one value a key need not deliver what was replaced meanwhile.
                    await until(partial(counted, heard), f"{data!r} at {key} is counted")
            # Keys that no watch of ours matches are not even heard.
            assert running.feed.malformed == 12
            assert inside(running.picture, "hall") == before
            assert await console.rows() == {"hall": ("active", 1, 1)}


async def test_more_than_a_reader_should_hear_at_once_is_a_new_epoch(
    nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_module, "MOST_AT_ONCE", 20)
    async with party(nats.url) as one, party(nats.url) as watching:
        registry, deployer, console = FakeRegistry(one), Deployer(one), Console(watching)
        registry.places = {f"cam-{number}": "hall" for number in range(100)}
        await deployer.make_buckets()
        await one.link.flush()
        async with publisher(nats.url) as (running, _):
            reader = await console.open("hall")
            epoch = reader.epoch
            running.picture.loading = True
            monkeypatch.setattr(running.feed, "look", lambda: None)
            await asyncio.gather(*(deployer.write(each, "web", Phase.RUNNING) for each in registry.places))
            await until(lambda: running.picture.rollouts.untold == 100, "all were read")
            running.picture.loading = False
            await console.until(lambda: console.keepalives[-1].epoch != epoch, "another epoch is told")
            assert reader.wants_snapshot
            await console.refresh("hall")
            assert all(services == ("web",) for _, services in reader.view.members.values())
            assert console.events == []


async def test_keepalives_tell_that_it_lives_and_where_it_is(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEPALIVE_S", 0.05)
    monkeypatch.setattr(module, "IN_A_KEEPALIVE", 2)
    async with party(nats.url) as one, party(nats.url) as watching:
        registry, console = FakeRegistry(one), Console(watching)
        registry.places = {f"cam-{number}": f"site-{number}" for number in range(5)}
        await one.link.flush()
        async with publisher(nats.url) as (running, _):
            registry.offline("cam-3")
            await console.until(lambda: console.steps("site-3") == ["status"], "it is told")
            count = len(console.keepalives)
            await console.until(lambda: len(console.keepalives) >= count + 6, "two times all of them")
            last = {site: seq for each in console.keepalives[count + 3 :] for site, seq in each.last.items()}
            assert last == {f"site-{number}": 2 * (number == 3) for number in range(5)}
            assert {each.epoch for each in console.keepalives} == {running.picture.sites.epoch}


async def test_what_could_not_be_published_leaves_a_gap_that_is_seen(nats: NatsServer) -> None:
    async with party(nats.url) as one, party(nats.url) as watching:
        registry, console = FakeRegistry(one), Console(watching)
        registry.places = {"cam-1": "hall", "cam-2": "hall"}
        await one.link.flush()
        async with publisher(nats.url) as (running, server):
            await console.open("hall")
            nats.kill()
            await until(lambda: not server.link.is_up, "the broker is gone")
            running.picture.sites.set_online("cam-1", False)
            await until(lambda: running.unpublished > 0, "nobody hears of it")
            nats.start()
            for link in (server.link, watching.link, one.link):
                async with asyncio.timeout(LIMIT_S):
                    await link.up()
            registry.offline("cam-2")
            reader = console.readers["hall"]
            await console.until(lambda: reader.wants_snapshot, "the gap is seen")
            assert reader.lost
            await console.refresh("hall")
            await until(lambda: inside(running.picture, "hall") == reader.view, "it is right again")


async def test_a_bucket_made_anew_is_read_anew(nats: NatsServer) -> None:
    async with party(nats.url) as one, party(nats.url) as watching:
        registry, deployer, console = FakeRegistry(one), Deployer(one), Console(watching)
        registry.places = {"cam-1": "hall", "cam-2": "hall"}
        await deployer.make_buckets()
        for device in registry.places:
            await deployer.write(device, "web", Phase.RUNNING)
        await one.link.flush()
        async with publisher(nats.url):
            reader = await console.open("hall")
            await one.link.jetstream().delete_stream("KV_device-state")
            await deployer.make_buckets()
            deployer._at = 0.0
            await deployer.write("cam-2", "web", Phase.RUNNING)
            await console.until(
                lambda: reader.view.members == {"cam-1": (True, ()), "cam-2": (True, ("web",))}, "only one is left"
            )


async def test_no_consumer_is_left_behind(nats: NatsServer) -> None:
    async with party(nats.url) as one:
        await Deployer(one).make_buckets()
        for _ in range(3):
            async with publisher(nats.url):
                assert consumers(nats) == 3
        await until(lambda: consumers(nats) == 0, "they are taken back")


def consumers(nats: NatsServer) -> int:
    count: int = nats.monitor("jsz")["consumers"]
    return count


async def test_who_has_no_right_learns_nothing_over_the_wire_either(nats: NatsServer) -> None:
    policy = AccessPolicy([Acl(device_id="door-*", visible_to=["ops-*"]), Acl(device_id="*", hidden_from=["x"])])
    async with party(nats.url) as one, party(nats.url) as watching:
        registry, deployer, console = FakeRegistry(one), Deployer(one), Console(watching)
        registry.places = {"cam": "hall", "door-1": "hall", "door-2": "vault"}
        await deployer.make_buckets()
        await one.link.flush()
        async with publisher(nats.url, policy=policy) as (running, _):
            for topology_id in ("hall", "vault", "nowhere"):
                with pytest.raises(rpc.RpcError) as refused:
                    await console.ask("snapshot", topology_id=topology_id, requester_id="x")
                assert refused.value.code == rpc.NOT_PERMITTED
            with pytest.raises(rpc.RpcError) as unknown:
                await console.ask("snapshot", topology_id="vault")
            assert unknown.value.code == -32004
            assert await console.rows() == {"hall": ("active", 1, 1)}
            for device in ("door-1", "door-2"):
                registry.offline(device)
                await deployer.write(device, "web", Phase.RUNNING)
            await deployer.write("cam", "web", Phase.RUNNING)
            await console.until(lambda: len(console.steps("hall")) == 2, "it is told")
            assert sorted(console.steps("hall")) == ["device.cam.service_added", "status"]
            await until(lambda: running.picture.rollouts.untold == 0, "all is settled")
            assert {each.topology_id for each in console.events} == {"hall"}
            assert "door" not in "".join(each.model_dump_json() for each in console.events)

"""Registries that keep their records in a bucket, on a real broker: restarts, replicas, and everything in between."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fleetgui.backend.registry import kept
from fleetgui.backend.registry.keeping import KeepingSettings
from fleetgui.backend.registry.service import RegistryService
from fleetgui.link import streams
from fleetgui.link.buckets import Bucket, BucketConfig
from fleetgui.link.errors import LinkError
from fleetgui.link.messages import Message
from fleetgui.policy.clock import ManualClock
from fleetgui.wire.codec import encode
from tests.backend.links import LIMIT_S, Inbox, Party, party
from tests.backend.processes import until
from tests.backend.registry.samples import call, params, register, result
from tests.nats_server import NatsServer

REGISTRY = "device-connect.t.registry"
DISCOVERY = "device-connect.t.discovery"
MEMORY = KeepingSettings("memory")


@pytest.fixture
def broker() -> Iterator[NatsServer]:
    with NatsServer(jetstream=True) as server:
        yield server


@pytest.fixture(autouse=True)
def leaps_are_no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is advanced by hand, which must not look as if the machine had slept."""
    monkeypatch.setattr("fleetgui.backend.registry.service.DEAF_AFTER_S", 1e9)


class Replica:
    def __init__(self, service: RegistryService, on: Party, clock: ManualClock) -> None:
        self.service = service
        self.party = on
        self.clock = clock

    def ids(self) -> list[str]:
        return [record.device_id for record in self.service.store.fleet("t")]

    def ended(self) -> list[str]:
        return sorted(self.service.store.fleet("t").ended)


@asynccontextmanager
async def registry(
    broker: NatsServer, name: str = "one", *, keeping: KeepingSettings = MEMORY, owner: bool = True
) -> AsyncIterator[Replica]:
    clock = ManualClock()
    async with party(broker.url, name, clock=clock) as on:
        service = RegistryService(
            on.link, clock=clock, tasks=on.tasks, keeping=keeping, owns=lambda _tenant, _device_id: owner
        )
        await service.start()
        await on.link.flush()
        yield Replica(service, on, clock)
        await service.leave()


async def device_of(client: Party, device_id: str = "cam-001") -> dict[str, Any] | None:
    reply = await client.ask(DISCOVERY, call("discovery/getDevice", {"device_id": device_id}))
    found: dict[str, Any] | None = result(reply)["device"]
    return found


def beat(client: Party, device_id: str = "cam-001", **status: Any) -> None:
    client.link.send(f"device-connect.t.{device_id}.heartbeat", encode({"device_id": device_id, "ts": 1.0, **status}))


async def consumers(client: Party) -> int:
    info = await streams.api(client.link, f"STREAM.INFO.KV_{kept.BUCKET}")
    count: int = info["state"]["consumer_count"]
    return count


async def test_a_restart_loses_nothing(broker: NatsServer) -> None:
    async with party(broker.url, "client") as client:
        async with registry(broker) as first:
            for number in range(20):
                result(await client.ask(REGISTRY, register(f"cam-{number:03}")))
            beat(client, "cam-003", battery=17, nested={"a": 1})
            await until(lambda: b'"battery":17' in status_of(first, "cam-003"), "the beat counts")
            before = {device_id: await device_of(client, device_id) for device_id in first.ids()}
            revision = first.service.store.fleet("t").revision
        presence = Inbox(client.link, "device-connect.t.device.*")
        async with registry(broker, "again") as second:
            assert {device_id: await device_of(client, device_id) for device_id in second.ids()} == before
            assert len(before) == 20
            assert second.service.store.fleet("t").revision == revision
            assert presence.messages == []  # nobody left, and nobody came
        assert await consumers(client) == 0


def status_of(replica: Replica, device_id: str) -> bytes:
    found = replica.service.store.get("t", device_id)
    return b"" if found is None else found.status


async def value_of(bucket: Bucket, key: str) -> bytes:
    entry = await bucket.get(key)
    assert entry is not None
    assert entry.value is not None
    return entry.value


async def test_after_a_restart_of_the_broker_too(broker: NatsServer) -> None:
    on_disk = KeepingSettings("file")
    async with party(broker.url, "client") as client, registry(broker, keeping=on_disk) as replica:
        result(await client.ask(REGISTRY, register()))
        broker.restart()
        links = (client.link, replica.party.link)
        await until(lambda: all(link.state.reconnects == 1 for link in links), "both are back")
        result(await client.ask(REGISTRY, register("cam-002")))
        async with registry(broker, "two", keeping=on_disk) as other:
            assert other.ids() == replica.ids() == ["cam-001", "cam-002"]


async def test_replicas_agree_on_who_came_and_who_went(broker: NatsServer) -> None:
    async with (
        party(broker.url, "client") as client,
        registry(broker, "one") as one,
        registry(broker, "two", owner=False) as two,
    ):
        presence = Inbox(client.link, "device-connect.t.device.*")
        await client.link.flush()
        for number in range(30):  # whichever of the two gets it
            result(await client.ask(REGISTRY, register(f"cam-{number:03}", device_ttl=10)))
        assert one.service.counters.registered + two.service.counters.registered == 30
        await until(lambda: len(one.ids()) == len(two.ids()) == 30, "both know all of them")
        for replica in (one, two):
            replica.clock.advance(9)
        beat(client, "cam-007", battery=17)
        await until(lambda: all(b'"battery":17' in status_of(each, "cam-007") for each in (one, two)), "both hear it")
        for replica in (one, two):
            replica.clock.advance(2)
        await until(lambda: one.ids() == two.ids() == ["cam-007"], "the others ended, in both")
        messages = await presence.until(59)
        gone = [message["params"] for subject, message in messages if subject.endswith("offline")]
        assert len(messages) == 59  # each end was announced once, by the one whose word was kept
        assert len({json.dumps(each) for each in gone}) == 29
        assert one.service.counters.expired + two.service.counters.expired == 29
        assert one.ended() == two.ended()
        assert len(one.ended()) == 29


async def test_both_answer_with_the_same_revision(broker: NatsServer) -> None:
    async with party(broker.url, "client") as client, registry(broker, "one") as one, registry(broker, "two") as two:
        for number in range(5):
            result(await client.ask(REGISTRY, register(f"cam-{number}")))
        await until(lambda: len(one.ids()) == len(two.ids()) == 5, "both know all")
        revision = one.service.store.fleet("t").revision
        assert two.service.store.fleet("t").revision == revision
        beat(client, "cam-1", battery=3)
        await until(
            lambda: all(b'"battery":3' in status_of(each, "cam-1") for each in (one, two)),
            "both hear the heartbeat",
        )
        assert {one.service.store.fleet("t").revision, two.service.store.fleet("t").revision} == {revision}


async def test_a_device_that_beats_without_a_record_is_asked_by_its_owner_alone(broker: NatsServer) -> None:
    asked: list[str] = []
    async with (
        party(broker.url, "device") as device,
        registry(broker, "one", owner=False) as one,
        registry(broker, "two") as two,
    ):

        def answer(message: Message) -> bytes:
            asked.append(message.subject)
            return encode({"result": params("cam-001")})

        device.link.serve("device-connect.t.cam-001.cmd", "", answer)
        await device.link.flush()
        beat(device)
        await until(lambda: one.ids() == two.ids() == ["cam-001"], "it is registered again")
        assert (len(asked), one.service.counters.pulls, two.service.counters.pulls) == (1, 0, 1)


async def test_a_registration_that_cannot_be_kept_is_no_registration(broker: NatsServer) -> None:
    async with party(broker.url, "client") as client, registry(broker) as replica:
        presence = Inbox(client.link, "device-connect.t.device.*")
        await streams.api(client.link, f"STREAM.UPDATE.KV_{kept.BUCKET}", _tiny())
        reply = json.loads(await client.ask(REGISTRY, register()))
        assert reply["error"]["code"] == -32000
        assert "register again" in reply["error"]["message"]
        assert (replica.ids(), presence.messages, replica.service.counters.unkept) == ([], [], 1)


def _tiny() -> dict[str, Any]:
    """The bucket with room for nothing."""
    return BucketConfig(kept.BUCKET, storage="memory", max_bytes=1, max_value_bytes=1).as_stream()


async def test_a_bucket_deleted_behind_its_back_is_made_again_and_devices_come_back(broker: NatsServer) -> None:
    async with party(broker.url, "client") as client, registry(broker) as replica:
        client.link.serve("device-connect.t.cam-001.cmd", "", lambda _: encode({"result": params("cam-001")}))
        result(await client.ask(REGISTRY, register()))
        presence = Inbox(client.link, "device-connect.t.device.offline")
        await client.link.flush()
        await streams.api(client.link, f"STREAM.DELETE.KV_{kept.BUCKET}")

        def is_empty() -> bool:
            return replica.ids() == []

        await until(is_empty, "what is not kept any more is not known any more")
        [(_, gone)] = await presence.until(1)  # and whoever follows the announcements knows it too
        assert gone["method"] == "device/offline"
        beat(client)
        await until(lambda: replica.ids() == ["cam-001"], "its heartbeat brings it back")
        bucket = Bucket(client.link, BucketConfig(kept.BUCKET))
        assert await bucket.get("record.t.cam-001") is not None


async def test_entries_that_say_nothing_are_counted_and_harm_nobody(broker: NatsServer) -> None:
    async with party(broker.url, "client") as client, registry(broker) as replica:
        bucket = Bucket(client.link, BucketConfig(kept.BUCKET))
        result(await client.ask(REGISTRY, register()))
        good = await value_of(bucket, "record.t.cam-001")
        chance = random.Random(1)
        for number in range(200):
            value = bytearray(good)
            for _ in range(3):
                value[chance.randrange(len(value))] = chance.randrange(256)
            await bucket.put(f"record.t.evil-{number}", bytes(value))
            await bucket.put(f"status.t.evil-{number}", bytes(value))
        await bucket.put("record.t", b"x")
        await bucket.put("record.t.stolen", good)  # a record under another's key
        result(await client.ask(REGISTRY, register("cam-002")))
        await until(lambda: _malformed(replica) >= 402, "all have been read")
        assert replica.ids() == ["cam-001", "cam-002"]
        async with registry(broker, "two") as other:
            assert other.ids() == ["cam-001", "cam-002"]


def _malformed(replica: Replica) -> int:
    keeper = replica.service._bucket
    assert keeper is not None
    return keeper.malformed


async def test_what_ended_is_forgotten_after_the_retention(broker: NatsServer) -> None:
    short = KeepingSettings("memory", retention_s=60)
    async with party(broker.url, "client") as client, registry(broker, keeping=short) as one:
        for number in range(5):
            result(await client.ask(REGISTRY, register(f"cam-{number}", device_ttl=10)))
        one.clock.advance(11)
        await until(lambda: len(one.ended()) == 5, "they ended")
        enrolment = one.service._enrolment
        await enrolment.forget("t", lambda *_: True, one.clock.wall() - 60, 3)
        assert one.ended() == ["cam-2", "cam-3", "cam-4"]  # the oldest go when there are too many
        await enrolment.forget("t", lambda *_: False, one.clock.wall() + 60, 0)
        assert len(one.ended()) == 3  # another replica's
        await enrolment.forget("t", lambda *_: True, one.clock.wall() + 60, 100)
        assert one.service.store.known_tenants == []
        async with registry(broker, "two") as two:
            assert two.ended() == []


async def test_statuses_are_kept_now_and_then_by_the_owner(broker: NatsServer) -> None:
    async with (
        party(broker.url, "client") as client,
        registry(broker, "one") as one,
        registry(broker, "two", owner=False) as two,
    ):
        bucket = Bucket(client.link, BucketConfig(kept.BUCKET))
        result(await client.ask(REGISTRY, register()))
        await until(lambda: one.ids() == two.ids() == ["cam-001"], "both know it")
        for number in range(10):
            beat(client, battery=number)
        await until(
            lambda: all(b'"battery":9' in status_of(each, "cam-001") for each in (one, two)),
            "both heard it",
        )
        assert await bucket.get("status.t.cam-001") is None
        for replica in (one, two):
            replica.clock.advance(60)
            await replica.service._statuses.write(replica.clock.now())
        assert kept.status_in(await value_of(bucket, "status.t.cam-001")).status["battery"] == 9
        info = await streams.api(client.link, f"STREAM.INFO.KV_{kept.BUCKET}")
        assert info["state"]["last_seq"] == 2  # the record, and one status


async def test_without_jetstream_it_says_so(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleetgui.backend.registry.service.REACH_WITHIN_S", 0.3)
    with pytest.raises(LinkError, match="set REGISTRY_STORAGE=none"):
        async with registry(nats_server):
            pass


async def test_a_device_that_ends_while_nothing_can_be_kept_ends_later(broker: NatsServer) -> None:
    async with party(broker.url, "client") as client, registry(broker) as replica:
        presence = Inbox(client.link, "device-connect.t.device.offline")
        result(await client.ask(REGISTRY, register(device_ttl=10)))
        await streams.api(client.link, f"STREAM.UPDATE.KV_{kept.BUCKET}", _tiny())
        replica.clock.advance(11)
        await until(lambda: replica.service.counters.unkept > 0, "the end was not kept")
        assert (replica.ids(), presence.messages) == (["cam-001"], [])
        roomy = BucketConfig(kept.BUCKET, storage="memory").as_stream()
        await streams.api(client.link, f"STREAM.UPDATE.KV_{kept.BUCKET}", roomy)
        replica.clock.advance(6)
        await presence.until(1)
        await until(lambda: replica.ids() == [], "it is gone")


def test_settings_are_read_from_the_environment() -> None:
    read = KeepingSettings.from_environ
    assert read({}) == KeepingSettings("file", 1, 86_400, 100_000)
    given = {"REGISTRY_STORAGE": " Memory ", "REGISTRY_REPLICAS": "3", "REGISTRY_RETENTION_S": "60"}
    assert read(given) == KeepingSettings("memory", 3, 60, 100_000)
    assert read({"REGISTRY_STORAGE": "none"}).storage == "none"
    assert read({"REGISTRY_STORAGE": "tape", "REGISTRY_REPLICAS": "99"}) == KeepingSettings("file", 5, 86_400, 100_000)


async def test_registering_while_the_other_replica_reads_ends_the_same_everywhere(broker: NatsServer) -> None:
    """Registrations, ends and new replicas all at once, then quiet: every replica holds what the bucket holds."""
    async with party(broker.url, "client") as client, registry(broker, "one") as one:
        chance = random.Random(7)
        ids = [f"cam-{number:03}" for number in range(60)]

        async def storm() -> None:
            for _ in range(10):
                await asyncio.gather(
                    *(client.ask(REGISTRY, register(each, device_ttl=5)) for each in chance.sample(ids, 30))
                )
                one.clock.advance(3)

        async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
            group.create_task(storm())
        async with registry(broker, "two") as two:
            await until(lambda: one.ids() == two.ids() and one.ended() == two.ended(), "they agree")
            everything = {"multi_last": ["$KV.registry.record.>"], "batch": 999}
            batch = await streams.read(client.link, "KV_registry", everything)
            states = {
                kept.parsed(each.subject.removeprefix("$KV.registry."))[1][1]: each.data for each in batch.messages
            }
            over = {device_id for device_id, value in states.items() if kept.kept_in(value).ended_at is not None}
            assert (sorted(states.keys() - over), sorted(over)) == (one.ids(), one.ended())


async def test_where_nothing_more_can_be_kept_a_device_that_ends_makes_room(broker: NatsServer) -> None:
    async with party(broker.url, "client") as client, registry(broker) as replica:
        presence = Inbox(client.link, "device-connect.t.device.offline")
        for number in range(3):
            result(await client.ask(REGISTRY, register(f"cam-{number}", device_ttl=10 if number else 1_000)))
        used = (await streams.api(client.link, f"STREAM.INFO.KV_{kept.BUCKET}"))["state"]["bytes"]
        full = BucketConfig(kept.BUCKET, storage="memory", max_bytes=used).as_stream()
        await streams.api(client.link, f"STREAM.UPDATE.KV_{kept.BUCKET}", full)
        refused = json.loads(await client.ask(REGISTRY, register("cam-9")))["error"]
        assert refused["code"] == -32000
        assert "no room" in refused["message"]
        replica.clock.advance(11)
        await presence.until(2)
        await until(lambda: replica.ids() == ["cam-0"], "both went")
        assert replica.ended() == []
        result(await client.ask(REGISTRY, register("cam-9")))
        bucket = Bucket(client.link, BucketConfig(kept.BUCKET))
        assert await bucket.get("record.t.cam-1") is None
        await until(lambda: replica.ids() == ["cam-0", "cam-9"], "there is room again")


def _tried(replica: Replica, times: int) -> Callable[[], bool]:
    before = replica.service.counters.unkept
    return lambda: replica.service.counters.unkept >= before + times


async def test_a_storm_of_ends_that_cannot_be_kept_is_one_line_of_the_log(
    broker: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with party(broker.url, "client") as client, registry(broker) as replica:
        for number in range(80):
            result(await client.ask(REGISTRY, register(f"cam-{number:02}", device_ttl=10)))
        await streams.api(client.link, f"STREAM.UPDATE.KV_{kept.BUCKET}", _tiny())
        with caplog.at_level("INFO", "fleetgui.backend"):
            for _ in range(4):
                replica.clock.advance(11)
                await until(_tried(replica, 80), "all were tried")
            roomy = BucketConfig(kept.BUCKET, storage="memory").as_stream()
            await streams.api(client.link, f"STREAM.UPDATE.KV_{kept.BUCKET}", roomy)
            replica.clock.advance(11)
            await until(lambda: replica.ids() == [], "they went")
        lines = [each for each in caplog.messages if "the end of leases" in each]
        assert len(lines) == 2
        assert lines[1] == "it is over that the end of leases cannot be kept"

"""A watch tells what a bucket holds, whatever happens to the link, the consumer and the bucket itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from fleetgui.link import streams
from fleetgui.link.buckets import Bucket, BucketConfig
from fleetgui.link.connection import Link
from fleetgui.link.entries import Entry
from fleetgui.link.errors import LinkError
from fleetgui.link.messages import Message
from fleetgui.link.watch import Watch, WatchPhase, WatchSettings
from tests.backend.hostile import send_raw
from tests.link.conftest import Links, until, within
from tests.nats_server import NatsServer

QUICK = WatchSettings(heartbeat=0.3, compare=0.3, max_backoff=0.2, abandoned_after=5.0)
STREAM = "KV_b"


@pytest.fixture
def broker() -> Iterator[NatsServer]:
    server = NatsServer(jetstream=True).start()
    yield server
    server.close()


class Mirror:
    """What a watch has told, as a handler keeps it."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.log: list[str] = []
        self.deletions: list[str] = []

    def read_began(self) -> None:
        self.log.append("read")

    def entry(self, entry: Entry) -> None:
        if entry.value is None:
            self.held.pop(entry.key, None)
            self.deletions.append(entry.key)
        else:
            self.held[entry.key] = entry.value

    def synced(self) -> None:
        self.log.append("synced")


class Rig:
    def __init__(self, bucket: Bucket, mirror: Mirror, watch: Watch, link: Link) -> None:
        self.bucket, self.mirror, self.watch, self.link = bucket, mirror, watch, link

    async def holds(self, wanted: dict[str, bytes]) -> None:
        await until(lambda: self.mirror.held == wanted)

    async def live(self) -> None:
        await until(lambda: self.watch.phase is WatchPhase.LIVE)


Make = Callable[..., Any]


@pytest.fixture
def make(links: Links, broker: NatsServer) -> Make:
    async def rig(
        keys: str = ">",
        before: dict[str, bytes] | None = None,
        *,
        bucket_there: bool = True,
        settings: WatchSettings = QUICK,
    ) -> Rig:
        link = await links.up(broker.url)
        bucket = Bucket(link, BucketConfig("b"))
        if bucket_there:
            await within(bucket.ensure())
        for key, value in (before or {}).items():
            await within(bucket.put(key, value))
        mirror = Mirror()
        return Rig(bucket, mirror, bucket.watch(keys, mirror, settings=settings), link)

    return rig


async def consumers(link: Link) -> int:
    reply = await within(streams.api(link, f"CONSUMER.LIST.{STREAM}"))
    return int(reply["total"])


async def test_an_empty_bucket_is_read_at_once(make: Make) -> None:
    rig = await make()
    await rig.live()
    assert rig.mirror.log == ["read", "synced"]


async def test_what_is_there_comes_first_then_each_change(make: Make) -> None:
    rig = await make(before={"a": b"1", "b": b"2"})
    await within(rig.bucket.put("a", b"3"))
    await rig.live()
    assert rig.mirror.log == ["read", "synced"]
    assert rig.mirror.held == {"a": b"3", "b": b"2"}
    await within(rig.bucket.delete("b"))
    await rig.holds({"a": b"3"})
    assert rig.watch.count == 1


async def test_a_marker_at_the_end_is_the_end_too(make: Make) -> None:
    rig = await make(before={"a": b"1", "b": b"2"})
    await rig.watch.close()
    await within(rig.bucket.delete("b"))
    mirror = Mirror()
    watch = rig.bucket.watch(">", mirror, settings=QUICK)
    await until(lambda: watch.phase is WatchPhase.LIVE)
    assert (mirror.held, mirror.deletions) == ({"a": b"1"}, [])
    await watch.close()


async def test_only_the_keys_that_were_asked_for_come(make: Make) -> None:
    rig = await make("x.*", before={"x.a": b"1", "y.a": b"2"})
    await rig.live()
    await within(rig.bucket.put("y.b", b"3"))
    await within(rig.bucket.put("x.b", b"4"))
    await rig.holds({"x.a": b"1", "x.b": b"4"})


async def test_several_filters(links: Links, make: Make) -> None:
    rig = await make("none", before={"x.a": b"1", "y.a": b"2", "z.a": b"3"})
    mirror = Mirror()
    watch = rig.bucket.watch(["x.*", "y.*"], mirror, settings=QUICK)
    await until(lambda: watch.phase is WatchPhase.LIVE)
    assert mirror.held == {"x.a": b"1", "y.a": b"2"}
    await watch.close()


async def test_a_bucket_that_is_made_later_is_found(make: Make) -> None:
    rig = await make(bucket_there=False)
    await until(lambda: rig.watch.error is not None)
    assert rig.watch.phase is WatchPhase.WAITING
    await within(rig.bucket.ensure())
    await within(rig.bucket.put("a", b"1"))
    await rig.holds({"a": b"1"})
    assert rig.watch.error is None


async def test_after_the_link_dropped_it_goes_on_where_it_was(make: Make) -> None:
    rig = await make(before={"a": b"1", "gone": b"2"})
    await rig.live()
    rig.link.reconnect_now()
    await until(lambda: rig.watch.restarts == 1)
    await within(rig.link.up())
    await within(rig.bucket.put("a", b"3"))
    await within(rig.bucket.delete("gone"))
    await rig.holds({"a": b"3"})
    await rig.live()
    assert rig.mirror.log == ["read", "synced", "synced"]


async def test_a_restarted_broker_loses_no_change(make: Make, broker: NatsServer) -> None:
    rig = await make(before={"a": b"1"})
    await rig.live()
    broker.kill()
    broker.start()
    await within(rig.link.up())

    async def put() -> None:
        while True:
            try:
                await rig.bucket.put("b", b"2")
                return
            except LinkError:  # JetStream is up a little later than the broker
                await asyncio.sleep(0.05)

    await within(put())
    await rig.holds({"a": b"1", "b": b"2"})


async def test_a_bucket_made_anew_is_read_anew(make: Make) -> None:
    rig = await make(before={"a": b"1", "b": b"2"})
    await rig.live()
    await within(streams.api(rig.link, f"STREAM.DELETE.{STREAM}"))
    await within(rig.bucket.ensure())
    await within(rig.bucket.put("b", b"3"))
    await rig.holds({"b": b"3"})
    assert rig.mirror.deletions == ["a"]


async def test_a_bucket_made_anew_under_the_same_keys_and_revisions_is_read_anew(make: Make) -> None:
    """Only when it was made tells it from the one before."""
    rig = await make(before={"a": b"1", "b": b"2"})
    await rig.live()
    await within(streams.api(rig.link, f"STREAM.DELETE.{STREAM}"))
    await within(rig.bucket.ensure())
    await within(rig.bucket.put("a", b"3"))
    await within(rig.bucket.put("b", b"4"))
    await rig.holds({"a": b"3", "b": b"4"})


async def test_a_bucket_made_anew_is_read_anew_also_if_that_fails_the_first_time(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys and revisions are as many as before: only that it was made anew tells that it is another one."""
    rig = await make(before={"a": b"1"}, settings=replace(QUICK, compare=3_600.0))
    await rig.live()
    create, failed, replaced = rig.watch._consumer.create, 0, False

    async def fails_at_first(inbox: str, *, start: int | None) -> bool:
        nonlocal failed
        if not replaced or not failed:
            failed += 1
            raise LinkError("The bucket was deleted once more.")
        made: bool = await create(inbox, start=start)
        return made

    monkeypatch.setattr(rig.watch._consumer, "create", fails_at_first)
    await within(streams.api(rig.link, f"STREAM.DELETE.{STREAM}"))
    await within(rig.bucket.ensure())
    await within(rig.bucket.put("b", b"2"))
    replaced = True
    await rig.holds({"b": b"2"})
    assert failed
    assert rig.mirror.deletions == ["a"]


async def test_a_consumer_that_was_taken_away_is_replaced(make: Make) -> None:
    rig = await make(before={"a": b"1"})
    await rig.live()
    names = (await within(streams.api(rig.link, f"CONSUMER.NAMES.{STREAM}")))["consumers"]
    await within(streams.api(rig.link, f"CONSUMER.DELETE.{STREAM}.{names[0]}"))
    await within(rig.bucket.put("a", b"2"))
    await rig.holds({"a": b"2"})
    assert rig.mirror.log[0:2] == ["read", "synced"]


async def test_a_consumer_that_was_taken_away_is_missed_by_its_silence_alone(make: Make) -> None:
    """Nothing that the bucket says of itself gives it away, and looking at the bucket is no word of the consumer."""
    rig = await make(before={"a": b"1"})
    await rig.live()
    names = (await within(streams.api(rig.link, f"CONSUMER.NAMES.{STREAM}")))["consumers"]
    await within(streams.api(rig.link, f"CONSUMER.DELETE.{STREAM}.{names[0]}"))
    await within(rig.bucket.put("b", b"2"))
    await rig.holds({"a": b"1", "b": b"2"})


async def test_purged_keys_are_noticed(make: Make) -> None:
    rig = await make(before={"a": b"1", "b": b"2", "c": b"3"})
    await rig.live()
    await within(streams.api(rig.link, f"STREAM.PURGE.{STREAM}", {"filter": "$KV.b.b"}))
    await rig.holds({"a": b"1", "c": b"3"})
    await within(streams.api(rig.link, f"STREAM.PURGE.{STREAM}"))
    await rig.holds({})


async def test_a_suspended_broker_is_followed_again(make: Make, broker: NatsServer) -> None:
    rig = await make(before={"a": b"1"})
    await rig.live()
    broker.suspend()
    await until(lambda: rig.watch.phase is WatchPhase.WAITING)
    broker.resume()
    await within(rig.link.up())
    await rig.live()
    await within(rig.bucket.put("a", b"2"))
    await rig.holds({"a": b"2"})


async def test_forged_words_on_the_inbox_change_nothing(make: Make) -> None:
    rig = await make(before={"a": b"1"})
    await rig.live()
    rig.watch._take(_forged("$KV.b.a", ""))
    rig.watch._take(_forged("$KV.b.a", "$JS.ACK.x"))
    await within(rig.bucket.put("b", b"2"))
    await rig.holds({"a": b"1", "b": b"2"})


def _forged(subject: str, reply: str) -> Message:
    return Message(subject, b"forged", reply)


async def test_a_missing_delivery_starts_a_new_consumer(make: Make) -> None:
    rig = await make(before={"a": b"1"})
    await rig.live()
    take = rig.watch._take
    dropped: list[Message] = []

    def drop_one(message: Message) -> None:
        if not dropped and message.headers is None:
            dropped.append(message)
        else:
            take(message)

    for subscription in rig.link._subscriptions:
        if subscription.subject.startswith("_INBOX.fleetgui-watch"):
            subscription._handler = drop_one
    await within(rig.bucket.put("b", b"2"))
    await rig.holds({"a": b"1", "b": b"2"})
    assert len(dropped) == 1
    assert rig.watch.restarts == 1


async def test_a_handler_that_raises_is_reported_and_told_the_rest(make: Make, links: Links) -> None:
    rig = await make()
    await rig.live()
    entry = rig.mirror.entry

    def picky(told: Entry) -> None:
        if told.key == "bad":
            raise RuntimeError("no")
        entry(told)

    rig.mirror.entry = picky
    await within(rig.bucket.put("bad", b""))
    await within(rig.bucket.put("good", b"1"))
    await rig.holds({"good": b"1"})
    assert rig.watch.failed == 1
    assert len(links.reports) == 1
    links.reports.clear()


async def test_a_large_bucket_comes_whole_while_others_write(make: Make) -> None:
    rig = await make()
    await rig.watch.close()
    await within(asyncio.gather(*(rig.bucket.put(f"k{n}", b"x" * 500) for n in range(3000))))
    mirror = Mirror()
    watch = rig.bucket.watch(">", mirror, settings=QUICK)
    await within(asyncio.gather(*(rig.bucket.put(f"k{n}", b"y") for n in range(0, 3000, 7))))
    wanted = {f"k{n}": b"y" if n % 7 == 0 else b"x" * 500 for n in range(3000)}
    await until(lambda: mirror.held == wanted)
    await until(lambda: watch.phase is WatchPhase.LIVE)
    await watch.close()


RAW_ENTRIES = {
    "a status among the headers": b"HPUB $KV.b.odd 23 25\r\nNATS/1.0 503 Nobody\r\n\r\n{}\r\n",
    "headers that are none": b"HPUB $KV.b.odd 12 14\r\n" + 12 * b"\x00" + b"{}\r\n",
    "a key that is no text": b"PUB $KV.b.\xff\xfe 2\r\n{}\r\n",
}


@pytest.mark.parametrize("raw", RAW_ENTRIES.values(), ids=RAW_ENTRIES.keys())
async def test_an_entry_that_is_no_message_is_passed_over_and_comes_once(
    make: Make, broker: NatsServer, raw: bytes
) -> None:
    """It is stored, and delivered again to each consumer that begins before it."""
    rig = await make(before={"a": b"1"})
    await rig.live()
    await asyncio.to_thread(send_raw, broker.port, [raw], 3)
    await within(rig.bucket.put("b", b"2"))
    odd = {} if b"\xff" in raw else {"odd": b"{}"}
    await rig.holds({"a": b"1", "b": b"2"} | odd)
    assert rig.watch.restarts == 0
    assert bool(rig.watch.unreadable) is not bool(odd)
    mirror = Mirror()
    later = rig.bucket.watch(">", mirror, settings=QUICK)
    await until(lambda: later.phase is WatchPhase.LIVE)
    assert mirror.held == rig.mirror.held
    await later.close()


@pytest.mark.parametrize("seed", range(3))
async def test_after_random_faults_it_holds_what_the_bucket_holds(make: Make, seed: int) -> None:
    """The model is the bucket itself, as an independent read of it has it; at the end no consumer is left."""
    chance = random.Random(seed)
    rig = await make()
    for _ in range(60):
        await within(rig.link.up())
        key = f"k{chance.randrange(12)}"
        try:
            match chance.randrange(12):
                case 0:
                    rig.link.reconnect_now()
                case 1:
                    await rig.bucket.delete(key)
                case 2 if chance.random() < 0.3:
                    await streams.api(rig.link, f"STREAM.PURGE.{STREAM}")
                case 3 if chance.random() < 0.3:
                    await streams.api(rig.link, f"STREAM.DELETE.{STREAM}")
                    await rig.bucket.ensure()
                case _:
                    await rig.bucket.put(key, str(chance.random()).encode())
        except LinkError:
            continue  # the link dropped meanwhile: the bucket decides what came of it
    await within(rig.link.up())
    await within(rig.bucket.ensure())
    await within(rig.bucket.put("last", b"1"))
    batch = await within(streams.read(rig.link, STREAM, {"multi_last": ["$KV.b.>"], "batch": 100}))
    wanted = {
        each.subject.removeprefix("$KV.b."): each.data
        for each in batch.messages
        if each.headers.get("KV-Operation") is None
    }
    assert "last" in wanted
    await rig.holds(wanted)
    await rig.watch.close()
    assert await consumers(rig.link) == 0

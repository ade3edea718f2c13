"""What the console says that it costs the fabric is what the broker's own monitoring says of its connection."""

from __future__ import annotations

import gc
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from fleetgui.link.buckets import Bucket, BucketConfig
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.credentials import UserPassword
from fleetgui.link.entries import Entry
from tests.link.conftest import Links, until, within
from tests.nats_server import NatsServer


class Nobody:
    def read_began(self) -> None: ...

    def entry(self, entry: Entry) -> None: ...

    def synced(self) -> None: ...


async def agree(link: Link, server: NatsServer) -> dict[str, Any]:
    """What the broker says of the link's connection, once it is what the link says too."""
    await within(link.flush())

    def ours() -> dict[str, Any]:
        said = link.footprint
        return {
            "subscriptions": said.subscriptions,
            "in_msgs": said.messages_out,
            "out_msgs": said.messages_in,
            "in_bytes": said.bytes_out,
            "out_bytes": said.bytes_in,
        }

    def theirs() -> dict[str, Any]:
        (connection,) = [each for each in server.connections() if each["name"].startswith("test ")]
        return {name: connection[name] for name in ours()}

    await until(lambda: theirs() == ours())
    return theirs()


async def test_subscriptions_and_messages_agree_with_connz(links: Links, nats_server: NatsServer) -> None:
    link = await links.up(nats_server.url)
    assert (await agree(link, nats_server))["subscriptions"] == 1, "the inbox of requests"
    made = [link.subscribe(f"cost.{number}", lambda message: None) for number in range(5)]
    link.serve("cost.echo", "q", lambda message: message.data)
    for number in range(40):
        link.send(f"cost.{number % 8}", bytes(number))
    for _ in range(10):
        await within(link.request("cost.echo", b"hello", timeout=10))
    said = await agree(link, nats_server)
    assert said["subscriptions"] == 7
    assert said["in_msgs"] == 40 + 10 + 10
    for each in made:
        each.close()
    assert (await agree(link, nats_server))["subscriptions"] == 2
    assert nats_server.monitor("varz")["connections"] == link.footprint.connections == 1
    assert link.footprint.requests == 10


async def test_what_cannot_be_read_was_delivered_too(links: Links, nats_server: NatsServer) -> None:
    link = await links.up(nats_server.url)
    link.subscribe("cost.>", lambda message: None)
    live = link._live
    assert live is not None
    live.client.write(b"PUB cost.\xff 2\r\nhi\r\n")
    link.counters.messages_out += 1
    link.counters.bytes_out += 2
    said = await agree(link, nats_server)
    assert said["out_msgs"] == 1
    assert link.footprint.malformed == 1


async def test_a_subscription_that_is_denied_is_none(links: Links) -> None:
    config = 'authorization { users = [ {user: "a", password: "p", permissions: {subscribe: ["ok.>", "_INBOX.>"]}} ] }'
    with NatsServer(config) as server:
        context = Context(servers=(server.url,), credentials=UserPassword(user="a", password=SecretStr("p")))
        link = await links.up(context)
        denied = link.subscribe("not.ok", lambda message: None)
        link.subscribe("ok.1", lambda message: None)
        await until(lambda: denied.error is not None, link)
        assert (await agree(link, server))["subscriptions"] == 2


async def test_a_watch_is_one_consumer_and_reconnects_leave_one(links: Links) -> None:
    await one_consumer_after(links, 20)


@pytest.mark.soak
async def test_two_hundred_reconnects_leave_one_connection_and_one_consumer(links: Links) -> None:
    process = psutil.Process()
    await one_consumer_after(links, 20)
    gc.collect()
    memory, descriptors = process.memory_info().rss, process.num_fds()
    await one_consumer_after(links, 200)
    gc.collect()
    assert process.memory_info().rss - memory < 20 * 2**20
    assert process.num_fds() == descriptors


async def one_consumer_after(links: Links, reconnects: int) -> None:
    """A watch is one consumer, and as many reconnects leave one; closed, none."""
    with NatsServer(jetstream=True) as server:
        link = await links.up(server.url)
        bucket = Bucket(link, BucketConfig("cost", storage="memory"))
        await within(bucket.ensure())
        watch = bucket.watch(">", Nobody())

        def consumers() -> int:
            said: int = server.monitor("jsz")["consumers"]
            return said

        await until(lambda: link.footprint.consumers == consumers() == 1)
        for number in range(1, reconnects + 1):
            link.reconnect_now()
            await until(lambda number=number: link.state.reconnects == number and link.is_up, link)  # type: ignore[misc]  # bound late otherwise
        await until(lambda: link.footprint.consumers == consumers() == 1)
        assert server.monitor("varz")["connections"] == 1
        await within(watch.close())
        await until(lambda: link.footprint.consumers == consumers() == 0)
        await within(link.close())


async def test_without_a_broker_nothing_is_held(links: Links, nats_server: NatsServer) -> None:
    link = await links.up(nats_server.url)
    link.subscribe("cost", lambda message: None)
    nats_server.kill()
    await until(lambda: not link.is_up, link)
    assert (link.footprint.connections, link.footprint.subscriptions) == (0, 0)

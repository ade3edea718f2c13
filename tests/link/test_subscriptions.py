"""Subscriptions last over reconnects, reach their handler without a queue, and outlive a handler's faults."""

from __future__ import annotations

from fleetgui.link.messages import Message
from fleetgui.policy.states import LinkPhase
from tests.link.conftest import Links, phase, until, within
from tests.nats_server import NatsServer


async def test_made_before_the_link_is_up_and_while_it_is_down(links: Links, nats_server: NatsServer) -> None:
    link = links.make(nats_server.url)
    seen: list[str] = []
    link.subscribe("early.>", lambda message: seen.append(message.subject))
    link.start()
    await within(link.up())
    nats_server.kill()
    await phase(link, LinkPhase.RECONNECTING)
    down = link.subscribe("down.>", lambda message: seen.append(message.subject))
    gone = link.subscribe("gone.>", lambda message: seen.append(message.subject))
    gone.close()
    nats_server.start()
    await within(link.up())
    for subject in ("early.a", "down.a", "gone.a"):
        link.send(subject, b"")
    await within(link.flush())
    assert seen == ["early.a", "down.a"]
    assert down.received == 1


async def test_a_closed_subscription_gets_nothing_more(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    seen: list[bytes] = []
    subscription = link.subscribe("subs.closed", lambda message: seen.append(message.data))
    link.send("subs.closed", b"1")
    await within(link.flush())
    link.send("subs.closed", b"2")
    subscription.close()
    subscription.close()
    await within(link.flush())
    assert seen == [b"1"]
    assert link.footprint.subscriptions == 1  # the inbox


async def test_a_message_carries_what_came(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    seen: list[Message] = []
    link.subscribe("subs.*", seen.append)
    links.clock.advance(5)
    link.send("subs.é", b"\x00\xff", reply="back.here")
    await until(lambda: seen)
    assert seen == [Message("subs.é", b"\x00\xff", "back.here", links.clock.now(), None)]


async def test_order_is_kept_and_nothing_is_lost(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    other = await links.up(shared_nats_server.url)
    seen: list[int] = []
    link.subscribe("subs.order", lambda message: seen.append(int(message.data)))
    await within(link.flush())
    for number in range(20_000):
        await other.publish("subs.order", b"%d" % number)
    await until(lambda: len(seen) >= 20_000)
    assert seen == list(range(20_000))
    assert link.footprint.messages_in == 20_000


async def test_a_queue_group_shares(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    first = link.subscribe("subs.queue", lambda message: None, queue="group")
    second = link.subscribe("subs.queue", lambda message: None, queue="group")
    for _ in range(100):
        link.send("subs.queue", b"")
    await within(link.flush())
    assert first.received + second.received == 100


async def test_a_handler_that_raises_is_counted_reported_and_goes_on(
    links: Links, shared_nats_server: NatsServer
) -> None:
    link = await links.up(shared_nats_server.url)
    seen: list[bytes] = []

    def handler(message: Message) -> None:
        if message.data == b"bad":
            raise ValueError("this one")
        seen.append(message.data)

    subscription = link.subscribe("subs.raises", handler)
    for _ in range(15):
        link.send("subs.raises", b"bad")
    link.send("subs.raises", b"good")
    await until(lambda: seen)
    assert (subscription.received, subscription.failed) == (16, 15)
    assert len(links.reports) == 2  # the 1st and the 10th
    assert link.footprint.handler_failures == 15
    assert link.footprint.malformed == 0
    links.reports.clear()


async def test_a_handler_may_close_its_own_subscription(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    seen: list[bytes] = []

    def once(message: Message) -> None:
        seen.append(message.data)
        subscription.close()

    subscription = link.subscribe("subs.self", once)
    for _ in range(5):
        link.send("subs.self", b"x")
    await within(link.flush())
    assert seen == [b"x"]
    assert link.footprint.handler_failures == 0

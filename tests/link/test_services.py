"""Services answer what they are asked, within bounds, and a request's fault stays its own."""

from __future__ import annotations

import asyncio

import pytest

from fleetgui.link.errors import NoResponders, RequestTimeout, TooLarge
from fleetgui.link.messages import Message
from fleetgui.link.settings import LinkSettings
from tests.link.conftest import Links, asking, until, within
from tests.nats_server import NatsServer


async def test_plain_and_asynchronous_handlers(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)

    async def later(message: Message) -> bytes:
        await asyncio.sleep(0)
        return b"later"

    service = link.serve("services.now", "q", lambda message: b"now")
    link.serve("services.later", "q", later)
    assert await within(link.request("services.now", b"", timeout=5)) == b"now"
    assert await within(link.request("services.later", b"", timeout=5)) == b"later"
    assert service.answered == 1
    assert not any(name.startswith("service") for name in links.tasks.names)


async def test_none_is_no_answer(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    link.serve("services.none", "q", lambda message: None)
    with pytest.raises(RequestTimeout):
        await link.request("services.none", b"", timeout=0.05)


async def test_an_empty_answer_is_an_answer(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    link.serve("services.empty", "q", lambda message: b"")
    assert await within(link.request("services.empty", b"", timeout=5)) == b""


async def test_what_a_handler_raises_can_be_answered(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)

    async def later(message: Message) -> bytes:
        raise RuntimeError("later")

    def now(message: Message) -> bytes:
        raise RuntimeError("now")

    def say(message: Message, error: Exception) -> bytes:
        return f"error: {error}".encode()

    link.serve("services.raises.now", "q", now, on_error=say)
    link.serve("services.raises.later", "q", later, on_error=say)
    assert await within(link.request("services.raises.now", b"", timeout=5)) == b"error: now"
    assert await within(link.request("services.raises.later", b"", timeout=5)) == b"error: later"
    assert len(links.reports) == 2
    links.reports.clear()


async def test_an_answer_that_is_too_large_is_an_error_to_answer(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    link.serve(
        "services.large", "q", lambda message: bytes(2**21), on_error=lambda message, error: repr(error).encode()
    )
    answer = await within(link.request("services.large", b"", timeout=5))
    assert answer.startswith(b"TooLarge")
    assert isinstance(links.reports.pop()[1], TooLarge)


async def test_a_closed_service_is_no_responder(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    link.serve("services.closed", "q", lambda message: b"").close()
    with pytest.raises(NoResponders):
        await within(link.request("services.closed", b"", timeout=5))


async def test_too_many_at_once_wait_in_line_and_then_are_dropped_and_counted(
    links: Links, shared_nats_server: NatsServer
) -> None:
    settings = LinkSettings(max_running_per_service=5, max_waiting_per_service=5)
    link = await links.up(shared_nats_server.url, settings=settings)
    gate = asyncio.Event()
    most = 0

    async def waits(message: Message) -> bytes:
        nonlocal most
        most = max(most, service.running)
        await gate.wait()
        return message.data

    service = link.serve("services.busy", "q", waits)
    asked = [asking(link, "services.busy", b"%d" % n, timeout=0.5) for n in range(12)]
    await until(lambda: service.dropped == 2)
    assert service.running == 5
    gate.set()
    answers = await within(asyncio.gather(*asked, return_exceptions=True))
    assert answers[:10] == [b"%d" % number for number in range(10)]
    assert {type(each) for each in answers[10:]} == {RequestTimeout}
    assert most == 5
    assert link.footprint.dropped == 2


async def test_the_line_is_bounded_by_bytes_too(links: Links, shared_nats_server: NatsServer) -> None:
    settings = LinkSettings(max_running_per_service=1, max_waiting_bytes_per_service=1_500)
    link = await links.up(shared_nats_server.url, settings=settings)
    gate = asyncio.Event()

    async def waits(message: Message) -> bytes:
        await gate.wait()
        return b"%d" % len(message.data)

    service = link.serve("services.heavy", "q", waits)
    asked = [asking(link, "services.heavy", b"x" * 1_000, timeout=0.5) for _ in range(4)]
    await until(lambda: service.dropped == 1)
    gate.set()
    answers = await within(asyncio.gather(*asked, return_exceptions=True))
    assert answers[:3] == [b"1000"] * 3
    assert isinstance(answers[3], RequestTimeout)


async def test_the_service_goes_on_after_a_reconnect(links: Links, nats_server: NatsServer) -> None:
    link = await links.up(nats_server.url)
    link.serve("services.again", "q", lambda message: b"yes")
    nats_server.restart()
    await until(lambda: link.state.reconnects == 1, link)
    assert await within(link.request("services.again", b"", timeout=5)) == b"yes"


async def test_jetstream_over_the_link(links: Links) -> None:
    with NatsServer(jetstream=True) as server:
        link = await links.up(server.url)
        await within(link.jetstream().add_stream(name="S", subjects=["stream.>"]))
        for number in range(10):
            ack = await within(link.jetstream().publish("stream.a", b"%d" % number))
        assert ack.seq == 10
        found = await within(link.jetstream().get_last_msg("S", "stream.a"))
        assert found.data == b"9"
        subscription = await within(link.jetstream().subscribe("stream.>", ordered_consumer=True))
        assert [(await within(subscription.next_msg(5))).data for _ in range(3)] == [b"0", b"1", b"2"]

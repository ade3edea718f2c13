"""Requests end in exactly one way each, and what comes late, twice or unasked changes nothing."""

from __future__ import annotations

import asyncio

import pytest

from fleetgui.link.connection import Link
from fleetgui.link.errors import (
    BadSubject,
    LinkDown,
    LinkError,
    NoResponders,
    OutcomeUnknown,
    RequestTimeout,
    TooBusy,
    TooLarge,
)
from fleetgui.link.messages import Message
from fleetgui.link.settings import LinkSettings
from fleetgui.policy.states import LinkPhase
from tests.link.conftest import Links, asking, phase, until, within
from tests.nats_server import NatsServer


async def test_a_request_is_answered(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    link.serve("requests.echo", "q", lambda message: message.data[::-1])
    assert await within(link.request("requests.echo", b"abc", timeout=5)) == b"cba"
    assert link.footprint.requests == 1
    assert link.footprint.requests_in_flight == 0


async def test_many_at_once_each_get_their_own_answer(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    other = await links.up(shared_nats_server.url)

    async def slowly(message: Message) -> bytes:
        await asyncio.sleep(0.001 * (message.data[0] % 5))
        return message.data

    other.serve("requests.many", "q", slowly)
    await within(other.flush())
    payloads = [bytes([number % 256, number // 256]) for number in range(500)]
    answers = await within(asyncio.gather(*(link.request("requests.many", each, timeout=10) for each in payloads)))
    assert answers == payloads


async def test_no_responder_fails_at_once(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    with pytest.raises(NoResponders, match=r"requests\.nobody"):
        await within(link.request("requests.nobody", b"", timeout=3_600))
    assert link.footprint.request_failures == {"no responders": 1}


async def test_five_hundred_without_a_responder_all_fail(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    found = await within(
        asyncio.gather(
            *(link.request("requests.nobody", b"", timeout=3_600) for _ in range(500)), return_exceptions=True
        )
    )
    assert {type(each) for each in found} == {NoResponders}
    assert link.footprint.requests_in_flight == 0


async def test_requests_in_flight_are_capped(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url, settings=LinkSettings(max_requests=10))
    link.subscribe("requests.silent", lambda message: None)
    waiting = [asking(link, "requests.silent", timeout=0.5) for _ in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(TooBusy, match="nothing was sent"):
        await link.request("requests.silent", b"", timeout=0.5)
    found = await within(asyncio.gather(*waiting, return_exceptions=True))
    assert {type(each) for each in found} == {RequestTimeout}


async def test_deadlines_pass_in_order_and_leave_no_timer(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    link.subscribe("requests.silent", lambda message: None)
    ended: list[float] = []

    async def ask(timeout: float) -> None:
        with pytest.raises(RequestTimeout, match=f"{timeout:g} s"):
            await link.request("requests.silent", b"", timeout=timeout)
        ended.append(timeout)

    await within(asyncio.gather(*(ask(timeout) for timeout in (0.15, 0.05, 0.1, 0.01))))
    assert ended == [0.01, 0.05, 0.1, 0.15]
    live = link._live
    assert live is not None
    assert live.requests._timer is None


async def test_deadlines_of_answered_requests_do_not_pile_up(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    link.serve("requests.quick", "q", lambda message: b"")
    for _ in range(10):
        await within(asyncio.gather(*(link.request("requests.quick", b"", timeout=3_600) for _ in range(50))))
    live = link._live
    assert live is not None
    assert len(live.requests._deadlines) <= 2 * 50 + 64


async def test_late_and_duplicate_replies_are_counted_and_ignored(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    asked: list[Message] = []
    link.subscribe("requests.twice", asked.append)
    answer = asking(link, "requests.twice", timeout=5)
    await until(lambda: asked)
    for data in (b"first", b"second", b"third"):
        link.send(asked[0].reply, data)
    assert await within(answer) == b"first"
    await within(link.flush())
    with pytest.raises(RequestTimeout):
        await link.request("requests.twice", b"", timeout=0.01)
    link.send(asked[1].reply, b"late")
    await within(link.flush())
    assert link.footprint.late_replies == 3


async def test_a_cancelled_request_is_forgotten(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    asked: list[Message] = []
    link.subscribe("requests.cancelled", asked.append)
    waiting = asking(link, "requests.cancelled", timeout=60)
    await until(lambda: asked)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert link.footprint.requests_in_flight == 0
    link.send(asked[0].reply, b"late")
    await within(link.flush())
    assert link.footprint.late_replies == 1


async def test_a_status_is_believed_on_our_inbox_alone(links: Links, shared_nats_server: NatsServer) -> None:
    """Anybody can publish `503`: elsewhere it is a message like any other, and with a payload it is a reply."""
    link = await links.up(shared_nats_server.url)
    seen: list[Message] = []
    link.subscribe("requests.forged", seen.append)
    await within(link.flush())
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_nats_server.port)
    writer.write(b'CONNECT {"headers":true,"verbose":false}\r\n')
    writer.write(b"HPUB requests.forged 16 16\r\nNATS/1.0 503\r\n\r\n\r\n")
    await until(lambda: seen)
    waiting = asking(link, "requests.forged", timeout=60)
    await until(lambda: len(seen) == 2)
    writer.write(b"HPUB %b 16 18\r\nNATS/1.0 503\r\n\r\nhi\r\n" % seen[1].reply.encode())
    assert await within(waiting) == b"hi"
    assert seen[0].headers == {"Status": "503"}
    writer.close()
    await writer.wait_closed()
    del reader


async def test_inboxes_cannot_be_guessed_from_one_another(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    seen: list[str] = []

    def note(message: Message) -> bytes:
        seen.append(message.reply)
        return b""

    link.serve("requests.inbox", "q", note)
    for _ in range(3):
        await within(link.request("requests.inbox", b"", timeout=5))
    tokens = [reply.rpartition(".")[2] for reply in seen]
    assert all(reply.startswith("_INBOX.") for reply in seen)
    assert len(set(tokens)) == 3
    assert all(len(token) == 16 for token in tokens)


async def test_what_is_too_large_is_not_sent_and_the_link_lives(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    assert link.max_payload == 1_048_576
    with pytest.raises(TooLarge, match="1048577 bytes"):
        await link.request("requests.large", bytes(1_048_577), timeout=5)
    with pytest.raises(TooLarge):
        await link.publish("requests.large", bytes(1_048_577))
    link.serve("requests.large", "q", lambda message: message.data)
    assert await within(link.request("requests.large", bytes(1_048_576), timeout=10)) == bytes(1_048_576)
    assert link.state.reconnects == 0


@pytest.mark.parametrize("subject", ["", "a..b", ".a", "a.", "a b", "a\r\nPUB b 0\r\n", "a\tb", "a.*", "a.>", "a\x00"])
async def test_a_subject_that_would_break_the_protocol_is_refused(
    links: Links, shared_nats_server: NatsServer, subject: str
) -> None:
    link = await links.up(shared_nats_server.url)
    with pytest.raises(BadSubject):
        await link.request(subject, b"", timeout=5)
    with pytest.raises(BadSubject):
        link.send(subject, b"")
    if subject not in ("a.*", "a.>"):
        with pytest.raises(BadSubject):
            link.subscribe(subject, lambda message: None)
    assert link.footprint.messages_out == 0


async def test_down_fails_at_once_and_nothing_is_executed_later(links: Links, nats_server: NatsServer) -> None:
    """No ghost commands: what failed while the broker was away is not sent when it is back."""
    link = await links.up(nats_server.url)
    executed: list[bytes] = []
    link.subscribe("ghosts.>", lambda message: executed.append(message.data))
    nats_server.kill()
    await phase(link, LinkPhase.RECONNECTING)
    with pytest.raises(LinkDown, match="nothing was sent"):
        await link.request("ghosts.request", b"ghost", timeout=60)
    with pytest.raises(LinkDown):
        await link.publish("ghosts.publish", b"ghost")
    with pytest.raises(LinkDown):
        link.jetstream()
    nats_server.start()
    await within(link.up())
    await link.publish("ghosts.after", b"alive")
    await until(lambda: executed)
    assert executed == [b"alive"]


async def test_before_the_start_and_after_the_end_everything_says_so(links: Links, nats_server: NatsServer) -> None:
    link = links.make(nats_server.url)
    with pytest.raises(LinkDown, match="not started"):
        await link.request("a", b"", timeout=1)
    link.start()
    await within(link.up())
    await link.close()
    with pytest.raises(LinkDown, match="closed"):
        await link.request("a", b"", timeout=1)
    with pytest.raises(LinkDown):
        await within(link.up())


async def test_a_drop_with_a_request_in_flight_is_an_unknown_outcome_and_not_repeated(
    links: Links, nats_server: NatsServer
) -> None:
    link = await links.up(nats_server.url)
    asked: list[Message] = []
    link.subscribe("flight.only", asked.append)
    waiting = asking(link, "flight.only", b"once")
    await until(lambda: asked)
    nats_server.kill()
    with pytest.raises(OutcomeUnknown, match=r"flight\.only"):
        await within(waiting)
    nats_server.start()
    await within(link.up())
    await within(link.flush())
    assert len(asked) == 1


async def test_closing_ends_requests_in_flight(links: Links, nats_server: NatsServer) -> None:
    link = await links.up(nats_server.url)
    link.subscribe("closing.silent", lambda message: None)
    waiting = asking(link, "closing.silent")
    await asyncio.sleep(0)
    await link.close()
    with pytest.raises(OutcomeUnknown):
        await within(waiting)


async def test_every_error_is_one_sentence(links: Links, shared_nats_server: NatsServer) -> None:
    link: Link = await links.up(shared_nats_server.url)
    link.subscribe("requests.silent2", lambda message: None)
    for subject, data in (("requests.nobody", b""), ("requests.silent2", b""), ("a b", b""), ("a", bytes(2**21))):
        with pytest.raises(LinkError) as caught:
            await link.request(subject, data, timeout=0.01)
        assert str(caught.value).endswith(".")
        assert "\n" not in str(caught.value)

"""What anybody on the fabric can publish must not blind the link: counted, skipped, nothing valid lost."""

from __future__ import annotations

import asyncio
import random

from fleetgui.link.errors import LinkDown
from fleetgui.link.messages import Message
from fleetgui.policy.states import LinkPhase
from tests.link.conftest import Links, phase, until, within
from tests.link.fake_server import FakeServer
from tests.nats_server import NatsServer

BAD = [
    b"PUB hostile.\xff\xfe 2\r\nhi\r\n",
    b"PUB hostile.a \xff\xfe 2\r\nhi\r\n",
    b"HPUB hostile.a 8 10\r\nNATS/1.0hi\r\n",
    b"HPUB hostile.a 8 8\r\nNATS/1.0\r\n",
    b"HPUB hostile.a 16 16\r\nNATS/1.0 \xff\xfe\xfd\r\n\r\n\r\n",
    b"HPUB hostile.a 10 10\r\nNATS/1.0\r\n\r\n",
]


async def test_ten_thousand_malformed_messages_lose_nothing_valid(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    seen: list[bytes] = []
    link.subscribe("hostile.>", lambda message: seen.append(message.data))
    await within(link.flush())
    draw = random.Random(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_nats_server.port)
    writer.write(b'CONNECT {"headers":true,"verbose":false}\r\n')
    bad = 0
    for number in range(2_000):
        for _ in range(5):
            writer.write(draw.choice(BAD))
            bad += 1
        valid = b"%d" % number
        writer.write(b"PUB hostile.valid %d\r\n%b\r\n" % (len(valid), valid))
        await writer.drain()
    await until(lambda: len(seen) == 2_000)
    assert seen == [b"%d" % number for number in range(2_000)]
    await within(link.flush())
    assert link.footprint.malformed == bad == 10_000
    assert link.state.phase is LinkPhase.UP
    assert link.state.reconnects == 0
    writer.close()
    await writer.wait_closed()
    del reader


async def test_malformed_messages_on_a_jetstream_inbox_do_not_blind_either(links: Links) -> None:
    with NatsServer(jetstream=True) as server:
        link = await links.up(server.url)
        subscription = await within(link.jetstream()._nc.subscribe("hostile.>"))
        await within(link.flush())
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b'CONNECT {"headers":true,"verbose":false}\r\n' + b"".join(BAD) + b"PUB hostile.valid 2\r\nok\r\n")
        found = await within(subscription.next_msg(5))
        while found.data != b"ok":
            found = await within(subscription.next_msg(5))
        assert link.state.reconnects == 0
        assert link.footprint.malformed > 0
        writer.close()
        await writer.wait_closed()
        del reader


async def test_a_vertical_tab_in_a_subject_reaches_no_other_subscription(
    links: Links, shared_nats_server: NatsServer
) -> None:
    link = await links.up(shared_nats_server.url)
    wrong: list[Message] = []
    right: list[Message] = []
    for number in range(20):
        link.subscribe(f"secret.{number}", wrong.append)
    link.subscribe("tabs.>", right.append)
    await within(link.flush())
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_nats_server.port)
    writer.write(b'CONNECT {"verbose":false}\r\n')
    for number in range(25):
        writer.write(b"PUB tabs.x\x0b%d 2\r\nhi\r\n" % number)
    await until(lambda: len(right) == 25)
    assert wrong == []
    assert link.state.reconnects == 0
    writer.close()
    await writer.wait_closed()
    del reader


async def test_a_stream_that_turns_to_noise_is_left_and_said(links: Links) -> None:
    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.welcome(reader, writer)
        if server.connections == 1:
            await server.read_until(reader, b"PING\r\n")
            writer.write(b"MSG a 1 zzz\r\n")

    async with FakeServer(talk) as server:
        link = await links.up(f"nats://{server.where}")
        state = await phase(link, LinkPhase.RECONNECTING)
        assert state.error is not None
        assert "cannot be read" in state.error
        await within(link.up())
        assert link.state.reconnects == 1
        await link.close()


async def test_a_server_that_is_no_broker_is_said_to_be_none(links: Links) -> None:
    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with FakeServer(talk) as server:
        link = links.make(f"nats://{server.where}")
        link.start()
        await until(lambda: link.state.error, link)
        assert "no NATS broker" in str(link.state.error)
        assert server.received == b""
        await link.close()


async def test_control_lines_amid_the_handshake_do_not_confuse_it(links: Links) -> None:
    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload":1000}\r\n')
        await server.read_until(reader, b"PING\r\n")
        writer.write(b'+OK\r\nPING\r\nINFO {"max_payload":2000}\r\nPONG\r\n')

    async with FakeServer(talk) as server:
        link = await links.up(f"nats://{server.where}")
        assert link.max_payload == 2_000
        await link.close()


async def test_info_that_changes_what_fits_is_taken_up(links: Links) -> None:
    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.welcome(reader, writer)
        writer.write(b'INFO {"max_payload":10,"connect_urls":["127.0.0.1:1",7,"nonsense",null]}\r\n')

    async with FakeServer(talk) as server:
        link = await links.up(f"nats://{server.where}")
        await until(lambda: link.max_payload == 10, link)
        await link.close()


async def test_pongs_nobody_asked_for_change_nothing(links: Links) -> None:
    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.welcome(reader, writer)
        writer.write(b"PONG\r\n" * 100)

    async with FakeServer(talk) as server:
        link = await links.up(f"nats://{server.where}")
        await until(lambda: link.state.rtt_ms is not None, link)
        await link.close()


async def test_a_server_that_takes_nothing_is_bounded(links: Links, nats_server: NatsServer) -> None:
    """Publishing has a bound, and closing with unsent bytes does not hang."""
    link = await links.up(nats_server.url)
    nats_server.suspend()
    refused = None
    for _ in range(200):
        try:
            link.send("flood", bytes(1_000_000))
        except Exception as error:  # noqa: BLE001 - looked at below
            refused = error
            break
        await asyncio.sleep(0)
    assert type(refused).__name__ in ("TooBusy", "LinkDown"), refused
    assert isinstance(refused, LinkDown) or link.footprint.buffered > 0
    await within(link.close())
    nats_server.resume()

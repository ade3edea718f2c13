"""The reader hands out every message whole, however the stream is cut, and is never blinded by one of them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.link.reader import MAX_LINE, MAX_PAYLOAD, ProtocolViolation, Reader


class Sink:
    def __init__(self) -> None:
        self.routes: dict[int, Callable[[bytes, bytes, bytes, bytes], None]] = {1: self._take}
        self.messages: list[tuple[bytes, bytes, bytes, bytes]] = []
        self.library: list[tuple[int, bytes]] = []
        self.told: list[str] = []
        self.bad = 0

    def _take(self, subject: bytes, reply: bytes, header: bytes, payload: bytes) -> None:
        subject.decode()
        self.messages.append((subject, reply, header, payload))

    def malformed(self, why: Exception) -> None:
        self.bad += 1

    async def message_for_library(self, sid: int, subject: bytes, reply: bytes, payload: bytes, header: bytes) -> None:
        self.library.append((sid, payload))

    def ping(self) -> None:
        self.told.append("ping")

    def pong(self) -> None:
        self.told.append("pong")

    def info(self, line: bytes) -> None:
        self.told.append(f"info{line.decode()}")

    def error(self, text: str) -> None:
        self.told.append(f"error {text}")


async def read(*chunks: bytes) -> Sink:
    sink = Sink()
    reader = Reader(sink)
    for chunk in chunks:
        await reader.parse(chunk)
    return sink


async def test_messages_with_and_without_reply_and_headers() -> None:
    sink = await read(
        b"MSG a.b 1 5\r\nhello\r\n"
        b"MSG a.b 1 _INBOX.x 0\r\n\r\n"
        b"HMSG a.b 1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n"
        b"HMSG a.b 1 r 12 12\r\nNATS/1.0\r\n\r\n\r\n"
    )
    assert sink.messages == [
        (b"a.b", b"", b"", b"hello"),
        (b"a.b", b"_INBOX.x", b"", b""),
        (b"a.b", b"", b"NATS/1.0\r\n\r\n", b"hello"),
        (b"a.b", b"r", b"NATS/1.0\r\n\r\n", b""),
    ]


async def test_control_lines() -> None:
    sink = await read(b"PING\r\nPONG\r\n+OK\r\nINFO {}\r\n-ERR 'Stale Connection'\r\n-ERR\r\n")
    assert sink.told == ["ping", "pong", "info {}", "error Stale Connection", "error "]


STREAM = (
    b"MSG a 1 3\r\nabc\r\nPING\r\nHMSG b 1 _INBOX.9 12 15\r\nNATS/1.0\r\n\r\nxyz\r\n"
    b"MSG \xff\xfe 1 4\r\n\r\n\r\n\r\nMSG c 7 2\r\nli\r\nMSG d 1 70\r\n" + b"MSG e 1 5\r\n" * 6 + b"1234\r\nPONG\r\n"
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
async def test_it_does_not_matter_where_the_stream_is_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    sink = await read(*(STREAM[a:b] for a, b in itertools.pairwise(places)))
    assert [message[0] for message in sink.messages] == [b"a", b"b", b"d"]
    assert sink.bad == 1
    assert sink.library == [(7, b"li")]
    assert sink.told == ["ping", "pong"]


async def test_a_large_payload_in_small_pieces_is_one_message() -> None:
    payload = bytes(range(256)) * 8_000
    whole = b"MSG big 1 %d\r\n%b\r\nPING\r\n" % (len(payload), payload)
    sink = await read(*(whole[at : at + 1_000] for at in range(0, len(whole), 1_000)))
    assert sink.messages == [(b"big", b"", b"", payload)]
    assert sink.told == ["ping"]


@pytest.mark.parametrize("space", [b"\x0b", b"\x0c", b"\xc2\xa0", b"\x1c"])
async def test_other_white_space_in_a_subject_moves_no_field(space: bytes) -> None:
    """nats-py's pattern splits there, so that `x\\v7` reaches subscription 7."""
    sink = await read(b"MSG x%b7 1 2\r\nhi\r\nMSG y 1 2\r\nho\r\n" % space)
    assert [message[0] for message in sink.messages] == [b"x%b7" % space, b"y"]
    assert sink.library == []


@pytest.mark.parametrize(
    "stream",
    [
        b"MSG a 1\r\n",
        b"MSG a one 1\r\nx\r\n",
        b"MSG a 1 r s 1\r\nx\r\n",
        b"MSG a 1 -1\r\n\r\n",
        b"MSG a 1 %d\r\n" % (MAX_PAYLOAD + 1),
        b"HMSG a 1 20 10\r\n0123456789\r\n",
        b"MSG a 1 3\r\nabcd\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"x" * (MAX_LINE + 1),
    ],
)
async def test_a_stream_that_is_not_nats_is_a_violation(stream: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        await read(stream)


@given(st.binary(max_size=300))
async def test_no_bytes_raise_anything_else(stream: bytes) -> None:
    with contextlib.suppress(ProtocolViolation):
        await read(b"MSG a 1 1\r\nx\r\n" + stream)

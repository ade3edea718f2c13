"""What nobody sane would send, made from what somebody would: the raw material of `test_hostile`.

Everything is derived from a valid message or fixed, and seeded, so that a failure can be repeated.
"""

from __future__ import annotations

import copy
import json
import random
import socket
from collections.abc import Iterator
from typing import Any, Final

WRONG: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 1.5, 2**63, -(2**63) - 1, 1e308, "", "x", "\x00\x1b[31m\u202e", "9" * 400, [], [[]], [None], {},
    {"": {}}, {"a": [1]},
)  # fmt: skip
"""Values of which nearly all are of the wrong type, wherever they are put."""

DEEP: Final = 100_000

HOSTILE_IDS: Final = (
    "", " ", "a b", "a\tb", "a\nb", "\x00", "a\x00b", "\x1b[2J", "\u202egnp.exe", "\u200b", "\ufeff", "a.b", "..", ".a",
    "*", ">", "a.*", "a.>", "device-connect.t.registry", "$KV.registry.x", "$JS.API.STREAM.DELETE.x", "_INBOX.x",
    "../../etc", "%s%n", "{}", "'; DROP TABLE", "<img src=x>", "=1+1", "é", "e\u0301", "日本", "😀", "\U0010ffff",
    "a" * 256, "x" * 10_000, "=2E", "a=XX", "a/b", "a\\b", '"', "'", "\x7f", "\x85", "NUL", "nul\r\nPUB x 0\r\n\r\n",
    "device", "gateway", "topology", "registry", "discovery", "broadcast",
)  # fmt: skip


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of each value in a JSON document, its root's included."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from paths(child, (*at, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of `value` in which `new` stands at `path`."""
    if not path:
        return new
    changed = copy.deepcopy(value)
    parent = changed
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = new
    return changed


def wrong_types(message: Any) -> Iterator[bytes]:
    """`message` with every wrong value in every place, and with every member missing."""
    for path in paths(message):
        for wrong in WRONG:
            yield json.dumps(replaced(message, path, wrong)).encode()
        if path and isinstance(path[-1], str):
            missing = copy.deepcopy(message)
            parent = missing
            for step in path[:-1]:
                parent = parent[step]
            del parent[path[-1]]
            yield json.dumps(missing).encode()


def bad_json(message: Any) -> Iterator[bytes]:
    """What no JSON document may hold, or no reader should have to: alone, and in each place of `message`."""
    pieces = [
        b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 5000, b"-" + b"9" * 5000, b"0." + b"1" * 5000,
        b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"\x00"', b"[" * DEEP, b'{"a":' * DEEP,
        b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP, b"", b",", b"\xef\xbb\xbf{}", b"'x'", b"01",
        b'{"id":1,"id":2,"method":"x","method":"y"}', b'{"device_id":"a","device_id":"b"}',
        b'"' + b"x" * 300_000 + b'"',
    ]  # fmt: skip
    yield from pieces
    mark = "\u2620"
    for path in paths(message):
        text = json.dumps(replaced(message, path, mark), ensure_ascii=False).encode()
        for piece in pieces:
            yield text.replace(json.dumps(mark, ensure_ascii=False).encode(), piece)
    text = json.dumps(message).encode()
    for length in range(0, len(text), max(1, len(text) // 40)):
        yield text[:length]
    for codec in ("utf-16", "utf-32", "utf-16-le"):
        yield json.dumps(message).encode(codec)


def mutated(seeds: list[bytes], count: int, seed: int) -> Iterator[tuple[int, bytes]]:
    """`count` mutations of (the index of, and) one of `seeds`, always the same for the same `seed`."""
    chance = random.Random(seed)
    tokens = (
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b"null",
        b"1e999",
        b"-1",
        b"\xff",
        b"\x00",
        b"\\ud800",
        b"99999999999999999999",
    )
    for _ in range(count):
        which = chance.randrange(len(seeds))
        data = bytearray(seeds[which])
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            at = chance.randrange(len(data) + 1)
            end = min(len(data), at + chance.randrange(1, 12))
            match chance.randrange(6):
                case 0:
                    data[at:end] = b""
                case 1:
                    data[at:at] = chance.choice(tokens)
                case 2:
                    data[at:end] = bytes(chance.randrange(256) for _ in range(end - at))
                case 3:
                    data[at:at] = data[at:end] * chance.randrange(1, 4)
                case 4 if data and at < len(data):
                    data[at] ^= 1 << chance.randrange(8)
                case _:
                    other = chance.choice(seeds)
                    data[at:end] = other[chance.randrange(len(other)) :][: end - at]
        yield which, bytes(data)


def malformed_frames(subject: bytes) -> list[bytes]:
    """Publications on `subject` (and near it) that a broker passes on, and that blind a careless client."""
    token = subject.split(b".")
    frames = [
        b"PUB " + b".".join([token[0], b"\xff\xfe", *token[2:]]) + b" 2\r\n{}\r\n",
        b"PUB " + b".".join([token[0], b"\xed\xa0\x80", *token[2:]]) + b" inbox.x 2\r\n{}\r\n",
        b"PUB " + subject + b" \xff\xfe.reply 2\r\n{}\r\n",
        b"PUB " + subject + b" inbox.\x80 0\r\n\r\n",
    ]
    for block in (
        b"NATS/1.0",
        b"NATS/1.0\r\n\r\n",
        b"NATS/1.0 \xff\xfe\r\n\r\n",
        b"NATS/1.0 503\r\n\r\n",
        b"NATS/1.0 100 Idle\r\n\r\n",
        b"NATS/1.0\r\n\xff: \xfe\r\n\r\n",
        b"NATS/1.0\r\nno colon\r\n\r\n",
        b"NATS/1.0\r\n: empty\r\n\r\n",
        b"NATS/9.9\r\n\r\n",
        b"\x00" * 12,
        b"NATS/1.0\r\na: " + b"b" * 60_000 + b"\r\n\r\n",
        b"NATS/1.0\r\n" + b"k: v\r\n" * 5_000 + b"\r\n",
    ):
        head, total = str(len(block)).encode(), str(len(block) + 2).encode()
        frames.append(b"HPUB " + subject + b" inbox.x " + head + b" " + total + b"\r\n" + block + b"{}\r\n")
    return frames


def send_raw(port: int, frames: list[bytes], times: int) -> None:
    """Publish `frames` `times` over from a connection of its own; returns once the broker has read them all."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        reader = connection.makefile("rb")
        assert reader.readline().startswith(b"INFO")
        connection.sendall(b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":false}\r\n')
        for _ in range(times):
            connection.sendall(b"".join(frames))
        connection.sendall(b"PING\r\n")
        while (line := reader.readline()) and not line.startswith(b"PONG"):
            assert not line.startswith(b"-ERR"), line
        assert line

"""The broker's byte stream taken apart: runs on the loop, in the read path, once for every byte that arrives.

It stands in for nats-py's own parser, for three reasons. That one splits control lines at any white space, so that a
vertical tab in somebody's subject shifts its fields: the message reaches another subscription, or ends the connection.
It raises on a bare `-ERR`. And it needs a regular expression, two copies and a queue for each message, where handlers
that only put something away can be called directly.

What one message does wrong (`ValueError`) is counted and skipped, since its length is known; what the stream does
wrong (`ProtocolViolation`) ends the connection, since nothing after it can be trusted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

MAX_LINE: Final = 1024 * 1024
"""Bytes of one control line. Brokers of large clusters list every server in INFO; nobody sends a megabyte of it."""

MAX_PAYLOAD: Final = 64 * 1024 * 1024
"""The most that a broker can be configured to pass on in one message."""


class ProtocolViolation(Exception):
    """The stream is not NATS any more. The text is for people."""


class Sink(Protocol):
    """What the reader tells. All but `message_for_library` return at once."""

    routes: dict[int, Callable[[bytes, bytes, bytes, bytes], None]]
    """By subscription id: called with subject, reply, header block and payload; may raise `ValueError`."""

    def malformed(self, why: Exception) -> None: ...

    def message_for_library(
        self, sid: int, subject: bytes, reply: bytes, payload: bytes, header: bytes
    ) -> Awaitable[None]: ...

    def ping(self) -> None: ...

    def pong(self) -> None: ...

    def info(self, line: bytes) -> None: ...

    def error(self, text: str) -> None: ...


class Reader:
    """Feed it what was read with `parse`; `reset` forgets a half message. (The names are nats-py's.)"""

    def __init__(self, sink: Sink) -> None:
        self.messages = 0
        """Messages read, those that cannot be understood too: what the broker says it has delivered."""
        self.bytes = 0
        """Bytes of their headers and payloads."""
        self._sink = sink
        self.reset()

    def reset(self) -> None:
        self._parts: list[bytes] = []
        self._have = 0
        self._want = 0

    async def parse(self, data: bytes) -> None:
        """Take in `data`; tells the sink of everything that is complete. Raises `ProtocolViolation`."""
        if self._parts:
            # The rest of something long: joined once, when there is enough of it.
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._want:
                return
            data = b"".join(self._parts)
            self._parts.clear()
        position = 0
        size = len(data)
        while position < size:
            end = data.find(b"\r\n", position)
            if end < 0:
                if size - position > MAX_LINE:
                    raise ProtocolViolation(f"the broker sent {size - position} bytes without an end of line")
                self._keep(data, position, size - position + 1)
                return
            line = data[position:end]
            if line.startswith((b"MSG ", b"HMSG ")):
                position = await self._message(data, line, position, end + 2)
                if position < 0:
                    return
            else:
                self._control(line)
                position = end + 2

    def _keep(self, data: bytes, position: int, want: int) -> None:
        rest = data[position:]
        self._parts.append(rest)
        self._have = len(rest)
        self._want = want

    async def _message(self, data: bytes, line: bytes, start: int, body: int) -> int:
        """The message whose control line ends before `body`; returns where the next begins, -1 when more is needed."""
        fields = line.split(b" ")
        try:
            sizes = 1 if line.startswith(b"M") else 2
            subject, sid = fields[1], int(fields[2])
            if len(fields) == sizes + 3:
                reply = b""
            elif len(fields) == sizes + 4:
                reply = fields[3]
            else:
                raise ValueError(line)
            total = int(fields[-1])
            head = int(fields[-2]) if sizes == 2 else 0
        except (ValueError, IndexError):
            raise ProtocolViolation(f"the broker sent a message line that cannot be read: {line[:80]!r}") from None
        if not 0 <= head <= total <= MAX_PAYLOAD:
            raise ProtocolViolation(f"the broker announced a message of {total} bytes with {head} bytes of headers")
        after = body + total + 2
        if len(data) < after:
            self._keep(data, start, after - start)
            return -1
        if data[after - 2 : after] != b"\r\n":
            raise ProtocolViolation("the broker sent a message that does not end where it should")
        self.messages += 1
        self.bytes += total
        header = data[body : body + head]
        payload = data[body + head : after - 2]
        route = self._sink.routes.get(sid)
        if route is None:
            await self._sink.message_for_library(sid, subject, reply, payload, header)
        else:
            try:
                route(subject, reply, header, payload)
            except ValueError as error:
                self._sink.malformed(error)
        return after

    def _control(self, line: bytes) -> None:
        operation = line[:4].upper()
        if operation == b"PING":
            self._sink.ping()
        elif operation == b"PONG":
            self._sink.pong()
        elif operation == b"INFO":
            self._sink.info(line[4:])
        elif operation == b"-ERR":
            self._sink.error(line[4:].decode("utf-8", "replace").strip().strip("'"))
        elif line and not line.upper().startswith(b"+OK"):
            raise ProtocolViolation(f"the broker sent {line[:40]!r}, which is not NATS")

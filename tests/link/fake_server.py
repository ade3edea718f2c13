"""A TCP server that says what a test tells it to, for what no real broker would say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

INFO = b'INFO {"server_id":"fake","version":"2.12.0","headers":true,"max_payload":1048576}\r\n'

Conversation = Callable[["FakeServer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class FakeServer:
    """`received` is every byte that clients sent; `connections` how many came."""

    def __init__(self, conversation: Conversation) -> None:
        self.received = b""
        self.connections = 0
        self.port = 0
        self._conversation = conversation
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def where(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def read_until(self, reader: asyncio.StreamReader, end: bytes) -> bytes:
        """What comes, up to and with `end`, or up to the end of the connection."""
        got = b""
        while end not in got and (more := await reader.read(65_536)):
            got += more
            self.received += more
        return got

    async def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet and accept as a broker does: returns when the client's first ping was answered."""
        writer.write(INFO)
        await self.read_until(reader, b"PING\r\n")
        writer.write(b"PONG\r\n")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            await self._conversation(self, reader, writer)
            await self.read_until(reader, b"never")
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)
        if self._server is not None:
            await self._server.wait_closed()

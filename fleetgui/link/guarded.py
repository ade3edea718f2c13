"""One connection to one broker: nats-py's client, used once, with what is known to go wrong in it guarded.

What is ours: the handshake (never a credential over a stream that should be encrypted and is not), the reader (never
blinded by a message), the pings (which measure), writing (coalesced per turn of the loop, bounded), and the end: a
connection ends once, with a reason, told at once by `lost`. It never reconnects by itself: `link.connection` builds the
next one, so that there is one place that knows about backoff, refusals and what has to be subscribed again.

What stays nats-py's: opening the transport, signing, and all of JetStream. The attributes with a leading underscore
are nats-py's own names; it is pinned to one minor version because of them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, cast

from nats.aio.client import Client
from nats.aio.transport import TcpTransport
from pydantic import SecretStr

from fleetgui.link.credentials import Proof
from fleetgui.link.errors import Refused
from fleetgui.link.footprint import Counters
from fleetgui.link.reader import ProtocolViolation, Reader
from fleetgui.link.servers import Server

READ_BYTES: Final = 64 * 1024
"""Read at once. A turn of the loop takes in at most twice this, so a flood cannot hold the loop for longer."""

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


@dataclass(frozen=True)
class Listener:
    """Whom a connection tells: plain functions on the loop, which must not raise."""

    heard: Callable[[], None]
    lost: Callable[[Exception], None]
    denied: Callable[[str], None]
    measured: Callable[[float], None]
    info: Callable[[dict[str, Any]], None]
    failed: Callable[[str, BaseException], None]


class TlsRefused(Refused):
    """The broker offers no TLS where TLS was asked for; nothing secret was sent."""


class GuardedClient(Client):
    """Use: `await open(...)`, `routes[sid] = function` and `write(...)`, then `abort()` after `close()` or instead."""

    def __init__(
        self,
        spawn: Spawn,
        listener: Listener,
        counters: Counters,
        *,
        ping_interval: float,
        max_outstanding_pings: int,
        max_buffered: int,
    ) -> None:
        super().__init__()
        self.routes: dict[int, Callable[[bytes, bytes, bytes, bytes], None]] = {}
        self.counters = counters
        self._ping_seconds = ping_interval
        self._max_pings = max_outstanding_pings
        self._parser = Reader(self)
        self._ps = self._parser  # type: ignore[assignment]  # it has the two methods that nats-py calls
        self._spawn = spawn
        self._listener = listener
        self._max_buffered = max_buffered
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._pings_sent: deque[tuple[float, asyncio.Future[float] | None]] = deque()
        self._encrypted_only = False
        self._tls_first = False
        self._ended = False

    # Opening

    async def open(
        self,
        server: Server,
        proof: Proof,
        *,
        tls: ssl.SSLContext | None,
        encrypted_only: bool,
        tls_first: bool,
        name: str,
        inbox_prefix: str,
        connect_timeout: float,
    ) -> None:
        """Connect to `server`, or raise: OSError, TimeoutError, `Refused`, ssl.SSLError, nats errors."""

        async def on_error(error: Exception) -> None:
            # Errors end up in `lost` or in what `open` raises; the rest is about JetStream's own subscriptions.
            if self.is_connected:
                self._listener.failed("nats", error)

        self._encrypted_only = encrypted_only
        self._tls_first = tls_first
        seed = _revealed(proof.seed)
        jwt = _revealed(proof.jwt)
        if jwt is not None:
            self._auth_configured = True
        async with asyncio.timeout(2 * connect_timeout):
            await self.connect(
                servers=[server.url],
                error_cb=on_error,
                name=name,
                allow_reconnect=False,
                connect_timeout=connect_timeout,  # type: ignore[arg-type]  # nats-py says int, and takes any number
                tls=tls,
                tls_hostname=server.tls_name or server.host,
                tls_handshake_first=tls_first,
                user=proof.user,
                password=_revealed(proof.password),
                token=_revealed(proof.token),
                user_jwt_cb=None if jwt is None else jwt.encode,
                signature_cb=None if jwt is None or seed is None else _signer(seed),
                nkeys_seed_str=seed if jwt is None else None,
                inbox_prefix=inbox_prefix,
                pending_size=0,
            )

    async def _select_next_server(self) -> None:
        # One server, one try: nats-py would go round until it has counted sixty failures. And the stream is opened
        # here, since `asyncio.wait_for`, which nats-py uses, can swallow a cancellation on Python 3.11.
        server = self._server_pool[0]
        transport = TcpTransport()  # type: ignore[no-untyped-call]  # nats-py's is untyped
        async with asyncio.timeout(self.options["connect_timeout"]):
            reader, writer = await asyncio.open_connection(server.uri.hostname, server.uri.port, limit=READ_BYTES)
        transport._bare_io_reader = transport._io_reader = reader
        transport._bare_io_writer = transport._io_writer = writer
        self._transport = transport
        self._current_server = server

    async def _process_connect_init(self) -> None:
        """INFO, TLS, CONNECT, PONG; then the reading, pinging and flushing tasks."""
        self._status = Client.CONNECTING
        if self._tls_first:
            await self._encrypt()
        info = self._info_of(await self._line())
        self._server_info = info
        if info.get("auth_required"):
            self._auth_configured = True
        self._take_info(info)
        if info.get("tls_required") and not self._tls_first:
            await self._encrypt()
        self._writer.write(self._connect_command() + b"PING\r\n")
        await self._writer.drain()
        while not (line := await self._line()).startswith(b"PONG"):
            if line.startswith(b"-ERR"):
                raise Refused(line[4:].decode("utf-8", "replace").strip().strip("'"))
            if line.startswith(b"INFO"):
                self._take_info(self._info_of(line))
            elif line.startswith(b"PING"):
                self._writer.write(b"PONG\r\n")
            elif not line.startswith(b"+OK"):
                raise ProtocolViolation(f"the broker answered CONNECT with {line[:40]!r}")
        self._status = Client.CONNECTED
        self._reading_task = self._spawn(self._read_loop(), "link: reading")
        self._ping_interval_task = self._spawn(self._ping_interval(), "link: pings")
        self._flusher_task = self._spawn(self._flusher(), "link: JetStream's writing")

    async def _line(self) -> bytes:
        async with asyncio.timeout(self.options["connect_timeout"]):
            line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the broker closed the connection")
        return line

    async def _encrypt(self) -> None:
        # A new reader: what came in plain text after the greeting is not to be taken for what comes encrypted.
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_BYTES, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        async with asyncio.timeout(self.options["connect_timeout"]):
            encrypted = await loop.start_tls(
                self._writer.transport, protocol, self.ssl_context, server_hostname=self.options["tls_hostname"]
            )
        if encrypted is None or not isinstance(self._transport, TcpTransport):
            raise ConnectionResetError("the broker closed the connection")
        self._transport._io_reader = reader
        self._transport._io_writer = asyncio.StreamWriter(encrypted, protocol, reader, loop)

    def _connect_command(self) -> bytes:
        if self._encrypted_only and self._writer.get_extra_info("ssl_object") is None:
            raise TlsRefused("the broker does not offer TLS, which this context demands")
        command: bytes = super()._connect_command()
        return command

    @staticmethod
    def _info_of(line: bytes) -> dict[str, Any]:
        try:
            operation, _, text = line.partition(b" ")
            info = json.loads(text)
        except (ValueError, RecursionError):
            info = None
        if operation.upper() != b"INFO" or not isinstance(info, dict):
            raise ProtocolViolation(f"this is no NATS broker: it greeted with {line[:40]!r}")
        return info

    def _take_info(self, info: dict[str, Any]) -> None:
        if isinstance(limit := info.get("max_payload"), int) and limit > 0:
            self._max_payload = limit
        if isinstance(client := info.get("client_id"), int):
            self._client_id = client
        self._listener.info(info)

    # Reading

    async def _read_loop(self) -> None:
        """Read and hand out until the connection ends; however this ends, somebody is told."""
        reason: Exception = ConnectionResetError("the broker closed the connection")
        reader = self._parser
        try:
            while data := await self._reader.read(READ_BYTES):
                self._listener.heard()
                await reader.parse(data)
                self._count(reader)
        except Exception as error:  # noqa: BLE001 - whatever it is, this connection reads no more
            reason = error
        finally:
            self._count(reader)
            self._end(reason)

    def _count(self, reader: Reader) -> None:
        self.counters.messages_in += reader.messages
        self.counters.bytes_in += reader.bytes
        reader.messages = reader.bytes = 0

    def malformed(self, why: Exception) -> None:
        self.counters.malformed += 1

    async def message_for_library(self, sid: int, subject: bytes, reply: bytes, payload: bytes, header: bytes) -> None:
        try:
            await self._process_msg(sid, subject, reply, payload, header)
        except (ValueError, IndexError, KeyError) as error:
            self.malformed(error)
        except Exception as error:  # noqa: BLE001 - a fault in nats-py's own handling must not blind us
            self._listener.failed("nats", error)

    def ping(self) -> None:
        self.write(b"PONG\r\n")

    def info(self, line: bytes) -> None:
        self._take_info(self._info_of(b"INFO " + line.strip()))

    def error(self, text: str) -> None:
        if text.lower().startswith("permissions violation"):
            self._listener.denied(text)
        else:
            self._end(Refused(text))

    # Pings

    async def _ping_interval(self) -> None:
        while True:
            await asyncio.sleep(self._ping_seconds)
            if len(self._pings_sent) >= self._max_pings:
                self._end(TimeoutError(f"the broker left {len(self._pings_sent)} pings unanswered"))
                return
            self.send_ping(None)

    def send_ping(self, answered: asyncio.Future[float] | None) -> None:
        """Ping; `answered` gets the round trip in seconds."""
        self._pings_sent.append((time.perf_counter(), answered))
        self.write(b"PING\r\n")

    async def _send_ping(self, future: asyncio.Future[Any] | None = None) -> None:
        # nats-py's own, for its flush(): what is still in its queue goes out before the ping.
        if self._pending:
            self.write(*self._pending)
            self._pending = []
            self._pending_data_size = 0
        self.send_ping(future)

    def pong(self) -> None:
        if not self._pings_sent:
            return
        sent, answered = self._pings_sent.popleft()
        rtt = time.perf_counter() - sent
        if answered is None:
            self._listener.measured(rtt)
        elif not answered.done():
            answered.set_result(rtt)  # a flush: what was sent before it is in it

    # Writing

    @property
    def _writer(self) -> asyncio.StreamWriter:
        writer = self._transport._io_writer if isinstance(self._transport, TcpTransport) else None
        if writer is None:
            raise ConnectionResetError("there is no connection")
        return writer

    @property
    def _reader(self) -> asyncio.StreamReader:
        reader = self._transport._io_reader if isinstance(self._transport, TcpTransport) else None
        if reader is None:
            raise ConnectionResetError("there is no connection")
        return reader

    @property
    def buffered(self) -> int:
        """Bytes that the broker has not taken yet."""
        if self._ended:
            return 0
        return self._outbox_bytes + self._writer.transport.get_write_buffer_size()

    @property
    def is_full(self) -> bool:
        return self.buffered > self._max_buffered

    def write(self, *parts: bytes) -> None:
        """Send `parts` at the end of this turn of the loop, together with what else is written in it."""
        if self._ended:
            return
        if not self._outbox:
            asyncio.get_running_loop().call_soon(self._flush_outbox)
        self._outbox.extend(parts)
        self._outbox_bytes += sum(map(len, parts))

    def _flush_outbox(self) -> None:
        outbox, self._outbox, self._outbox_bytes = self._outbox, [], 0
        if outbox and not self._ended:
            self._writer.write(b"".join(outbox))

    async def drained(self) -> None:
        """Return once the operating system has taken most of what was written."""
        self._flush_outbox()
        await self._writer.drain()

    # Subscriptions that bypass nats-py's queues

    def add_route(self, subject: str, queue: str, route: Callable[[bytes, bytes, bytes, bytes], None]) -> int:
        """Subscribe; `route(subject, reply, header, payload)` is called for each message. Returns the id."""
        self._sid += 1
        sid: int = self._sid
        self.routes[sid] = route
        self.write(f"SUB {subject} {queue} {sid}\r\n".encode())
        return sid

    @property
    def subscriptions(self) -> int:
        """How many the broker holds for this connection: ours, and nats-py's for JetStream."""
        return 0 if self._ended else len(self.routes) + len(self._subs)

    def remove_route(self, sid: int) -> None:
        if self.routes.pop(sid, None) is not None:
            self.write(f"UNSUB {sid}\r\n".encode())

    # The end

    @property
    def server_name(self) -> str | None:
        """What the broker calls itself."""
        name = self._server_info.get("server_name")
        return name[:100] if isinstance(name, str) else None

    @property
    def ended(self) -> bool:
        return self._ended

    def give_up(self, reason: Exception) -> None:
        """End this connection from our side, for `reason`."""
        self._end(reason)

    def _end(self, reason: Exception) -> None:
        if self._ended:
            return
        self._ended = True
        self._status = Client.DISCONNECTED
        for _, answered in self._pings_sent:
            if answered is not None and not answered.done():
                answered.set_exception(ConnectionResetError(str(reason)))
                answered.exception()  # looked at: nobody may be waiting for it any more
        self._pings_sent.clear()
        self._listener.lost(reason)

    async def _process_op_err(self, error: Exception) -> None:
        # nats-py's tasks report here; it would now wait for a socket to close that may never do so.
        self._end(error)

    async def shut(self, within: float) -> None:
        """Close for good, in at most about `within` seconds, in whatever state; harmless twice; raises nothing.

        A connection that is up says farewell: what is unsent goes out, and the broker has dropped our subscriptions
        before the socket closes, so that nobody is told that we answer when we are gone.
        """
        try:
            # nats-py raises many things while it closes, and the abort below ends it all the same.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(within):
                    if self._ended:
                        self.abort()
                    else:
                        await self._say_farewell()
                    self._ended = True
                    # nats-py would try to send these first, and give up closing when it cannot.
                    self._pending, self._pending_data_size = [], 0
                    await self.close()
        finally:
            self.abort()

    async def _say_farewell(self) -> None:
        for sid in tuple(self.routes):
            self.remove_route(sid)
        answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        await self._send_ping(answered)
        with contextlib.suppress(OSError):
            await answered

    def abort(self) -> None:
        """Drop the socket now, with what is unsent, and stop every task of this connection."""
        self._ended = True
        tasks: list[Any] = [self._reading_task, self._ping_interval_task, self._flusher_task]
        for subscription in cast(dict[int, Any], self._subs).values():  # nats-py annotates it wrongly
            tasks.append(subscription._wait_for_msgs_task)
            if subscription._message_iterator is not None:
                subscription._message_iterator._cancel()
            if (consumer := subscription._jsi) is not None:
                tasks += [consumer._hbtask, consumer._fctask]  # which nats-py leaves running for ever
        for task in tasks:
            if task is not None:
                task.cancel()
        if isinstance(self._transport, TcpTransport) and self._transport._io_writer is not None:
            self._transport._io_writer.transport.abort()


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _signer(seed: str) -> Callable[[str], bytes]:
    def sign(nonce: str) -> bytes:
        import nkeys  # here, because it loads a cryptographic library that most contexts do not need

        return base64.b64encode(nkeys.from_seed(bytearray(seed.encode())).sign(nonce.encode()))

    return sign

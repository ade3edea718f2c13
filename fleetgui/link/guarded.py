"""One connection to one broker: nats-py's client, used once, with what is known to go wrong in it guarded.

What is ours: the opening (`link.opening`), the reader (never blinded by a message), the pings (which measure), writing
(coalesced per turn of the loop, bounded), and the end: a connection ends once, with a reason, told at once by `lost`.
It never reconnects by itself: `link.supervisor` builds the next one, so that there is one place that knows about
backoff and refusals.

What stays nats-py's: all of JetStream. The attributes with a leading underscore are nats-py's own names; it is pinned
to one minor version because of them. Runs on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast

from nats.aio.client import Client
from nats.aio.transport import TcpTransport

from fleetgui.link.errors import Refused
from fleetgui.link.footprint import Counters
from fleetgui.link.opening import READ_BYTES, OpeningClient, info_of
from fleetgui.link.reader import Reader

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


class GuardedClient(OpeningClient):
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
        self._ended = False

    # What opening tells

    def _begin(self) -> None:
        self._reading_task = self._spawn(self._read_loop(), "link: reading")
        self._ping_interval_task = self._spawn(self._ping_interval(), "link: pings")
        self._flusher_task = self._spawn(self._flusher(), "link: JetStream's writing")

    def _informed(self, info: dict[str, Any]) -> None:
        self._listener.info(info)

    def _failed(self, error: Exception) -> None:
        self._listener.failed("nats", error)

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
        self._take_info(info_of(b"INFO " + line.strip()))

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

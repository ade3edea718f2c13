"""A watch over a key-value bucket that lasts: every key's value first, then each change, whatever happens to the link.

One ordered consumer at a time pushes to an inbox of ours. A new one takes its place, from the entry after the last that
was applied, when the link drops, a delivery is missing, the consumer is gone, or the bucket keeps quieter than its
heartbeat. When going on is impossible (the bucket was made anew, its revisions went back, entries were purged, the
markers of deleted keys may have gone meanwhile) everything is read again, and keys that are no longer there come as
deletions. Runs on the loop as a task of the link's; deliveries are applied for 3 ms a turn, and the broker is told to
go on only after that, so that nothing piles up here. What was told so far is `contents.py`'s to know, the consumer
`consumer.py`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol

from fleetgui.link import streams
from fleetgui.link.connection import Link
from fleetgui.link.consumer import OrderedConsumer
from fleetgui.link.contents import Contents
from fleetgui.link.entries import Delivery, Entry, delivery_of, is_deletion
from fleetgui.link.errors import LinkDown, LinkError, PermissionDenied
from fleetgui.link.messages import Message
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import LinkPhase, LinkState

log = logging.getLogger(__name__)

DOUBT_S: Final = 2.0
"""How soon the bucket is looked at again where something seems to be missing whose news may be on its way."""
SLICE_S: Final = 0.003
_CONTROL: Final = "100"
_LOOKED_AT_TIME_EVERY: Final = 16


class WatchPhase(Enum):
    """WAITING: nothing is heard, `error` says why. READING: the values of now come. LIVE: all of them came."""

    WAITING = "waiting"
    READING = "reading"
    LIVE = "live"
    STOPPED = "stopped"


class WatchHandler(Protocol):
    """Who is told. Plain functions that must not wait; what they raise is reported, and the watch goes on."""

    def read_began(self) -> None:
        """Every key that is there is told now, from the beginning, and keys that vanished as deleted; then `synced`."""

    def entry(self, entry: Entry) -> None:
        """A key's value, or its deletion. A revision may be told twice, and may be lower than one told before."""

    def synced(self) -> None:
        """What was told is all there is now: after a full read, and after each time that the watch could go on."""


@dataclass(frozen=True)
class WatchSettings:
    """Seconds. Silence for two `heartbeat`s ends a consumer; every `compare` the bucket itself is looked at.

    After `markers_last` without a consumer, markers of deleted keys may have gone: everything is read again.
    """

    heartbeat: float = 2.0
    compare: float = 10.0
    first_backoff: float = 0.05
    max_backoff: float = 5.0
    denied_pause: float = 15.0
    markers_last: float = 1_200.0
    abandoned_after: float = 30.0
    """The broker removes the consumer of a watch that is gone after so long."""


class _Restart(Exception):
    """This consumer is of no more use; the text says why. `anew`: go on with a full read."""

    def __init__(self, why: str, *, anew: bool = False) -> None:
        super().__init__(why)
        self.anew = anew


class Watch:
    """Made by `Bucket.watch`; runs until `close`. `changed` is emitted after each change of `phase`, and of `error`.

    `since` is when the phase began (`Clock.now()`), `error` why it is WAITING, `revision` the last one applied,
    `restarts` how many consumers came after the first.
    """

    def __init__(
        self, link: Link, bucket: str, filters: Sequence[str], handler: WatchHandler, settings: WatchSettings
    ) -> None:
        self.phase = WatchPhase.WAITING
        self.since = link.clock.now()
        self.error: LinkError | None = None
        self.heard_at: float | None = None
        """When the broker last sent anything for it, be it that nothing has changed (`Clock.now()`)."""
        self.restarts = 0
        self.failed = 0
        """Calls of the handler that raised."""
        self.unreadable = 0
        """Entries whose key is no text: passed over."""
        self.changed = Signal[[WatchPhase]]()
        self._link = link
        self._stream = f"KV_{bucket}"
        self._prefix = f"$KV.{bucket}."
        self._consumer = OrderedConsumer(
            link,
            self._stream,
            [self._prefix + each for each in filters],
            heartbeat=settings.heartbeat,
            abandoned_after=settings.abandoned_after,
        )
        self._handler = handler
        self._settings = settings
        self._contents = Contents()
        self._last_alive = float("-inf")
        self._anew = True
        self._queue: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._lost = False
        self._disconnect = link.state_changed.connect(self._link_changed)
        self._task = link.tasks.spawn(self._run(), name=f"watch of {bucket}")

    async def close(self) -> None:
        """End it and take its consumer back, if that is possible quickly. Harmless twice; raises nothing."""
        if self.phase is WatchPhase.STOPPED:
            return
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=1.0)
        self._disconnect()
        self._enter(WatchPhase.STOPPED)
        if self._link.is_up:
            await self._consumer.remove()

    @property
    def count(self) -> int:
        """Keys that are there."""
        return len(self._contents)

    @property
    def revision(self) -> int:
        return self._contents.revision

    # From one consumer to the next

    async def _run(self) -> None:
        backoff = self._settings.first_backoff
        while True:
            try:
                await self._link.up()
            except LinkDown:  # closed for good
                self._enter(WatchPhase.STOPPED)
                return
            began = self._link.clock.now()
            pause = 0.0
            try:
                await self._follow()
            except _Restart as restart:
                log.info("the watch of %s starts again: %s", self._stream, restart)
                self._anew |= restart.anew
            except LinkError as error:
                self.error = error
                if self.phase is WatchPhase.WAITING:
                    self.changed.emit(self.phase)
                if self._link.is_up:
                    denied = isinstance(error, PermissionDenied)
                    pause = self._settings.denied_pause if denied else self._settings.first_backoff
            self.restarts += 1
            self._enter(WatchPhase.WAITING)
            if self._link.clock.now() - began > self._settings.max_backoff:
                backoff = self._settings.first_backoff
            if self._link.is_up and not self._lost:
                await self._pause(max(pause, backoff))
                backoff = min(2 * backoff, self._settings.max_backoff)

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until the link has come back."""
        self._arrived.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._arrived.wait()

    def _link_changed(self, state: LinkState) -> None:
        if state.phase is not LinkPhase.UP:
            self._lost = True
            self._arrived.set()

    async def _follow(self) -> None:
        """One consumer's life. Ends with `_Restart` or `LinkError`."""
        self._lost = False
        await self._consumer.remove()
        last = await self._look()
        inbox = f"_INBOX.fleetgui-watch.{secrets.token_hex(11)}"
        self._queue.clear()
        subscription = self._link.subscribe(inbox, self._take, unreadable=self._take_unreadable)
        try:
            empty = await self._consumer.create(inbox, start=None if self._anew else self.revision + 1)
            self._enter(WatchPhase.READING)
            self._contents.begin(anew=self._anew)
            if self._anew:
                self._tell(self._handler.read_began)
            await self._deliver(last, empty=empty)
        finally:
            subscription.close()

    async def _look(self) -> int:
        """Find out whether everything is to be read, which holds until it was; returns the bucket's last revision."""
        info = await streams.api(self._link, f"STREAM.INFO.{self._stream}")
        away = self._link.clock.now() - self._last_alive
        self._anew |= away > self._settings.markers_last or self._contents.overtaken(info)
        self._contents.identify(info)
        return int(info.get("state", {}).get("last_seq", 0))

    # Deliveries

    def _take(self, message: Message) -> None:
        self._queue.append(message)
        self._arrived.set()

    def _take_unreadable(self, subject: bytes, reply: bytes, payload: bytes) -> None:
        """What anybody wrote stays in the bucket and comes again to each consumer: to be passed over, not lost.

        Where only the headers cannot be read, there is a key and a value all the same; a key that is no text is "".
        """
        try:
            key = subject.decode()
        except UnicodeDecodeError:
            key = ""
        self._take(Message(key, payload, reply.decode("utf-8", "replace")))

    async def _deliver(self, last: int, *, empty: bool) -> None:
        """Tell what comes, until `_Restart`; `last` is the bucket's last revision before the consumer was made."""
        loop = asyncio.get_running_loop()
        expected = 1
        if empty:
            self._read_all()
        compare_at = loop.time() + self._settings.compare
        silent_at = loop.time() + 2 * self._settings.heartbeat
        while True:
            if not self._queue:
                await self._wait(compare_at, silent_at)
            if self._lost:
                raise _Restart("the link dropped")
            self._last_alive = self._link.clock.now()
            if self._queue:
                self.heard_at = self._last_alive
                silent_at = loop.time() + 2 * self._settings.heartbeat
            slice_ends = time.perf_counter() + SLICE_S
            turn = 0
            while self._queue:
                message = self._queue.popleft()
                stored = message.subject.startswith(self._prefix)
                if not stored and message.headers is not None and "Status" in message.headers:
                    self._control(message, expected)
                    continue
                try:
                    delivery = delivery_of(message.reply)
                except ValueError:
                    continue  # somebody else's word on our inbox
                if delivery.consumer_sequence != expected:
                    raise _Restart(f"delivery {delivery.consumer_sequence} came where {expected} was due")
                expected += 1
                if stored:
                    self._apply(message, delivery)
                else:
                    self._contents.revision = delivery.stream_sequence
                    self.unreadable += 1
                if self.phase is not WatchPhase.LIVE and (delivery.pending == 0 or delivery.stream_sequence >= last):
                    self._read_all()
                turn += 1
                if turn % _LOOKED_AT_TIME_EVERY == 0 and time.perf_counter() > slice_ends:
                    break
            if self._queue:
                await asyncio.sleep(0)
            elif loop.time() >= compare_at:
                compare_at = loop.time() + self._settings.compare
                if self.phase is WatchPhase.LIVE:
                    await self._compare()
                    if self._contents.is_doubted:
                        compare_at = min(compare_at, loop.time() + DOUBT_S)

    async def _wait(self, compare_at: float, silent_at: float) -> None:
        """Until something arrives or it is time to compare; raises `_Restart` when nothing has come by `silent_at`."""
        loop = asyncio.get_running_loop()
        self._arrived.clear()
        if self._queue or self._lost:
            return
        try:
            async with asyncio.timeout_at(min(compare_at, silent_at)):
                await self._arrived.wait()
        except TimeoutError:
            if loop.time() >= silent_at:
                raise _Restart("not even a heartbeat came") from None

    def _control(self, message: Message, expected: int) -> None:
        """A heartbeat, a request to confirm what was delivered, or the end of the consumer."""
        headers = message.headers or {}
        if headers.get("Status") != _CONTROL:
            raise _Restart(headers.get("Description") or f"status {headers.get('Status')}")
        if message.reply:
            self._confirm(message.reply)
            return
        if stalled := headers.get("Nats-Consumer-Stalled"):
            self._confirm(stalled)
        delivered = headers.get("Nats-Last-Consumer")
        if delivered is not None and delivered != str(expected - 1):
            raise _Restart(f"{delivered} were sent and {expected - 1} came")

    def _confirm(self, subject: str) -> None:
        with contextlib.suppress(LinkError):  # then the link drops, or the broker asks again
            self._link.send(subject, b"")

    async def _compare(self) -> None:
        info = await streams.api(self._link, f"STREAM.INFO.{self._stream}")
        if self._contents.overtaken(info):
            raise _Restart("the bucket has changed behind the watch", anew=True)

    def _apply(self, message: Message, delivery: Delivery) -> None:
        key = message.subject.removeprefix(self._prefix)
        deleted = is_deletion(message.headers)
        if self._contents.apply(key, delivery.stream_sequence, deleted=deleted):
            self._entry(Entry(key, None if deleted else message.data, delivery.stream_sequence, delivery.written))

    def _read_all(self) -> None:
        """The values of now have all come."""
        for key in self._contents.all_met():
            self._entry(Entry(key, None, self.revision, self._link.clock.wall()))
        self._anew = False
        self.error = None
        self._tell(self._handler.synced)
        self._enter(WatchPhase.LIVE)

    def _entry(self, entry: Entry) -> None:
        try:
            self._handler.entry(entry)
        except Exception as error:  # noqa: BLE001 - one entry's fault must not end the watch
            self._report(error)

    def _tell(self, call: Any) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - likewise
            self._report(error)

    def _report(self, error: Exception) -> None:
        self.failed += 1
        if self.failed == 1 or self.failed % 1000 == 0:
            self._link.tasks.report(f"a handler of {self._stream} ({self.failed} times)", error)

    def _enter(self, phase: WatchPhase) -> None:
        if phase is not self.phase and self.phase is not WatchPhase.STOPPED:
            self.phase, self.since = phase, self._link.clock.now()
            self.changed.emit(phase)

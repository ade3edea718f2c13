"""The bounded queue between the read path and a store: what arrives is put away at once and applied in slices.

The read path must never wait for a store, and a store must never hold the loop for longer than a part of a frame. So
messages wait here, bounded by number and by bytes, and are applied ten times a second for at most 3 ms at a time; the
rest goes on after Qt and the other tasks had their turn. When the bound is reached the oldest goes: what is newest says
how things are now, and a presence edge dropped at the end would leave a device in the wrong state for good. Every loss
is counted, by subject family, and told.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Protocol

from fleetgui.link.messages import Message
from fleetgui.policy.clock import Clock
from fleetgui.policy.signals import Signal

INTERVAL: Final = 0.1
SLICE: Final = 0.003
_OVERHEAD: Final = 200
"""Bytes that a waiting message takes beside its payload, about."""

_LARGEST_BATCH: Final = 512
"""What a store can be surprised with once, when it turns slow from one batch to the next."""

Apply = Callable[[list[Message], float], object]


class Handle(Protocol):
    """What was put off, and may be called off."""

    def cancel(self) -> object: ...


class Scheduler(Protocol):
    """The part of the event loop that is needed."""

    def call_soon(self, callback: Callable[[], object], /) -> Handle: ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Handle: ...


def family_of(subject: str) -> str:
    """What kind of subject it is, for counting: heartbeat, event, device, gateway …; "other" for a foreign one."""
    parts = subject.split(".", 4)
    if len(parts) < 4:
        return "other"
    return parts[2] if parts[2] in ("device", "gateway") else parts[3]


class Intake:
    """`put` is a subscription's handler; `apply(messages, now)` gets them in order, on the loop.

    `pending` and `pending_bytes` wait now; `taken` were given to `apply`; `dropped` by family found no room; `failed`
    were given to an `apply` that raised. received = taken + pending + dropped, exactly, with `failed` a part of taken.
    `overflowed(family, count)` is emitted once per slice for what was dropped since, `broke(family, count)` for a
    batch whose `apply` raised.
    """

    def __init__(
        self,
        apply: Apply,
        *,
        clock: Clock,
        scheduler: Scheduler,
        report: Callable[[str, BaseException], None],
        max_messages: int = 100_000,
        max_bytes: int = 64 * 1024 * 1024,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.pending_bytes = 0
        self.taken = 0
        self.failed = 0
        self.dropped: Counter[str] = Counter()
        self.overflowed = Signal[[str, int]]()
        self.broke = Signal[[str, int]]()
        self._apply = apply
        self._clock = clock
        self._scheduler = scheduler
        self._report = report
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._stopwatch = stopwatch
        self._waiting: deque[Message] = deque()
        self._untold: Counter[str] = Counter()
        self._batch = 16
        self._next: Handle | None = None
        self._closed = False

    @property
    def pending(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> None:
        """Take in one message; returns at once."""
        if self._closed:
            return
        self._waiting.append(message)
        self.pending_bytes += len(message.data) + _OVERHEAD
        while len(self._waiting) > self._max_messages or self.pending_bytes > self._max_bytes:
            oldest = self._waiting.popleft()
            self.pending_bytes -= len(oldest.data) + _OVERHEAD
            family = family_of(oldest.subject)
            self.dropped[family] += 1
            self._untold[family] += 1
        if self._next is None:
            self._next = self._scheduler.call_later(INTERVAL, self._slice)

    def drain(self) -> None:
        """Apply all that waits, now, however long it takes: for the end of a program or a test."""
        while self._waiting:
            self._apply_some(len(self._waiting))
        self._tell()

    def close(self) -> None:
        """Take nothing more; what waits is forgotten."""
        self._closed = True
        self._waiting.clear()
        self.pending_bytes = 0
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _slice(self) -> None:
        """One turn: batches whose size follows what they cost, until nothing waits or the time is over."""
        self._next = None
        began = before = self._stopwatch()
        while self._waiting and not self._closed:
            self._apply_some(self._batch)
            now = self._stopwatch()
            if now - before > SLICE / 2:
                self._batch = max(1, self._batch // 2)
            elif now - before < SLICE / 8:
                self._batch = min(_LARGEST_BATCH, self._batch * 2)
            # A batch like the last one must still fit.
            if now - began + (now - before) > SLICE:
                break
            before = now
        self._tell()
        if self._waiting and not self._closed and self._next is None:
            self._next = self._scheduler.call_soon(self._slice)

    def _apply_some(self, most: int) -> None:
        waiting = self._waiting
        batch = [waiting.popleft() for _ in range(min(most, len(waiting)))]
        self.pending_bytes -= sum(len(message.data) for message in batch) + _OVERHEAD * len(batch)
        self.taken += len(batch)
        try:
            self._apply(batch, self._clock.now())
        except Exception as error:  # noqa: BLE001 - one batch's fault must not end the intake of all that follow
            self.failed += len(batch)
            self._report("intake", error)
            for family, count in Counter(family_of(message.subject) for message in batch).items():
                self.broke.emit(family, count)

    def _tell(self) -> None:
        untold, self._untold = self._untold, Counter()
        for family, count in untold.items():
            self.overflowed.emit(family, count)

"""Requests in flight: replies matched to their callers, and one timer for all deadlines.

One subscription on an inbox that nobody can guess takes every reply. Each request adds a token of its own, so that
whoever answers one cannot answer another: a "no responders" is believed only there, and only without a payload.
"""

from __future__ import annotations

import asyncio
import heapq
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fleetgui.link.errors import LinkError, NoResponders, RequestTimeout
from fleetgui.link.messages import NO_RESPONDERS, headers_of

_SLACK: Final = 64
"""Deadlines of answered requests kept at most, beside as many again as requests wait; then they are cleared out."""


@dataclass(eq=False, slots=True)
class Waiting:
    """One request under way."""

    subject: str
    timeout: float
    reply: asyncio.Future[bytes]


class PendingRequests:
    """The requests of one connection's inbox. `late` is called for each reply that nobody waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, inbox: str, late: Callable[[], None]) -> None:
        self._loop = loop
        self._late = late
        self._waiting: dict[str, Waiting] = {}
        self._deadlines: list[tuple[float, str]] = []
        self._timer: asyncio.Handle | None = None
        self._due = 0.0
        self.denied: LinkError | None = None
        """Why no reply can reach us, once the broker has said so."""
        self.prefix = f"{inbox}.{secrets.token_hex(8)}."
        self.subject = f"{self.prefix}*"

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, subject: str, timeout: float) -> tuple[str, asyncio.Future[bytes]]:
        """A request on `subject` that may take `timeout` seconds from now: its reply subject, and its reply."""
        token = secrets.token_hex(8)
        reply: asyncio.Future[bytes] = self._loop.create_future()
        self._waiting[token] = Waiting(subject, timeout, reply)
        heapq.heappush(self._deadlines, (self._loop.time() + timeout, token))
        self._arm()
        return self.prefix + token, reply

    def forget(self, reply_subject: str) -> None:
        """Nobody waits for this one any more. What still comes for it is late."""
        self._waiting.pop(reply_subject[len(self.prefix) :], None)
        if len(self._deadlines) > 2 * len(self._waiting) + _SLACK:
            self._deadlines = [entry for entry in self._deadlines if entry[1] in self._waiting]
            heapq.heapify(self._deadlines)
        self._arm()

    def take(self, subject: bytes, _reply: bytes, header: bytes, payload: bytes) -> None:
        """A message on the inbox. Raises `ValueError` when it cannot be read."""
        waiting = self._waiting.get(subject[len(self.prefix) :].decode())
        if waiting is None or waiting.reply.done():
            self._late()
        elif header and not payload and headers_of(header).get("Status") == NO_RESPONDERS:
            waiting.reply.set_exception(NoResponders(f"Nobody listens on {waiting.subject}."))
        else:
            waiting.reply.set_result(payload)

    def fail(self, why: Callable[[str], LinkError], *, subject: str | None = None) -> int:
        """End requests with `why(subject)`: all of them, or those on `subject`; returns how many."""
        failed = 0
        for waiting in list(self._waiting.values()):
            if (subject is None or waiting.subject == subject) and not waiting.reply.done():
                waiting.reply.set_exception(why(waiting.subject))
                failed += 1
        return failed

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        while self._deadlines and self._deadlines[0][1] not in self._waiting:
            heapq.heappop(self._deadlines)
        if not self._deadlines:
            self.close()
            return
        due = self._deadlines[0][0]
        if self._timer is None or due < self._due:
            self.close()
            self._due = due
            self._timer = self._loop.call_at(due, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, token = heapq.heappop(self._deadlines)
            waiting = self._waiting.get(token)
            if waiting is not None and not waiting.reply.done():
                waiting.reply.set_exception(
                    RequestTimeout(f"No answer on {waiting.subject} within {waiting.timeout:g} s; it may come yet.")
                )
        self._arm()

"""A subscription that outlives connections: handlers are called in the read path, with no queue or task between.

A handler must not block and should only put the message away (see `link.intake`). What it raises is counted and
reported, and ends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Protocol

from fleetgui.link.errors import BadSubject, PermissionDenied
from fleetgui.link.footprint import Counters
from fleetgui.link.messages import Message, headers_of
from fleetgui.link.tasks import Tasks
from fleetgui.policy.repeats import is_power_of_ten

Handler = Callable[[Message], object]
Unreadable = Callable[[bytes, bytes, bytes], object]
"""Told the subject, the reply subject and the payload, as they came, of a message that cannot be read."""

_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f]")


def checked_subject(subject: str, *, wildcards: bool = False) -> str:
    """`subject` itself when it is one; raises `BadSubject`. White space in it would end the protocol's line."""
    tokens = subject.split(".")
    if _UNSAFE.search(subject) or "" in tokens:
        raise BadSubject(f"{subject[:80]!r} is no subject: it has an empty part, white space or a control character.")
    if not wildcards and ("*" in tokens or ">" in tokens):
        raise BadSubject(f"{subject[:80]!r} has a wildcard in it, and nothing can be sent to many subjects at once.")
    return subject


class Carrier(Protocol):
    """What a subscription needs of the link that it belongs to."""

    heard_at: float
    counters: Counters
    tasks: Tasks

    def unsubscribe(self, subscription: Subscription) -> None: ...


class Subscription:
    """Made by `Link.subscribe`. `received` counts messages, `failed` those whose handler raised.

    `error` is why the broker denies it, None while it does not.
    """

    def __init__(
        self, link: Carrier, subject: str, queue: str, handler: Handler, unreadable: Unreadable | None = None
    ) -> None:
        self.subject = subject
        self.queue = queue
        self.received = 0
        self.failed = 0
        self.error: PermissionDenied | None = None
        self.sid: int | None = None
        self._link = link
        self._handler = handler
        self._unreadable = unreadable

    def close(self) -> None:
        """End it; no message reaches the handler from now on. Harmless twice."""
        self._link.unsubscribe(self)

    def take(self, subject: bytes, reply: bytes, header: bytes, payload: bytes) -> None:
        """A message as it was read. Raises `ValueError` for one that cannot be; the reader counts it."""
        try:
            message = Message(
                subject.decode(),
                payload,
                reply.decode() if reply else "",
                self._link.heard_at,
                headers_of(header) if header else None,
            )
        except ValueError:
            if self._unreadable is not None:
                self._unreadable(subject, reply, payload)
            raise
        self.received += 1
        try:
            self._handler(message)
        except Exception as error:  # noqa: BLE001 - a handler's fault must not end the reading of everybody's messages
            self.failed += 1
            self._link.counters.handler_failures += 1
            if is_power_of_ten(self.failed):
                self._link.tasks.report(f"handler of {self.subject} ({self.failed} times)", error)

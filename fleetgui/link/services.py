"""Answering requests: a handler per subject, replies sent for it, and a bound on how many run at once.

A plain function that returns bytes is answered on the spot, without a task. One that returns an awaitable runs as a
task; when too many do, further requests wait in line, and when the line is full they are dropped and counted: their
callers see a timeout, as they would from a service that is too slow.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from fleetgui.link.errors import LinkDown, LinkError
from fleetgui.link.messages import Message
from fleetgui.link.settings import LinkSettings
from fleetgui.link.subscriptions import Carrier, Handler, Subscription
from fleetgui.policy.repeats import is_power_of_ten

Answer = bytes | None
ServiceHandler = Callable[[Message], Awaitable[Answer] | Answer]
ErrorHandler = Callable[[Message, Exception], Answer]


class Messenger(Carrier, Protocol):
    """What a service needs of the link that it answers over."""

    settings: LinkSettings

    def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> Subscription: ...

    def send(self, subject: str, data: bytes) -> None: ...


class Service:
    """Made by `Link.serve`. Counts replies `answered`, handlers that `failed`, requests `dropped` for want of room."""

    def __init__(
        self,
        link: Messenger,
        subject: str,
        queue: str,
        handler: ServiceHandler,
        on_error: ErrorHandler | None,
        most: int,
    ) -> None:
        self.answered = 0
        self.failed = 0
        self.dropped = 0
        self.running = 0
        self._link = link
        self._handler = handler
        self._on_error = on_error
        self._most = most
        self._settings = link.settings
        self._line: deque[Message] = deque()
        self._line_bytes = 0
        self.subscription: Subscription = link.subscribe(subject, self._take, queue=queue)

    def close(self) -> None:
        """Take no more requests. Those that run now are still answered."""
        self.subscription.close()
        self._line.clear()
        self._line_bytes = 0

    def _take(self, message: Message) -> None:
        if self.running < self._most:
            self._begin(message)
        elif (
            len(self._line) < self._settings.max_waiting_per_service
            and self._line_bytes < self._settings.max_waiting_bytes_per_service
        ):
            self._line.append(message)
            self._line_bytes += len(message.data)
        else:
            self.dropped += 1
            self._link.counters.dropped += 1

    def _begin(self, message: Message) -> None:
        try:
            answer = self._handler(message)
        except Exception as error:  # noqa: BLE001 - one request's fault; the service goes on
            self._answer_error(message, error)
            return
        if answer is None or isinstance(answer, bytes):
            self._answer(message, answer)
        elif inspect.isawaitable(answer):
            self.running += 1
            self._link.tasks.spawn(self._finish(message, answer), name=f"service {self.subscription.subject}")

    async def _finish(self, message: Message, answer: Awaitable[Answer]) -> None:
        try:
            self._answer(message, await answer)
        except Exception as error:  # noqa: BLE001 - likewise
            self._answer_error(message, error)
        finally:
            self.running -= 1
            while self._line and self.running < self._most:
                message = self._line.popleft()
                self._line_bytes -= len(message.data)
                self._begin(message)

    def _answer(self, message: Message, answer: Answer) -> None:
        if answer is None or not message.reply:
            return
        try:
            self._link.send(message.reply, answer)
            self.answered += 1
        except LinkDown:
            pass  # whoever asked has lost the broker as well, or is told that the outcome is unknown
        except LinkError as error:
            self._answer_error(message, error)

    def _answer_error(self, message: Message, error: Exception) -> None:
        self.failed += 1
        if is_power_of_ten(self.failed):
            self._link.tasks.report(f"service {self.subscription.subject} ({self.failed} times)", error)
        if self._on_error is None:
            return
        try:
            answer = self._on_error(message, error)
            if answer is not None and message.reply:
                self._link.send(message.reply, answer)
        except Exception as second:  # noqa: BLE001 - there is nothing left to answer with
            self._link.tasks.report(f"service {self.subscription.subject}, answering an error", second)

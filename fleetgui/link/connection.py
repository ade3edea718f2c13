"""The link to the broker: at most one connection, and what runs over it. On the loop alone.

A connection that ends takes everything that stands on it along in the same turn of the loop: the state changes, and
requests in flight end as "outcome unknown". `link.supervisor` makes the next one. Subscriptions belong to the link and
are made again on each connection; requests and publications never wait for one: they fail at once.
"""

from __future__ import annotations

import asyncio
import platform
import secrets
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, NamedTuple

from nats.js import JetStreamContext

from fleetgui import __version__
from fleetgui.link.context import Context
from fleetgui.link.denials import denied_subject
from fleetgui.link.errors import LinkDown, LinkError, OutcomeUnknown, PermissionDenied, TooBusy, TooLarge
from fleetgui.link.footprint import Counters, Footprint
from fleetgui.link.guarded import GuardedClient
from fleetgui.link.messages import header_block
from fleetgui.link.requests import PendingRequests
from fleetgui.link.servers import Server
from fleetgui.link.services import ErrorHandler, Service, ServiceHandler
from fleetgui.link.settings import LinkSettings
from fleetgui.link.subscriptions import Handler, Subscription, Unreadable, checked_subject
from fleetgui.link.supervisor import Supervisor
from fleetgui.link.tasks import Tasks
from fleetgui.link.turns import Turns
from fleetgui.link.verdicts import Verdict
from fleetgui.policy.clock import Clock
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import LinkPhase, LinkState

__all__ = ["Link", "LinkSettings"]

DRAIN_ABOVE: Final = 1024 * 1024
"""`publish` waits for the broker above so many bytes that it has not taken."""


class _Live(NamedTuple):
    """What comes and goes with a connection that is up."""

    client: GuardedClient
    requests: PendingRequests


class Link:
    """The link to the broker of `context`. Nothing happens before `start`.

    `name` says which program this is, for the broker's list of connections; `tasks` runs and reports what the link
    does. `state_changed(state)` is emitted after each change, `denied(error)` when the broker denies a subscription.
    """

    def __init__(
        self, context: Context, *, clock: Clock, name: str, tasks: Tasks, settings: LinkSettings | None = None
    ) -> None:
        self.context = context
        self.clock = clock
        self.tasks = tasks
        self.settings = settings or LinkSettings()
        self.counters = Counters()
        self.heard_at = clock.now()
        """`Clock.now()` of the last bytes that came from a broker; of now while there were none."""
        self.state = LinkState(LinkPhase.IDLE, clock.now(), clock.wall())
        self.state_changed = Signal[[LinkState]]()
        self.denied = Signal[[LinkError]]()
        self.consumers: set[str] = set()
        """JetStream consumers that were made over this link and not taken back yet: a watch has one."""
        self._inbox = f"_INBOX.fleetgui-{secrets.token_hex(4)}"
        self._live: _Live | None = None
        self._subscriptions: dict[Subscription, None] = {}  # in the order in which they were made
        self._supervisor = Supervisor(
            self,
            context,
            self.settings,
            tasks,
            self.counters,
            name=f"{name} {__version__} on {platform.node() or 'an unnamed host'}",
            inbox=self._inbox,
        )
        self._supervising: asyncio.Task[None] | None = None

    @cached_property
    def turns(self) -> Turns:
        """The intakes of this link share it. To be asked for on the running loop."""
        return Turns(asyncio.get_running_loop())

    # Life

    def start(self) -> None:
        """Begin to connect, in a task; returns at once. Must be called on the running loop. Harmless twice."""
        if self._supervising is None and self.state.phase is LinkPhase.IDLE:
            self._enter(LinkPhase.CONNECTING)
            self._supervising = self.tasks.spawn(self._supervisor.run(), name="link: supervisor")

    async def close(self) -> None:
        """Close for good, within about two seconds whatever the broker does. Harmless twice, and before `start`."""
        if self.state.phase is LinkPhase.CLOSED:
            return
        live = self._live
        self._supervisor.stop()
        self._drop_live("The link was closed")
        self._enter(LinkPhase.CLOSED, error=None, rtt_ms=None)
        if live is not None:
            await live.client.shut(self.settings.close_within)
        if self._supervising is not None:
            self._supervising.cancel()
            await asyncio.wait({self._supervising}, timeout=self.settings.close_within)

    def reconnect_now(self, why: str = "somebody asked to reconnect") -> None:
        """Try now instead of after the pause; a connection that is up is given up for a new one, and `why` is said."""
        self._supervisor.hurry()
        if self._live is not None:
            self._live.client.give_up(ConnectionAbortedError(why))

    async def up(self) -> None:
        """Return once the link is up. Bound it yourself; raises `LinkDown` when the link is closed."""
        while self.state.phase is not LinkPhase.UP:
            if self.state.phase is LinkPhase.CLOSED:
                raise LinkDown("The link is closed.")
            changed = asyncio.get_running_loop().create_future()

            def wake(_: LinkState, changed: asyncio.Future[None] = changed) -> None:
                if not changed.done():
                    changed.set_result(None)

            disconnect = self.state_changed.connect(wake)
            try:
                await changed
            finally:
                disconnect()

    # Using it

    @property
    def is_up(self) -> bool:
        return self._live is not None

    @property
    def max_payload(self) -> int | None:
        """Bytes that the broker takes in one message, None before it ever said."""
        return self.state.max_payload

    def subscribe(
        self, subject: str, handler: Handler, *, queue: str = "", unreadable: Unreadable | None = None
    ) -> Subscription:
        """Call `handler(message)` for each message on `subject`, now and after every reconnect.

        May be called at any time, up or down. The handler runs in the read path: it must return at once. Raises
        `BadSubject`. `queue` names a group of which one member gets each message. `unreadable` is told of messages that
        are no text where they should be; they are counted as malformed all the same.
        """
        checked_subject(subject, wildcards=True)
        if queue:
            checked_subject(queue)
        subscription = Subscription(self, subject, queue, handler, unreadable)
        self._subscriptions[subscription] = None
        if self._live is not None:
            subscription.sid = self._live.client.add_route(subject, queue, subscription.take)
        return subscription

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """What is subscribed to, in the order in which it was asked for."""
        return tuple(self._subscriptions)

    def unsubscribe(self, subscription: Subscription) -> None:
        """What `Subscription.close` does."""
        self._subscriptions.pop(subscription, None)
        if self._live is not None and subscription.sid is not None:
            self._live.client.remove_route(subscription.sid)
        subscription.sid = None

    def serve(
        self,
        subject: str,
        queue: str,
        handler: ServiceHandler,
        *,
        on_error: ErrorHandler | None = None,
        most: int | None = None,
    ) -> Service:
        """Answer requests on `subject` as a member of `queue` with what `handler(message)` returns; None: no answer.

        `on_error(message, error)` may make an answer of what the handler raised, or of a reply that is `TooLarge`.
        `most` handlers run at once, None: as many as the settings say; others wait in line.
        """
        return Service(self, subject, queue, handler, on_error, most or self.settings.max_running_per_service)

    async def request(
        self, subject: str, data: bytes, *, timeout: float, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Send `data` and return the reply's payload. Never repeated, never sent later than now.

        Raises `LinkDown` (at once), `NoResponders`, `RequestTimeout` after `timeout` seconds, `OutcomeUnknown` when the
        link drops meanwhile, `TooLarge`, `PermissionDenied`, `TooBusy`, `BadSubject`.
        """
        try:
            return await self._request(subject, data, timeout, headers)
        except LinkError as error:
            self.counters.request_failures[error.kind] += 1
            raise

    async def _request(self, subject: str, data: bytes, timeout: float, headers: Mapping[str, str] | None) -> bytes:
        client, requests = self._ready(subject, data)
        if requests.denied is not None:
            raise requests.denied
        if len(requests) >= self.settings.max_requests:
            raise TooBusy(f"{len(requests)} requests are under way already; nothing was sent.")
        reply_subject, reply = requests.add(subject, timeout)
        self.counters.requests += 1
        self._write(client, subject, reply_subject, data, headers)
        try:
            return await reply
        finally:
            requests.forget(reply_subject)

    def send(self, subject: str, data: bytes, reply: str = "") -> None:
        """Publish without waiting for anything. Raises `LinkDown`, `TooLarge`, `TooBusy`, `BadSubject`."""
        client, _ = self._ready(subject, data)
        self._write(client, subject, reply and checked_subject(reply), data)

    async def publish(self, subject: str, data: bytes) -> None:
        """Publish; waits when the broker takes less than is published. Raises like `send`."""
        self.send(subject, data)
        if self._live is not None and self._live.client.buffered > DRAIN_ABOVE:
            try:
                await self._live.client.drained()
            except OSError as error:
                raise LinkDown(f"The link dropped while this was sent: {error}.") from None

    async def flush(self, *, timeout: float = 5.0) -> float:
        """Return once the broker has seen all that was sent: the round trip in seconds. Raises `LinkDown`."""
        if self._live is None:
            raise self._down()
        answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._live.client.send_ping(answered)
        try:
            async with asyncio.timeout(timeout):
                return await answered
        except TimeoutError:
            raise LinkDown(f"The broker did not answer a ping within {timeout:g} s.") from None
        except OSError as error:
            raise LinkDown(f"The link dropped: {error}.") from None

    def jetstream(self) -> JetStreamContext:
        """JetStream over the connection that is up now; raises `LinkDown`.

        Ask for it each time: it ends with its connection, and its consumers and watches are to be made again then.
        """
        if self._live is None:
            raise self._down()
        return self._live.client.jetstream()

    @property
    def footprint(self) -> Footprint:
        """What the link costs the fabric and what it lost, as of now; counts are since the link was made."""
        counters, live = self.counters, self._live
        denied = sum(each.error is not None for each in self._subscriptions)  # the broker does not hold those
        return Footprint(
            connections=int(live is not None),
            subscriptions=live.client.subscriptions - denied if live else 0,
            consumers=len(self.consumers) if live else 0,
            requests=counters.requests,
            requests_in_flight=len(live.requests) if live else 0,
            messages_in=counters.messages_in,
            bytes_in=counters.bytes_in,
            messages_out=counters.messages_out,
            bytes_out=counters.bytes_out,
            buffered=live.client.buffered if live else 0,
            dropped=counters.dropped,
            malformed=counters.malformed,
            late_replies=counters.late_replies,
            handler_failures=counters.handler_failures,
            reconnects=self.state.reconnects,
            request_failures=dict(counters.request_failures),
        )

    def _ready(self, subject: str, data: bytes) -> _Live:
        live = self._live
        if live is None:
            raise self._down()
        client = live.client
        checked_subject(subject)
        if len(data) > client.max_payload:
            raise TooLarge(f"{len(data)} bytes are more than the {client.max_payload} that the broker takes at once.")
        if client.is_full:
            raise TooBusy(f"The broker has not taken {client.buffered} bytes yet; nothing more was sent.")
        return live

    def _write(
        self, client: GuardedClient, subject: str, reply: str, data: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        target = f"{subject} {reply}" if reply else subject
        if headers:
            block = header_block(headers)
            client.write(f"HPUB {target} {len(block)} {len(block) + len(data)}\r\n".encode(), block, data, b"\r\n")
        else:
            client.write(f"PUB {target} {len(data)}\r\n".encode(), data, b"\r\n")
        self.counters.messages_out += 1
        self.counters.bytes_out += len(data)

    def _down(self) -> LinkDown:
        return LinkDown(f"There is no broker now ({self.state.phase.value}); nothing was sent.")

    # State

    def _enter(self, phase: LinkPhase, **changes: Any) -> None:
        if self.state.phase is LinkPhase.CLOSED:
            return
        if phase is not self.state.phase:
            changes |= {"phase": phase, "since": self.clock.now(), "since_wall": self.clock.wall()}
        self.state = replace(self.state, **changes)
        self.state_changed.emit(self.state)

    def _drop_live(self, what: str) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.requests.fail(
                lambda subject: OutcomeUnknown(f"{what} before {subject} answered: it may have been done, or not.")
            )
            live.requests.close()
        for subscription in self._subscriptions:
            subscription.sid = None

    def _late(self) -> None:
        self.counters.late_replies += 1

    def _is_live(self, client: GuardedClient) -> bool:
        return self._live is not None and self._live.client is client

    # What the supervisor tells; nobody else calls these

    def heard(self) -> None:
        self.heard_at = self.clock.now()

    def went_up(self, client: GuardedClient, server: Server) -> None:
        requests = PendingRequests(asyncio.get_running_loop(), self._inbox, self._late)
        client.add_route(requests.subject, "", requests.take)
        for subscription in self._subscriptions:
            subscription.error = None
            subscription.sid = client.add_route(subscription.subject, subscription.queue, subscription.take)
        self._live = _Live(client, requests)
        client.send_ping(None)  # the first round trip is measured now, not after the first interval
        again = self.counters.connects > 0
        self.counters.connects += 1
        self._enter(
            LinkPhase.UP,
            server=server.url,
            server_name=client.server_name,
            attempt=0,
            error=None,
            reconnects=self.state.reconnects + again,
            max_payload=client.max_payload,
            lost_at=None,
        )

    def lost(self, client: GuardedClient, verdict: Verdict) -> None:
        if self._is_live(client):
            self._drop_live("The link dropped")
            self._enter(
                LinkPhase.RECONNECTING, error=verdict.sentence, lost_at=self.clock.now(), attempt=0, rtt_ms=None
            )

    def tried(self, verdict: Verdict) -> None:
        if verdict.refused:
            phase = LinkPhase.REFUSED
        else:
            phase = LinkPhase.RECONNECTING if self.counters.connects else LinkPhase.CONNECTING
        self._enter(phase, attempt=self.state.attempt + 1, error=verdict.sentence)

    def measured(self, client: GuardedClient, seconds: float) -> None:
        if self._is_live(client):
            self._enter(LinkPhase.UP, rtt_ms=seconds * 1_000)

    def informed(self, client: GuardedClient) -> None:
        if self._is_live(client) and client.max_payload != self.state.max_payload:
            self._enter(LinkPhase.UP, max_payload=client.max_payload)

    def was_denied(self, client: GuardedClient, text: str) -> None:
        """A permission error, which leaves the connection up: ends the requests, marks the subscriptions, it names."""
        if self._live is None or self._live.client is not client:
            return
        requests = self._live.requests
        denial = denied_subject(text)
        if denial is None:
            self.denied.emit(PermissionDenied(f"The broker denies something to this user: {text[:200]}."))
            return
        error = denial.error
        if denial.publishing:
            requests.fail(lambda _: error, subject=denial.subject)
        elif denial.subject == requests.subject or denial.subject.startswith(requests.prefix):
            requests.denied = error
            requests.fail(lambda _: error)
        for subscription in self._subscriptions:
            if denial.strikes(subscription.subject, subscription.queue):
                subscription.error = error
        self.denied.emit(error)

"""The one connection to the broker: made, watched, made again, and what runs over it.

`Link` owns at most one `GuardedClient` at a time. A client is used for one connection; when that ends, for whatever
reason, the state changes in the same turn of the loop, requests in flight end as "outcome unknown", and a supervisor
closes the client and then builds the next: at once after a loss, then with backoff; slowly where the broker refused
us. Subscriptions belong to the link and are made again on each connection. Runs on the loop alone.
"""

from __future__ import annotations

import asyncio
import platform
import random
import secrets
import ssl
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from nats.js import JetStreamContext

from fleetgui import __version__
from fleetgui.link.context import Context
from fleetgui.link.credentials import ContextError, prove
from fleetgui.link.denials import denied_subject
from fleetgui.link.errors import (
    LinkDown,
    LinkError,
    OutcomeUnknown,
    PermissionDenied,
    TooBusy,
    TooLarge,
)
from fleetgui.link.footprint import Counters, Footprint
from fleetgui.link.guarded import GuardedClient, Listener
from fleetgui.link.requests import PendingRequests
from fleetgui.link.servers import Server
from fleetgui.link.services import ErrorHandler, Service, ServiceHandler
from fleetgui.link.subscriptions import Handler, Subscription, checked_subject
from fleetgui.link.tasks import Tasks
from fleetgui.link.verdicts import Verdict, judge
from fleetgui.policy.clock import Clock
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import LinkPhase, LinkState

DRAIN_ABOVE: Final = 1024 * 1024
"""`publish` waits for the broker above so many bytes that it has not taken."""


@dataclass(frozen=True)
class LinkSettings:
    """Seconds, unless a name says otherwise. The defaults hold the console's promises; tests shorten them.

    A silent broker is given up when `max_outstanding_pings` are unanswered as the next one is due. Pauses between
    tries go from `first_backoff` to `max_backoff`, short enough to be back within 3 s of the broker; a connection that
    did not live for `stable_after` counts as a failed try. After a refusal `refused_pause` passes, and never are there
    more than `refusals_a_minute`.
    """

    connect_timeout: float = 3.0
    ping_interval: float = 5.0
    max_outstanding_pings: int = 2
    first_backoff: float = 0.5
    max_backoff: float = 2.0
    stable_after: float = 5.0
    refused_pause: float = 15.0
    refusals_a_minute: int = 5
    close_within: float = 1.5
    max_requests: int = 4_096
    max_running_per_service: int = 1_000
    max_buffered_bytes: int = 32 * 1024 * 1024


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
        self.state = LinkState(LinkPhase.IDLE, clock.now(), clock.wall())
        self.state_changed = Signal[[LinkState]]()
        self.denied = Signal[[LinkError]]()
        self._name = f"{name} {__version__} on {platform.node() or 'an unnamed host'}"
        self._inbox = f"_INBOX.fleetgui-{secrets.token_hex(4)}"
        self._servers = list(context.parsed_servers())
        self._live: _Live | None = None
        self._subscriptions: dict[Subscription, None] = {}
        self._supervisor: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._refusals: deque[float] = deque(maxlen=self.settings.refusals_a_minute)

    # Life

    def start(self) -> None:
        """Begin to connect, in a task; returns at once. Must be called on the running loop. Harmless twice."""
        if self._supervisor is None and self.state.phase is LinkPhase.IDLE:
            self._enter(LinkPhase.CONNECTING)
            self._supervisor = self.tasks.spawn(self._supervise(), name="link: supervisor")

    async def close(self) -> None:
        """Close for good, within about two seconds whatever the broker does. Harmless twice, and before `start`."""
        if self.state.phase is LinkPhase.CLOSED:
            return
        live = self._live
        self._drop_live("The link was closed")
        self._enter(LinkPhase.CLOSED, error=None)
        if self._supervisor is not None:
            self._supervisor.cancel()
        if live is not None:
            await live.client.shut(self.settings.close_within)
        if self._supervisor is not None:
            await asyncio.wait({self._supervisor}, timeout=self.settings.close_within)

    def reconnect_now(self) -> None:
        """Try now instead of after the pause; a connection that is up is given up for a new one."""
        self._hurry.set()
        if self._live is not None:
            self._live.client.give_up(ConnectionAbortedError("somebody asked to reconnect"))

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

    def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> Subscription:
        """Call `handler(message)` for each message on `subject`, now and after every reconnect.

        May be called at any time, up or down. The handler runs in the read path: it must return at once. Raises
        `BadSubject`. `queue` names a group of which one member gets each message.
        """
        checked_subject(subject, wildcards=True)
        if queue:
            checked_subject(queue)
        subscription = Subscription(self, subject, queue, handler)
        self._subscriptions[subscription] = None
        if self._live is not None:
            subscription.sid = self._live.client.add_route(subject, queue, subscription.take)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """What `Subscription.close` does."""
        self._subscriptions.pop(subscription, None)
        if self._live is not None and subscription.sid is not None:
            self._live.client.remove_route(subscription.sid)
        subscription.sid = None

    def serve(
        self, subject: str, queue: str, handler: ServiceHandler, *, on_error: ErrorHandler | None = None
    ) -> Service:
        """Answer requests on `subject` as a member of `queue` with what `handler(message)` returns; None: no answer.

        `on_error(message, error)` may make an answer of what the handler raised, or of a reply that is `TooLarge`.
        """
        return Service(self, subject, queue, handler, on_error, self.settings.max_running_per_service)

    async def request(self, subject: str, data: bytes, *, timeout: float) -> bytes:
        """Send `data` and return the reply's payload. Never repeated, never sent later than now.

        Raises `LinkDown` (at once), `NoResponders`, `RequestTimeout` after `timeout` seconds, `OutcomeUnknown` when the
        link drops meanwhile, `TooLarge`, `PermissionDenied`, `TooBusy`, `BadSubject`.
        """
        try:
            return await self._request(subject, data, timeout)
        except LinkError as error:
            self.counters.request_failures[error.kind] += 1
            raise

    async def _request(self, subject: str, data: bytes, timeout: float) -> bytes:
        client, requests = self._ready(subject, data)
        if requests.denied is not None:
            raise requests.denied
        if len(requests) >= self.settings.max_requests:
            raise TooBusy(f"{len(requests)} requests are under way already; nothing was sent.")
        reply_subject, reply = requests.add(subject, timeout)
        self.counters.requests += 1
        self._write(client, subject, reply_subject, data)
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
        counters, live = self.counters, self._live
        return Footprint(
            connections=int(live is not None),
            subscriptions=len(self._subscriptions) + (live is not None),
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

    def _write(self, client: GuardedClient, subject: str, reply: str, data: bytes) -> None:
        head = f"PUB {subject} {reply} {len(data)}\r\n" if reply else f"PUB {subject} {len(data)}\r\n"
        client.write(head.encode(), data, b"\r\n")
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

    def _lost(self, client: GuardedClient, server: Server, ended: asyncio.Future[Exception], reason: Exception) -> None:
        """A connection ended: everything that stands on it ends in the same turn of the loop."""
        if self._is_live(client):
            verdict = judge(reason, server.where)
            self._drop_live("The link dropped")
            self._enter(
                LinkPhase.RECONNECTING, error=verdict.sentence, lost_at=self.clock.now(), attempt=0, rtt_ms=None
            )
        if not ended.done():
            ended.set_result(reason)

    def _is_live(self, client: GuardedClient) -> bool:
        return self._live is not None and self._live.client is client

    def _drop_live(self, what: str) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.requests.fail(
                lambda subject: OutcomeUnknown(f"{what} before {subject} answered: it may have been done, or not.")
            )
            live.requests.close()
        for subscription in self._subscriptions:
            subscription.sid = None

    def _measured(self, client: GuardedClient, seconds: float) -> None:
        if self._is_live(client):
            self._enter(LinkPhase.UP, rtt_ms=seconds * 1_000)

    def _denied(self, client: GuardedClient, text: str) -> None:
        """`text` is the broker's; the connection stays. It ends the requests, or marks the subscriptions, it names."""
        if self._live is None or self._live.client is not client:
            return
        requests = self._live.requests
        denial = denied_subject(text)
        if denial is None or denial.reply_of == requests.prefix:
            requests.fail(lambda _: PermissionDenied(f"The broker denies us our inbox: {text[:200]}."))
            return
        error = PermissionDenied(f"This user may not {denial.verb} {denial.subject[:200]}; ask for that permission.")
        if denial.publishing:
            requests.fail(lambda _: error, subject=denial.subject)
        elif denial.subject == requests.subject:
            requests.denied = error
            requests.fail(lambda _: error)
        for subscription in self._subscriptions:
            if not denial.publishing and (subscription.subject, subscription.queue) == (denial.subject, denial.queue):
                subscription.error = error
        self.denied.emit(error)

    def _take_info(self, client: GuardedClient, server: Server, info: dict[str, Any]) -> None:
        """Brokers say what they take, and who else is in their cluster: those are tried too when this one dies."""
        for where in info.get("connect_urls") or ():
            if len(self._servers) >= 64 or not isinstance(where, str):
                break
            host, _, port = where.rpartition(":")
            host = host.strip("[]")
            known = any((host, port) == (other.host, str(other.port)) for other in self._servers)
            if host and port.isascii() and port.isdecimal() and not known:
                self._servers.append(Server(host, int(port), server.tls, server.tls_name or server.host))
        if self._is_live(client):
            self._enter(LinkPhase.UP, max_payload=client.max_payload)

    # The supervisor

    async def _supervise(self) -> None:
        while True:
            try:
                await self._connect_forever()
            except Exception as error:  # noqa: BLE001 - a fault of ours here must not leave the console without a link
                self.tasks.report("link: supervisor", error)
                await asyncio.sleep(self.settings.max_backoff)

    async def _connect_forever(self) -> None:
        failures = 0
        position = 0
        while True:
            server = self._servers[position % len(self._servers)]
            ended: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
            began = asyncio.get_running_loop().time()
            client = self._new_client(server, ended)
            try:
                await self._open(client, server)
                self._went_up(client, server)
                reason: Exception = await ended
            except Exception as error:  # noqa: BLE001 - judged below, by its type
                reason = error
            finally:
                client.abort()
            await client.shut(self.settings.close_within)
            if asyncio.get_running_loop().time() - began > self.settings.stable_after and ended.done():
                failures = 0
            position += 1
            failures += 1
            await self._pause(judge(reason, server.where), failures, was_up=ended.done())

    def _new_client(self, server: Server, ended: asyncio.Future[Exception]) -> GuardedClient:
        # The listener's functions need the client, which needs the listener.
        client: GuardedClient

        def spawn(coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
            return self.tasks.spawn(coroutine, name=name)

        listener = Listener(
            lost=lambda reason: self._lost(client, server, ended, reason),
            denied=lambda text: self._denied(client, text),
            measured=lambda seconds: self._measured(client, seconds),
            info=lambda info: self._take_info(client, server, info),
            failed=self.tasks.report,
        )
        client = GuardedClient(
            spawn,
            listener,
            self.counters,
            ping_interval=self.settings.ping_interval,
            max_outstanding_pings=self.settings.max_outstanding_pings,
            max_buffered=self.settings.max_buffered_bytes,
        )
        return client

    async def _open(self, client: GuardedClient, server: Server) -> None:
        tls = self.context.tls
        encrypted_only = tls.asked_for or any(each.tls for each in self._servers)
        context = await asyncio.to_thread(_ssl_context, self.context) if encrypted_only else None
        proof = await asyncio.to_thread(prove, self.context.credentials)
        await client.open(
            server,
            proof,
            tls=context,
            encrypted_only=encrypted_only,
            tls_first=tls.first,
            name=self._name,
            inbox_prefix=self._inbox,
            connect_timeout=self.settings.connect_timeout,
        )

    def _went_up(self, client: GuardedClient, server: Server) -> None:
        if client.ended:
            return
        requests = PendingRequests(asyncio.get_running_loop(), self._inbox, self._late)
        client.add_route(requests.subject, "", requests.take)
        for subscription in self._subscriptions:
            subscription.error = None
            subscription.sid = client.add_route(subscription.subject, subscription.queue, subscription.take)
        self._live = _Live(client, requests)
        client.send_ping(None)  # measures, and makes the broker's refusals of subscriptions come early
        again = self.counters.connects > 0
        self.counters.connects += 1
        self._hurry.clear()
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

    def _late(self) -> None:
        self.counters.late_replies += 1

    async def _pause(self, verdict: Verdict, failures: int, *, was_up: bool) -> None:
        """Say why, and wait for as long as that calls for, or until somebody is in a hurry."""
        now = asyncio.get_running_loop().time()
        settings = self.settings
        if verdict.refused and not was_up:
            self._refusals.append(now)
            round_done = failures % len(self._servers) == 0
            pause = settings.refused_pause if round_done else 0.0
            if len(self._refusals) == settings.refusals_a_minute:
                pause = max(pause, self._refusals[0] + 60.0 - now)
            phase = LinkPhase.REFUSED
        else:
            rounds = (failures - 1) // len(self._servers)
            if (was_up and failures == 1) or failures % len(self._servers):
                pause = 0.0  # the others, or the same one that only restarted, may be there
            else:
                pause = min(settings.max_backoff, settings.first_backoff * 1.6**rounds) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            phase = LinkPhase.RECONNECTING if self.counters.connects else LinkPhase.CONNECTING
        if not was_up or self.state.phase is LinkPhase.REFUSED:
            self._enter(phase, attempt=self.state.attempt + 1, error=verdict.sentence)
        self._hurry.clear()
        try:
            async with asyncio.timeout(pause):
                await self._hurry.wait()
        except TimeoutError:
            pass


def _ssl_context(context: Context) -> ssl.SSLContext:
    """Raises `ContextError` when a file for TLS cannot be used."""
    tls = context.tls
    try:
        made = ssl.create_default_context(cafile=tls.ca)
        if tls.cert is not None:
            made.load_cert_chain(tls.cert, tls.key)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or error
        raise ContextError(f"The files for TLS cannot be used: {why}; see --tlsca, --tlscert, --tlskey.") from None
    return made

"""Keeps one connection going: picks a server, connects, waits for the end, closes what ended, pauses, again.

A client is used for one connection and closed before the next is built. Servers are taken in turn, those first that
the context names, then the others of their cluster as brokers tell of them.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from fleetgui.link.context import Context
from fleetgui.link.credentials import ContextError, prove
from fleetgui.link.footprint import Counters
from fleetgui.link.guarded import GuardedClient, Listener
from fleetgui.link.retries import Retries
from fleetgui.link.servers import Server
from fleetgui.link.settings import LinkSettings
from fleetgui.link.tasks import Tasks
from fleetgui.link.verdicts import Verdict, judge

MAX_SERVERS: Final = 64
"""More than any cluster has; a broker that tells of more is not believed."""


class Owner(Protocol):
    """Whom the supervisor tells; nothing here may block or raise."""

    def heard(self) -> None: ...

    def went_up(self, client: GuardedClient, server: Server) -> None: ...

    def lost(self, client: GuardedClient, verdict: Verdict) -> None: ...

    def tried(self, verdict: Verdict) -> None: ...

    def was_denied(self, client: GuardedClient, text: str) -> None: ...

    def measured(self, client: GuardedClient, seconds: float) -> None: ...

    def informed(self, client: GuardedClient) -> None: ...


class Supervisor:
    """`run` until cancelled."""

    def __init__(
        self,
        owner: Owner,
        context: Context,
        settings: LinkSettings,
        tasks: Tasks,
        counters: Counters,
        *,
        name: str,
        inbox: str,
    ) -> None:
        self._owner = owner
        self._context = context
        self._settings = settings
        self._tasks = tasks
        self._counters = counters
        self._name = name
        self._inbox = inbox
        self._servers = list(context.parsed_servers())
        self._encrypted_only = context.tls.asked_for or any(server.tls for server in self._servers)
        self._retries = Retries(settings)
        self._hurry = asyncio.Event()
        self._stopped = asyncio.Event()

    def hurry(self) -> None:
        """Try now instead of after the pause."""
        self._hurry.set()

    def stop(self) -> None:
        """Make no further connection, even if the cancellation of `run` is swallowed by something it calls."""
        self._stopped.set()

    async def run(self) -> None:
        """Connect again and again, until `stop` or cancelled; a fault of ours is reported and does not end it."""
        while not self._stopped.is_set():
            try:
                await self._connect_forever()
            except Exception as error:  # noqa: BLE001 - a fault of ours must not leave the program without a link
                self._tasks.report("link: supervisor", error)
                await asyncio.sleep(self._settings.max_backoff)

    async def _connect_forever(self) -> None:
        loop = asyncio.get_running_loop()
        position = 0
        while not self._stopped.is_set():
            server = self._servers[position % len(self._servers)]
            ended: asyncio.Future[Exception] = loop.create_future()
            client = self._new_client(server, ended)
            up_since: float | None = None
            reason: Exception
            try:
                await self._open(client, server)
                up_since = loop.time()
                if self._stopped.is_set():
                    return
                if not client.ended:
                    self._owner.went_up(client, server)
                reason = await ended
            except Exception as error:  # noqa: BLE001 - judged below, by its type
                reason = error
            finally:
                client.abort()
            lived = 0.0 if up_since is None else loop.time() - up_since
            verdict = judge(reason, server.where)
            if up_since is None or verdict.refused:
                self._owner.tried(verdict)
            await client.shut(self._settings.close_within)
            position += 1
            await self._pause(
                self._retries.pause(loop.time(), refused=verdict.refused, lived=lived, servers=len(self._servers))
            )

    async def _pause(self, seconds: float) -> None:
        # Jitter, so that a hundred consoles do not come back in the same instant.
        seconds *= random.uniform(0.8, 1.2)  # noqa: S311 - no secret depends on it
        self._hurry.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass

    def _new_client(self, server: Server, ended: asyncio.Future[Exception]) -> GuardedClient:
        client: GuardedClient  # its listener needs it, and it needs the listener

        def lost(reason: Exception) -> None:
            self._owner.lost(client, judge(reason, server.where))
            if not ended.done():
                ended.set_result(reason)

        def informed(info: dict[str, Any]) -> None:
            self._add_servers(info, server)
            self._owner.informed(client)

        def spawn(coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
            return self._tasks.spawn(coroutine, name=name)

        listener = Listener(
            heard=self._owner.heard,
            lost=lost,
            denied=lambda text: self._owner.was_denied(client, text),
            measured=lambda seconds: self._owner.measured(client, seconds),
            info=informed,
            failed=self._tasks.report,
        )
        client = GuardedClient(
            spawn,
            listener,
            self._counters,
            ping_interval=self._settings.ping_interval,
            max_outstanding_pings=self._settings.max_outstanding_pings,
            max_buffered=self._settings.max_buffered_bytes,
        )
        return client

    async def _open(self, client: GuardedClient, server: Server) -> None:
        # Files are read in a thread, and for each connection: what was rotated is picked up.
        tls = await asyncio.to_thread(_ssl_context, self._context) if self._encrypted_only else None
        proof = await asyncio.to_thread(prove, self._context.credentials)
        await client.open(
            server,
            proof,
            tls=tls,
            encrypted_only=self._encrypted_only,
            tls_first=self._context.tls.first,
            name=self._name,
            inbox_prefix=self._inbox,
            connect_timeout=self._settings.connect_timeout,
        )

    def _add_servers(self, info: dict[str, Any], teller: Server) -> None:
        """Take in the cluster's other servers, which a broker lists as host:port."""
        told = info.get("connect_urls")
        for where in told if isinstance(told, list) else ():
            host, _, port = where.rpartition(":") if isinstance(where, str) else ("", "", "")
            host = host.strip("[]")
            known = any((host, port) == (server.host, str(server.port)) for server in self._servers)
            if host and port.isascii() and port.isdecimal() and not known and len(self._servers) < MAX_SERVERS:
                # A cluster's certificate bears the name it is known by, not each address.
                self._servers.append(Server(host, int(port), teller.tls, teller.tls_name or teller.host))


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

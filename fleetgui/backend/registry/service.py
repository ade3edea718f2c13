"""The registry on a link: three subjects of every tenant, and the tasks that let silent devices go.

Any number of these processes are one registry: requests come to one of the queue group, heartbeats to all, and what
one of them keeps all follow (`keeping.py`). Each begins to serve only once it knows what is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Final

from fleetgui.backend.registry.discovery import DiscoveryHandler, DiscoverySettings, Reply
from fleetgui.backend.registry.enrolment import Counters, Enrolment, Limits
from fleetgui.backend.registry.heartbeats import HeartbeatHandler, Puller
from fleetgui.backend.registry.keeping import BucketKeeper, KeepingSettings, NoKeeper
from fleetgui.backend.registry.leases import Key, Leases
from fleetgui.backend.registry.mirror import Mirror
from fleetgui.backend.registry.registration import Gate, OpenGate, RegistrationHandler
from fleetgui.backend.registry.statuses import Owns, StatusWriter
from fleetgui.backend.registry.store import RecordStore
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.access import AccessPolicy
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.wire.subjects import any_tenant, tenant_of

QUEUE: Final = "registry"
MOST_KEPT_AT_ONCE: Final = 50
"""Registrations under way to the broker: its answers come in bursts, and a burst must not hold up the loop."""
PULL_TIMEOUT_S: Final = 5.0
EXPIRY_EVERY_S: Final = 0.5
DEAF_AFTER_S: Final = 5.0
"""Waking up so much too late means that this machine slept: nobody's silence counts then."""
FORGET_EVERY_S: Final = 60.0
REACH_WITHIN_S: Final = 10.0
LEAVE_WITHIN_S: Final = 0.5


class RegistryService:
    """Serves from `start` until its link closes; `store` and `counters` are there to be looked at.

    `owns` tells which devices are this replica's where one of several has to act.
    """

    def __init__(
        self,
        link: Link,
        *,
        clock: Clock,
        tasks: Tasks,
        settings: DiscoverySettings | None = None,
        gate: Gate | None = None,
        limits: Limits | None = None,
        keeping: KeepingSettings | None = None,
        owns: Owns = lambda _tenant, _device_id: True,
        policy: AccessPolicy | None = None,
    ) -> None:
        gate = gate or OpenGate()
        self.store = RecordStore()
        self.counters = Counters()
        self.leases = Leases()
        self._link = link
        self._phase = link.state.phase
        self._clock = clock
        self._tasks = tasks
        self._owns = owns
        self._keeping = keeping or KeepingSettings()
        mirror = Mirror(self.store, self.leases, clock, self._vanished)
        self._bucket = (
            None if self._keeping.storage == "none" else BucketKeeper(link, self._keeping, mirror, clock, tasks)
        )
        keeper = self._bucket or NoKeeper()
        self._enrolment = Enrolment(self.store, self.leases, mirror, keeper, clock, link.send, self.counters, limits)
        self._registration = RegistrationHandler(self._enrolment, gate, self.counters)
        self._discovery = DiscoveryHandler(
            self.store, settings or DiscoverySettings(), lambda: link.max_payload, clock=clock, policy=policy
        )
        self._statuses = StatusWriter(self.store, keeper, clock, owns)
        puller = Puller(self._enrolment, self.store, clock, self._ask, tasks, gate, self.counters, owns)
        self._heartbeats = HeartbeatHandler(
            self.store, self.leases, clock, puller, self.counters, self._statuses.changed
        )

    async def start(self) -> None:
        """Learn what is kept, then subscribe and begin to watch leases; answers come once the broker knows of that.

        Raises `LinkError` when it cannot even be read after `REACH_WITHIN_S`.
        """
        if self._bucket is not None:
            self._tasks.spawn(self._bucket.run(), name="registry: bucket")
            await self._bucket.ready(REACH_WITHIN_S)
        self.leases.forgive(self._clock.now())
        self._link.state_changed.connect(self._link_changed)
        self._link.serve(any_tenant("registry"), QUEUE, self._register, most=MOST_KEPT_AT_ONCE)
        self._link.serve(any_tenant("discovery"), QUEUE, self._discover)
        self._link.subscribe(any_tenant("*.heartbeat"), self._beat)
        self._tasks.spawn(self._expire(), name="registry: leases")
        self._tasks.spawn(self._statuses.run(), name="registry: statuses")
        self._tasks.spawn(self._forget(), name="registry: what ended")

    async def leave(self) -> None:
        """Keep what is not kept yet, as far as that is possible quickly. Raises nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await self._statuses.write_all()
                if self._bucket is not None:
                    await self._bucket.close()

    def _register(self, message: Message) -> bytes | Awaitable[bytes] | None:
        return self._registration.handle(tenant_of(message.subject), message.data) if message.reply else None

    def _discover(self, message: Message) -> Reply | Awaitable[Reply]:
        return self._discovery.handle(tenant_of(message.subject), message.data) if message.reply else None

    def _vanished(self, key: Key) -> None:
        if self._owns(*key):
            self._enrolment.announce_vanished(key)

    def _beat(self, message: Message) -> None:
        self._heartbeats.handle(message.subject, message.data)

    async def _ask(self, subject: str, request: bytes) -> bytes:
        return await self._link.request(subject, request, timeout=PULL_TIMEOUT_S)

    def _link_changed(self, state: LinkState) -> None:
        came_up = state.phase is LinkPhase.UP and self._phase is not LinkPhase.UP
        self._phase = state.phase
        if came_up:
            self.leases.forgive(self._clock.now())

    async def _expire(self) -> None:
        while True:
            asleep_since = self._clock.now()
            await asyncio.sleep(EXPIRY_EVERY_S)
            now = self._clock.now()
            if now - asleep_since > EXPIRY_EVERY_S + DEAF_AFTER_S:
                self.leases.forgive(now)
            elif self.leases.may_expire(now):
                await self._let_go(now)

    async def _let_go(self, now: float) -> None:
        """End what is over at `now`, once every heartbeat that the broker had by then has been read."""
        try:
            await self._link.flush()
        except LinkError:
            return  # nobody can be heard; once the link is back, everybody gets a full ttl
        more = True
        while more:
            more = await self._enrolment.expire(now)
            await asyncio.sleep(0)

    async def _forget(self) -> None:
        keeping = self._keeping
        while True:
            await asyncio.sleep(FORGET_EVERY_S)
            before = self._clock.wall() - keeping.retention_s
            for tenant in self.store.known_tenants:
                await self._enrolment.forget(tenant, self._owns, before, keeping.max_ended)

"""Who is in the registry: a device enters with a record and a lease, and leaves when its lease ends.

Both are kept first, then announced to the tenant: `device/online` before the registration is answered,
`device/offline` before the record is gone from the list, by the one replica whose word was kept. Nothing here decides
whether a device may enter: that is `registration`'s.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fleetgui.backend.registry.keeping import Keeper
from fleetgui.backend.registry.kept import Kept
from fleetgui.backend.registry.leases import Key, Leases
from fleetgui.backend.registry.mirror import Mirror
from fleetgui.backend.registry.records import BadRegistration, Record, Registration, record_of
from fleetgui.backend.registry.statuses import Owns
from fleetgui.backend.registry.store import RecordStore
from fleetgui.backend.trouble import Trouble
from fleetgui.link.buckets import NoRoom, WrongRevision
from fleetgui.link.errors import LinkError
from fleetgui.policy.clock import Clock
from fleetgui.policy.settings import number_from
from fleetgui.wire import rpc
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.times import rfc3339_seconds

log = logging.getLogger(__name__)

Publish = Callable[[str, bytes], None]
"""(subject, data); sends without waiting, raises `LinkError`."""

MOST_EXPIRED_AT_ONCE: Final = 50
END_AGAIN_S: Final = 5.0
"""After an end that could not be kept. A device that is heard of meanwhile has not ended."""


@dataclass(frozen=True)
class Limits:
    """What one device may put into the registry; more is refused with the reason.

    `REGISTRY_MAX_RECORD_BYTES` bounds the encoded record, `REGISTRY_MAX_FUNCTIONS` its functions, and as many events.
    """

    record_bytes: int = 256 * 1024
    functions: int = 1_000

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Limits:
        return cls(
            int(number_from(environ, "REGISTRY_MAX_RECORD_BYTES", cls.record_bytes)),
            int(number_from(environ, "REGISTRY_MAX_FUNCTIONS", cls.functions)),
        )

    def check(self, registration: Registration, record: Record) -> None:
        """Raises `BadRegistration` for a record that passes a limit."""
        capabilities = registration.capabilities
        for count, what in ((len(capabilities.functions), "functions"), (len(capabilities.events), "events")):
            if count > self.functions:
                raise BadRegistration(f"capabilities.{what}: {count} are more than the {self.functions} allowed")
        if record.size > self.record_bytes:
            raise BadRegistration(f"the record has {record.size} bytes where {self.record_bytes} are allowed")


@dataclass
class Counters:
    """What happened since the start; for logs, tests and diagnostics."""

    registered: int = 0
    refused: int = 0
    """Registrations that the gate refused."""
    invalid: int = 0
    """Registrations that do not fit."""
    expired: int = 0
    unannounced: int = 0
    """Online and offline events that could not be published, because the link was down."""
    unkept: int = 0
    """Registrations and ends that may not have been kept."""
    bad_heartbeats: int = 0
    """Not an object, in the name of another device, or a status too large to keep."""
    pulls: int = 0
    pulls_failed: int = 0
    pulls_postponed: int = 0
    """Too many at once; the device's next heartbeat asks again."""


class Enrolment:
    """`keep_ended_s` and `keep_ended` bound how long and how many ended records of a tenant are kept."""

    def __init__(
        self,
        store: RecordStore,
        leases: Leases,
        mirror: Mirror,
        keeper: Keeper,
        clock: Clock,
        publish: Publish,
        counters: Counters,
        limits: Limits | None = None,
    ) -> None:
        self._store = store
        self._leases = leases
        self._mirror = mirror
        self._keeper = keeper
        self._clock = clock
        self._publish = publish
        self._counters = counters
        self._limits = limits or Limits()
        self._ending = Trouble("the end of leases cannot be kept", log)
        self._forgetting = Trouble("what ended long ago cannot be forgotten", log)

    async def enter(self, tenant: str, registration: Registration) -> str:
        """Keep the device's record, start its lease, announce it; returns the new registration's id.

        Raises `Malformed` for a record that JSON cannot carry, `BadRegistration` for one that passes a limit,
        `NotAddressable` for a tenant that is no subject token, `LinkError` for a record that may not have been kept.
        """
        online = Subjects(tenant).online
        registration_id = str(uuid.uuid4())
        record = record_of(
            registration, registration_id=registration_id, registered_at=rfc3339_seconds(self._clock.wall())
        )
        self._limits.check(registration, record)
        self._mirror.registered(tenant, record, await self._keeper.register(tenant, record))
        self._counters.registered += 1
        self._announce(online, "device/online", record.device_id)
        return registration_id

    async def expire(self, now: float) -> bool:
        """Let some of those go whose lease ended before `now`; returns whether there may be more of them."""
        over = self._leases.expired(now, MOST_EXPIRED_AT_ONCE)
        await asyncio.gather(*(self._end(key, now) for key in over))
        return len(over) == MOST_EXPIRED_AT_ONCE

    async def _end(self, key: Key, now: float) -> None:
        tenant, device_id = key
        record = self._store.get(tenant, device_id)
        if record is None:
            return
        kept = Kept(record, self._clock.wall())
        try:
            revision = await self._keeper.end(tenant, kept, self._mirror.revision(key))
        except WrongRevision:
            return  # somebody else ended it, or it registered anew: the watch tells which
        except NoRoom as error:
            self._ending.is_now(error, alike=NoRoom)
            await self._drop(key, now)
            return
        except LinkError as error:
            self._ending.is_now(error, alike=type(error))
            self._end_later(key, now)
            return
        self._ending.is_now(None)
        if revision >= self._mirror.revision(key):  # else it has registered anew meanwhile
            self._counters.expired += 1
            self._announce(Subjects(tenant).offline, "device/offline", device_id)
        self._mirror.ended(tenant, kept, revision)

    async def _drop(self, key: Key, now: float) -> None:
        """Let a device go of which nothing more can be kept, and make room by that."""
        known = self._mirror.revision(key)
        try:
            await self._keeper.drop(key, known)
        except LinkError as error:
            self._ending.is_now(error, alike=type(error))
            self._end_later(key, now)
            return
        self._counters.expired += 1
        self._mirror.forgotten(key, known)  # which announces it

    def _end_later(self, key: Key, now: float) -> None:
        self._counters.unkept += 1
        record = self._store.get(*key)
        if record is not None:
            self._leases.grant(key, record.ttl, now - record.ttl + END_AGAIN_S)

    def announce_vanished(self, key: Key) -> None:
        """A device's record went although nobody ended its lease: whoever follows the announcements is to know."""
        self._announce(Subjects(key[0]).offline, "device/offline", key[1])

    async def forget(self, tenant: str, owns: Owns, before: float, most: int) -> None:
        """Forget this replica's share of what ended `before` (epoch s), and of the oldest beyond `most`."""
        old = [each for each in self._mirror.ended_before(tenant, before, most) if owns(tenant, each)]
        for first in range(0, len(old), MOST_EXPIRED_AT_ONCE):
            batch = old[first : first + MOST_EXPIRED_AT_ONCE]
            await asyncio.gather(*(self._forget((tenant, device_id)) for device_id in batch))

    async def _forget(self, key: Key) -> None:
        try:
            self._mirror.forgotten(key, await self._keeper.forget(key, self._mirror.revision(key)))
        except LinkError as error:  # it is tried again with the next round
            self._forgetting.is_now(error, alike=type(error))
        else:
            self._forgetting.is_now(None)

    def _announce(self, subject: str, method: str, device_id: str) -> None:
        params = {"device_id": device_id, "ts": rfc3339_seconds(self._clock.wall())}
        try:
            self._publish(subject, rpc.notification(method, params))
        except LinkError:
            self._counters.unannounced += 1

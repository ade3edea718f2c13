"""Who is in the registry: a device enters with a record and a lease, and leaves when its lease ends.

Both are announced to the tenant, `device/online` before the registration is answered, `device/offline` before the
record is gone from the list. Nothing here decides whether a device may enter: that is `registration`'s.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fleetgui.backend.registry.leases import Leases
from fleetgui.backend.registry.records import BadRegistration, Record, Registration, record_of
from fleetgui.backend.registry.store import RecordStore
from fleetgui.link.errors import LinkError
from fleetgui.policy.clock import Clock
from fleetgui.policy.settings import number_from
from fleetgui.wire import rpc
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.times import rfc3339_seconds

Publish = Callable[[str, bytes], None]
"""(subject, data); sends without waiting, raises `LinkError`."""

MOST_EXPIRED_AT_ONCE: Final = 500


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
    bad_heartbeats: int = 0
    """Not an object, in the name of another device, or a status too large to keep."""
    pulls: int = 0
    pulls_failed: int = 0
    pulls_postponed: int = 0
    """Too many at once; the device's next heartbeat asks again."""


class Enrolment:
    def __init__(
        self,
        store: RecordStore,
        leases: Leases,
        clock: Clock,
        publish: Publish,
        counters: Counters,
        limits: Limits | None = None,
    ) -> None:
        self._store = store
        self._leases = leases
        self._clock = clock
        self._publish = publish
        self._counters = counters
        self._limits = limits or Limits()

    def enter(self, tenant: str, registration: Registration) -> str:
        """Keep the device's record, start its lease, announce it; returns the new registration's id.

        Raises `Malformed` for a record that JSON cannot carry, `BadRegistration` for one that passes a limit,
        `NotAddressable` for a tenant that is no subject token.
        """
        online = Subjects(tenant).online
        registration_id = str(uuid.uuid4())
        record = record_of(
            registration, registration_id=registration_id, registered_at=rfc3339_seconds(self._clock.wall())
        )
        self._limits.check(registration, record)
        self._store.put(tenant, record)
        self._leases.grant((tenant, record.device_id), record.ttl, self._clock.now())
        self._counters.registered += 1
        self._announce(online, "device/online", record.device_id)
        return registration_id

    def expire(self, now: float) -> bool:
        """Let some of those go whose lease ended before `now`; returns whether there may be more of them."""
        ended = self._leases.expired(now, MOST_EXPIRED_AT_ONCE)
        for tenant, device_id in ended:
            self._announce(Subjects(tenant).offline, "device/offline", device_id)
            self._store.remove(tenant, device_id)
        self._counters.expired += len(ended)
        return len(ended) == MOST_EXPIRED_AT_ONCE

    def _announce(self, subject: str, method: str, device_id: str) -> None:
        params = {"device_id": device_id, "ts": rfc3339_seconds(self._clock.wall())}
        try:
            self._publish(subject, rpc.notification(method, params))
        except LinkError:
            self._counters.unannounced += 1

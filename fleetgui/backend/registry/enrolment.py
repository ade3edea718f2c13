"""Who is in the registry: a device enters with a record and a lease, and leaves when its lease ends.

Both are announced to the tenant, `device/online` before the registration is answered, `device/offline` before the
record is gone from the list. Nothing here decides whether a device may enter: that is `registration`'s.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fleetgui.backend.registry.leases import Leases
from fleetgui.backend.registry.records import Registration, record_of
from fleetgui.backend.registry.store import RecordStore
from fleetgui.link.errors import LinkError
from fleetgui.policy.clock import Clock
from fleetgui.wire import rpc
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.times import rfc3339_seconds

Publish = Callable[[str, bytes], None]
"""(subject, data); sends without waiting, raises `LinkError`."""

MOST_EXPIRED_AT_ONCE: Final = 500


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
    def __init__(self, store: RecordStore, leases: Leases, clock: Clock, publish: Publish, counters: Counters) -> None:
        self._store = store
        self._leases = leases
        self._clock = clock
        self._publish = publish
        self._counters = counters

    def enter(self, tenant: str, registration: Registration) -> str:
        """Keep the device's record, start its lease, announce it; returns the new registration's id.

        Raises `Malformed` for a record that JSON cannot carry, `NotAddressable` for a tenant that is no subject token.
        """
        online = Subjects(tenant).online
        registration_id = str(uuid.uuid4())
        record = record_of(
            registration, registration_id=registration_id, registered_at=rfc3339_seconds(self._clock.wall())
        )
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

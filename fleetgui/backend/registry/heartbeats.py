"""Heartbeats: they keep a lease alive, bring status along, and show devices that the registry does not know.

A device that beats without a record (the registry was restarted, or the device's lease ended while it could not be
heard) is asked for its registration, `requestRegistration` on its own command subject: once at a time per device, a
bounded number at once, and not again for a while when it does not answer. Its heartbeats bring it back until it does.
Every replica hears every heartbeat; the device's owner among them asks.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from fleetgui.backend.registry.enrolment import Counters, Enrolment
from fleetgui.backend.registry.leases import Key, Leases
from fleetgui.backend.registry.records import BadRegistration, registration_of
from fleetgui.backend.registry.registration import Gate
from fleetgui.backend.registry.statuses import Owns
from fleetgui.backend.registry.store import RecordStore
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_any, decode_object
from fleetgui.wire.subjects import RESERVED_IDS, NotAddressable, Subjects, device_of, tenant_of

log = logging.getLogger(__name__)

Ask = Callable[[str, bytes], Awaitable[bytes]]
"""(subject, request) → reply; raises `LinkError`."""

MOST_PULLS: Final = 64
"""Devices asked at the same time."""
PULL_AGAIN_S: Final = 30.0
"""Pause after one that failed."""
_MOST_FAILURES: Final = 10_000
"""Failed devices remembered."""


class Puller:
    """Asks devices for their registration."""

    def __init__(
        self,
        enrolment: Enrolment,
        store: RecordStore,
        clock: Clock,
        ask: Ask,
        tasks: Tasks,
        gate: Gate,
        counters: Counters,
        owns: Owns,
    ) -> None:
        self._enrolment = enrolment
        self._store = store
        self._clock = clock
        self._ask = ask
        self._tasks = tasks
        self._gate = gate
        self._counters = counters
        self._owns = owns
        self._asking: set[Key] = set()
        self._not_before: dict[Key, float] = {}

    def want(self, tenant: str, device_id: str) -> None:
        """Ask this device, unless it is being asked, failed lately, or may not be."""
        key = (tenant, device_id)
        if key in self._asking or device_id in RESERVED_IDS or not self._gate.may_pull(tenant, device_id):
            return
        if self._clock.now() < self._not_before.get(key, float("-inf")):
            return
        if len(self._asking) >= MOST_PULLS:
            self._counters.pulls_postponed += 1
            return
        if not self._owns(tenant, device_id):
            return
        self._asking.add(key)
        self._counters.pulls += 1
        self._tasks.spawn(self._pull(key), name=f"pull the registration of {device_id[:64]}")

    async def _pull(self, key: Key) -> None:
        tenant, device_id = key
        try:
            request = rpc.request("requestRegistration", {}, f"pull-{device_id}")
            params = decode_any(rpc.result_of(await self._ask(Subjects(tenant).cmd(device_id), request)))
            registration = registration_of(params)
            if registration.device_id != device_id:
                raise BadRegistration(f"it calls itself {registration.device_id[:64]!r}")
            if self._store.get(tenant, device_id) is None:  # it may have registered by itself meanwhile
                await self._enrolment.enter(tenant, registration)
            self._not_before.pop(key, None)
        except (LinkError, rpc.RpcError, Malformed, BadRegistration, NotAddressable) as error:
            self._counters.pulls_failed += 1
            self._remember_failure(key)
            log.info("device %r of tenant %s gave no registration: %s", device_id[:64], tenant, error)
        finally:
            self._asking.discard(key)

    def _remember_failure(self, key: Key) -> None:
        now = self._clock.now()
        if len(self._not_before) >= _MOST_FAILURES:
            self._not_before = {each: until for each, until in self._not_before.items() if until > now}
            if len(self._not_before) >= _MOST_FAILURES:
                self._not_before.clear()
        self._not_before[key] = now + PULL_AGAIN_S


class HeartbeatHandler:
    """`changed` is told whose status a heartbeat has changed."""

    def __init__(
        self,
        store: RecordStore,
        leases: Leases,
        clock: Clock,
        puller: Puller,
        counters: Counters,
        changed: Callable[[Key], None],
    ) -> None:
        self._store = store
        self._leases = leases
        self._clock = clock
        self._puller = puller
        self._counters = counters
        self._changed = changed

    def handle(self, subject: str, data: bytes) -> None:
        """Take in one heartbeat; never raises. Bad ones are counted."""
        try:
            tenant, device_id = tenant_of(subject), device_of(subject)
            body = decode_object(data)
            if body.pop("device_id", None) != device_id:
                raise Malformed("a heartbeat in the name of another device")
            body.pop("ts", None)
            if not self._leases.beat((tenant, device_id), self._clock.now()):
                self._puller.want(tenant, device_id)
            elif body and self._store.merge_status(tenant, device_id, body):
                self._changed((tenant, device_id))
        except ValueError:  # Malformed is one
            self._counters.bad_heartbeats += 1

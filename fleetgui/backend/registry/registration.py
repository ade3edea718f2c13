"""`registerDevice`: the gate first, then the check of what the device says of itself, then its record and its lease.

A gate may refuse a registration before anything expensive happens to it; the gateway's throttle is one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from fleetgui.backend.registry.enrolment import Counters, Enrolment
from fleetgui.backend.registry.records import BadRegistration, Registration, registration_of
from fleetgui.backend.trouble import Trouble
from fleetgui.link.errors import LinkError
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_any
from fleetgui.wire.subjects import RESERVED_IDS, NotAddressable, why_not_addressable

log = logging.getLogger(__name__)

_LONGEST_SESSION: Final = 256


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error a refused registration is answered with."""

    code: int
    message: str
    data: dict[str, Any]


class Gate(Protocol):
    """Decides whether a registration goes on. Plain functions: they never wait."""

    def admit(self, tenant: str, device_id: str, session: str | None) -> Refusal | None:
        """Count one registration of the device; a refusal ends it."""

    def may_pull(self, tenant: str, device_id: str) -> bool:
        """Whether the registry may ask this device, which beats without a record, for its registration."""


class OpenGate:
    """Lets everybody in: a registry without a throttle."""

    def admit(self, tenant: str, device_id: str, session: str | None) -> Refusal | None:
        return None

    def may_pull(self, tenant: str, device_id: str) -> bool:
        return True


class RegistrationHandler:
    """Answers registrations: what is not valid, or not let in by `gate`, is refused with the error that says why."""

    def __init__(self, enrolment: Enrolment, gate: Gate, counters: Counters) -> None:
        self._enrolment = enrolment
        self._gate = gate
        self._counters = counters
        self._keeping = Trouble("registrations are refused, because they cannot be kept", log)

    def handle(self, tenant: str, data: bytes) -> bytes | Awaitable[bytes]:
        """The reply to one request on the `registry` subject. Never raises.

        What is refused is answered at once, for it must cost nothing; what enters, once it is kept.
        """
        request_id: object = None
        try:
            request = decode_any(data)
            if not isinstance(request, dict):
                raise BadRegistration("a request is a JSON object")
            request_id = request.get("id")
            if request.get("method") != "registerDevice":
                return rpc.error(request_id, rpc.METHOD_NOT_FOUND, "method not found")
            params = request.get("params")
            if not isinstance(params, dict):
                raise BadRegistration("params is a JSON object")
            device_id = _usable_id(params.get("device_id"))
            if (refusal := self._gate.admit(tenant, device_id, _session(params))) is not None:
                self._counters.refused += 1
                return rpc.error(request_id, refusal.code, refusal.message, refusal.data)
            registration = registration_of(params)
        except Exception as error:  # noqa: BLE001 - each kind has its answer
            return self._error(tenant, request_id, error)
        return self._enter(tenant, request_id, registration)

    async def _enter(self, tenant: str, request_id: object, registration: Registration) -> bytes:
        try:
            registration_id = await self._enrolment.enter(tenant, registration)
            self._keeping.is_now(None)
            return rpc.result(request_id, {"status": "registered", "device_registration_id": registration_id})
        except Exception as error:  # noqa: BLE001 - likewise
            return self._error(tenant, request_id, error)

    def _error(self, tenant: str, request_id: object, error: Exception) -> bytes:
        match error:
            case BadRegistration() | Malformed() | NotAddressable():
                self._counters.invalid += 1
                return rpc.error(request_id, rpc.INVALID_PARAMS, str(error))
            case LinkError():
                self._counters.unkept += 1
                self._keeping.is_now(error, alike=type(error))
                return rpc.error(request_id, rpc.FAILED, f"it could not be kept, register again: {error}")
            case _:  # a fault of ours: one registration fails, the service goes on
                log.error("a registration of tenant %s failed", tenant, exc_info=error)
                return rpc.error(request_id, rpc.INTERNAL, "internal error; the registry's log has it")


def _usable_id(device_id: object) -> str:
    if not isinstance(device_id, str) or not device_id:
        raise BadRegistration("device_id: a non-empty string is required")
    if device_id in RESERVED_IDS:
        raise BadRegistration(f"device_id: {device_id!r} is reserved, it is a word of the subjects themselves")
    if (why := why_not_addressable(device_id)) is not None:
        raise BadRegistration(f"device_id: {device_id[:64]!r} could never be addressed: {why}")
    return device_id


def _session(params: dict[str, Any]) -> str | None:
    session = params.get("session")
    return session if isinstance(session, str) and 0 < len(session) <= _LONGEST_SESSION else None

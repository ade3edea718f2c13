"""How a registry's fleet lies in its bucket: which keys there are, and what an entry says.

    record.<tenant>.<device id>   {"state": "registered" | "ended", "at": epoch s, "record": {…}}
    status.<tenant>.<device id>   {"registration_id", "status": {…}}

Tenants and ids are encoded as `link.buckets.encoded` has it. A registration, and the end of a lease, are one write of
the `record` key each; it is deleted once nobody asks for an ended one any more. What heartbeats made of a status is
a key of its own, written now and then, so that no heartbeat ever looks like a change of the fleet; it counts for the
registration that it names and for no other.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from fleetgui.backend.registry.leases import Key
from fleetgui.backend.registry.records import Record, record_from
from fleetgui.link.buckets import decoded, encoded
from fleetgui.wire.codec import Malformed, decode, encode

BUCKET: Final = "registry"
RECORDS: Final = "record.>"
STATUSES: Final = "status.>"

Family = Literal["record", "status"]


def record_key(key: Key) -> str:
    """Where the record of (tenant, device id) lies."""
    return f"record.{encoded(key[0])}.{encoded(key[1])}"


def status_key(key: Key) -> str:
    """Where lies what heartbeats made of the status of (tenant, device id)."""
    return f"status.{encoded(key[0])}.{encoded(key[1])}"


def parsed(key: str) -> tuple[Family, Key]:
    """What a key of the bucket is about; raises `Malformed` for a foreign one."""
    family, _, rest = key.partition(".")
    tenant, _, device_id = rest.partition(".")
    if family != "record" and family != "status":
        raise Malformed(f"no key of a registry: {key[:80]!r}")
    try:
        about = (decoded(tenant), decoded(device_id))
    except ValueError as error:
        raise Malformed(error) from None
    return ("record" if family == "record" else "status"), about


class Kept(NamedTuple):
    """A record as it was kept. `ended_at` is in epoch seconds, None while its lease lasts."""

    record: Record
    ended_at: float | None


class KeptStatus(msgspec.Struct, frozen=True, gc=False):
    """What heartbeats made of a device's status, and the registration that it belongs to: of another it is nothing."""

    registration_id: str
    status: dict[str, Any]


class _Entry(msgspec.Struct, frozen=True, gc=False):
    state: Literal["registered", "ended"]
    at: Annotated[float, msgspec.Meta(ge=0)]
    record: msgspec.Raw


def registered_entry(record: Record, at: float) -> bytes:
    """The value of a record that registered `at` this time."""
    return b'{"state":"registered","at":%s,"record":%s}' % (encode(at), record.json())


def ended_entry(record: Record, at: float) -> bytes:
    """The value of a record whose lease ended `at` this time."""
    return b'{"state":"ended","at":%s,"record":%s}' % (encode(at), record.json())


def status_entry(record: Record) -> bytes:
    """The value that keeps the record's status as it is now."""
    return b'{"registration_id":%s,"status":%s}' % (encode(record.registration_id), record.status)


def kept_in(data: bytes) -> Kept:
    """The record in a value; raises `Malformed`."""
    entry = decode(data, _Entry)
    return Kept(record_from(bytes(entry.record)), entry.at if entry.state == "ended" else None)


def status_in(data: bytes) -> KeptStatus:
    """The status in a value; raises `Malformed`."""
    return decode(data, KeptStatus)

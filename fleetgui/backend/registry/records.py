"""One device's record: checked and normalised when it registers, then kept as the bytes that pages are joined from.

What a registration is made into follows `device-connect-server` 0.2.5: known fields of identity, status and
capabilities with their defaults, everything else dropped; heartbeats may add any status key later. A record is held
in pieces, because only the status between the others ever changes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from fleetgui.wire.codec import Malformed, decode_object, encode
from fleetgui.wire.records import Summary, labels_text, what_is_readable

MAX_STATUS_BYTES: Final = 64 * 1024
"""What heartbeats may make of a status; without a bound one device could grow its record for ever."""

MAX_TTL_S: Final = 9_000_000_000
"""The longest lease that etcd, which the reference registry keeps records in, grants."""

_EVENT_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_MOST_FAULTS_SHOWN: Final = 5
_LONGEST_SHARED: Final = 512
"""Characters; longer texts are not worth remembering, and would fill the memory when they are hostile."""

_Integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""Text of any number of digits is taken for a number, and JSON as we write it carries 64 bits."""

Labels = dict[str, str | list[str]]


class BadRegistration(ValueError):
    """The params of a registration do not fit. The text names each field and what is wrong with it."""


def _event_name(name: str) -> str:
    if not _EVENT_NAME.fullmatch(name):
        raise ValueError(f"an event name is made of letters, digits, _ and -, not {name[:64]!r}")
    return name


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


def _no_parameters() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "required": []}


class _Function(_Part):
    name: str
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=_no_parameters)
    labels: Labels | None = None
    tags: list[str] = []


class _Event(_Part):
    name: Annotated[str, AfterValidator(_event_name)]
    description: str = ""
    payload_schema: dict[str, Any] | None = None
    labels: Labels | None = None
    tags: list[str] = []


class _Capabilities(_Part):
    description: str = ""
    functions: list[_Function] = []
    events: list[_Event] = []
    labels: Labels | None = None


class _Identity(_Part):
    arch: str = "arm64"
    host_cpu: str = "generic"
    dram_mb: _Integer = 0
    device_type: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial_number: str | None = None
    firmware_version: str | None = None
    capabilities: list[str] = []


class _Status(_Part):
    ts: str
    location: str | None = None
    busy_score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    availability: str | None = None
    task_stack: list[str] | None = None
    battery: _Integer | None = None
    online: bool | None = None


class Registration(_Part):
    """The params of `registerDevice`, normalised."""

    device_id: Annotated[str, Field(min_length=1)]
    device_ttl: Annotated[int, Field(gt=0, le=MAX_TTL_S)]
    capabilities: _Capabilities
    identity: _Identity
    status: _Status


def registration_of(params: object) -> Registration:
    """`params` (decoded JSON) as a registration; raises `BadRegistration`."""
    try:
        return Registration.model_validate(params)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        texts = [
            f"{'.'.join(map(str, fault['loc'])) or 'params'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in faults
        ]
        if len(texts) > _MOST_FAULTS_SHOWN:
            texts[_MOST_FAULTS_SHOWN:] = [f"and {len(texts) - _MOST_FAULTS_SHOWN} more"]
        raise BadRegistration("; ".join(texts)) from None


class Record(msgspec.Struct, gc=False):
    """One device as it is kept. `head + status + tail` is its JSON, `brief + status + tail` that of its summary.

    A summary has the capabilities' labels and counts in the place of their bodies. The rest is what filters look at.
    `ttl` is in seconds. `device_type` and `location` are None when missing, `labels` are one text as in
    `wire.records.Summary`; `_folded` ones are lower-cased for search.
    """

    device_id: str
    ttl: int
    registration_id: str
    head: bytes
    brief: bytes
    status: bytes
    tail: bytes
    functions: int
    device_type: str | None
    type_folded: str
    location: str | None = None
    location_folded: str = ""
    labels: str = ""
    labels_folded: str = ""

    @property
    def size(self) -> int:
        return len(self.head) + len(self.status) + len(self.tail)

    @property
    def brief_size(self) -> int:
        return len(self.brief) + len(self.status) + len(self.tail)

    def json(self) -> bytes:
        return b"".join((self.head, self.status, self.tail))

    def summary(self) -> Summary:
        """What searches see of it, as the console reads it; decoded each time."""
        try:
            return what_is_readable(b"".join((self.brief, self.status, self.tail)))
        except Malformed:  # it was encoded by us, but how deep a heartbeat's values may be depends on who reads them
            return Summary(device_id=self.device_id)

    def offline(self, since: str) -> Record:
        """What is listed of it once its lease has ended: the same, with a status that says so and since when."""
        status = decode_object(self.status) | {"online": False, "offline_since": since}
        return msgspec.structs.replace(self, status=encode(status))

    def merge_status(self, update: dict[str, Any]) -> bool:
        """Put what a heartbeat carried over the status; returns whether anything changed.

        Key by key, a nested object is replaced as a whole. Raises `Malformed` when the status would become larger
        than `MAX_STATUS_BYTES`, and leaves it as it was.
        """
        if not update:
            return False
        status = decode_object(self.status)
        merged = status | update
        if merged == status:
            return False
        data = encode(merged)
        if len(data) > MAX_STATUS_BYTES:
            raise Malformed(f"the status would have {len(data)} bytes, {MAX_STATUS_BYTES} are allowed")
        self.status = data
        self._look_at_location(merged.get("location"))
        return True

    def _look_at_location(self, location: object) -> None:
        self.location = _shared(location) if isinstance(location, str) else None
        self.location_folded = _folded(self.location)


def record_of(registration: Registration, *, registration_id: str, registered_at: str) -> Record:
    """The record of a device that registers now; raises `Malformed` for what JSON cannot carry."""
    body = registration.model_dump()
    capabilities = registration.capabilities
    counts = {
        "labels": body["capabilities"]["labels"],
        "function_count": len(capabilities.functions),
        "event_count": len(capabilities.events),
    }
    registry = encode({"device_registration_id": registration_id, "registered_at": registered_at})
    device_type = registration.identity.device_type
    location = registration.status.location
    labels = labels_text(body["capabilities"]["labels"] or {})
    return Record(
        device_id=registration.device_id,
        ttl=registration.device_ttl,
        registration_id=registration_id,
        head=_head(body, body["capabilities"]),
        brief=_head(body, counts),
        status=encode(body["status"]),
        tail=b"".join((b',"registry":', registry, b"}")),
        functions=len(capabilities.functions),
        device_type=_shared(device_type),
        type_folded=_folded(device_type),
        location=_shared(location),
        location_folded=_folded(location),
        labels=_shared(labels) or "",
        labels_folded=_folded(labels),
    )


def record_from(data: bytes) -> Record:
    """A record that was kept as its JSON, with every field it has; raises `Malformed` when it is none."""
    body = decode_object(data)
    status, registry = body.pop("status", None) or {}, body.pop("registry", None) or {}
    device_id, ttl = body.get("device_id"), body.get("device_ttl")
    capabilities, identity = body.get("capabilities") or {}, body.get("identity") or {}
    if not isinstance(device_id, str) or not device_id or type(ttl) is not int or ttl <= 0:
        raise Malformed("a kept record needs a device_id and a device_ttl above 0")
    if not all(isinstance(part, dict) for part in (status, registry, capabilities, identity)):
        raise Malformed("status, registry, capabilities and identity of a kept record are objects")
    registration_id = registry.get("device_registration_id")
    if not isinstance(registration_id, str):
        raise Malformed("a kept record needs its registry.device_registration_id")
    functions, events = capabilities.get("functions") or [], capabilities.get("events") or []
    if not isinstance(functions, list) or not isinstance(events, list):
        raise Malformed("functions and events of a kept record are lists")
    labels = capabilities.get("labels")
    text = labels_text(labels) if isinstance(labels, dict) else ""
    counts = {"labels": labels, "function_count": len(functions), "event_count": len(events)}
    kind = identity.get("device_type")
    device_type = kind if isinstance(kind, str) else None
    record = Record(
        device_id=device_id,
        ttl=ttl,
        registration_id=registration_id,
        head=encode(body)[:-1] + b',"status":',
        brief=encode(body | {"capabilities": counts})[:-1] + b',"status":',
        status=encode(status),
        tail=b"".join((b',"registry":', encode(registry), b"}")),
        functions=len(functions),
        device_type=_shared(device_type),
        type_folded=_folded(device_type),
        labels=_shared(text) or "",
        labels_folded=_folded(text),
    )
    record._look_at_location(status.get("location"))
    return record


def _head(body: dict[str, Any], capabilities: dict[str, Any]) -> bytes:
    """A record's JSON up to the status, with these capabilities."""
    return b"".join(
        (
            b'{"device_id":',
            encode(body["device_id"]),
            b',"device_ttl":',
            encode(body["device_ttl"]),
            b',"capabilities":',
            encode(capabilities),
            b',"identity":',
            encode(body["identity"]),
            b',"status":',
        )
    )


@lru_cache(maxsize=4096)
def _same(text: str) -> str:
    return text


@lru_cache(maxsize=4096)
def _lowered(text: str) -> str:
    lowered = text.lower()
    return text if lowered == text else lowered


def _shared(text: str | None) -> str | None:
    """The same object once for the whole fleet: types and places repeat by the thousand.

    A bounded cache and not `sys.intern`, whose strings some Pythons never free: a device could send a new one a second.
    """
    return text if text is None or len(text) > _LONGEST_SHARED else _same(text)


def _folded(text: str | None) -> str:
    if not text:
        return ""
    return text.lower() if len(text) > _LONGEST_SHARED else _lowered(text)

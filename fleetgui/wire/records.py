"""Device records and the registry's pages.

A record comes from a device: hostile until shown otherwise. A page is taken apart into its records without decoding
them (`page_of`); a row of the table decodes only the summary it shows, and the whole record is decoded when somebody
opens it. Who needs nothing but the summaries reads a page in one pass (`listed_in`), at half the cost. Either way one
record that does not fit its model is a malformed row, never a lost page.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final

import msgspec

from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode, encode, reader
from fleetgui.wire.pieces import elements, members


class _Identity(msgspec.Struct, frozen=True, gc=False):
    device_type: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial_number: str | None = None
    firmware_version: str | None = None
    arch: str | None = None


class Status(msgspec.Struct, frozen=True, gc=False):
    """What a summary shows of a record's status; `status_ts` of a summary is its `ts`."""

    ts: str | float | None = None
    location: str | None = None
    availability: str | None = None
    busy_score: float | None = None
    battery: float | None = None
    online: bool | None = None
    error_state: Any = None
    offline_since: str | float | None = None
    """Of a record whose lease ended, when it did (`include_offline` of our registry)."""


class _Named(msgspec.Struct, frozen=True, gc=False):
    name: str


class _Capabilities(msgspec.Struct, frozen=True, gc=False):
    description: str | None = None
    functions: list[_Named] | None = None
    events: list[_Named] | None = None
    labels: dict[str, Any] | None = None
    function_count: int | None = None
    """What a summary (`projection`) says in the place of the functions, and of the events."""
    event_count: int | None = None


class _Registry(msgspec.Struct, frozen=True, gc=False):
    registered_at: str | float | None = None


class Listed(msgspec.Struct, frozen=True, gc=False):
    """What of a record a summary is made of; `summary_of` makes it."""

    device_id: str
    device_ttl: float | None = None
    identity: _Identity | None = None
    status: Status | None = None
    capabilities: _Capabilities | None = None
    registry: _Registry | None = None


class Summary(msgspec.Struct, frozen=True, gc=False):
    """What one row of the device table shows of a record. Missing or null fields are None; ttl is in seconds."""

    device_id: str
    ttl: float | None = None
    device_type: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial_number: str | None = None
    firmware: str | None = None
    arch: str | None = None
    location: str | None = None
    availability: str | None = None
    busy_score: float | None = None
    battery: float | None = None
    online: bool | None = None
    error_state: str | None = None
    functions: int = 0
    events: int = 0
    labels: str = ""
    status_ts: str | float | None = None
    registered_at: str | float | None = None
    offline_since: str | float | None = None
    """When the lease ended, of a device that is listed although it is gone."""


class _DeviceIdOnly(msgspec.Struct, frozen=True, gc=False):
    device_id: str


def summarize(record: bytes | msgspec.Raw) -> Summary:
    """The summary of one encoded record; raises `Malformed` when a field that a row shows has the wrong type."""
    return summary_of(_read_listed(bytes(record) if isinstance(record, msgspec.Raw) else record))


_read_listed: Final = reader(Listed)


def summary_of(listed: Listed) -> Summary:
    """The summary of a record; raises `Malformed` for labels or an error that cannot be written as text."""
    identity = listed.identity or _NO_IDENTITY
    status = listed.status or _NO_STATUS
    capabilities = listed.capabilities or _NO_CAPABILITIES
    # By position, in the order of `Summary`: by name it takes a third longer, and a walk makes one for each device.
    return Summary(
        listed.device_id,
        listed.device_ttl,
        identity.device_type,
        identity.manufacturer,
        identity.model,
        identity.serial_number,
        identity.firmware_version,
        identity.arch,
        status.location,
        status.availability,
        status.busy_score,
        status.battery,
        status.online,
        None if status.error_state is None else _words(status.error_state),
        len(capabilities.functions or ()) or capabilities.function_count or 0,
        len(capabilities.events or ()) or capabilities.event_count or 0,
        labels_text(capabilities.labels) if capabilities.labels else "",
        status.ts,
        listed.registry.registered_at if listed.registry else None,
        status.offline_since,
    )


_NO_IDENTITY: Final = _Identity()
_NO_STATUS: Final = Status()
_NO_CAPABILITIES: Final = _Capabilities()


def what_is_readable(record: bytes) -> Summary:
    """As `summarize`, with each field that has the wrong type missing; raises `Malformed` for what is no record."""
    try:
        return summarize(record)
    except Malformed:
        body = decode(record, dict[str, Any])
    for name, part in _PARTS.items():
        body[name] = _fitting(body.get(name), part)
    return summarize(encode(_fitting(body, Listed)))


_PARTS: Final[dict[str, type[msgspec.Struct]]] = {
    "identity": _Identity,
    "status": Status,
    "capabilities": _Capabilities,
    "registry": _Registry,
}


def _fitting(value: object, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Those members of `value` that a `kind` takes; none of what is no object."""
    fitting: dict[str, Any] = {}
    if isinstance(value, dict):
        for each in msgspec.structs.fields(kind):
            with suppress(KeyError, msgspec.ValidationError):
                msgspec.convert(value[each.name], each.type)
                fitting[each.name] = value[each.name]
    return fitting


def labels_text(labels: dict[str, Any]) -> str:
    """Labels as one text, `key=value key=value,value`; raises `Malformed` for one nested too deeply."""
    try:
        return " ".join(map("=".join, labels.items()))  # all are texts, as nearly always
    except TypeError:
        return " ".join([f"{key}={value if type(value) is str else _label(value)}" for key, value in labels.items()])


def _label(value: object) -> str:
    return ",".join(map(_words, value)) if isinstance(value, list) else _words(value)


def _words(value: object) -> str:
    """What may be anything, as text; raises `Malformed` for what is nested too deeply to be written."""
    try:
        return str(value)
    except RecursionError as error:
        raise Malformed(error) from None


def device_id_of(record: bytes | msgspec.Raw) -> str | None:
    """The id of a record that may be malformed elsewhere; None when even the id is unreadable."""
    data = bytes(record)
    try:
        return decode(data, _DeviceIdOnly).device_id
    except Malformed:
        pass
    try:
        return decode(members(data).get("device_id", b""), str)
    except Malformed:
        return None


class PageFrame(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `discovery/listDevices` but for its records.

    `next_offset` is UNSET from an old server that does not page (the reply is then the whole list), None at the end.
    `total_matched` is an upper bound: it is counted before access control. `applied` names the extensions honoured.
    `next_after` is what leads on where pages go by id (`after`), None at the end.
    """

    next_offset: int | msgspec.UnsetType | None = msgspec.UNSET
    next_after: str | None = None
    total_matched: int | None = None
    applied: list[str] | None = None
    revision: int | None = None


class Page(PageFrame, frozen=True, kw_only=True):
    """A page with its records as they came."""

    devices: list[msgspec.Raw]


class _Listing(PageFrame, frozen=True, kw_only=True):
    """A page, as much of each record as a summary needs."""

    devices: list[Listed]


class _Answer(msgspec.Struct, frozen=True):
    """A reply with a page, as `rpc.Reply` is one with anything, read in one go."""

    result: Page | None = None
    error: rpc.ErrorObject | None = None
    id: Any = None


class _ListingAnswer(msgspec.Struct, frozen=True):
    result: _Listing | None = None
    error: rpc.ErrorObject | None = None
    id: Any = None


def page_of(reply: bytes) -> Page:
    """The page in a reply; raises `RpcError` for an error reply, `Malformed` for anything that is no page.

    A record that is no JSON, as one with a NaN in it, is given out as it came, for its row to be malformed.
    """
    with suppress(Malformed):  # then what follows says why, or takes it apart
        answer = decode(reply, _Answer)
        if answer.result is not None and answer.error is None:
            return answer.result
    try:
        return decode(bytes(rpc.result_of(reply)), Page)
    except Malformed as error:
        page = _page_in_pieces(reply)
        if page is None:
            raise error from None
        return page


def listed_in(reply: bytes) -> tuple[PageFrame, list[Listed | bytes]]:
    """As `page_of`, with what a summary needs of each record; one that does not fit is given out as it came."""
    with suppress(Malformed):
        answer = decode(reply, _ListingAnswer)
        if answer.result is not None and answer.error is None:
            return answer.result, list[Listed | bytes](answer.result.devices)
    page = page_of(reply)
    return page, [_listed(bytes(device)) for device in page.devices]


_LEADS_ON: Final = re.compile(rb'"next_(?:offset":\s*(\d{1,9})|after":\s*"([^"\\]{1,255})")\s*[,}]')
_TAIL: Final = 1_024


def hint_of(reply: bytes) -> int | str | None:
    """Where a page seems to lead on, an offset or the id behind which, by its last bytes; None where they do not tell.

    A guess, made in microseconds, so that the next page can be asked for before this one is read; `PageFrame` has the
    truth.
    """
    found = _LEADS_ON.findall(reply[-_TAIL:])
    if not found:
        return None
    offset, after = found[-1]
    return int(offset) if offset else after.decode("utf-8", "replace")


def _listed(record: bytes) -> Listed | bytes:
    try:
        return _read_listed(record)
    except Malformed:
        return record


def _page_in_pieces(reply: bytes) -> Page | None:
    """The page in a reply that does not decode because of its records alone; None when it is at fault elsewhere."""
    try:
        outer = members(reply)
        inner = members(outer.get("result", b""))
        devices = elements(inner.pop("devices", b""))
        frame = b",".join(encode(name) + b":" + value for name, value in inner.items())
        page = decode(b'{"devices":[]' + (b"," + frame if frame else b"") + b"}", Page)
    except Malformed:
        return None
    if outer.get("error", b"null") != b"null":
        return None
    return msgspec.structs.replace(page, devices=[msgspec.Raw(device) for device in devices])


class _DeviceResult(msgspec.Struct, frozen=True):
    device: dict[str, Any] | None


def device_of(reply: bytes) -> dict[str, Any] | None:
    """The record in a `discovery/getDevice` reply, None when there is no such device; raises like `page_of`."""
    return decode(bytes(rpc.result_of(reply)), _DeviceResult).device

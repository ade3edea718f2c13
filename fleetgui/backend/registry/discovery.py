"""`discovery/…`: what clients ask of the registry. Bytes in, bytes out; no clock, no network.

Behaves as `device-connect-server` 0.2.5 was recorded to: what it coerces, which check comes first, which error code
each fault gets, and that an unknown method gets no reply at all. Texts are our own. Pages are joined from the bytes
the records are kept as, so that a page costs the same in a fleet of any size as long as no filter is given. One thing
is better than recorded: a page that the broker would not take is cut, and `next_offset` points on.

Extensions of ours, which other registries ignore; a reply to one that was asked for says so in `applied`, and carries
the `revision` of the fleet:

    after: id | null      pages by id instead of by offset, from the one behind `id`; the reply has `next_after`
    projection: "summary" records without the capabilities' bodies: `labels`, `function_count` and `event_count` instead
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from fleetgui.backend.registry.records import Record
from fleetgui.backend.registry.store import Fleet, RecordStore
from fleetgui.policy.settings import number_from
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_any, encode

log = logging.getLogger(__name__)

DEFAULT_MAX_LIMIT: Final = 200
_MOST_WARNINGS: Final = 100
_ENVELOPE_BYTES: Final = 1024
"""What a page has at most beside its records and its request's id: a `next_after` may be long."""
_SHOWN: Final = 80
"""Characters of a caller's value that an error repeats."""


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    max_limit: int = DEFAULT_MAX_LIMIT
    """`DC_LIST_DEVICES_MAX_LIMIT`: larger pages are cut to this many records."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> DiscoverySettings:
        return cls(int(number_from(environ, "DC_LIST_DEVICES_MAX_LIMIT", DEFAULT_MAX_LIMIT)))


class _Fault(Exception):
    """Ends a request with an error reply."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class DiscoveryHandler:
    """Answers discovery requests from `store`.

    `max_payload` tells what the broker takes in one message now, None when it is not known.
    """

    def __init__(self, store: RecordStore, settings: DiscoverySettings, max_payload: Callable[[], int | None]) -> None:
        self._store = store
        self._settings = settings
        self._max_payload = max_payload
        self._warned: set[int] = set()

    def handle(self, tenant: str, data: bytes) -> bytes | None:
        """The reply to one request; None for a method that is not ours, which gets none. Never raises."""
        request_id: object = None
        try:
            request = decode_any(data)
            if not isinstance(request, dict):
                raise _Fault(rpc.FAILED, f"a request is an object, not {_kind(request)}")
            request_id = request.get("id")
            method = _METHODS.get(str(request.get("method")))
            if method is None:
                return None
            params = request.get("params") or {}
            if not isinstance(params, dict):
                raise _Fault(rpc.FAILED, f"params is an object, not {_kind(params)}")
            pieces = [b'{"jsonrpc":"2.0","id":', encode(request_id), b',"result":']
            pieces += method(self, self._store.fleet(tenant), params, self._room(len(pieces[1])))
            pieces.append(b"}")
            self._must_fit(sum(map(len, pieces)))
            return b"".join(pieces)
        except _Fault as fault:
            return rpc.error(request_id, fault.code, str(fault))
        except Malformed as error:
            return rpc.error(request_id, rpc.FAILED, str(error))
        except Exception:  # a fault of ours: one request fails, the service goes on
            log.exception("a discovery request of tenant %s failed", tenant)
            return rpc.error(request_id, rpc.FAILED, "internal error; the registry's log has it")

    def _room(self, id_size: int) -> int | None:
        """Bytes that the records of a page may have together, commas included; None when nobody knows."""
        limit = self._max_payload()
        return None if limit is None else limit - id_size - _ENVELOPE_BYTES

    def _must_fit(self, size: int) -> None:
        limit = self._max_payload()
        if limit is not None and size > limit:
            raise _Fault(
                rpc.FAILED,
                f"maximum payload exceeded: {size} bytes where the broker takes {limit}; ask for fewer devices",
            )

    def _list(self, fleet: Fleet, params: dict[str, Any], room: int | None) -> list[bytes]:
        offset = _integer("offset", params.get("offset") or 0)
        if offset < 0:
            raise _Fault(rpc.INVALID_PARAMS, f"offset must be non-negative, got {offset}")
        limit = None
        if (asked := params.get("limit")) is not None:
            limit = self._clamped(_integer("limit", asked))
        after, summary = _after(params, offset), _summary(params)
        device_type, location = _filter("device_type", params), _filter("location", params)
        matched: Sequence[Record] | None = None
        if device_type or location:
            matched = fleet.matching(device_type, location)
        total = len(fleet) if matched is None else len(matched)
        applied = [name for name, asked in (("after", after is not None), ("projection", summary)) if asked]
        extras = {"applied": applied, "revision": fleet.revision} if applied else {}
        if limit is None and after is None:
            # The whole fleet, never cut: whether it fits is known before a byte of it is copied.
            every: Fleet | Sequence[Record] = fleet if matched is None else matched
            if matched is None and not summary:
                self._must_fit(fleet.bytes)
            else:
                self._must_fit(sum(_size(each, summary) for each in every))
            return _page(every, summary, extras)
        limit = limit or self._settings.max_limit
        if after is not None:
            # One more than asked, to know whether there are more.
            if matched is None:
                page = fleet.after(after, limit + 1)
            else:
                start = bisect_right(matched, after, key=attrgetter("device_id"))
                page = list(matched[start : start + limit + 1])
            fitting = min(limit, _fitting(page, room, summary))
            next_after = page[fitting - 1].device_id if fitting < len(page) else None
            return _page(page[:fitting], summary, {"next_after": next_after, "total_matched": total, **extras})
        page = list(fleet.slice(offset, limit) if matched is None else matched[offset : offset + limit])
        if (fitting := _fitting(page, room, summary)) < len(page):
            page, limit = page[:fitting], fitting
        next_offset = offset + limit if offset + limit < total else None
        return _page(page, summary, {"next_offset": next_offset, "total_matched": total, **extras})

    def _clamped(self, limit: int) -> int:
        most = self._settings.max_limit
        if limit <= 0:
            raise _Fault(rpc.INVALID_PARAMS, f"limit must be positive, got {limit}")
        if limit > most and limit not in self._warned and len(self._warned) < _MOST_WARNINGS:
            self._warned.add(limit)
            log.warning(
                "listDevices was asked for limit=%d and answers at most %d a page (DC_LIST_DEVICES_MAX_LIMIT)",
                limit,
                most,
            )
        return min(limit, most)

    def _get(self, fleet: Fleet, params: dict[str, Any], _room: int | None) -> list[bytes]:
        device_id = params.get("device_id")
        if not device_id:
            raise _Fault(rpc.INVALID_PARAMS, "device_id required")
        record = fleet.get(device_id) if isinstance(device_id, str) else None
        return [b'{"device":', b"null" if record is None else record.json(), b"}"]

    def _describe(self, fleet: Fleet, _params: dict[str, Any], _room: int | None) -> list[bytes]:
        by_type: dict[str, tuple[int, set[str]]] = {}
        by_location: dict[str, tuple[int, set[str]]] = {}
        functions = 0
        for record in fleet:
            kind, place = record.device_type or "unknown", record.location or "unknown"
            functions += record.functions
            for groups, group, other in ((by_type, kind, place), (by_location, place, kind)):
                count, others = groups.get(group) or (0, set())
                others.add(other)
                groups[group] = (count + 1, others)
        summary = {
            "total_devices": len(fleet),
            "total_functions": functions,
            "by_type": {kind: {"count": n, "locations": sorted(places)} for kind, (n, places) in by_type.items()},
            "by_location": {place: {"count": n, "types": sorted(kinds)} for place, (n, kinds) in by_location.items()},
        }
        return [encode(summary)]


_METHODS: Final[dict[str, Callable[[DiscoveryHandler, Fleet, dict[str, Any], int | None], list[bytes]]]] = {
    "discovery/listDevices": DiscoveryHandler._list,
    "discovery/getDevice": DiscoveryHandler._get,
    "discovery/describeFleet": DiscoveryHandler._describe,
}


def _size(record: Record, summary: bool) -> int:
    return len(record.brief) + len(record.status) + len(record.tail) if summary else record.size


def _fitting(page: Sequence[Record], room: int | None, summary: bool) -> int:
    """How many records of the page fit into `room`, at least one: that one's reply is then an error which says so."""
    if room is not None:
        for count, record in enumerate(page):
            room -= _size(record, summary) + 1
            if room < 0:
                return max(1, count)
    return len(page)


def _page(records: Fleet | Sequence[Record], summary: bool, fields: Mapping[str, object]) -> list[bytes]:
    """The pieces of a reply: the records' JSON with commas between them, and `fields` behind."""
    pieces = [b'{"devices":[']
    if summary:
        for record in records:
            pieces += (record.brief, record.status, record.tail, b",")
    else:
        for record in records:
            pieces += (record.head, record.status, record.tail, b",")
    if len(pieces) > 1:
        pieces.pop()
    pieces.append(b"]")
    for name, value in fields.items():
        pieces += (b',"', name.encode(), b'":', encode(value))
    pieces.append(b"}")
    return pieces


def _after(params: dict[str, Any], offset: int) -> str | None:
    """The id behind which the page begins, "" for the first page; None when paging goes by offset."""
    if "after" not in params:
        return None
    after = params["after"]
    if after is not None and not isinstance(after, str):
        raise _Fault(rpc.INVALID_PARAMS, f"after must be a device id or null, got {_kind(after)}")
    if offset:
        raise _Fault(rpc.INVALID_PARAMS, "offset and after are two ways of paging: give one of them")
    return after or ""


def _summary(params: dict[str, Any]) -> bool:
    projection = params.get("projection")
    if projection not in (None, "summary"):
        raise _Fault(rpc.INVALID_PARAMS, f'projection must be "summary", got {repr(projection)[:_SHOWN]}')
    return projection is not None


def _integer(name: str, value: object) -> int:
    """Coerced as recorded: "2" is 2, 2.9 is 2, true is 1; a list, an object or other text is an error."""
    try:
        if isinstance(value, str | int | float):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise _Fault(rpc.INVALID_PARAMS, f"{name} must be an integer, got {repr(value)[:_SHOWN]}")


def _filter(name: str, params: dict[str, Any]) -> str:
    """The lower-cased text to look for, "" for none; any other type is a failure, as recorded."""
    value = params.get(name)
    if not value:
        return ""
    if not isinstance(value, str):
        raise _Fault(rpc.FAILED, f"{name} must be text, got {_kind(value)}")
    return value.lower()


def _kind(value: object) -> str:
    """JSON's word for the type of `value`."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"

"""`discovery/…`: what clients ask of the registry. Bytes in, bytes out; no clock, no network.

Behaves as `device-connect-server` 0.2.5 was recorded to: what it coerces, which check comes first, which error code
each fault gets, and that an unknown method gets no reply at all. Texts are our own. Pages are joined from the bytes
the records are kept as, so that a page costs the same in a fleet of any size as long as no filter is given. One thing
is better than recorded: a page that the broker would not take is cut, and `next_offset` points on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleetgui.backend.registry.records import Record
from fleetgui.backend.registry.store import Fleet, RecordStore
from fleetgui.policy.settings import number_from
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_any, encode

log = logging.getLogger(__name__)

DEFAULT_MAX_LIMIT: Final = 200
_MOST_WARNINGS: Final = 100
_ENVELOPE_BYTES: Final = 128
"""What a page has beside its records and its request's id, and a little more."""
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
        device_type, location = _filter("device_type", params), _filter("location", params)
        matched: Sequence[Record] | None = None
        if device_type or location:
            matched = fleet.matching(device_type, location)
        total = len(fleet) if matched is None else len(matched)
        if limit is None:
            # The whole fleet, never cut: whether it fits is known before a byte of it is copied.
            self._must_fit(fleet.bytes if matched is None else sum(each.size for each in matched))
            return [b'{"devices":[', *_joined(fleet if matched is None else matched), b"]}"]
        page = fleet.slice(offset, limit) if matched is None else matched[offset : offset + limit]
        if len(page) > (fitting := _fitting(page, room)):
            page = page[:fitting]
            limit = fitting
        next_offset = offset + limit if offset + limit < total else None
        return [
            b'{"devices":[',
            *_joined(page),
            b'],"next_offset":',
            encode(next_offset),
            b',"total_matched":',
            encode(total),
            b"}",
        ]

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


def _fitting(page: Sequence[Record], room: int | None) -> int:
    """How many records of the page fit into `room`, at least one: that one's reply is then an error which says so."""
    if room is not None:
        for count, record in enumerate(page):
            room -= record.size + 1
            if room < 0:
                return max(1, count)
    return len(page)


def _joined(records: Fleet | Sequence[Record]) -> list[bytes]:
    """The pieces of the records' JSON with commas between them."""
    pieces: list[bytes] = []
    for record in records:
        pieces += (record.head, record.status, record.tail, b",")
    return pieces[:-1]


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

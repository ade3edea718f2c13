"""`discovery/…`: what clients ask of the registry. Bytes in, bytes out; no network.

Behaves as `device-connect-server` 0.2.5 was recorded to: what it coerces, which check comes first, which error code
each fault gets, and that an unknown method gets no reply at all. Texts are our own. Pages are joined from the bytes
the records are kept as, so that a page costs the same in a fleet of any size. Two things are better than recorded: a
page that the broker would not take is cut, and `next_offset` points on; and a walk through what a filter found sees
one fleet, because what was found is kept for the length of a walk (`results.py`).

Extensions of ours, which other registries ignore; a reply to one that was asked for says so in `applied`, and carries
the `revision` of the fleet that it is about:

    after: id | null       pages by id instead of by offset, from the one behind `id`; the reply has `next_after`
    projection: "summary"  records without the capabilities' bodies, with `function_count` and `event_count` instead
    query, where           search and filter, and
    order_by, descending   sort, in the language of `wire.query`; with `order_by` paging goes by offset
    include_offline: true  also devices whose lease ended within the retention, in their places, with `status.online`
                           false and `status.offline_since` (ISO 8601); of `discovery/getDevice`, too

With an access policy (`policy.access`) the caller's `requester_id` decides what it sees. As recorded, it comes after
slicing where only the contract's own params are used: pages may be shorter than asked, or empty, and `total_matched`
is an upper bound. Where an extension selects, nothing but what the caller may see is looked at in the first place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

from fleetgui.backend.registry.census import Census
from fleetgui.backend.registry.listing import Fault, Listing, is_true, kind_of, listing_of
from fleetgui.backend.registry.pages import Pieces, fitting, must_fit, part, whole
from fleetgui.backend.registry.records import Record
from fleetgui.backend.registry.results import Found, Results, TooMuch
from fleetgui.backend.registry.search import Hits, cost_s
from fleetgui.backend.registry.steps import Steps, at_once, in_turns
from fleetgui.backend.registry.store import Fleet, RecordStore
from fleetgui.policy.access import LONGEST_IDENTITY, AccessPolicy, View
from fleetgui.policy.clock import Clock, SystemClock
from fleetgui.policy.settings import number_from
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_any, encode

log = logging.getLogger(__name__)

DEFAULT_MAX_LIMIT: Final = 200
LITTLE: Final = 1_000
"""Records to be listed or counted, or names in a census, that are worked through at once."""
AT_ONCE_S: Final = 0.0025
"""A search that takes about as long, or less, is made at once."""
_MOST_WARNINGS: Final = 100
_ENVELOPE_BYTES: Final = 1024
"""What a page has at most beside its records and its request's id; a `next_after` may be longer than that."""

_CHUNK: Final = 64

Reply = bytes | None


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    max_limit: int = DEFAULT_MAX_LIMIT
    """`DC_LIST_DEVICES_MAX_LIMIT`: larger pages are cut to this many records."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> DiscoverySettings:
        return cls(int(number_from(environ, "DC_LIST_DEVICES_MAX_LIMIT", DEFAULT_MAX_LIMIT)))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, taken apart. `view` is what the caller may see, None for everything."""

    tenant: str
    request_id: object
    params: dict[str, Any]
    identity: str
    view: View | None


class DiscoveryHandler:
    """Answers discovery requests from `store`.

    `max_payload` tells what the broker takes in one message now, None when it is not known.
    """

    def __init__(
        self,
        store: RecordStore,
        settings: DiscoverySettings,
        max_payload: Callable[[], int | None],
        *,
        clock: Clock | None = None,
        policy: AccessPolicy | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._max_payload = max_payload
        self._policy = policy
        self._warned: set[int] = set()
        turn = asyncio.Lock()
        self.searches: Results[Hits] = Results(clock or SystemClock(), turn, len)
        self.censuses: Results[Census] = Results(clock or SystemClock(), turn, lambda census: census.names)

    def handle(self, tenant: str, data: bytes) -> Reply | Awaitable[Reply]:
        """The reply to one request; None for a method that is not ours, which gets none. Never raises.

        It is to be awaited where it takes a look at a large fleet, which is done over many turns of the loop.
        """
        request_id: object = None
        try:
            request = decode_any(data)
            if not isinstance(request, dict):
                raise Fault(rpc.FAILED, f"a request is an object, not {kind_of(request)}")
            request_id = request.get("id")
            method = _METHODS.get(str(request.get("method")))
            if method is None:
                return None
            params = request.get("params") or {}
            if not isinstance(params, dict):
                raise Fault(rpc.FAILED, f"params is an object, not {kind_of(params)}")
            asked = _Asked(tenant, request_id, params, *self._caller(tenant, params))
            pieces = method(self, asked)
            return self._reply(asked, pieces) if isinstance(pieces, list) else self._later(asked, pieces)
        except Exception as error:  # noqa: BLE001 - one request fails, the service goes on
            return self._failed(tenant, request_id, error)

    async def _later(self, asked: _Asked, pieces: Awaitable[Pieces]) -> Reply:
        try:
            return self._reply(asked, await pieces)
        except Exception as error:  # noqa: BLE001 - likewise
            return self._failed(asked.tenant, asked.request_id, error)

    def _reply(self, asked: _Asked, pieces: Pieces) -> bytes:
        pieces = [b'{"jsonrpc":"2.0","id":', encode(asked.request_id), b',"result":', *pieces, b"}"]
        must_fit(sum(map(len, pieces)), self._max_payload())
        return b"".join(pieces)

    def _failed(self, tenant: str, request_id: object, error: Exception) -> bytes:
        match error:
            case Fault():
                return rpc.error(request_id, error.code, str(error))
            case Malformed() | TooMuch():
                return rpc.error(request_id, rpc.FAILED, str(error))
        log.error("a discovery request of tenant %s failed", tenant, exc_info=error)
        return rpc.error(request_id, rpc.FAILED, "internal error; the registry's log has it")

    def _caller(self, tenant: str, params: dict[str, Any]) -> tuple[str, View | None]:
        """Who asks, and what that may see: None for everything."""
        if self._policy is None:
            return "", None
        identity = params.get("requester_id")
        if identity is None:
            identity = ""
        if not isinstance(identity, str) or len(identity) > LONGEST_IDENTITY:
            raise Fault(rpc.INVALID_PARAMS, f"requester_id must be a text of at most {LONGEST_IDENTITY} characters")
        view = self._policy.view(tenant, identity)
        return identity, None if view.sees_all else view

    def _room(self, request_id: object) -> int | None:
        """Bytes that the records of a page may have together, commas included; None when nobody knows."""
        limit = self._max_payload()
        return None if limit is None else limit - len(encode(request_id)) - _ENVELOPE_BYTES

    # discovery/listDevices

    def _list(self, asked: _Asked) -> Pieces | Awaitable[Pieces]:
        listing = listing_of(asked.params, self._clamped)
        fleet = self._store.fleet(asked.tenant)
        # Where no slice is cut out, it makes no difference to the caller when access control comes.
        hidden_first = asked.view is not None and (listing.selects or listing.is_whole)
        if listing.what.is_open and listing.order.is_by_id and not hidden_first:
            if listing.is_whole:
                must_fit(fleet.size(summary=listing.summary), self._max_payload())
                return at_once(self._whole(listing, fleet.chunks(offline=listing.offline), fleet.revision))
            return self._page(asked, listing, fleet)
        key = (asked.tenant, listing.what, listing.order, listing.offline, asked.identity if hidden_first else None)
        work = partial(self._search, asked, listing, hidden_first)
        found = self.searches.ready(key, fleet.revision, begins=listing.begins)
        if found is None and cost_s(fleet.count(offline=listing.offline), listing.what, listing.order) <= AT_ONCE_S:
            found = self.searches.now(key, fleet.revision, work)
        if found is not None and not (listing.is_whole and found.entries > LITTLE):
            return self._found(asked, listing, found)
        return self._found_later(asked, listing, key, work)

    def _search(self, asked: _Asked, listing: Listing, hidden_first: bool) -> Steps[Hits]:
        sees = asked.view.sees if asked.view is not None and hidden_first else None
        fleet = self._store.fleet(asked.tenant)
        return fleet.search(listing.what, listing.order, offline=listing.offline, sees=sees)

    async def _found_later(
        self, asked: _Asked, listing: Listing, key: object, work: Callable[[], Steps[Hits]]
    ) -> Pieces:
        def revision() -> int:
            return self._store.fleet(asked.tenant).revision

        found = await self.searches.later(key, revision, work, begins=listing.begins)
        if listing.is_whole:
            return await in_turns(self._whole(listing, self._chunks(asked, listing, found), found.revision))
        return self._found(asked, listing, found)

    def _found(self, asked: _Asked, listing: Listing, found: Found[Hits]) -> Pieces:
        if listing.is_whole:
            return at_once(self._whole(listing, self._chunks(asked, listing, found), found.revision))
        return self._page(asked, listing, self._store.fleet(asked.tenant), found)

    def _chunks(self, asked: _Asked, listing: Listing, found: Found[Hits]) -> Iterator[list[Record]]:
        """The records found, as they are now, without those that are gone meanwhile."""
        for start in range(0, len(found.value), _CHUNK):
            fleet = self._store.fleet(asked.tenant)
            ids = found.value.ids(start, start + _CHUNK)
            records = (fleet.listed(each, offline=listing.offline) for each in ids)
            yield [record for record in records if record is not None]

    def _page(self, asked: _Asked, listing: Listing, fleet: Fleet, found: Found[Hits] | None = None) -> Pieces:
        """One page, of all records or of those found."""
        limit = listing.limit or self._settings.max_limit
        offset, after = listing.offset, listing.after
        ids: Sequence[str] = ()
        page: Sequence[Record | None]
        if found is not None:
            offset = offset if after is None else found.value.rank(after)
            ids = found.value.ids(offset, offset + limit + 1)
            page = [fleet.listed(each, offline=listing.offline) for each in ids]
            total = len(found.value)
        else:
            # One more than asked, to know whether there are more.
            if after is None:
                page = fleet.slice(offset, limit + 1, offline=listing.offline)
            else:
                page = fleet.after(after, limit + 1, offline=listing.offline)
            total = fleet.count(offline=listing.offline)
        if asked.view is not None and not listing.selects:
            sees = asked.view.sees
            page = [record if record is not None and sees(record.device_id) else None for record in page]
        taken = min(limit, fitting(page, self._room(asked.request_id), listing))
        is_more = taken < len(page)
        following: dict[str, object]
        if after is None:
            following = {"next_offset": offset + taken if is_more else None}
        else:
            last = page[taken - 1] if taken else None
            following = {"next_after": (ids[taken - 1] if ids else last and last.device_id) if is_more else None}
        revision = fleet.revision if found is None else found.revision
        return part(islice(page, taken), listing, revision, {**following, "total_matched": total})

    def _whole(self, listing: Listing, chunks: Iterable[list[Record]], revision: int) -> Steps[Pieces]:
        return whole(chunks, listing, revision, self._max_payload())

    def _clamped(self, limit: int) -> int:
        most = self._settings.max_limit
        if limit <= 0:
            raise Fault(rpc.INVALID_PARAMS, f"limit must be positive, got {limit}")
        if limit > most and limit not in self._warned and len(self._warned) < _MOST_WARNINGS:
            self._warned.add(limit)
            log.warning(
                "listDevices was asked for limit=%d and answers at most %d a page (DC_LIST_DEVICES_MAX_LIMIT)",
                limit,
                most,
            )
        return min(limit, most)

    # discovery/getDevice

    def _get(self, asked: _Asked) -> Pieces:
        device_id = asked.params.get("device_id")
        if not device_id:
            raise Fault(rpc.INVALID_PARAMS, "device_id required")
        offline = is_true("include_offline", asked.params)
        record = None
        if isinstance(device_id, str) and (asked.view is None or asked.view.sees(device_id)):
            record = self._store.fleet(asked.tenant).listed(device_id, offline=offline)
        pieces = [b'{"device":', b"null" if record is None else record.json()]
        return pieces + [b',"applied":["include_offline"]}' if offline else b"}"]

    # discovery/describeFleet

    def _describe(self, asked: _Asked) -> Pieces | Awaitable[Pieces]:
        fleet = self._store.fleet(asked.tenant)
        if asked.view is None:
            return self._told(fleet.census)
        key, work = (asked.tenant, asked.identity), partial(self._count, asked.tenant, asked.view)
        found = self.censuses.ready(key, fleet.revision, begins=True)
        if found is None and len(fleet) <= LITTLE:
            found = self.censuses.now(key, fleet.revision, work)
        return self._told(found.value) if found is not None else self._described_later(asked.tenant, key, work)

    def _count(self, tenant: str, view: View) -> Steps[Census]:
        return self._store.fleet(tenant).census_of(view.sees)

    async def _described_later(self, tenant: str, key: object, work: Callable[[], Steps[Census]]) -> Pieces:
        found = await self.censuses.later(key, lambda: self._store.fleet(tenant).revision, work, begins=True)
        pieces = self._told(found.value)
        return pieces if isinstance(pieces, list) else await pieces

    def _told(self, census: Census) -> Pieces | Awaitable[Pieces]:
        must_fit(census.least_bytes, self._max_payload(), "at least ")
        if census.names <= LITTLE:
            return [at_once(census.answer())]
        return self._told_later(census)

    async def _told_later(self, census: Census) -> Pieces:
        return [await in_turns(census.answer())]


_METHODS: Final[dict[str, Callable[[DiscoveryHandler, _Asked], Pieces | Awaitable[Pieces]]]] = {
    "discovery/listDevices": DiscoveryHandler._list,
    "discovery/getDevice": DiscoveryHandler._get,
    "discovery/describeFleet": DiscoveryHandler._describe,
}

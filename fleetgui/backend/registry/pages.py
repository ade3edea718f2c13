"""Replies to `discovery/listDevices`, joined from the bytes that records are kept as. No record is decoded for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from fleetgui.backend.registry.listing import Fault, Listing
from fleetgui.backend.registry.records import Record
from fleetgui.backend.registry.steps import Steps
from fleetgui.wire import rpc
from fleetgui.wire.codec import encode

_LONG_ID: Final = 128
"""Characters from which on an id counts a second time, as a `next_after`."""

Pieces = list[bytes]


def must_fit(size: int, limit: int | None, at_least: str = "") -> None:
    """Raises `Fault` for what is larger than the broker's `limit`, where one is known."""
    if limit is not None and size > limit:
        raise Fault(
            rpc.FAILED,
            f"maximum payload exceeded: {at_least}{size} bytes where the broker takes {limit}; ask for fewer devices",
        )


def whole(chunks: Iterable[list[Record]], listing: Listing, revision: int, limit: int | None) -> Steps[Pieces]:
    """All of it in one reply, never cut: it fits, or the request fails."""
    pieces, size = [_OPENING], 0
    for chunk in chunks:
        for record in chunk:
            size += _size(record, listing) + 1
            pieces += _record(record, listing)
        must_fit(size - 1, limit, "at least ")
        yield None
    return _closed(pieces, listing, revision, {})


def part(page: Iterable[Record | None], listing: Listing, revision: int, fields: Mapping[str, object]) -> Pieces:
    """One page; places that are None are left out. `fields` come behind the records."""
    pieces = [_OPENING]
    for record in page:
        if record is not None:
            pieces += _record(record, listing)
    return _closed(pieces, listing, revision, fields)


def fitting(page: Sequence[Record | None], room: int | None, listing: Listing) -> int:
    """How many places of the page fit into `room`, at least one: that one's reply is then an error which says so."""
    if room is not None:
        for count, record in enumerate(page):
            if record is not None:
                room -= _size(record, listing) + 1
                is_long = listing.after is not None and len(record.device_id) > _LONG_ID
                if room < (len(encode(record.device_id)) if is_long else 0):
                    return max(1, count)
    return len(page)


_OPENING: Final = b'{"devices":['


def _size(record: Record, listing: Listing) -> int:
    return record.brief_size if listing.summary else record.size


def _record(record: Record, listing: Listing) -> tuple[bytes, bytes, bytes, bytes]:
    """A record's JSON and a comma."""
    return record.brief if listing.summary else record.head, record.status, record.tail, b","


def _closed(pieces: Pieces, listing: Listing, revision: int, fields: Mapping[str, object]) -> Pieces:
    if len(pieces) > 1:
        pieces.pop()
    pieces.append(b"]")
    extras = {"applied": listing.applied, "revision": revision} if listing.applied else {}
    for name, value in {**fields, **extras}.items():
        pieces += (b',"', name.encode(), b'":', encode(value))
    pieces.append(b"}")
    return pieces

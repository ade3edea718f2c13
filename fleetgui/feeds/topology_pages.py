"""Replies of the topology service taken apart: a page of members is large, so it is read in slices between turns.

A snapshot comes in as many pages as its members need, each with the number of the topology's last event when it was
made. The first page's number counts: events after it are applied, and those say how a member is, not what changed of
it, so that applying some that later pages have in them already does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from fleetgui.stores.topologies.listing import MOST_LISTED
from fleetgui.stores.topologies.told import Member
from fleetgui.wire.codec import Malformed, decode, decode_any
from fleetgui.wire.topology import LIST, SNAPSHOT, Listed, Snapshot, TopologyList, validate

SLICE: Final = 500
"""Members or rows read before other tasks get a turn: a millisecond."""
LIST_LIMIT: Final = 500
MOST_MEMBERS: Final = 100_000
"""Members held of one topology."""
MOST_PAGES: Final = 2_000

Ask = Callable[[str, dict[str, Any]], Awaitable[msgspec.Raw]]
"""(method, params) → the undecoded result; raises `LinkError`, `RpcError`, `Malformed`."""


class Overtaken(Exception):
    """Another publisher, or another count of numbers, answered in between: to be read from the beginning."""


class _Member(msgspec.Struct, frozen=True, gc=False):
    device_id: str
    online: bool
    services: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A whole snapshot: the facts of the first page, and every member. `cut_after`: there are more behind this one."""

    head: Snapshot
    members: dict[str, Member]
    cut_after: str | None


async def read_snapshot(ask: Ask, topology_id: str, most: int = MOST_MEMBERS) -> Picture:
    """All pages of a topology's snapshot, up to `most` members. Raises `Overtaken`, and what `ask` raises."""
    head: Snapshot | None = None
    members: dict[str, Member] = {}
    services: dict[tuple[str, ...], tuple[str, ...]] = {}  # members that run the same share one tuple
    after: str | None = None
    for _ in range(MOST_PAGES):
        params = {"topology_id": topology_id} if after is None else {"topology_id": topology_id, "after": after}
        reply = await ask(SNAPSHOT, params)
        await asyncio.sleep(0)  # each look through a reply of some megabytes takes some milliseconds
        page = decode(reply, dict[str, msgspec.Raw])
        await asyncio.sleep(0)
        raw = decode(page.pop("members", msgspec.Raw(b"[]")), list[msgspec.Raw])
        facts = validate(Snapshot, {name: decode_any(value) for name, value in page.items()} | {"members": ()})
        if facts.topology_id != topology_id:
            raise Malformed(f"a snapshot of {facts.topology_id[:64]!r} came instead of the one that was asked for")
        if head is None:
            head = facts
        elif facts.epoch != head.epoch:
            raise Overtaken
        for start in range(0, len(raw), SLICE):
            for each in raw[start : start + SLICE]:
                member = decode(each, _Member)
                shared = services.setdefault(member.services, member.services)
                members[member.device_id] = Member(member.online, shared)
            await asyncio.sleep(0)
        if facts.next_after is None:
            return Picture(head, members, None)
        if after is not None and facts.next_after <= after:
            break
        after = facts.next_after
        if len(members) >= most:
            return Picture(head, members, after)
    raise Malformed("the pages of its snapshot lead nowhere")


async def read_list(ask: Ask) -> AsyncIterator[tuple[TopologyList, list[Listed]]]:
    """The pages of the list, each with its rows; ends after `MOST_LISTED` rows. Raises what `ask` raises."""
    offset = 0
    while offset < MOST_LISTED:
        page = decode(await ask(LIST, {"offset": offset, "limit": LIST_LIMIT}), dict[str, msgspec.Raw])
        raw = decode(page.pop("topologies", msgspec.Raw(b"")), list[msgspec.Raw])
        facts = validate(TopologyList, {name: decode_any(value) for name, value in page.items()} | {"topologies": ()})
        yield facts, [validate(Listed, decode_any(each)) for each in raw]
        if facts.next_offset is None:
            return
        if facts.next_offset <= offset:
            raise Malformed("the pages of the list lead nowhere")
        offset = facts.next_offset
        await asyncio.sleep(0)

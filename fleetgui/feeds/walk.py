"""The walk over the whole fleet: page after page, following the registry's own pointer, and honest about coverage.

Where the registry pages by id, devices that come and go shift nothing. Offsets are no snapshot: changes during a walk
repeat records or skip them. Either way each device is given out once; what was repeated, hidden, unreadable or
overtaken is counted, and only a walk with nothing of that may be called complete. Pages are asked for one after
another, the next one while the last is being read: each may cost the registry a scan. Where it does not, and order is
not needed, `walk_in_parts` has several under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.registry import MOST_AT_ONCE, PageRead, RegistryClient
from fleetgui.policy.pages import LARGEST_PAGE
from fleetgui.stores.export import Coverage
from fleetgui.wire.codec import Malformed
from fleetgui.wire.question import EVERYTHING, Behind, Place, Question
from fleetgui.wire.records import Summary, device_id_of, summarize

FEW: Final = 10
MOST_CRUMBS: Final = 1_000
"""Pages in a row that bring nothing new and lead on by no more than `FEW`: with them, a walk would take days."""

PARTS: Final = MOST_AT_ONCE // 2
"""The other half of the pages that may be under way is for what somebody looks at."""
WORTH_PARTING: Final = 20 * LARGEST_PAGE


class WalkedRecord(msgspec.Struct, frozen=True, gc=False):
    """One device of a walk: its encoded record, and its summary, None when the record is malformed."""

    record: bytes
    summary: Summary | None
    device_id: str | None
    asked_at: float


@dataclass(frozen=True)
class WalkedPage:
    """What one page of a walk brought, new devices only, and the coverage so far."""

    devices: list[WalkedRecord]
    coverage: Coverage


async def walk(registry: RegistryClient, question: Question = EVERYTHING) -> AsyncGenerator[WalkedPage, None]:
    """Give out the fleet page by page. Raises `RegistryError`; closing the iterator ends the walk at once."""
    course = _Course()
    place: Place | None = Behind(None)
    under_way: asyncio.Task[PageRead] | None = None
    try:
        while place is not None:
            if under_way is None:
                under_way = registry.begin_to_read(place, LARGEST_PAGE, question)
            read, under_way = await under_way, None
            place = course.after(read)
            if place is not None:
                under_way = registry.begin_to_read(place, LARGEST_PAGE, question)
                await _leaves()
            yield course.take(read)
    finally:
        if under_way is not None:
            under_way.cancel()
            await asyncio.wait({under_way})


async def walk_in_parts(registry: RegistryClient, question: Question = EVERYTHING) -> AsyncGenerator[WalkedPage, None]:
    """As `walk`, in no order: where pages go by id, the ids are parted at `PARTS` - 1 devices that stand evenly apart.

    Where those stand by the time they are used does not matter: any ids part the fleet into what is before and behind.
    """
    course = _Course()
    under_way: dict[asyncio.Task[PageRead], str | None] = {}
    """The pages asked for, with the last id of the part that each belongs to, None for the last part."""

    def begin(place: Place, last: str | None) -> None:
        under_way[registry.begin_to_read(place, LARGEST_PAGE, question)] = last

    try:
        begin(Behind(None), None)
        while under_way:
            done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                read, last = await task, under_way.pop(task)
                read = _within(read, last)
                place = course.after(read)
                if place is not None:
                    bounds = await _bounds(registry, read, question) if course.is_new else []
                    for begins, ends in zip([place, *map(Behind, bounds)], [*bounds, last], strict=True):
                        begin(begins, ends)
                    await _leaves()
                yield course.take(read)
    finally:
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)


async def _bounds(registry: RegistryClient, first: PageRead, question: Question) -> list[str]:
    """Ids behind the first page that part the fleet about evenly; none where parting it is not worth it."""
    if "after" not in first.applied or first.next_after is None or (first.total or 0) < WORTH_PARTING:
        return []
    total = first.total or 0
    offsets = [total * number // PARTS for number in range(1, PARTS)]
    reads = [await registry.read_from(offset, 1, question) for offset in offsets]
    ids = {device_id_of(record) for read in reads for record in read.records[:1]}
    return sorted(each for each in ids if each is not None and each > first.next_after)


def _within(read: PageRead, last: str | None) -> PageRead:
    """`read` up to the device `last`: what is behind it is of the next part."""
    if last is None or (read.next_after is not None and read.next_after < last):
        return read
    ids = [device_id_of(record) for record in read.records]
    ours = [number for number, each in enumerate(ids, 1) if each is not None and each <= last]
    return replace(read, records=read.records[: ours[-1] if ours else 0], next_after=None)


async def _leaves() -> None:
    """Return once a request begun just now is written: reading a page first would hold it up for as long."""
    await asyncio.sleep(0)  # the task begins, and hands its request to the link
    await asyncio.sleep(0)  # the link writes what it was handed in the turn before


class _Course:
    """How far a walk has come, and what it may claim."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._coverage = Coverage()
        self._revision: int | None = None
        self._crumbs = 0

    @property
    def is_new(self) -> bool:
        """Whether no page was taken yet."""
        return self._coverage == Coverage()

    def after(self, read: PageRead) -> Place | None:
        """Where the page behind this one begins, None at the end."""
        return read.next_offset if read.next_after is None else Behind(read.next_after)

    def take(self, read: PageRead) -> WalkedPage:
        """What is new in the page. Raises `RegistryError` when the pages lead on and bring nothing."""
        coverage = self._coverage
        by_id = "after" in read.applied
        behind = coverage.seen if by_id else read.offset + len(read.records)
        # A server that gives no total shows it by where its last page ends.
        is_last = read.next_offset is None and read.next_after is None
        total = behind if read.total is None and is_last else read.total
        overtaken = (
            coverage.overtaken
            or (coverage.expected is not None and coverage.expected != total)
            or (self._revision is not None and read.revision is not None and self._revision != read.revision)
        )
        self._revision = read.revision if read.revision is not None else self._revision
        devices, repeated, malformed = self._new(read)
        ends = [end for end in (read.next_offset, total) if end is not None]
        gone = 0 if by_id or not ends else max(0, min(ends) - behind) - (read.unreadable is not None)
        self._coverage = replace(
            coverage,
            seen=coverage.seen + len(devices),
            expected=total,
            repeated=coverage.repeated + repeated,
            malformed=coverage.malformed + malformed,
            hidden=coverage.hidden + max(0, gone),
            unreadable=coverage.unreadable + (read.unreadable is not None),
            overtaken=overtaken,
        )
        self._look_for_crumbs(read, bool(devices))
        return WalkedPage(devices, self._coverage)

    def _new(self, read: PageRead) -> tuple[list[WalkedRecord], int, int]:
        """(devices that were not given out yet, how many were, how many are malformed)"""
        devices, repeated, malformed = [], 0, 0
        for record in read.records:
            try:
                summary: Summary | None = summarize(record)
            except Malformed:
                summary = None
                malformed += 1
            device_id = summary.device_id if summary is not None else device_id_of(record)
            if device_id is not None and device_id in self._seen:
                repeated += 1
                continue
            if device_id is not None:
                self._seen.add(device_id)
            devices.append(WalkedRecord(record, summary, device_id, read.asked_at))
        return devices, repeated, malformed

    def _look_for_crumbs(self, read: PageRead, brought: bool) -> None:
        if read.next_offset is None and read.next_after is None:
            return
        step = FEW if read.next_offset is None else read.next_offset - read.offset
        self._crumbs = 0 if brought or read.unreadable or step > FEW else self._crumbs + 1
        if self._crumbs > MOST_CRUMBS:
            raise RegistryError(
                Fault.NOT_ADVANCING,
                f"The registry is at fault: {self._crumbs:,} pages in a row brought nothing and led on by {FEW} "
                "devices or less; reading was stopped.",
            )

"""The walk over the whole fleet: page after page, following the registry's own pointer, and honest about coverage.

Where the registry pages by id, devices that come and go shift nothing. Offsets are no snapshot: changes during a walk
repeat records or skip them. Either way each device is given out once; what was repeated, hidden, unreadable or
overtaken is counted (`course`), and only a walk with nothing of that may be called complete. Pages are asked for one
after another, the next one while the last is being read: each may cost the registry a scan. Where it does not, and
order is not needed, `walk_in_parts` has several under way. `feeds.repair` goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Final

from fleetgui.feeds.course import Course, WalkedPage, id_of
from fleetgui.feeds.registry import MOST_AT_ONCE, PageRead, RegistryClient
from fleetgui.policy.pages import LARGEST_PAGE
from fleetgui.wire.question import EVERYTHING, Behind, Place, Question

PARTS: Final = MOST_AT_ONCE // 2
"""The other half of the pages that may be under way is for what somebody looks at."""
WORTH_PARTING: Final = 20 * LARGEST_PAGE

Changes = Callable[[], int]
"""How many devices came or went so far, as somebody else hears it: of use where a registry tells no revision."""


def nobody_heard() -> int:
    return 0


async def walk(
    registry: RegistryClient, question: Question = EVERYTHING, *, listed: bool = False
) -> AsyncGenerator[WalkedPage, None]:
    """Give out the fleet page by page. Raises `RegistryError`; closing the iterator ends the walk at once.

    `listed`: summaries are enough, at half the cost; the records as they came are not given out.
    """
    course = Course()
    place: Place | None = Behind(None)
    under_way: asyncio.Task[PageRead] | None = None
    try:
        while place is not None:
            if under_way is None:
                under_way = registry.begin_to_read(place, LARGEST_PAGE, question, listed=listed)
            read, under_way = await under_way, None
            here, place = place, course.after(read)
            if place is not None:
                under_way = registry.begin_to_read(place, LARGEST_PAGE, question, listed=listed)
                await leaves()
            yield course.take(read, here)
    finally:
        if under_way is not None:
            under_way.cancel()
            await asyncio.wait({under_way})


async def walk_in_parts(
    registry: RegistryClient,
    question: Question = EVERYTHING,
    *,
    listed: bool = False,
    course: Course | None = None,
    changes: Changes = nobody_heard,
) -> AsyncGenerator[WalkedPage, None]:
    """As `walk`, in no order: where pages go by id, the ids are parted at `PARTS` - 1 devices that stand evenly apart.

    Where those stand by the time they are used does not matter: any ids part the fleet into what is before and behind.
    `course`, if given, is a new one and keeps the books, for whoever goes on from them.
    """
    course = Course() if course is None else course
    under_way: dict[asyncio.Task[PageRead], tuple[Place, str | None, int]] = {}
    """The pages asked for: where each begins, the last id of its part (None: there is no other), changes until then."""

    def begin(place: Place, last: str | None) -> None:
        task = registry.begin_to_read(place, LARGEST_PAGE, question, listed=listed)
        under_way[task] = place, last, changes()

    try:
        begin(Behind(None), None)
        while under_way:
            done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                read, (here, last, changed) = await task, under_way.pop(task)
                read = within(read, last)
                place = course.after(read)
                if place is not None:
                    bounds = [] if course.spans else await _bounds(registry, read, question)
                    for begins, ends in zip([place, *map(Behind, bounds)], [*bounds, last], strict=True):
                        begin(begins, ends)
                    await leaves()
                yield course.take(read, here, last, changed)
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
    reads = [await registry.read_from(offset, 1, question, listed=True) for offset in offsets]
    ids = {id_of(record) for read in reads for record in read.records[:1]}
    return sorted(each for each in ids if each is not None and each > first.next_after)


def within(read: PageRead, last: str | None) -> PageRead:
    """`read` up to the device `last`: what is behind it is of the next part."""
    if last is None or (read.next_after is not None and read.next_after < last):
        return read
    ids = [id_of(record) for record in read.records]
    ours = [number for number, each in enumerate(ids, 1) if each is not None and each <= last]
    return replace(read, records=read.records[: ours[-1] if ours else 0], next_after=None)


async def leaves() -> None:
    """Return once a request begun just now is written: reading a page first would hold it up for as long."""
    await asyncio.sleep(0)  # the task begins, and hands its request to the link
    await asyncio.sleep(0)  # the link writes what it was handed in the turn before

"""The walk over the whole fleet: page after page, following the registry's own pointer, and honest about coverage.

Where the registry pages by id, devices that come and go shift nothing. Offsets are no snapshot: changes during a walk
repeat records or skip them. Either way each device is given out once; what was repeated, hidden, unreadable or
overtaken is counted (`course`), and only a walk with nothing of that may be called complete. Pages are asked for one
after another, the next one while the last is being read: each may cost the registry a scan. Where it does not, and
order is not needed, `walk_in_parts` has several under way. `feeds.repair` goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from fleetgui.feeds.course import Course, WalkedPage, id_of
from fleetgui.feeds.registry import MOST_AT_ONCE, RegistryClient, leaves
from fleetgui.feeds.registry_page import PageRead
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
    ask = partial(_Asked, registry, question, listed)
    page: _Asked | None = ask(Behind(None))
    try:
        while page is not None:
            here = page
            read = await here.task
            page = here.following(course.after(read), ask)
            if page is not None and not page.was_ahead:
                await leaves()
            yield course.take(read, here.place)
    finally:
        if page is not None:
            await _dropped(page.tasks)


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
    ask = partial(_Asked, registry, question, listed, changes=changes)
    under_way: dict[asyncio.Task[PageRead], _Asked] = {}

    def begin(page: _Asked) -> None:
        under_way[page.task] = page

    try:
        begin(ask(Behind(None)))
        while under_way:
            done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                here = under_way.pop(task)
                read = within(await task, here.last)
                place = course.after(read)
                bounds = [] if course.spans or place is None else await _bounds(registry, read, question)
                ends = [*bounds, here.last]
                following = here.following(place, ask, last=ends[0])
                if following is not None:
                    begin(following)
                    for bound, last in zip(bounds, ends[1:], strict=True):
                        begin(ask(Behind(bound), last=last))
                    if bounds or not following.was_ahead:
                        await leaves()
                yield course.take(read, here.place, here.last, here.changed)
    finally:
        await _dropped(task for page in under_way.values() for task in page.tasks)


class _Asked:
    """A page that was asked for, of the part that ends with the device `last`; and the one that seems to be behind it.

    That one is asked for as soon as this one's last bytes say where it begins, before this one is read: what they say
    is held against the page afterwards. No page does so before it is itself known to be one of the walk (`is_sure`),
    so that a walk that nobody takes anything from is ahead by one.
    """

    def __init__(
        self,
        registry: RegistryClient,
        question: Question,
        listed: bool,
        place: Place,
        *,
        last: str | None = None,
        changes: Changes = nobody_heard,
        is_sure: bool = True,
    ) -> None:
        self.place = place
        self.last = last
        self.changed = changes()
        self.is_sure = is_sure
        self.was_ahead = not is_sure
        """Asked for before the page in front of it was read: it has left by now."""
        self.behind: _Asked | None = None
        self._another = partial(_Asked, registry, question, listed, changes=changes, is_sure=False)
        self.task = registry.begin_to_read(place, LARGEST_PAGE, question, listed=listed, leads_on=self._leads_on)

    @property
    def tasks(self) -> list[asyncio.Task[PageRead]]:
        """What is under way of it."""
        return [self.task] if self.behind is None else [self.task, self.behind.task]

    def following(self, place: Place | None, ask: Callable[..., _Asked], last: str | None = None) -> _Asked | None:
        """The page behind this one, which was read and leads on to `place`; None where it does not."""
        behind, self.behind = self.behind, None
        if behind is not None and behind.place == place:
            behind.is_sure, behind.last = True, last
            return behind
        if behind is not None:
            behind.task.cancel()
        return None if place is None else ask(place, last=last)

    def _leads_on(self, place: Place) -> bool:
        if not self.is_sure or not _is_ahead(self.place, place, self.last):
            return False
        self.behind = self._another(place)
        return True


def _is_ahead(here: Place, there: Place, last: str | None) -> bool:
    """Whether a page that begins `there` may be behind one that begins `here`, in the part that ends with `last`."""
    if isinstance(there, Behind):
        before = (here.device_id or "") if isinstance(here, Behind) else ""
        return there.device_id is not None and before < there.device_id and (last is None or there.device_id < last)
    return there > (0 if isinstance(here, Behind) else here)


async def _dropped(tasks: Iterable[asyncio.Task[PageRead]]) -> None:
    """End what of them is still under way."""
    left = [task for task in tasks if not task.done()]
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)


async def _bounds(registry: RegistryClient, first: PageRead, question: Question) -> list[str]:
    """Ids behind the first page that part the fleet about evenly; none where parting it is not worth it."""
    if "after" not in first.applied or first.next_after is None or (first.total or 0) < WORTH_PARTING:
        return []
    total = first.total or 0
    offsets = [total * number // PARTS for number in range(1, PARTS)]
    asked = [registry.begin_to_read(offset, 1, question, listed=True) for offset in offsets]
    try:
        reads = [await task for task in asked]
    finally:
        await _dropped(asked)
    ids = {id_of(record) for read in reads for record in read.records[:1]}
    return sorted(each for each in ids if each is not None and each > first.next_after)


def within(read: PageRead, last: str | None) -> PageRead:
    """`read` up to the device `last`: what is behind it is of the next part."""
    if last is None or (read.next_after is not None and read.next_after < last):
        return read
    ids = [id_of(record) for record in read.records]
    ours = [number for number, each in enumerate(ids, 1) if each is not None and each <= last]
    return replace(read, records=read.records[: ours[-1] if ours else 0], next_after=None)

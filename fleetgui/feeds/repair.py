"""A walk that reads again what the fleet changed under it, until it may say "complete" or the effort is spent.

Pages that carry one stamp (`course.Stamp`) saw the fleet as it stood. Those that carry an older one than the last are
read again: where pages go by id each by itself, which also tells who is gone; by offset all of them once more where
they are few, else what lies across the seams at which the change was noticed, for a change shifts devices from one page
to the next. That is never more than a part of what the walk itself cost. What remains is said by the coverage: the
fleet changed meanwhile, and so many of so many devices were seen.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise
from typing import Final

from fleetgui.feeds.course import Course, Span, Stamp, WalkedPage, is_another, stamp_of
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.registry_page import PageRead
from fleetgui.feeds.walk import Changes, nobody_heard, walk_in_parts, within
from fleetgui.policy.pages import LARGEST_PAGE
from fleetgui.wire.question import EVERYTHING, Behind, Place, Question

PART: Final = 0.25
"""How much of what the walk took reading again may take, in pages …"""
FEW_PAGES: Final = 10
"""… and this much in any case: what a small fleet takes is little."""
ROUNDS: Final = 3
"""A fleet that changed this often while it was read again does not stand still."""


async def walk_repaired(
    registry: RegistryClient,
    question: Question = EVERYTHING,
    *,
    listed: bool = False,
    changes: Changes = nobody_heard,
) -> AsyncGenerator[WalkedPage, None]:
    """As `walk_in_parts`, and then as the module says. Raises `RegistryError`; closing it ends the walk at once."""
    course = Course()
    async with aclosing(walk_in_parts(registry, question, listed=listed, course=course, changes=changes)) as pages:
        async for page in pages:
            yield page
    repair = _Repair(registry, question, listed, changes, course)
    async with aclosing(repair.by_id() if course.by_id else repair.by_offset()) as pages:
        async for page in pages:
            yield page


class _Repair:
    def __init__(
        self, registry: RegistryClient, question: Question, listed: bool, changes: Changes, course: Course
    ) -> None:
        self._registry = registry
        self._question = question
        self._listed = listed
        self._changes = changes
        self._course = course
        self._left = max(FEW_PAGES, int(len(course.spans) * PART))

    async def by_id(self) -> AsyncGenerator[WalkedPage, None]:
        course = self._course
        for _ in range(ROUNDS):
            newest = course.newest
            stale = [number for number, span in enumerate(course.spans) if is_another(span.stamp, newest)]
            if not stale or len(stale) > self._left:
                return  # reading a part of them would prove nothing
            for number in stale:
                if self._left <= 0:
                    return
                reads, stamp = await self._span(course.spans[number])
                yield course.instead(number, reads, stamp)

    async def _span(self, span: Span) -> tuple[list[PageRead], Stamp]:
        """The pages that a span is now: more than one where devices came."""
        reads: list[PageRead] = []
        stamps: set[Stamp] = set()
        place: Place | None = span.place
        while place is not None and self._left > -FEW_PAGES:  # what came meanwhile may be more than there is left for
            changed = self._changes()
            read = await self._read(place)
            stamps.add(stamp_of(read, read.total, changed))
            read = within(read, span.last)
            reads.append(read)
            place = None if read.next_after is None else Behind(read.next_after)
        stamp = stamps.pop()
        is_one = not stamps and place is None
        return reads, stamp if is_one else stamp._replace(changes=-1)  # which no other equals

    async def by_offset(self) -> AsyncGenerator[WalkedPage, None]:
        for _ in range(ROUNDS):
            seams = self._seams()
            if not seams:
                return
            if len(self._course.spans) > self._left:
                for seam in seams[: self._left]:
                    yield self._course.again(await self._read(max(0, seam - LARGEST_PAGE // 2)))
                return
            fresh = Course()
            place: Place | None = 0
            while place is not None:
                if self._left <= -FEW_PAGES:
                    return
                changed = self._changes()
                read = await self._read(place)
                page = fresh.take(read, place, None, changed)
                yield replace(page, coverage=self._course.coverage)
                place = fresh.after(read)
            yield self._course.superseded(fresh)
            self._course = fresh

    def _seams(self) -> list[int]:
        """The offsets of pages that carry another stamp than the one before, or where a device came again."""
        spans = self._course.spans
        return [
            after.place
            for before, after in pairwise(spans)
            if isinstance(after.place, int) and (is_another(before.stamp, after.stamp) or after.repeated)
        ]

    async def _read(self, place: Place) -> PageRead:
        self._left -= 1
        return await self._registry.read_from(place, LARGEST_PAGE, self._question, listed=self._listed)

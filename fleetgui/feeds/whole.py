"""Fields that no summary has cost a walk of the fleet: nobody's fabric bears that before somebody has said yes to it.

What it takes is measured on one page, and asked (`HoldState.ask`). Who has said yes for so many devices is not asked
again for the same fields of no more of them, however the filter goes on being typed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.walk import PARTS, WORTH_PARTING
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.stores.hold import HoldStore
from fleetgui.stores.whole import MOST_PATHS, Answer, Ask
from fleetgui.wire.codec import Malformed
from fleetgui.wire.payload import is_left_out
from fleetgui.wire.question import Question
from fleetgui.wire.records import Summary, device_id_of, summarize

SAMPLE: Final = 100
"""Records of the page that is measured."""
A_LITTLE_MORE: Final = 1.1
"""A fleet that grew by this since somebody said yes is the same fleet."""


class Estimate(NamedTuple):
    """Of a walk: devices, bytes of replies, seconds. These are rather too many where other cores are idle."""

    devices: int
    bytes: float
    seconds: float


async def estimate(registry: RegistryClient, question: Question, paths: Iterable[str], clock: Clock) -> Estimate:
    """What a walk of `question` takes, about. Asks for one page; raises `RegistryError`."""
    read = await registry.read_from(0, SAMPLE, question)
    got = len(read.records)
    devices = max(got, read.total or 0)
    if not read.paging or got == 0:  # the one reply was all of it
        return Estimate(devices, read.reply_bytes, read.took_s)
    pages = devices / got
    # Pages that are asked for together share the way to the registry: neither it nor this console is quicker for that.
    at_once = PARTS if registry.quick and devices >= WORTH_PARTING else 1
    way = min(registry.round_trip_s, read.took_s)
    here = _taking_in(read.as_they_came(), paths, clock)
    return Estimate(devices, read.reply_bytes * pages, (read.took_s - way + way / at_once + here) * pages)


def _taking_in(records: list[bytes], paths: Iterable[str], clock: Clock) -> float:
    """Seconds that it takes this console to take in these records."""
    from fleetgui.stores.held.fleet import HeldFleet  # not before somebody asks for what needs it

    fleet = HeldFleet()
    fleet.hold_paths(paths)
    began = clock.now()
    summaries: list[Summary] = []
    for record in records:
        with suppress(Malformed):
            summaries.append(summarize(record))
    fleet.take(summaries)
    fleet.put_records((each, record) for record in records if (each := device_id_of(record)) is not None)
    took = clock.now() - began
    fleet.close()
    return took


class AskFirst:
    """One table's. `go_on()` is called where what is wanted turns out to need no question.

    `unable(error)`: the registry falls over what it was asked for to measure that.
    """

    def __init__(
        self,
        registry: RegistryClient,
        store: HoldStore,
        clock: Clock,
        tasks: Tasks,
        go_on: Callable[[], None],
        unable: Callable[[RegistryError], None],
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._store = store
        self._tasks = tasks
        self._go_on = go_on
        self._unable = unable
        self._asked: tuple[Question, frozenset[str]] | None = None
        """What the question is about: a part of the fleet, and fields."""
        self._allowed: tuple[Question, frozenset[str]] | None = None
        self._agreed: dict[str, int] = {}
        """Fields that somebody has said yes to, with the number of devices."""
        self._measuring: asyncio.Task[None] | None = None

    @property
    def blocks(self) -> bool:
        """Whether what is shown is not what is wanted, for want of an answer."""
        ask = self._store.state.ask
        return ask is not None and ask.blocks

    def nothing(self) -> None:
        """Nothing has to be asked for what is wanted now."""
        self._asked = None
        if self._measuring is not None:
            self._measuring.cancel()
        self._store.update(ask=None)

    def may_read(
        self,
        scope: Question,
        needed: frozenset[str],
        shown: frozenset[str],
        is_held: Callable[[frozenset[str]], bool],
    ) -> frozenset[str] | None:
        """The fields to read now for a table that needs some, and shows more; None: not before a question is answered.

        `is_held(paths)`: whether that takes no reading.
        """
        if len(needed) > MOST_PATHS:
            self._put(scope, Ask(needed, answer=Answer.TOO_MANY))
            return None
        paths = frozenset([*needed, *sorted(shown - needed)][:MOST_PATHS])
        if is_held(paths) or self._allowed == (scope, paths) or not paths:
            self.nothing()
            return paths
        if is_held(needed) or not needed:
            self._put(scope, Ask(paths, blocks=False))
            return needed
        self._put(scope, Ask(paths))
        return None

    def answered(self, agreed: bool) -> None:
        ask = self._store.state.ask
        if ask is None or self._asked is None or ask.answer is Answer.TOO_MANY:
            return
        if not agreed:
            self._store.update(ask=replace(ask, answer=Answer.DECLINED))
            return
        self._allowed = self._asked
        self._agreed |= dict.fromkeys(ask.paths, ask.devices or 0)

    def again(self) -> bool:
        """Ask again where the answer was "not now", or it could not be measured; returns whether that is so."""
        ask = self._store.state.ask
        if ask is None or not (ask.answer is Answer.DECLINED or ask.trouble):
            return False
        self.nothing()
        return True

    def link_came_up(self) -> bool:
        """As `again`, where it could not be measured."""
        ask = self._store.state.ask
        return ask is not None and bool(ask.trouble) and self.again()

    # Within

    def _put(self, scope: Question, ask: Ask) -> None:
        before = self._store.state.ask
        if before is not None and self._asked == (scope, ask.paths):
            self._store.update(ask=replace(before, blocks=ask.blocks))
            return
        self.nothing()
        self._asked = (scope, ask.paths)
        self._store.update(ask=ask)
        if ask.answer is Answer.OPEN:
            question = replace(scope, summary=not any(map(is_left_out, ask.paths)))
            self._measuring = self._tasks.spawn(
                self._measure(question, ask.paths), name="measure a walk of whole records"
            )

    async def _measure(self, question: Question, paths: frozenset[str]) -> None:
        try:
            found: Estimate | None = await estimate(self._registry, question, paths, self._clock)
            trouble = ""
        except RegistryError as error:
            found, trouble = None, str(error)
            if error.fault is Fault.FALLS_OVER:
                self._measuring = None
                self._unable(error)
                return
        ask = self._store.state.ask
        if ask is None:
            return
        if found is None:
            self._store.update(ask=replace(ask, trouble=trouble))
            return
        if all(self._agreed.get(path, -1) * A_LITTLE_MORE >= found.devices for path in ask.paths):
            self._allowed, self._measuring = self._asked, None
            self._go_on()
            return
        self._store.update(ask=replace(ask, devices=found.devices, bytes=found.bytes, seconds=found.seconds))

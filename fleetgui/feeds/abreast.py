"""Keeps the held fleet abreast of the real one without another walk: who comes, who goes, and what is heard.

Whom the registry announces, or who beats and is not held, is read by id: in one request for many where the registry
searches, one by one where it does not. What is announced offline leaves, or stays as one that is gone where those are
wanted too. There is one `step` a second, which costs by what happened in it; what is too much for that is left out and
said (`missed`), and reading the fleet again finds it. While a walk is under way everything waits for its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Final

from fleetgui.feeds.errors import RegistryError
from fleetgui.feeds.registry import RegistryClient
from fleetgui.policy.clock import Clock
from fleetgui.policy.pages import LARGEST_PAGE
from fleetgui.policy.states import State
from fleetgui.stores.held.fleet import SLICE, HeldFleet
from fleetgui.stores.held.heard import STATUS, Heard
from fleetgui.stores.presence import Edge, Presence
from fleetgui.wire.codec import Malformed, encode
from fleetgui.wire.payload import is_left_out
from fleetgui.wire.query import FIELDS, MOST_CHARACTERS, Condition, comparable, conditions_of
from fleetgui.wire.question import EVERYTHING, Question
from fleetgui.wire.records import Listed, Summary, device_id_of, summarize, summary_of
from fleetgui.wire.times import rfc3339

MOST_WAITING: Final = 5_000
"""Devices that wait for being read by id. A herd of more is read by a walk."""
MOST_ANNOUNCED: Final = 100_000
MOST_ELSEWHERE: Final = 100_000
FEW: Final = 16
"""Devices read one by one in a step, from a registry that does not search."""

_CHECKED_AT_ONCE: Final = 500


class Abreast:
    """`put` takes summaries in, as asked for at a time; `missed` is called when something was left out."""

    def __init__(
        self,
        registry: RegistryClient,
        fleet: HeldFleet,
        heard: Heard,
        presence: Presence,
        clock: Clock,
        *,
        put: Callable[[list[Summary], float], None],
        missed: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._fleet = fleet
        self._heard = heard
        self._presence = presence
        self._clock = clock
        self._put = put
        self._missed = missed
        self._scope: Question | None = None
        self._announced: dict[str, Edge] = {}
        """The last edge of each device, since the last step."""
        self._beaten: set[str] = set()
        self._waiting: dict[str, None] = {}
        """To be read by id, the longest waiting first."""
        self._elsewhere: set[str] = set()
        """Read by id, and not there, or not of what is held, whatever their heartbeats say."""
        self._heard_where: tuple[Condition, ...] = ()
        """What of the scope heartbeats decide: `battery<20` holds for a device that was not held when it was read."""
        self._fixed = EVERYTHING
        """The rest of the scope."""
        presence.announced.connect(self._edges)
        presence.changed.connect(self._changed)

    def follow(self, scope: Question | None) -> None:
        """What is held is all of `scope` from now on, None for nothing; what happened before is in it."""
        self._scope = scope
        where = (scope.where if scope is not None else None) or {}
        self._heard_where = conditions_of({name: where[name] for name in where if name in STATUS})
        self._fixed = replace(scope or EVERYTHING, where={name: where[name] for name in where if name not in STATUS})
        for each in (self._announced, self._beaten, self._waiting, self._elsewhere):
            each.clear()

    async def step(self, fields: Iterable[str], *, walking: bool) -> bool:
        """Take in what happened; returns whether that may change what is found or its order, looking at `fields`."""
        changed = False
        if self._scope is not None and not walking:
            changed = await self._come_and_go(self._scope)
        return await self._heard.lay_over(fields, self._clock.now()) or changed

    async def read_again(self, device_ids: list[str]) -> None:
        """Read held devices by id, in one request. Raises `RegistryError`; one that is not there any more is missed."""
        scope, asked_at = self._scope, self._clock.now()
        if scope is None:
            return
        summaries, records = await self._read(device_ids, scope)
        if self._scope is not scope:
            return  # something else is held by now
        found = [each for each in summaries if each is not None and self._fleet.index_of(each.device_id) is not None]
        self._put(found, asked_at)
        self._fleet.put_records(records)
        if len(summaries) < len(device_ids):
            self._missed()

    # What happens

    def _edges(self, edges: list[Edge]) -> None:
        if self._scope is None:
            return
        self._announced.update((edge.device_id, edge) for edge in edges)
        if len(self._announced) > MOST_ANNOUNCED:
            self._announced.clear()
            self._missed()

    def _changed(self, device_ids: frozenset[str]) -> None:
        if self._scope is not None:
            self._beaten |= device_ids

    # A step

    async def _come_and_go(self, scope: Question) -> bool:
        announced, self._announced = self._announced, {}
        beaten, self._beaten = self._beaten, set()
        edges = iter(announced.values())
        changed = False
        while part := list(islice(edges, SLICE)):
            changed = self._take_edges(part, scope) or changed
            await asyncio.sleep(0)
        ids = iter(beaten)
        while checked := list(islice(ids, _CHECKED_AT_ONCE)):
            self._heard.beaten(each for each in checked if self._fleet.index_of(each) is not None)
            if scope.is_open:
                self._want(each for each in checked if self._is_unknown(each))
            elif self._heard_where:
                self._want(each for each in checked if self._is_unknown(each) and self._may_have_come(each))
            await asyncio.sleep(0)
        return await self._look_up(scope) or changed

    def _take_edges(self, edges: list[Edge], scope: Question) -> bool:
        now, wall = self._clock.now(), self._clock.wall()
        # What was listed after it was announced to be gone has come back.
        gone = [edge for edge in edges if self._presence.state(edge.device_id, now) is State.OFFLINE]
        self._want((edge.device_id for edge in edges if edge.online), announced=True)
        if not scope.include_offline:
            return bool(self._fleet.remove(edge.device_id for edge in gone))
        self._want((edge.device_id for edge in gone if self._fleet.index_of(edge.device_id) is None), announced=True)
        ends = {edge.device_id: rfc3339(edge.ts or wall - (now - edge.received)) for edge in gone}
        return bool(self._fleet.revise((each, {"offline_since": end, "online": False}) for each, end in ends.items()))

    def _is_unknown(self, device_id: str) -> bool:
        return (
            device_id not in self._elsewhere
            and self._fleet.index_of(device_id) is None
            and self._presence.state(device_id, self._clock.now()) is not State.OFFLINE
        )

    def _may_have_come(self, device_id: str) -> bool:
        """Whether its last heartbeat says what the scope asks for, as far as it says anything of that."""
        status = self._presence.status(device_id)
        said = [each for each in self._heard_where if each.field in status]
        return bool(said) and all(each.holds(comparable(FIELDS[each.field], status[each.field])) for each in said)

    def _want(self, device_ids: Iterable[str], *, announced: bool = False) -> None:
        for device_id in device_ids:
            if len(self._waiting) >= MOST_WAITING and device_id not in self._waiting:
                self._missed()
                return
            self._waiting[device_id] = None
            if announced:
                self._elsewhere.discard(device_id)

    # Reading by id

    async def _look_up(self, scope: Question) -> bool:
        """Read the devices that wait for it, as many as one step may; returns whether any was taken in."""
        if not self._waiting:
            return False
        asked_at, ids = self._clock.now(), list(islice(self._waiting, LARGEST_PAGE if self._registry.quick else FEW))
        for each in ids:
            del self._waiting[each]
        try:
            summaries, records = await self._read(ids, scope)
        except RegistryError:
            self._missed()
            return False
        found = [each for each in summaries if each is not None and scope.takes(each)]
        if self._scope is not scope:
            return False  # something else is held by now
        if len(self._elsewhere) > MOST_ELSEWHERE:
            self._elsewhere.clear()
        here = {each.device_id for each in summaries if each is not None and self._fixed.takes(each)}
        self._elsewhere.update(set(ids) - here)
        self._put(found, asked_at)
        self._fleet.put_records(records)
        return bool(found)

    async def _read(self, ids: list[str], scope: Question) -> tuple[list[Summary | None], list[tuple[str, bytes]]]:
        """Their summaries, None for what cannot be read; the records where more is held. Raises `RegistryError`."""
        more = self._fleet.paths
        together = [each for each in ids if self._registry.quick and len(each) <= MOST_CHARACTERS]
        question = Question(
            where={"device_id": {"in": together}},
            summary=not any(map(is_left_out, more)),
            include_offline=scope.include_offline,
        )
        found: list[Summary | None] = []
        records: list[bytes] = []
        place: int | None = 0 if together else None
        while place is not None:
            read = await self._registry.read_from(place, len(together), question, listed=not more)
            found.extend(map(_summary, read.records))
            records.extend(read.as_they_came() if more else ())
            place = read.next_offset
        for device_id in ids if not together else [each for each in ids if len(each) > MOST_CHARACTERS]:
            record = await self._registry.get_device(device_id)
            found.append(None if record is None else _summary(encode(record)))
            records.extend([encode(record)] if more and record is not None else ())
        return found, [(each, record) for record in records if (each := device_id_of(record)) is not None]


def _summary(record: Listed | bytes) -> Summary | None:
    try:
        return summarize(record) if isinstance(record, bytes) else summary_of(record)
    except Malformed:
        return None

"""Reads the held devices that are on the screen again while somebody looks: one request for all of them, now and then.

Only where the registry picks devices by id (`RegistryClient.quick`); from another it would be a request for each, and
the age of a row says how old it is. Nothing here waits: `step` begins what is due, one request at a time, and `stop`
drops it. What failed waits for longer, whatever it was.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from fleetgui.feeds.errors import RegistryError
from fleetgui.feeds.pager import JITTER, REREAD_S, REST
from fleetgui.feeds.registry import RegistryClient
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.wanted import LABEL
from fleetgui.stores.held.fleet import HeldFleet
from fleetgui.stores.held.rows import HeldRows
from fleetgui.wire.query import FIELDS, MOST_CHARACTERS, Value

MOST: Final = 200
"""Rows that are read again at once; more than a screen has."""
FAILED_S: Final = 30.0
"""How long nothing is asked after a request that failed."""


class InView:
    """`read(device_ids)` takes them in, as they are in the registry, and raises `RegistryError`.

    `moved()` is called when that may have changed what is found, or its order; `jitter()` gives 0 … 1.
    """

    def __init__(
        self,
        registry: RegistryClient,
        fleet: HeldFleet,
        rows: HeldRows,
        clock: Clock,
        tasks: Tasks,
        *,
        read: Callable[[list[str]], Awaitable[None]],
        moved: Callable[[], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._registry = registry
        self._fleet = fleet
        self._rows = rows
        self._clock = clock
        self._tasks = tasks
        self._read = read
        self._moved = moved
        self._jitter = jitter
        self._view = range(0)
        self._reading: asyncio.Task[None] | None = None
        self._not_before = float("-inf")

    def look_at(self, rows: range) -> None:
        """These rows are on the screen now; none of them is where nobody looks."""
        self._view = rows[:MOST]

    def stop(self) -> None:
        """Drop what is under way."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def step(self, fields: Collection[str]) -> None:
        """Ask for what is on the screen and has aged, where that is due. `fields` decide what is found and where."""
        now = self._clock.now()
        is_reading = self._reading is not None and not self._reading.done()
        if is_reading or now < self._not_before or not self._registry.quick:
            return
        if device_ids := self._aged(now):
            self._not_before = now + FAILED_S  # unless it comes to an end
            self._reading = self._tasks.spawn(self._again(device_ids, fields), name="read held rows again")

    def _aged(self, now: float) -> list[str]:
        rows = (self._rows.row(offset) for offset in self._view)
        due = [row.device_id for row in rows if row.read_at is not None and row.read_at <= now - REREAD_S]
        return [each for each in due if each is not None and len(each) <= MOST_CHARACTERS]

    async def _again(self, device_ids: list[str], fields: Collection[str]) -> None:
        began = self._clock.now()
        before = self._values(device_ids, fields)
        try:
            await self._read(device_ids)
        except RegistryError:
            return  # the rows say how old they are
        self._not_before = began + max(REREAD_S * (1 + JITTER * self._jitter()), REST * (self._clock.now() - began))
        if self._values(device_ids, fields) != before:
            self._moved()
        self._rows.told(self._view)

    def _values(self, device_ids: list[str], fields: Collection[str]) -> list[Value]:
        held = self._fleet.paths | FIELDS.keys()
        names = {"labels" if each.startswith(LABEL) else each for each in fields} & held
        rows = [row for each in device_ids if (row := self._fleet.index_of(each)) is not None]
        return [self._fleet.value(row, name) for row in rows for name in names]

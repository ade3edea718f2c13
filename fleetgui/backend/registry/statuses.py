"""What heartbeats make of a status, kept now and then: at most once a minute for each device.

A replica that starts later learns it from there; one that dies takes at most that minute along, and most devices say
everything again with their next heartbeat. Of several replicas only a device's owner writes, for all hear the same.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
from collections.abc import Callable
from typing import Final

from fleetgui.backend.registry.keeping import Keeper
from fleetgui.backend.registry.leases import Key
from fleetgui.backend.registry.store import RecordStore
from fleetgui.backend.trouble import Trouble
from fleetgui.link.errors import LinkError
from fleetgui.policy.clock import Clock

log = logging.getLogger(__name__)

LATEST_S: Final = 60.0
EARLIEST_S: Final = 30.0
LOOK_EVERY_S: Final = 1.0
AT_ONCE: Final = 200

Owns = Callable[[str, str], bool]
"""(tenant, device id): whether a device is this replica's, among those that live."""


class StatusWriter:
    """Told of each change by the heartbeats. `failed` counts writes that were not kept; the next change tries again."""

    def __init__(self, store: RecordStore, keeper: Keeper, clock: Clock, owns: Owns) -> None:
        self.failed = 0
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._owns = owns
        self._changed: set[Key] = set()
        self._trouble = Trouble("statuses cannot be kept", log)
        self._due: list[tuple[float, Key]] = []

    def changed(self, key: Key) -> None:
        """The device's status is another than the one that was kept."""
        if key not in self._changed:
            self._changed.add(key)
            delay = random.uniform(EARLIEST_S, LATEST_S)  # noqa: S311 - spreads writes, guards nothing
            heapq.heappush(self._due, (self._clock.now() + delay, key))

    async def run(self) -> None:
        """Write what is due, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.write(self._clock.now())

    async def write(self, until: float) -> None:
        """Write what is due by `until` (`Clock.now()`)."""
        while self._due and self._due[0][0] <= until:
            batch: list[Key] = []
            while self._due and self._due[0][0] <= until and len(batch) < AT_ONCE:
                batch.append(heapq.heappop(self._due)[1])
            self._changed.difference_update(batch)
            await asyncio.gather(*(self._write(key) for key in batch if self._owns(*key)))

    async def write_all(self) -> None:
        """Write everything that has changed: this replica leaves."""
        await self.write(float("inf"))

    async def _write(self, key: Key) -> None:
        record = self._store.get(*key)
        if record is None:
            return
        try:
            await self._keeper.status(key[0], record)
        except LinkError as error:
            self.failed += 1
            self._trouble.is_now(error, alike=type(error))
        else:
            self._trouble.is_now(None)

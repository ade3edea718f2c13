"""What this console hears of the devices that it holds, laid over what their records say: search and sort see it.

Whether a device is online is its presence here, and what its record says only where nothing is known here; one that
was heard and has fallen silent is neither online nor offline. Status fields are those of the last heartbeat, where that
is newer than the record: the registry puts them into its records too. Nothing is laid over that nobody looks at:
`lay_over` is told the fields, and until then only who beat is remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleetgui.stores.evidence import NOTHING_KNOWN
from fleetgui.stores.held.cells import Rows
from fleetgui.stores.held.fleet import SLICE, HeldFleet
from fleetgui.stores.presence import Presence
from fleetgui.wire.payload import path_of, value_within
from fleetgui.wire.records import Summary

ONLINE: Final = "online"
STATUS: Final = frozenset({"location", "availability", "busy_score", "battery", "error_state"})
"""Fields of a summary that heartbeats bring."""
FIELDS: Final = STATUS | {ONLINE}
"""Fields of which this console may know better than the record."""

_AT_ONCE: Final = 65_536
"""Rows whose presence is looked at in one turn of the loop: about two milliseconds."""
_UNHEARD: Final = -1
_MISSING: Final = 2


class Heard:
    """One held fleet's. `now` is `Clock.now()`."""

    def __init__(self, fleet: HeldFleet, presence: Presence) -> None:
        self._fleet = fleet
        self._presence = presence
        self._beaten: dict[str, None] = {}
        """Devices whose last heartbeat has not been laid over, the longest waiting first."""
        self._slots = np.zeros(0, np.int32)
        """By row the device's place in `presence`."""
        self._recorded = np.zeros(0, np.int8)
        """By row what the record says of being online: 0, 1 or `_MISSING`."""

    def taken(self, rows: Rows, summaries: Sequence[Summary]) -> None:
        """These summaries were put into these rows just now: what was heard before them is in them."""
        if self._fleet.size > len(self._slots):
            room = max(1_024, 2 * self._fleet.size) - len(self._slots)
            self._slots = np.append(self._slots, np.full(room, _UNHEARD, np.int32))
            self._recorded = np.append(self._recorded, np.full(room, _MISSING, np.int8))
        self._slots[rows] = self._presence.slots(each.device_id for each in summaries)
        self._recorded[rows] = [_MISSING if each.online is None else each.online for each in summaries]
        for each in summaries:
            self._beaten.pop(each.device_id, None)

    def beaten(self, device_ids: Iterable[str]) -> None:
        """Heartbeats of these held devices came in."""
        self._beaten.update(dict.fromkeys(device_ids))

    def clear(self) -> None:
        """Nothing is held any more."""
        self._beaten.clear()
        self._slots, self._recorded = self._slots[:0], self._recorded[:0]

    async def lay_over(self, fields: Iterable[str], now: float) -> bool:
        """Bring these fields up to date with what was heard; returns whether any value is another than it was."""
        wanted, changed = frozenset(fields), False
        if ONLINE in wanted:
            changed = await self._presences(now)
        if any(is_heard(field) for field in wanted - {ONLINE}):
            changed = await self._statuses(wanted) or changed
        return changed

    async def _presences(self, now: float) -> bool:
        size, parts = self._fleet.size, []
        for device_id in self._beaten:  # one that was listed as gone had no place there until it was heard
            row = self._fleet.index_of(device_id)
            if row is not None and self._slots[row] == _UNHEARD:
                self._slots[row] = self._presence.slots([device_id])[0]
        for first in range(0, size, _AT_ONCE):
            part = slice(first, min(first + _AT_ONCE, size))
            known = self._presence.online_of(self._slots[part], now)
            parts.append(np.where(known == NOTHING_KNOWN, self._recorded[part], known))
            await asyncio.sleep(0)
        online: NDArray[np.int8] = np.concatenate([np.zeros(0, np.int8), *parts])
        return self._fleet.size >= size > 0 and self._fleet.restate(ONLINE, online)  # unless it was cleared meanwhile

    async def _statuses(self, fields: frozenset[str]) -> bool:
        """Only as many as had beaten when it began: a fleet that goes on beating does not keep it busy for ever."""
        changed, left = False, len(self._beaten)
        paths = {path: steps for path in self._fleet.paths if is_heard(path) and (steps := path_of(path)) is not None}
        while left > 0 and self._beaten:
            part = list(islice(self._beaten, min(SLICE, left)))
            left -= len(part)
            rows = [(device_id, self._fleet.index_of(device_id)) for device_id in part]
            heard = [(device_id, row, self._presence.status(device_id)) for device_id, row in rows if row is not None]
            news = [(device_id, self._news(row, status)) for device_id, row, status in heard]
            changed = changed or any(not fields.isdisjoint(values) for _, values in news)
            self._fleet.revise((device_id, values) for device_id, values in news if values)
            for path, steps in paths.items():
                said = [(row, value_within(status, steps)) for _, row, status in heard]
                put = [(row, value) for row, value in said if value not in (None, self._fleet.value(row, path))]
                self._fleet.put(path, np.array([row for row, _ in put], np.int32), [value for _, value in put])
                changed = changed or (path in fields and bool(put))
            for device_id in part:
                del self._beaten[device_id]
            await asyncio.sleep(0)
        return changed

    def _news(self, row: int, status: dict[str, object]) -> dict[str, Any]:
        """What of a heartbeat's status differs from what stands in the row."""
        return {
            name: None if value is None else str(value) if name == "error_state" else value
            for name, value in status.items()
            if name in STATUS and value != self._fleet.value(row, name)
        }


def is_restless(field: str) -> bool:
    """Whether heartbeats as a rule bring another value of this field each time."""
    return field in ("battery", "busy_score") or (field not in FIELDS and is_heard(field))


def is_heard(field: str) -> bool:
    """Whether heartbeats may bring this field, a path of a record (`wire.payload`) too."""
    return field in FIELDS or field.startswith("status.")

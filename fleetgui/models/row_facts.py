"""What is known of a row now, gathered from the stores: its record, what was heard since, and whether it is held back.

Where a heartbeat is newer than the record, what it says wins; it is decoded once, however often the row is drawn.
"""

from __future__ import annotations

from typing import Any, Final

from fleetgui.models.facts import Facts
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import State
from fleetgui.stores.engagements import Engagements
from fleetgui.stores.presence import Presence
from fleetgui.stores.roster import Row
from fleetgui.stores.rows import RowSource
from fleetgui.wire.times import to_epoch

_STATUSES_KEPT: Final = 1_200
"""Decoded heartbeats that are kept: twice what any window shows."""


class RowFacts:
    def __init__(self, rows: RowSource, presence: Presence, engagements: Engagements, clock: Clock) -> None:
        self._rows = rows
        self._presence = presence
        self._engagements = engagements
        self._clock = clock
        self._statuses: dict[str, tuple[float, dict[str, Any]]] = {}

    def of(self, row: int) -> Facts:
        """The facts of a row as they are at this moment."""
        return self.of_entry(self._rows.row(row))

    def of_entry(self, entry: Row) -> Facts:
        """The facts of what stands in a row, or would: devices of closed groups have none."""
        now, wall = self._clock.now(), self._clock.wall()
        device_id = entry.device_id
        if device_id is None or entry.summary is None:
            return Facts(entry, now, wall)
        presence = self._presence
        last_beat = presence.last_beat(device_id)
        newer = last_beat is not None and last_beat > (entry.read_at or 0.0)
        state, offline_since = presence.state(device_id, now), presence.offline_since(device_id)
        gone_at = to_epoch(entry.summary.offline_since)
        if gone_at is not None and not newer:
            state, offline_since = State.OFFLINE, now - (wall - gone_at)
        return Facts(
            entry,
            now,
            wall,
            presence=state,
            last_beat=last_beat,
            offline_since=offline_since,
            publisher_ts=presence.publisher_ts(device_id),
            skew_s=presence.skew(device_id),
            held=self._engagements.of_device(device_id, wall),
            heard=self._status(device_id, last_beat) if newer and last_beat is not None else {},
        )

    def _status(self, device_id: str, last_beat: float) -> dict[str, Any]:
        known = self._statuses.get(device_id)
        if known is not None and known[0] == last_beat:
            return known[1]
        if len(self._statuses) >= _STATUSES_KEPT:
            self._statuses.clear()
        status = self._presence.status(device_id)
        self._statuses[device_id] = (last_beat, status)
        return status

"""The evidence of presence: one slot a device, its times in columns; what is asked of a fleet is one expression.

Plain arrays, written by `stores.presence` alone. Times are `Clock.now()` seconds; −inf stands for never.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetgui.policy.freshness import ASSUMED_TTL_S, BEATS_PER_TTL
from fleetgui.policy.way import NOTICED_S, arrived
from fleetgui.stores.shards import Shards

NEVER: Final = -np.inf

NOTHING_KNOWN: Final = 3
"""Of a device in `Presence.online_of`."""

SHORTEST_RHYTHM_S: Final = 1.0
LONGEST_RHYTHM_S: Final = 300.0
"""What an observed gap between two beats may say of a device's rhythm: a burst is none, and neither is an outage."""

_COLUMNS: Final = {
    "last_beat": NEVER,
    "listed_at": NEVER,
    "offline_since": NEVER,
    "lease": ASSUMED_TTL_S,
    "granted": np.nan,
    "rhythm": np.nan,
    "publisher_ts": np.nan,
    "skew": np.nan,
    "ahead": np.nan,
    "behind": 0.0,
}
"""What stands in each column where nothing is known."""


class Columns(NamedTuple):
    """Some devices' evidence, one row each: `Clock.now()` seconds, −inf for never; not to be changed."""

    last_beat: npt.NDArray[np.float64]
    listed_at: npt.NDArray[np.float64]
    offline_since: npt.NDArray[np.float64]
    lease: npt.NDArray[np.float64]
    watched: npt.NDArray[np.bool_]


class Evidence:
    """The columns. `lease` is what the record granted, else three observed beats, else `ASSUMED_TTL_S`.

    Columns grow: whoever holds one across a `place` of a new device writes into the past.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        """By slot, whose it is; a slot is a device's for good."""
        self.status: list[bytes | None] = []
        """By slot, the device's last heartbeat as it came, where that says more than that it beats."""
        self._index: Shards[int] = Shards()
        # Of different lengths: each doubles at another moment, for all of them together take longer than a frame.
        self.last_beat = _column(1024, NEVER)
        self.listed_at = _column(1152, NEVER)
        self.offline_since = _column(1280, NEVER)
        self.lease = _column(1344, ASSUMED_TTL_S)
        self.granted = _column(1408, np.nan)
        self.rhythm = _column(1536, np.nan)
        self.publisher_ts = _column(1664, np.nan)
        self.skew = _column(1792, np.nan)
        self.ahead = _column(1920, np.nan)
        self.behind = _column(1984, 0.0)
        self._room = 0
        """Slots that every column has."""

    def __len__(self) -> int:
        return len(self.ids)

    def slot(self, device_id: str) -> int | None:
        """Where a device stands; None for one that was not heard of."""
        return self._index.get(device_id)

    def slots(self, device_ids: Iterable[str]) -> list[int]:
        """Where devices stand; -1 for one that was not heard of."""
        return [self._index.get(device_id, -1) for device_id in device_ids]

    def place(self, device_id: str) -> int:
        """The slot of a device that has none yet."""
        slot = self._index[device_id] = len(self.ids)
        self.ids.append(device_id)
        self.status.append(None)
        if slot >= self._room:
            self._make_room(slot)
        return slot

    def grant(self, slot: int, ttl: float) -> None:
        """The lease is known, in seconds: no rhythm changes it."""
        self.granted[slot] = self.lease[slot] = ttl

    def late(self, slot: int, published: float, received: float) -> float:
        """How long a beat was held back on its way, by what the device's clock said (`policy.way`)."""
        ahead, behind = self.ahead.item(slot), self.behind.item(slot)
        now_ahead = published - received
        if 0.0 <= ahead - now_ahead <= NOTICED_S and behind == 0.0:  # as nearly all are: nothing to note
            return 0.0
        if published <= self.publisher_ts.item(slot):  # its clock does not go on
            self.ahead[slot], self.behind[slot] = now_ahead, 0.0
            return 0.0
        way = arrived(ahead, behind, published, received)
        self.ahead[slot], self.behind[slot] = way.ahead, way.behind
        return way.late

    def gap(self, slot: int, seconds: float) -> None:
        """So long were two beats apart. The rhythm follows slowly, so that one missed beat changes little."""
        seconds = min(max(seconds, SHORTEST_RHYTHM_S), LONGEST_RHYTHM_S)
        known = self.rhythm.item(slot)
        if not math.isnan(known):
            seconds = min(max(seconds, known * 0.8), known * 1.25)
        self.rhythm[slot] = seconds
        if math.isnan(self.granted.item(slot)):
            self.lease[slot] = seconds * BEATS_PER_TTL

    def columns(self, begin: int, end: int, watched: frozenset[str] | None) -> Columns:
        """The rows of slots begin … end − 1; `watched`: who is listened to, None for everybody."""
        part = slice(begin, end)
        listened = np.full(end - begin, watched is None)
        if watched is not None:
            listened[[slot - begin for slot in self.slots(watched) if begin <= slot < end]] = True
        return Columns(self.last_beat[part], self.listed_at[part], self.offline_since[part], self.lease[part], listened)

    def online_of(
        self, slots: npt.NDArray[np.int32], now: float, *, confirmed_from: float, watched: list[int] | None
    ) -> npt.NDArray[np.int8]:
        """What `Presence.online_of` says, of the devices in `slots`, of whom those in `watched` are listened to."""
        at = np.maximum(slots, 0)
        beat, listed, off, lease = self.last_beat[at], self.listed_at[at], self.offline_since[at], self.lease[at]
        heard = (beat > NEVER) & (slots >= 0) & (listed - np.maximum(beat, 0.0) <= lease)
        if watched is not None:
            heard &= np.isin(slots, watched)
        is_silent = now - beat >= lease
        said = np.full(len(slots), NOTHING_KNOWN, np.int8)
        said[heard & is_silent] = 2
        said[heard & ~is_silent & (beat >= confirmed_from)] = 1
        said[(off > NEVER) & (np.maximum(beat, listed) <= off) & (slots >= 0)] = 0
        return said

    def gone(self) -> npt.NDArray[np.bool_]:
        """By slot, who was announced offline and neither beat nor was listed since."""
        part = slice(0, len(self.ids))
        off = self.offline_since[part]
        return (self.last_beat[part] <= off) & (self.listed_at[part] <= off) & (off > NEVER)

    def _make_room(self, slot: int) -> None:
        for name, fill in _COLUMNS.items():
            column = getattr(self, name)
            if slot >= len(column):
                setattr(self, name, np.concatenate([column, _column(len(column), fill)]))
        self._room = min(len(getattr(self, name)) for name in _COLUMNS)


def _column(size: int, fill: float) -> npt.NDArray[np.float64]:
    return np.full(size, fill, dtype=np.float64)

"""Who beats, who was announced offline: one slot a device, in arrays, so that a count over the fleet is one expression.

Heartbeats are kept as bytes (the last of each device): what they bring is decoded when a row that shows it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetgui.policy.freshness import ASSUMED_TTL_S, BEATS_PER_TTL, device_limits, device_state, freshness
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State
from fleetgui.stores.shards import Shards
from fleetgui.stores.sources import HEARTBEATS, Sources
from fleetgui.wire.codec import Malformed, decode
from fleetgui.wire.devices import Heartbeat, heartbeat_status
from fleetgui.wire.times import to_epoch

MOST_DEVICES: Final = 2_000_000
"""Devices remembered. Whoever publishes under more names than that is no fleet; it is counted and left out."""

LISTING_CACHE_S: Final = 2.0
"""The registry answers from a cache of this age: a listing asked for so soon after an offline edge may be older."""

NOTHING_KNOWN: Final = 3
"""Of a device in `Presence.online_of`."""

_NEVER: Final = -np.inf

_COLUMNS: Final = {
    "_last_beat": _NEVER,
    "_listed_at": _NEVER,
    "_offline_since": _NEVER,
    "_ttl": np.nan,
    "_rhythm": np.nan,
    "_publisher_ts": np.nan,
    "_skew": np.nan,
}
"""What stands in each column of presence where nothing is known."""

_ENOUGH: Final = 20_000
"""Devices whose leases tell those of a fleet."""

SHORTEST_RHYTHM_S: Final = 1.0
LONGEST_RHYTHM_S: Final = 300.0
"""What an observed gap between two beats may say of a device's rhythm: a burst is none, and neither is an outage."""


class Beat(NamedTuple):
    """A heartbeat as it came: the id from its subject, its bytes, when it came in (`Clock.now()`)."""

    device_id: str
    data: bytes
    received: float


class Columns(NamedTuple):
    """Some devices' evidence, one row each: `Clock.now()` seconds, −inf for never; not to be changed."""

    last_beat: npt.NDArray[np.float64]
    listed_at: npt.NDArray[np.float64]
    offline_since: npt.NDArray[np.float64]
    lease: npt.NDArray[np.float64]
    watched: npt.NDArray[np.bool_]


class Edge(NamedTuple):
    """The registry announced a device online or offline."""

    device_id: str
    online: bool
    received: float
    ts: float | None
    """The registry's own time of it, epoch seconds."""


class Presence:
    """Last beat, lease and offline edge of every device heard of or listed.

    `sources` knows how the link stands, which caps what is said here, and keeps the changes of the heartbeats' state.
    """

    def __init__(self, sources: Sources | None = None) -> None:
        self.changed = Signal[[frozenset[str]]]()
        """Devices whose beat, edge or status changed; once a batch."""
        self.announced = Signal[[list[Edge]]]()
        """What the registry announced, in order; once a batch, before `changed`."""
        self.beats = 0
        self.malformed = 0
        self.refused = 0
        """Beats, edges and listings of devices beyond `MOST_DEVICES`."""
        self.sources = sources or Sources()
        self.sources.watch(HEARTBEATS, self.heartbeats_state)
        self.watched: frozenset[str] | None = None
        """Whose heartbeats are listened to; None: everybody's, as long as the fleet is not too large for that."""
        self._index: Shards[int] = Shards()
        self._ids: list[str] = []
        # Of different lengths: each doubles at another moment, for all of them together take longer than a frame.
        self._last_beat = self._column(1024)
        self._listed_at = self._column(1152)
        self._offline_since = self._column(1280)
        self._ttl = self._column(1408, np.nan)
        self._rhythm = self._column(1536, np.nan)
        self._publisher_ts = self._column(1664, np.nan)
        self._skew = self._column(1792, np.nan)
        self._online_at: tuple[float, npt.NDArray[np.bool_]] | None = None
        """Who is online, as last asked for, and when: the header asks several times for the same moment."""
        self._last_data: Shards[bytes] = Shards()
        self._room = min(len(getattr(self, name)) for name in _COLUMNS)
        """Slots that every column has."""

    @staticmethod
    def _column(size: int, fill: float = _NEVER) -> npt.NDArray[np.float64]:
        return np.full(size, fill, dtype=np.float64)

    def _slot(self, device_id: str) -> int:
        slot = self._index.get(device_id)
        if slot is None:
            slot = self._index[device_id] = len(self._index)
            self._ids.append(device_id)
            if slot >= self._room:
                self._make_room(slot)
        return slot

    def _make_room(self, slot: int) -> None:
        for name, fill in _COLUMNS.items():
            column = getattr(self, name)
            if slot >= len(column):
                setattr(self, name, np.concatenate([column, self._column(len(column), fill)]))
        self._room = min(len(getattr(self, name)) for name in _COLUMNS)

    def _has_room(self, device_id: str) -> bool:
        if device_id in self._index or len(self._index) < MOST_DEVICES:
            return True
        self.refused += 1
        return False

    def __len__(self) -> int:
        return len(self._index)

    # What comes in

    def apply_beats(self, beats: Iterable[Beat], *, epoch: float | None = None) -> None:
        """Take in heartbeats; one that does not decode, or names another device than its subject, is malformed.

        `epoch` is what this machine's wall clock shows when `Clock.now()` is 0, to compare publishers' clocks with.
        """
        changed = set()
        self._online_at = None
        for beat in beats:
            try:
                fixed = decode(beat.data, Heartbeat)
            except Malformed:
                self.malformed += 1
                continue
            if fixed.device_id != beat.device_id:
                self.malformed += 1
                continue
            if not self._has_room(beat.device_id):
                continue
            self.beats += 1
            slot = self._slot(beat.device_id)
            before = self._last_beat[slot]
            # Silence while we were not connected says nothing about the device's rhythm.
            if np.isfinite(before) and self.sources.confirmed_from <= before < beat.received:
                self._rhythm[slot] = _rhythm(self._rhythm[slot], beat.received - before)
            self._last_beat[slot] = beat.received
            if (published := to_epoch(fixed.ts)) is not None:
                self._publisher_ts[slot] = published
                if epoch is not None:
                    self._skew[slot] = published - (epoch + beat.received)
            if _carries_status(beat):
                self._last_data[beat.device_id] = beat.data
            else:
                self._last_data.discard(beat.device_id)
            changed.add(beat.device_id)
        if changed:
            self.changed.emit(frozenset(changed))

    def apply_edges(self, edges: Iterable[Edge]) -> None:
        """Take in online and offline announcements, in order."""
        changed, taken = set(), []
        self._online_at = None
        for edge in edges:
            if not self._has_room(edge.device_id):
                continue
            slot = self._slot(edge.device_id)
            if edge.online:
                self._offline_since[slot] = _NEVER
                self._listed_at[slot] = edge.received
            else:
                self._offline_since[slot] = edge.received
                self._last_data.discard(edge.device_id)
            changed.add(edge.device_id)
            taken.append(edge)
        if changed:
            self.announced.emit(taken)
            self.changed.emit(frozenset(changed))

    def listed(self, devices: Iterable[tuple[str, float | None]], read_at: float) -> None:
        """The registry listed these (id, ttl in seconds) in a reply that was asked for at `read_at`.

        The time of asking, not of arrival: an offline edge that came while the reply was on its way is newer than it.
        """
        self._online_at = None
        for device_id, ttl in devices:
            if not self._has_room(device_id):
                continue
            slot = self._slot(device_id)
            if read_at > self._offline_since[slot] + LISTING_CACHE_S:
                self._listed_at[slot] = max(self._listed_at[slot], read_at)
            if ttl is not None and ttl > 0:
                self._ttl[slot] = ttl

    def watch(self, device_ids: frozenset[str] | None, now: float) -> None:
        """From `now` on only these are listened to; None: all are. What is shown of the others changes."""
        before, self.watched = self.watched, device_ids
        if before == device_ids:
            return
        # A last beat from before nobody listened says nothing of a device that is listened to again.
        again = () if before is None else (device_ids if device_ids is not None else self._index)
        for device_id in again:
            slot = self._index.get(device_id)
            if slot is not None and before is not None and device_id not in before:
                self._last_beat[slot] = _NEVER
        self._online_at = None
        self.changed.emit(frozenset((before or frozenset()) | (device_ids or frozenset())))

    # What can be asked

    @property
    def beats_per_device(self) -> float:
        """Heartbeats a second that a device sends, in the mean, by the leases of the devices known for longest."""
        leases = self._leases(0, min(len(self._index), _ENOUGH))
        return float(np.mean(BEATS_PER_TTL / leases)) if len(leases) else BEATS_PER_TTL / ASSUMED_TTL_S

    def ttl(self, device_id: str) -> float:
        """The lease in seconds: from the record, else three observed beats, else `ASSUMED_TTL_S`."""
        slot = self._index.get(device_id)
        if slot is None:
            return ASSUMED_TTL_S
        if not np.isnan(self._ttl[slot]):
            return float(self._ttl[slot])
        rhythm = self._rhythm[slot]
        return ASSUMED_TTL_S if np.isnan(rhythm) else float(rhythm * BEATS_PER_TTL)

    def state(self, device_id: str, now: float) -> State:
        """The presence of a device: never better than the link's state, and "not watched" where nobody listens."""
        slot = self._index.get(device_id)
        if slot is None:
            return State.UNKNOWN
        own = device_state(
            last_beat=_known(self._last_beat[slot]),
            listed_at=_known(self._listed_at[slot]),
            ttl=self.ttl(device_id),
            offline_since=_known(self._offline_since[slot]),
            confirmed_from=self.sources.confirmed_from,
            now=now,
        )
        if own in (State.OFFLINE, State.UNKNOWN):
            return own
        if self.watched is not None and device_id not in self.watched:
            return State.NOT_WATCHED
        under = self.sources.under_link(State.LIVE if own is State.ONLINE else own, now)
        return State.ONLINE if under is State.LIVE else under

    def slots(self, device_ids: Iterable[str]) -> list[int]:
        """The places of devices here, for `online_of`: theirs for good; -1 for one that was not heard of."""
        return [self._index.get(device_id, -1) for device_id in device_ids]

    def online_of(self, slots: npt.NDArray[np.int32], now: float) -> npt.NDArray[np.int8]:
        """As `state`, of many at once, whatever the link: 1 for one that beats, 0 for one that is announced offline, 2
        for one that did beat and has fallen silent, `NOTHING_KNOWN` where nobody listens or waits for confirmation."""
        at = np.maximum(slots, 0)
        beat, listed, off = self._last_beat[at], self._listed_at[at], self._offline_since[at]
        ttl = np.where(np.isnan(self._ttl[at]), self._rhythm[at] * BEATS_PER_TTL, self._ttl[at])
        ttl = np.where(np.isnan(ttl), ASSUMED_TTL_S, ttl)
        heard = (beat > _NEVER) & (slots >= 0) & (listed - np.maximum(beat, 0.0) <= ttl)
        if self.watched is not None:
            heard &= np.isin(slots, self.slots(self.watched))
        is_silent = now - beat >= ttl
        said = np.full(len(slots), NOTHING_KNOWN, np.int8)
        said[heard & is_silent] = 2
        said[heard & ~is_silent & (beat >= self.sources.confirmed_from)] = 1
        said[(off > _NEVER) & (np.maximum(beat, listed) <= off) & (slots >= 0)] = 0
        return said

    def last_beat(self, device_id: str) -> float | None:
        slot = self._index.get(device_id)
        return None if slot is None else _known(self._last_beat[slot])

    def offline_since(self, device_id: str) -> float | None:
        slot = self._index.get(device_id)
        return None if slot is None else _known(self._offline_since[slot])

    def publisher_ts(self, device_id: str) -> float | None:
        """The device's own clock in its last heartbeat, epoch seconds: shown, never the ground for freshness."""
        slot = self._index.get(device_id)
        return None if slot is None else _known(self._publisher_ts[slot])

    def skew(self, device_id: str) -> float | None:
        """How far the device's clock was ahead of this machine's at its last heartbeat that told; negative: behind."""
        slot = self._index.get(device_id)
        return None if slot is None else _known(self._skew[slot])

    def status(self, device_id: str) -> dict[str, object]:
        """Status fields of the last heartbeat, which the registry's record merges in too; {} when there are none."""
        data = self._last_data.get(device_id)
        if data is None:
            return {}
        try:
            return heartbeat_status(data)
        except Malformed:
            return {}

    def online_count(self, now: float) -> int:
        """Devices that beat within their ttl and were not announced offline since."""
        return int(np.count_nonzero(self._online(now)))

    @property
    def newest_beat(self) -> float | None:
        """When anybody last beat."""
        used = len(self._index)
        return _known(self._last_beat[:used].max()) if used else None

    def unconfirmed_count(self, now: float) -> int:
        """Those of `online_count` that were last heard before the link came up, and not since."""
        return int(
            np.count_nonzero(self._online(now) & (self._last_beat[: len(self._index)] < self.sources.confirmed_from))
        )

    def heartbeats_state(self, now: float) -> State:
        """How far `online_count` may be trusted: whether those who should beat are heard, and heard on this link.

        Silence of one device is its own; here it counts once nobody beats as often as the most eager of them.
        """
        if not self.beats:
            return State.UNKNOWN
        if self.watched is not None:
            return State.NOT_WATCHED
        online = self._online(now)
        used = len(self._index)
        beat = self._last_beat[:used]
        if online.any():
            limits = device_limits(float(self._leases()[online].min()))
        elif np.any(beat > self._offline_since[:used]):
            return self.sources.under_link(State.STALE, now)
        else:
            return self.sources.under_link(State.LIVE, now)  # whoever beat was announced offline since: none it is
        own = freshness(heard_at=self.newest_beat, limits=limits, confirmed_from=self.sources.confirmed_from, now=now)
        if own in (State.LIVE, State.LATE) and self.unconfirmed_count(now):
            own = State.UNCONFIRMED
        return self.sources.under_link(own, now)

    def device_in(self, slot: int) -> str:
        """The device whose evidence is in the columns' row `slot`; rows stay where they are."""
        return self._ids[slot]

    def columns(self, begin: int, end: int) -> Columns:
        """The evidence of the devices in rows begin … end − 1."""
        part = slice(begin, end)
        watched = np.ones(end - begin, dtype=np.bool_)
        if self.watched is not None:
            watched[:] = False
            slots = (self._index.get(device_id, -1) for device_id in self.watched)
            watched[[slot - begin for slot in slots if begin <= slot < end]] = True
        return Columns(
            self._last_beat[part], self._listed_at[part], self._offline_since[part], self._leases(begin, end), watched
        )

    def _leases(self, begin: int = 0, end: int | None = None) -> npt.NDArray[np.float64]:
        part = slice(begin, len(self._index) if end is None else end)
        ttl = np.where(np.isnan(self._ttl[part]), self._rhythm[part] * BEATS_PER_TTL, self._ttl[part])
        leases: npt.NDArray[np.float64] = np.where(np.isnan(ttl), ASSUMED_TTL_S, ttl)
        return leases

    def _online(self, now: float) -> npt.NDArray[np.bool_]:
        if self._online_at is not None and self._online_at[0] == now:
            return self._online_at[1]
        used = len(self._index)
        beat = self._last_beat[:used]
        online: npt.NDArray[np.bool_] = (now - beat < self._leases()) & (beat > self._offline_since[:used])
        self._online_at = now, online
        return online

    def offline_ids(self) -> list[str]:
        """Devices announced offline that neither beat nor were listed since."""
        used = len(self._index)
        off = self._offline_since[:used]
        heard = np.maximum(self._last_beat[:used], self._listed_at[:used])
        return [self._ids[slot] for slot in np.flatnonzero((off > _NEVER) & (heard <= off)).tolist()]

    def offline_count(self) -> int:
        used = len(self._index)
        off = self._offline_since[:used]
        heard = np.maximum(self._last_beat[:used], self._listed_at[:used])
        return int(np.count_nonzero((off > _NEVER) & (heard <= off)))


def _rhythm(known: float, gap: float) -> float:
    """The seconds between beats, after another gap: it follows slowly, so that one missed beat changes little."""
    gap = min(max(gap, SHORTEST_RHYTHM_S), LONGEST_RHYTHM_S)
    return gap if np.isnan(known) else min(max(gap, known * 0.8), known * 1.25)


def _carries_status(beat: Beat) -> bool:
    """Whether there is more in a heartbeat than its id and its time; when in doubt, yes."""
    return beat.data.count(b":") > 2 + beat.device_id.count(":")


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

"""Who beats, who was announced offline: what comes in goes into `evidence`, and what is asked is answered out of it.

Counts of a whole fleet are in `census`. Heartbeats are kept as bytes (the last of each device): what they bring is
decoded when a row that shows it is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetgui.policy.freshness import (
    ASSUMED_TTL_S,
    BEATS_PER_TTL,
    LONGEST_TTL_S,
    device_limits,
    device_state,
    freshness,
)
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State
from fleetgui.stores import census
from fleetgui.stores.census import Census
from fleetgui.stores.evidence import NEVER, Columns, Evidence
from fleetgui.stores.sources import HEARTBEATS, Sources
from fleetgui.wire.codec import Malformed, decode
from fleetgui.wire.devices import Heartbeat, heartbeat_status
from fleetgui.wire.times import to_epoch

MOST_DEVICES: Final = 2_000_000
"""Devices remembered. Whoever publishes under more names than that is no fleet; it is counted and left out."""

LISTING_CACHE_S: Final = 2.0
"""The registry answers from a cache of this age: a listing asked for so soon after an offline edge may be older."""

_ENOUGH: Final = 20_000
"""Devices whose leases tell those of a fleet."""


class Beat(NamedTuple):
    """A heartbeat as it came: the id from its subject, its bytes, when it came in (`Clock.now()`)."""

    device_id: str
    data: bytes
    received: float


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
        self._evidence = Evidence()
        self._census: Census | None = None

    def __len__(self) -> int:
        return len(self._evidence)

    def _place(self, device_id: str) -> int | None:
        """The slot of a device, new or not; None where there is no room, which is counted."""
        slot = self._evidence.slot(device_id)
        if slot is not None:
            return slot
        if len(self._evidence) < MOST_DEVICES:
            return self._evidence.place(device_id)
        self.refused += 1
        return None

    def _changed_evidence(self) -> None:
        """A small fleet is counted anew; of a large one the count may be as old as `census.KEPT_S` says."""
        if len(self._evidence) < census.LARGE:
            self._census = None

    # What comes in

    def apply_beats(self, beats: Iterable[Beat], *, epoch: float | None = None) -> None:
        """Take in heartbeats; one that does not decode, or names another device than its subject, is malformed.

        `epoch` is what this machine's wall clock shows when `Clock.now()` is 0, to compare publishers' clocks with.
        """
        changed = set()
        evidence, confirmed_from = self._evidence, self.sources.confirmed_from
        self._changed_evidence()
        for beat in beats:
            device_id, data, received = beat
            try:
                fixed = decode(data, Heartbeat)
            except Malformed:
                self.malformed += 1
                continue
            if fixed.device_id != device_id:
                self.malformed += 1
                continue
            slot = evidence.slot(device_id)
            if slot is None and (slot := self._place(device_id)) is None:
                continue
            self.beats += 1
            before, lived = evidence.last_beat.item(slot), received
            if (published := to_epoch(fixed.ts)) is not None:
                lived -= evidence.late(slot, published, received)
                evidence.publisher_ts[slot] = published
                if epoch is not None:
                    evidence.skew[slot] = published - (epoch + received)
            # Silence while we were not connected says nothing about the device's rhythm.
            if NEVER < before < lived and confirmed_from <= before:
                evidence.gap(slot, lived - before)
            evidence.last_beat[slot] = max(before, lived)
            evidence.status[slot] = data if _carries_status(device_id, data) else None
            changed.add(device_id)
        if changed:
            self.changed.emit(frozenset(changed))

    def apply_edges(self, edges: Iterable[Edge]) -> None:
        """Take in online and offline announcements, in order."""
        changed, taken = set(), []
        evidence = self._evidence
        self._changed_evidence()
        for edge in edges:
            slot = self._place(edge.device_id)
            if slot is None:
                continue
            if edge.online:
                evidence.offline_since[slot] = NEVER
                evidence.listed_at[slot] = edge.received
            else:
                evidence.offline_since[slot] = edge.received
                evidence.status[slot] = None
            changed.add(edge.device_id)
            taken.append(edge)
        if changed:
            self.announced.emit(taken)
            self.changed.emit(frozenset(changed))

    def listed(self, devices: Iterable[tuple[str, float | None]], read_at: float) -> None:
        """The registry listed these (id, ttl in seconds) in a reply that was asked for at `read_at`.

        The time of asking, not of arrival: an offline edge that came while the reply was on its way is newer than it.
        """
        evidence = self._evidence
        self._changed_evidence()
        for device_id, ttl in devices:
            slot = self._place(device_id)
            if slot is None:
                continue
            if read_at > evidence.offline_since.item(slot) + LISTING_CACHE_S:
                evidence.listed_at[slot] = max(evidence.listed_at.item(slot), read_at)
            if ttl is not None and 0 < ttl <= LONGEST_TTL_S:
                evidence.grant(slot, ttl)

    def watch(self, device_ids: frozenset[str] | None, now: float) -> None:
        """From `now` on only these are listened to; None: all are. What is shown of the others changes."""
        before, self.watched = self.watched, device_ids
        if before == device_ids:
            return
        # A last beat from before nobody listened says nothing of a device that is listened to again.
        again = () if before is None else (device_ids if device_ids is not None else self._evidence.ids)
        for device_id in again:
            slot = self._evidence.slot(device_id)
            if slot is not None and before is not None and device_id not in before:
                self._evidence.last_beat[slot] = NEVER
        self._census = None
        self.changed.emit(frozenset((before or frozenset()) | (device_ids or frozenset())))

    # What can be asked

    @property
    def beats_per_device(self) -> float:
        """Heartbeats a second that a device sends, in the mean, by the leases of the devices known for longest."""
        leases = self._evidence.lease[: min(len(self), _ENOUGH)]
        return float(np.mean(BEATS_PER_TTL / leases)) if len(leases) else BEATS_PER_TTL / ASSUMED_TTL_S

    def ttl(self, device_id: str) -> float:
        """The lease in seconds: from the record, else three observed beats, else `ASSUMED_TTL_S`."""
        slot = self._evidence.slot(device_id)
        return ASSUMED_TTL_S if slot is None else self._evidence.lease.item(slot)

    def state(self, device_id: str, now: float) -> State:
        """The presence of a device: never better than the link's state, and "not watched" where nobody listens."""
        evidence = self._evidence
        slot = evidence.slot(device_id)
        if slot is None:
            return State.UNKNOWN
        own = device_state(
            last_beat=_known(evidence.last_beat.item(slot)),
            listed_at=_known(evidence.listed_at.item(slot)),
            ttl=evidence.lease.item(slot),
            offline_since=_known(evidence.offline_since.item(slot)),
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
        return self._evidence.slots(device_ids)

    def online_of(self, slots: npt.NDArray[np.int32], now: float) -> npt.NDArray[np.int8]:
        """As `state`, of many at once, whatever the link: 1 for one that beats, 0 for one that is announced offline, 2
        for one that did beat and has fallen silent, `NOTHING_KNOWN` where nobody listens or waits for confirmation."""
        watched = None if self.watched is None else self.slots(self.watched)
        return self._evidence.online_of(slots, now, confirmed_from=self.sources.confirmed_from, watched=watched)

    def last_beat(self, device_id: str) -> float | None:
        return self._of(device_id, self._evidence.last_beat)

    def offline_since(self, device_id: str) -> float | None:
        return self._of(device_id, self._evidence.offline_since)

    def publisher_ts(self, device_id: str) -> float | None:
        """The device's own clock in its last heartbeat, epoch seconds: shown, never the ground for freshness."""
        return self._of(device_id, self._evidence.publisher_ts)

    def skew(self, device_id: str) -> float | None:
        """How far the device's clock was ahead of this machine's at its last heartbeat that told; negative: behind."""
        return self._of(device_id, self._evidence.skew)

    def _of(self, device_id: str, column: npt.NDArray[np.float64]) -> float | None:
        slot = self._evidence.slot(device_id)
        return None if slot is None else _known(column.item(slot))

    def status(self, device_id: str) -> dict[str, object]:
        """Status fields of the last heartbeat, which the registry's record merges in too; {} when there are none."""
        slot = self._evidence.slot(device_id)
        data = None if slot is None else self._evidence.status[slot]
        if data is None:
            return {}
        try:
            return heartbeat_status(data)
        except Malformed:
            return {}

    def census(self, now: float) -> Census:
        """The numbers of the whole fleet; of a large one they may be as old as `census.KEPT_S`."""
        kept, confirmed_from = self._census, self.sources.confirmed_from
        old_enough = census.KEPT_S if len(self) >= census.LARGE else 0.0
        if kept is None or not 0 <= now - kept.at <= old_enough or kept.confirmed_from != confirmed_from:
            kept = self._census = census.take(self._evidence, confirmed_from, now)
        return kept

    def online_count(self, now: float) -> int:
        """Devices that beat within their ttl and were not announced offline since."""
        return self.census(now).online

    def heartbeats_state(self, now: float) -> State:
        """How far `online_count` may be trusted: whether those who should beat are heard, and heard on this link.

        Silence of one device is its own; here it counts once nobody beats as often as the most eager of them.
        """
        if not self.beats:
            return State.UNKNOWN
        if self.watched is not None:
            return State.NOT_WATCHED
        fleet = self.census(now)
        if fleet.shortest_lease is None:
            # Where whoever beat was announced offline since, none is online, and that is known.
            return self.sources.under_link(State.STALE if fleet.any_heard else State.LIVE, now)
        own = freshness(
            heard_at=fleet.newest,
            limits=device_limits(fleet.shortest_lease),
            confirmed_from=self.sources.confirmed_from,
            now=now,
        )
        if own in (State.LIVE, State.LATE) and fleet.unconfirmed:
            own = State.UNCONFIRMED
        return self.sources.under_link(own, now)

    def everybody_could_beat(self, now: float) -> bool:
        """Whether the most patient device has had the time to beat since the link came up: before that, only a part of
        those who are there was heard."""
        lease = self.census(now).longest_lease
        return lease is None or now - self.sources.confirmed_from >= device_limits(lease).late

    def device_in(self, slot: int) -> str:
        """The device whose evidence is in the columns' row `slot`; rows stay where they are."""
        return self._evidence.ids[slot]

    def columns(self, begin: int, end: int) -> Columns:
        """The evidence of the devices in rows begin … end − 1."""
        return self._evidence.columns(begin, end, self.watched)

    def offline_ids(self) -> list[str]:
        """Devices announced offline that neither beat nor were listed since."""
        ids = self._evidence.ids
        return [ids[slot] for slot in np.flatnonzero(self._evidence.gone()).tolist()]


def _carries_status(device_id: str, data: bytes) -> bool:
    """Whether there is more in a heartbeat than its id and its time; when in doubt, yes."""
    return data.count(b":") > 2 + device_id.count(":")


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None

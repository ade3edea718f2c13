"""Which refusals stand in which lane, as arrays. A device has a lane of its own while there are some; the rest share.

A device keeps its lane as long as it is on the screen at all, because a strip that sorts itself anew cannot be read.
No Qt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetgui.stores.engagements import BANDS, Engagements, Refusal

REASONS: Final = ("in-backoff", "rate", "hard-ceiling")
_BAND_CODES: Final = {band: code for code, band in enumerate(BANDS)}
_REASON_CODES: Final = {reason: code for code, reason in enumerate(REASONS)}

_INITIAL: Final = 1_024


def assign_lanes(counts: Mapping[str, int], before: Sequence[str | None], lanes: int) -> list[str | None]:
    """The device of each lane, None for an empty one: those that had one keep it, the most refused take what is free.

    `counts` is how often each device that is on the screen was refused. Ties go by id, so that the result is one.
    """
    kept: list[str | None] = [each if each in counts else None for each in [*before, *[None] * lanes][:lanes]]
    taken = set(kept)
    waiting = iter(sorted((name for name in counts if name not in taken), key=lambda name: (-counts[name], name)))
    return [each if each is not None else next(waiting, None) for each in kept]


class Shown(NamedTuple):
    """What is drawn: one element a refusal, oldest first. `lane` −1 is the shared lane."""

    at: npt.NDArray[np.float64]
    until: npt.NDArray[np.float64]
    lane: npt.NDArray[np.int32]
    band: npt.NDArray[np.int8]
    reason: npt.NDArray[np.int8]
    row: npt.NDArray[np.int64]
    """Positions among the store's refusals."""
    minutes: npt.NDArray[np.float64]
    """Where the minutes begin of which only `counts` are left, by the order of `BANDS`."""
    counts: npt.NDArray[np.int64]


class RefusalColumns:
    """The store's refusals as arrays, kept up as they come: reading thousands of objects a frame would be too slow.

    The arrays hold what the store holds, between `_first` and `_end`; what the store forgot is cut off at the front.
    """

    def __init__(self, store: Engagements) -> None:
        self._store = store
        self._first = self._end = 0
        self._stale = True
        self._at = np.empty(_INITIAL)
        self._until = np.empty(_INITIAL)
        self._device = np.empty(_INITIAL, dtype=np.int32)
        self._band = np.empty(_INITIAL, dtype=np.int8)
        self._reason = np.empty(_INITIAL, dtype=np.int8)
        self._codes: dict[str, int] = {}
        self._names: list[str] = []
        self._last_of: dict[int, int] = {}

    def __len__(self) -> int:
        self._catch_up()
        return self._end - self._first

    def take_in(self, new: list[Refusal]) -> None:
        """Follow the store after it took in `new`: appended when they are the newest, else everything anew, later."""
        refusals = self._store.refusals
        fresh = sorted(new, key=lambda refusal: (refusal.at, refusal.seq))
        forgotten = self._end - self._first + len(fresh) - len(refusals)
        if self._stale or forgotten < 0 or refusals[len(refusals) - len(fresh) :] != fresh:
            self._stale = True
            return
        for refusal in fresh:
            self._append(refusal)
        self._first += forgotten

    def shown(
        self, left: float, right: float, before: Sequence[str | None], lanes: int
    ) -> tuple[Shown, list[str | None], int]:
        """What is seen between two epoch seconds: the marks, the device of each lane, how many devices share one."""
        self._catch_up()
        kept = slice(self._first, self._end)
        at = self._at[kept]
        seen = np.flatnonzero((self._until[kept] >= left) & (at <= right))
        device = self._device[kept][seen]
        times = np.bincount(device, minlength=len(self._names))
        codes = np.flatnonzero(times)
        counts = times[codes]
        per_device = {self._names[code]: int(count) for code, count in zip(codes, counts, strict=True)}
        assigned = assign_lanes(per_device, before, lanes)
        lane_of_code = np.full(len(self._names) + 1, -1, dtype=np.int32)
        for lane, name in enumerate(assigned):
            if name is not None:
                lane_of_code[self._codes[name]] = lane
        shown = Shown(
            at[seen],
            self._until[kept][seen],
            lane_of_code[device],
            self._band[kept][seen],
            self._reason[kept][seen],
            seen,
            *self._store.minutes.between(left, right),
        )
        return shown, assigned, len(per_device) - sum(name is not None for name in assigned)

    def held_at(self, moment: float) -> list[str]:
        """The devices that were held back at an epoch second, the one refused last first."""
        self._catch_up()
        kept = slice(self._first, self._end)
        inside = np.flatnonzero((self._at[kept] <= moment) & (self._until[kept] > moment))
        return list(dict.fromkeys(self._names[code] for code in self._device[kept][inside[::-1]].tolist()))

    def refused(self, left: float, right: float) -> int:
        """How many refusals there were between two epoch seconds, whole minutes where older."""
        self._catch_up()
        at = self._at[self._first : self._end]
        _, counts = self._store.minutes.between(left, right)
        return int(np.searchsorted(at, right) - np.searchsorted(at, left)) + int(counts.sum())

    def _catch_up(self) -> None:
        if not self._stale and self._first <= _INITIAL + (self._end - self._first):
            return
        self._stale = False
        self._first = self._end = 0
        self._codes.clear()
        self._names.clear()
        self._last_of.clear()
        for refusal in self._store.refusals:
            self._append(refusal)

    def _append(self, refusal: Refusal) -> None:
        index = self._end
        if index >= len(self._at):
            for name in ("_at", "_until", "_device", "_band", "_reason"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.empty_like(old)]))
        code = self._codes.get(refusal.device_id)
        if code is None:
            code = self._codes[refusal.device_id] = len(self._names)
            self._names.append(refusal.device_id)
        # a new refusal replaces the block of the one before
        last = self._last_of.get(code)
        if last is not None:
            self._until[last] = min(self._until[last], refusal.at)
        self._last_of[code] = index
        self._at[index] = refusal.at
        self._until[index] = refusal.until
        self._device[index] = code
        self._band[index] = _BAND_CODES[refusal.engagement.band]
        self._reason[index] = _REASON_CODES[refusal.engagement.reason]
        self._end = index + 1

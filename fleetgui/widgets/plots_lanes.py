"""Which refusals stand in which lane, as arrays. A device has a lane of its own while there are some; the rest share.

A device keeps its lane as long as it is on the screen at all, because a strip that sorts itself anew cannot be read.
No Qt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetgui.policy import formats
from fleetgui.stores.engagements import Engagements, Refusal

BANDS: Final = ("normal", "elevated", "critical")
REASONS: Final = ("in-backoff", "rate", "hard-ceiling")

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


class RefusalColumns:
    """The store's refusals as arrays, kept up as they come: reading thousands of objects a frame would be too slow."""

    def __init__(self, store: Engagements) -> None:
        self._store = store
        self._size = 0
        self._at = np.empty(_INITIAL)
        self._until = np.empty(_INITIAL)
        self._device = np.empty(_INITIAL, dtype=np.int32)
        self._band = np.empty(_INITIAL, dtype=np.int8)
        self._reason = np.empty(_INITIAL, dtype=np.int8)
        self._codes: dict[str, int] = {}
        self._names: list[str] = []
        self._last_of: dict[int, int] = {}
        self.rebuild()

    def __len__(self) -> int:
        return self._size

    def rebuild(self) -> None:
        """Read the store anew."""
        self._size = 0
        self._codes.clear()
        self._names.clear()
        self._last_of.clear()
        for refusal in self._store.refusals:
            self._append(refusal)

    def take_in(self, new: list[Refusal]) -> None:
        """Follow the store after it took in `new`: appended when they are the newest, else everything anew."""
        refusals = self._store.refusals
        fresh = sorted(new, key=lambda refusal: (refusal.at, refusal.seq))
        if len(refusals) == self._size + len(fresh) and refusals[self._size :] == fresh:
            for refusal in fresh:
                self._append(refusal)
        else:
            self.rebuild()

    def shown(
        self, left: float, right: float, before: Sequence[str | None], lanes: int
    ) -> tuple[Shown, list[str | None], int]:
        """What is seen between two epoch seconds: the marks, the device of each lane, how many devices share one."""
        at = self._at[: self._size]
        until = self._until[: self._size]
        seen = np.flatnonzero((until >= left) & (at <= right))
        device = self._device[seen]
        codes, counts = np.unique(device, return_counts=True)
        per_device = {self._names[code]: int(count) for code, count in zip(codes, counts, strict=True)}
        assigned = assign_lanes(per_device, before, lanes)
        lane_of_code = np.full(len(self._names) + 1, -1, dtype=np.int32)
        for lane, name in enumerate(assigned):
            if name is not None:
                lane_of_code[self._codes[name]] = lane
        shown = Shown(at[seen], until[seen], lane_of_code[device], self._band[seen], self._reason[seen], seen)
        return shown, assigned, len(per_device) - sum(name is not None for name in assigned)

    def _append(self, refusal: Refusal) -> None:
        index = self._size
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
        self._band[index] = BANDS.index(refusal.engagement.band)
        self._reason[index] = REASONS.index(refusal.engagement.reason)
        self._size = index + 1


_REASON_WORDS: Final = {
    "in-backoff": "tried again inside its block",
    "rate": "reconnects too often",
    "hard-ceiling": "hard ceiling",
}


def sentence(refusal: Refusal, *, wall: float) -> str:
    """One engagement in a sentence, at epoch second `wall`."""
    it = refusal.engagement
    name = formats.text(it.device_id, 80)
    why = _REASON_WORDS[it.reason] + (", in warm-up" if it.warmup else "")
    if it.reason == "in-backoff":
        what = why
    else:
        what = f"{it.observed:,} in {it.window_ms / 1000:g} s, allowed {it.allowed:,} ({why})"
    times = f", {it.count:,} times in a second" if it.count > 1 else ""
    left = refusal.until - wall
    then = (
        f"next try in {formats.age(left + 0.999)}"
        if left > 0
        else f"held back for {formats.age(refusal.until - refusal.at)}"
    )
    return f"{formats.clock_utc(refusal.at)}  {name} refused{times}: {what}; level {it.level}, band {it.band}, {then}."

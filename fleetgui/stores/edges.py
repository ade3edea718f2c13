"""Devices that went offline or came back, on the time axis: the newest one by one, before them counts by the minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetgui.policy.signals import Signal
from fleetgui.stores.minutes import MINUTE_S, MinuteCounts

CAPACITY: Final = 50_000
"""Edges kept one by one: a few thousand devices that go and come back in a storm."""


class EdgesShown(NamedTuple):
    """What lies between two moments, each kind in the order of time: `many` edges around epoch second `at`."""

    at: npt.NDArray[np.float64]
    online: npt.NDArray[np.bool_]
    many: npt.NDArray[np.int64]


class Edges:
    def __init__(self, capacity: int = CAPACITY) -> None:
        self.changed = Signal[[]]()
        self.total = 0
        self._capacity = capacity
        self._at = np.empty(2 * capacity)
        self._online = np.empty(2 * capacity, dtype=bool)
        self._used = 0
        self._minutes = MinuteCounts(2)

    def apply(self, edges: Sequence[tuple[float, bool]]) -> None:
        """Take in edges, (epoch second of this machine, online?), none older than what came before."""
        if not edges:
            return
        self.total += len(edges)
        for start in range(0, len(edges), self._capacity):
            self._append(edges[start : start + self._capacity])
        self.changed.emit()

    def between(self, left: float, right: float) -> EdgesShown:
        """The edges between two epoch seconds; a minute that is only counted stands in the middle of what it counts."""
        starts, counts = self._minutes.between(left, right)
        ends = np.minimum(starts + MINUTE_S, self._at[0] if self._used else np.inf)
        touching = ends > left
        starts, counts, ends = starts[touching], counts[touching], ends[touching]
        first, last = np.searchsorted(self._at[: self._used], [left, right])
        each = slice(int(first), int(last))
        at = [self._at[each]]
        online = [self._online[each]]
        many = [np.ones(len(at[0]), dtype=np.int64)]
        for kind in (False, True):
            some = np.flatnonzero(counts[:, int(kind)])
            at.insert(0, (starts[some] + ends[some]) / 2)
            online.insert(0, np.full(len(some), kind))
            many.insert(0, counts[some, int(kind)])
        return EdgesShown(np.concatenate(at), np.concatenate(online), np.concatenate(many))

    def counts(self, left: float, right: float) -> tuple[int, int]:
        """How many went offline and how many came online between two epoch seconds, whole minutes where older."""
        shown = self.between(left, right)
        return int(shown.many[~shown.online].sum()), int(shown.many[shown.online].sum())

    def _append(self, edges: Sequence[tuple[float, bool]]) -> None:
        if self._used + len(edges) > len(self._at):
            old = max(0, self._used - self._capacity // 2)
            for kind in (False, True):
                minutes, counts = np.unique(
                    np.floor(self._at[:old][self._online[:old] == kind] / MINUTE_S), return_counts=True
                )
                self._minutes.add(
                    (minute * MINUTE_S, int(kind), count)
                    for minute, count in zip(minutes.tolist(), counts.tolist(), strict=True)
                )
            for column in (self._at, self._online):
                column[: self._used - old] = column[old : self._used].copy()
            self._used -= old
        end = self._used + len(edges)
        # A clock that was set back must not put what comes next before what was.
        self._at[self._used : end] = np.maximum.accumulate([self._newest, *(at for at, _ in edges)])[1:]
        self._online[self._used : end] = [online for _, online in edges]
        self._used = end

    @property
    def _newest(self) -> float:
        return float(self._at[self._used - 1]) if self._used else -np.inf

"""Where the overview is read: at the pointer, or where the keyboard went from engagement to engagement. No Qt."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from enum import Enum

from fleetgui.stores.engagements import Engagements, Refusal


class By(Enum):
    NOBODY = "nothing is read"
    POINTER = "the pointer, which takes it along when it leaves"
    KEYS = "the keyboard: it stays until it is moved or let go"


class Spot:
    """`moment` is the epoch second that is read, `refusal` the engagement that is explained, `by` who put it there."""

    def __init__(self, engagements: Engagements) -> None:
        self._engagements = engagements
        self.by = By.NOBODY
        self.moment: float | None = None
        self.refusal: Refusal | None = None

    @property
    def row(self) -> int | None:
        """Where the refusal stands in the store, None once it is only counted."""
        return None if self.refusal is None else self._engagements.row_of(self.refusal)

    def point(self, moment: float, row: int | None) -> None:
        """The pointer is at `moment`, and at the refusal in `row` where there is one."""
        refusals = self._engagements.refusals
        refusal = refusals[row] if row is not None and row < len(refusals) else None
        self._put(By.POINTER, moment if refusal is None else refusal.at, refusal)

    def leave(self) -> None:
        """The pointer went away."""
        if self.by is By.POINTER:
            self.clear()

    def clear(self) -> None:
        self._put(By.NOBODY, None, None)

    def move_to(self, moment: float) -> None:
        """The keyboard moved it along the axis."""
        self._put(By.KEYS, moment, None)

    def step(self, forward: bool, start: float) -> Refusal | None:
        """To the next engagement, or the one before; from `start` where nothing is read yet. None: there is none."""
        refusals = self._engagements.refusals
        row = self.row
        if row is not None:
            to = row + (1 if forward else -1)
        elif forward:
            to = bisect_right(refusals, self._from(start), key=_at)
        else:
            to = bisect_left(refusals, self._from(start), key=_at) - 1
        if not 0 <= to < len(refusals):
            return None
        self._put(By.KEYS, refusals[to].at, refusals[to])
        return refusals[to]

    def _from(self, start: float) -> float:
        return start if self.moment is None else self.moment

    def _put(self, by: By, moment: float | None, refusal: Refusal | None) -> None:
        self.by, self.moment, self.refusal = by, moment, refusal


def _at(refusal: Refusal) -> float:
    return refusal.at

"""A row as it is drawn, and the glow of cells whose value changed while somebody looked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fleetgui.models.columns import Cell, Column
from fleetgui.models.facts import Facts
from fleetgui.policy.clock import Clock

GLOW_S: Final = 0.6


class DrawnRow:
    """The facts of a row, and those of its cells that were asked for."""

    __slots__ = ("cells", "facts")

    def __init__(self, facts: Facts, columns: int) -> None:
        self.facts = facts
        self.cells: list[Cell | None] = [None] * columns

    def cell(self, number: int, column: Column) -> Cell:
        """What stands in a cell; made when it is first asked for."""
        cell = self.cells[number]
        if cell is None:
            cell = self.cells[number] = column.of(self.facts)
        return cell

    def age(self, facts: Facts, columns: Sequence[Column], aging: Sequence[int]) -> bool:
        """Go on to `facts`, which differ by time alone: whether a cell of the columns `aging` changed by it."""
        changed = False
        for number in aging:
            if self.cells[number] is not None and (cell := columns[number].of(facts)) != self.cells[number]:
                self.cells[number] = cell
                changed = True
        self.facts = facts
        return changed


class Glow:
    """Which cells glow since when: by device, so that a glow goes with the device to another row."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[tuple[str, int], float] = {}

    def __bool__(self) -> bool:
        return bool(self._since)

    def clear(self) -> None:
        self._since.clear()

    def note(self, before: DrawnRow, after: DrawnRow, columns: Sequence[Column]) -> None:
        """Light up the cells that were drawn and changed, where both are of one device that was read."""
        device_id = after.facts.row.device_id
        if device_id is None or before.facts.row.device_id != device_id:
            return
        if not (before.facts.loaded and after.facts.loaded):
            return
        now = self._clock.now()
        for number, old in enumerate(before.cells):
            column = columns[number]
            if old is not None and column.glows and _differs(old, after.cell(number, column), column):
                self._since[device_id, number] = now

    def strength(self, device_id: str | None, number: int) -> float:
        """How strongly a device's cell glows, 1 … 0."""
        since = None if device_id is None else self._since.get((device_id, number))
        return 0.0 if since is None else max(0.0, 1.0 - (self._clock.now() - since) / GLOW_S)

    def cells(self) -> Iterator[tuple[str, int]]:
        """(device, column) of what glows, and once more of what has just ended, which is forgotten."""
        now = self._clock.now()
        for (device_id, number), since in list(self._since.items()):
            if now - since >= GLOW_S:
                del self._since[device_id, number]
            yield device_id, number


def _differs(old: Cell, new: Cell, column: Column) -> bool:
    """Whether a change is worth a glow: an age that went on is not, a state that changed is."""
    if column.ages:
        return old.glyph != new.glyph
    return old != new

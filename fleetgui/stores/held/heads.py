"""Where the heads of groups stand in a table, and the rows below each one that is open.

Costs by the number of groups to make, and by its logarithm to ask.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleetgui.stores.held.layout import Grouping
from fleetgui.stores.roster import GroupHead


class Spot(NamedTuple):
    """What stands at an offset: a group's head, or the row at `place` of what was found."""

    group: int
    place: int | None


class Heads:
    """The heads of `groups`; `chosen` says by value which are open, `otherwise` what holds for the others."""

    def __init__(self, groups: Grouping, chosen: dict[str | None, bool], *, otherwise: bool) -> None:
        self._groups = groups
        self._sizes = np.diff(groups.starts)
        self._open = np.fromiter((chosen.get(value, otherwise) for value in groups.values), np.bool_)
        self._tops = np.concatenate([[0], np.cumsum(1 + np.where(self._open, self._sizes, 0))])
        """The offset of each head, and one beyond the last row."""

    @property
    def total(self) -> int:
        """Heads and the rows of those that are open."""
        return int(self._tops[-1])

    def at(self, offset: int) -> Spot:
        group = int(np.searchsorted(self._tops, offset, side="right")) - 1
        within = offset - int(self._tops[group])
        return Spot(group, None if within == 0 else int(self._groups.starts[group]) + within - 1)

    def head(self, group: int) -> GroupHead:
        groups = self._groups
        return GroupHead(groups.field, groups.values[group], int(self._sizes[group]), bool(self._open[group]))

    def places(self, first: int, last: int) -> range:
        """Where in what was found the devices of rows `first` … `last` stand: a closed head has all of its group."""
        (first_group, place), (last_group, last_place) = self.at(first), self.at(last)
        begin = int(self._groups.starts[first_group]) if place is None else place
        if last_place is not None:
            return range(begin, last_place + 1)
        return range(begin, int(self._groups.starts[last_group + (not self._open[last_group])]))

    def toggled(self, *, is_open: bool) -> dict[str | None, bool]:
        """What is chosen where all groups are open, or all closed."""
        return dict.fromkeys(self._groups.values, is_open)

    def offset_of(self, place: int) -> int | None:
        """The offset of what was found at `place`; None while its group is closed."""
        group = int(np.searchsorted(self._groups.starts, place, side="right")) - 1
        if not self._open[group]:
            return None
        return int(self._tops[group]) + 1 + place - int(self._groups.starts[group])

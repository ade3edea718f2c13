"""What was found in the held fleet as it is to be shown: in its order, under heads where it is grouped.

`lay_out` runs in a worker, and leaves nothing to do for each row: whoever shows a `Layout` only takes it over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleetgui.policy import formats
from fleetgui.stores.held import ordering
from fleetgui.stores.held.cells import Rows
from fleetgui.stores.held.plan import Plan
from fleetgui.stores.held.search import search
from fleetgui.stores.held.snapshot import Snapshot
from fleetgui.stores.held.texts import Check
from fleetgui.wire.query import FIELDS, Kind, Order, Value

MOST_GROUPS: Final = 10_000
"""Heads that are shown; what has more distinct values is shown in their order, without heads."""

NOWHERE: Final = -1

Offsets = NDArray[np.int64]


@dataclass(frozen=True)
class Grouping:
    """Group number n has the text `values[n]` in common, None for missing; it is what `starts[n]` … `starts[n + 1]`
    count off of the rows that were found."""

    field: str
    values: tuple[str | None, ...]
    starts: Offsets


@dataclass(frozen=True)
class Layout:
    """`rows` of the fleet in order, and by row of the fleet its place among them, `NOWHERE` for none.

    `groups` None: without heads. `distinct` is how many groups there would be, where they are too many.
    """

    rows: Rows = field(default_factory=lambda: np.zeros(0, np.int32))
    places: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    groups: Grouping | None = None
    distinct: int = 0
    generation: int = 0

    @classmethod
    def of(cls, rows: Rows, size: int) -> Layout:
        """These rows, of a fleet of so many."""
        places = np.full(size, NOWHERE, np.int32)
        places[rows] = np.arange(len(rows), dtype=np.int32)
        return cls(rows, places)


def lay_out(snapshot: Snapshot, plan: Plan | None, keys: Sequence[Order], group: str | None, check: Check) -> Layout:
    """Everything that `plan` holds for, or all, sorted by `keys`; by `group` before them, and counted by it.

    Grouping stand in the order of their values, or against it where `keys` say so; what has none stands last.
    """
    found = None if plan is None else search(snapshot, plan, None, check)
    if group is not None:
        first = next((key for key in keys if key.field == group), Order(group))
        keys = [first, *(key for key in keys if key.field != group)]
    rows = ordering.order(snapshot, found, keys, check)
    plain = replace(Layout.of(rows, snapshot.size), generation=snapshot.generation)
    if group is None:
        return plain
    groups, distinct = _groups(snapshot, rows, group, check)
    return replace(plain, groups=groups, distinct=distinct)


def _groups(snapshot: Snapshot, rows: Rows, group: str, check: Check) -> tuple[Grouping | None, int]:
    """The groups that sorted `rows` fall into; None, and how many there are, where they are too many."""
    place = ordering.places_of(snapshot, group, rows, check).of_rows
    check()
    begins = np.flatnonzero(np.concatenate([[True], place[1:] != place[:-1]])) if len(rows) else np.zeros(0, np.int64)
    if len(begins) > MOST_GROUPS:
        return None, len(begins)
    values = []
    for number, first in enumerate(rows[begins].tolist()):
        if number % 256 == 0:
            check()
        values.append(_text(group, ordering.value_of(snapshot, group, first)))
    return Grouping(group, tuple(values), np.append(begins, len(rows)).astype(np.int64)), len(begins)


def _text(name: str, value: Value) -> str | None:
    """A value as a head says it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if FIELDS.get(name) is Kind.TIME:
        return formats.moment_utc(value)
    return formats.figure(value) if value == int(value) else f"{value:,.12g}"

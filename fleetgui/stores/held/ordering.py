"""Rows in order, and counted by value; runs in a worker.

The places that a row's values have by each key, the first key's above the others' and the device id's below them all,
make one number of 63 bits, and numbers are what numpy sorts fastest; where they do not fit, there is a sort more. What
is missing comes last whichever way a key goes, and ties go by device id, as in `wire.query`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetgui.stores.held import labels
from fleetgui.stores.held.cells import Rows
from fleetgui.stores.held.columns import TextView, TruthView
from fleetgui.stores.held.payload import PayloadView
from fleetgui.stores.held.snapshot import Snapshot
from fleetgui.stores.held.texts import Check
from fleetgui.wire.query import Order, Value

_BITS: Final = 63


class Count(NamedTuple):
    """How many rows have a value; None is missing."""

    value: Value
    rows: int


class Places(NamedTuple):
    """The place of each row's value among the distinct ones, −1 for missing; there are `distinct` places."""

    of_rows: NDArray[np.int32]
    distinct: int


def order(snapshot: Snapshot, among: Rows | None, keys: Sequence[Order], check: Check) -> Rows:
    """`among`, or all rows, sorted by `keys`, the first counting most."""
    rows = snapshot.rows if among is None else snapshot.living(among)
    ids = snapshot.text_ranks("device_id", check)
    place: NDArray[np.int64] = ids.rank[rows].astype(np.int64)
    """Of each row: by its id, and above that by the keys so far."""
    lowest = ids.first
    """The row that each value of the lowest `bits` of a place stands for."""
    bits = taken = len(lowest).bit_length()
    for key in reversed(keys):
        check()
        places, count = places_of(snapshot, key.field, rows, check)
        if taken + count.bit_length() > _BITS:  # there is no room above the others: sorted, they become one place
            check()
            place.sort()
            rows = lowest = lowest[place & ((1 << bits) - 1)]
            place = np.arange(len(rows), dtype=np.int64)
            bits = taken = len(rows).bit_length()
            places, count = places_of(snapshot, key.field, rows, check)
        above = places.astype(np.int64)
        if key.descending:
            np.subtract(count - 1, above, out=above)
        above[places < 0] = count
        above <<= taken
        place |= above
        taken += count.bit_length()
    check()
    place.sort()
    found: Rows = lowest[place & ((1 << bits) - 1)].astype(np.int32, copy=False)
    return found


def places_of(snapshot: Snapshot, field: str, rows: Rows, check: Check) -> Places:
    """The places of a field's values in `rows`, among those of the whole column."""
    if field.startswith(labels.PREFIX):
        return _of_label(snapshot, field, rows, check)
    match snapshot.columns.get(field):
        case None:  # no device has it
            return Places(np.full(len(rows), -1, np.int32), 0)
        case TextView() as column:
            ranks = snapshot.text_ranks(field, check)
            rank, count = ranks.rank, len(ranks.first)
            if count and not column.texts.text(int(ranks.first[0])):  # what has no length is missing
                rank, count = rank - 1, count - 1
            return Places(rank[snapshot.array(field)[rows]], count)
        case PayloadView():
            ranks_of_any = snapshot.payload_ranks(field, check)
            return Places(ranks_of_any[rows], int(ranks_of_any.max(initial=-1)) + 1)
        case TruthView():
            return Places(np.array([0, 1, -1], np.int32)[snapshot.array(field)[rows]], 2)
        case _:
            ranks_by_row = snapshot.number_ranks(field, check)
            return Places(ranks_by_row[rows], int(ranks_by_row.max(initial=-1)) + 1)


def _of_label(snapshot: Snapshot, field: str, rows: Rows, check: Check) -> Places:
    ranks = snapshot.label_ranks(field, check)
    return Places(ranks.rank[snapshot.array(labels.FIELD)[rows]], ranks.distinct)


def value_of(snapshot: Snapshot, field: str, row: int) -> Value:
    """A field of one row as it is compared, a label too."""
    if field.startswith(labels.PREFIX):
        text = snapshot.columns[labels.FIELD].value(row)
        return labels.label_in(text if isinstance(text, str) else None, field.removeprefix(labels.PREFIX))
    column = snapshot.columns.get(field)
    return None if column is None else column.value(row)


def group(snapshot: Snapshot, among: Rows | None, field: str, most: int, check: Check) -> tuple[list[Count], int]:
    """The values of a field in `among`, or in all rows, in their order, missing last; and how many there are.

    With more than `most` of them those that most rows have are given, still in their order.
    """
    rows = snapshot.rows if among is None else snapshot.living(among)
    places, count = places_of(snapshot, field, rows, check)
    check()
    counts = np.bincount(places + 1, minlength=count + 1)
    missing, counts = int(counts[0]), counts[1:]
    there = np.flatnonzero(counts)
    distinct = len(there) + (missing > 0)
    room = most - (missing > 0)
    if len(there) > room:
        check()
        kept = np.argsort(-counts[there], kind="stable")[: max(0, room)]
        there = np.sort(there[kept])
    check()
    examples = np.zeros(count, np.int32)
    """Of each place some row that has its value."""
    present = places >= 0
    examples[places[present]] = rows[present]
    groups = []
    for at, place in enumerate(there.tolist()):
        if at % 256 == 0:
            check()
        groups.append(Count(value_of(snapshot, field, int(examples[place])), int(counts[place])))
    if missing:
        groups.append(Count(None, missing))
    return groups, distinct

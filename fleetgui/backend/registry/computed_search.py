"""Searches over computed records, in the language of `wire.query`: a million of them within a second, in steps.

Nearly every field takes few values: whether a value meets a condition is asked once for each, by the language itself,
and looked up for all devices at once. Ids and serial numbers are made a slice at a time, for those devices alone that
met everything else. What numpy takes long for (a sort) runs off the loop, which goes on meanwhile.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetgui.backend.devices.catalogue import KINDS
from fleetgui.backend.devices.columns import AREAS, KIND_NAMES, MAKERS, MODELS
from fleetgui.backend.devices.specs import ARCHES, FIRMWARES, SITES
from fleetgui.backend.registry.computed_records import AVAILABILITY, REGISTERED, ComputedRecords
from fleetgui.backend.registry.search import Hits
from fleetgui.backend.registry.steps import Steps, let_go, sorted_in_steps
from fleetgui.wire.query import FIELDS, SEARCHED, Filter, Order, Value, comparable
from fleetgui.wire.records import labels_text

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

_AT_ONCE: Final = 2_000
"""Ids or serial numbers made at once: about a millisecond."""
_PERCENT: Final = 101
_NO_BATTERY: Final = 101


class Facet(NamedTuple):
    """A field of few values: that of device `i` is `values[codes[i]]`."""

    values: Sequence[Value]
    codes: NDArray[Any]

    def where(self, holds: Callable[[Value], bool]) -> Mask:
        """For each device, whether `holds` says yes to its value."""
        mask: Mask = np.array([holds(value) for value in self.values], dtype=np.bool_)[self.codes]
        return mask


@dataclass(frozen=True)
class Overlaid:
    """The hits among what is really registered, in order of id: their values of the field to sort by, and how many
    ids of the computed fleet are not above theirs."""

    ids: list[str]
    values: list[Value]
    ranks: list[int]


class ComputedHits:
    """An entry is an index into the computed fleet, or `-1 - number` for one that lies over it."""

    def __init__(self, records: ComputedRecords, entries: Indices, overlaid: list[str]) -> None:
        self._records = records
        self._entries = entries.astype(np.int32)
        self._overlaid = overlaid

    def __len__(self) -> int:
        return len(self._entries)

    def ids(self, start: int, stop: int) -> Sequence[str]:
        return [self._id(entry) for entry in self._entries[start:stop].tolist()]

    def rank(self, device_id: str) -> int:
        return bisect_right(range(len(self)), device_id, key=lambda position: self._id(int(self._entries[position])))

    def _id(self, entry: int) -> str:
        return self._overlaid[-1 - entry] if entry < 0 else self._records.specs.device_id(entry)


def search_computed(
    table: Table,
    replaced: Collection[int],
    overlaid: Overlaid,
    what: Filter,
    order: Order,
    sees: Callable[[str], bool] | None,
) -> Steps[Hits]:
    """The hits among the computed records without those at `replaced`, and those `overlaid`, in `order`."""
    records = table.records
    mask: Mask = np.ones(len(records), dtype=np.bool_)
    mask[list(replaced)] = False
    for each in what.conditions:
        if (facet := table.facet(each.field)) is not None:
            mask &= facet.where(each.holds)
            yield None
    text = what.text
    found: Mask = np.zeros(len(records), dtype=np.bool_)
    for name in SEARCHED if text else ():
        if (facet := table.facet(name)) is not None:
            found |= facet.where(lambda value: text in str(value).lower())
            yield None
    if text:
        more = yield from _those(np.flatnonzero(mask & ~found), records.ids, lambda device_id: text in device_id)
        found[more] = True
        mask &= found
    hits: Indices = np.flatnonzero(mask)
    for each in what.conditions:
        if table.facet(each.field) is None:
            hits = yield from _those(hits, table.texts(each.field), each.holds)
    if sees is not None:
        hits = yield from _those(hits, records.ids, sees)
    entries: Indices = np.insert(hits, np.searchsorted(hits, overlaid.ranks), -1 - np.arange(len(overlaid.ids)))
    yield None
    if order.field == "device_id":
        entries = entries[::-1] if order.descending else entries
    elif (facet := table.facet(order.field)) is not None:
        entries = yield from _sorted_by_facet(entries, facet, overlaid, order)
    else:
        entries = yield from _sorted_by_text(entries, table.texts(order.field), overlaid, order)
    return ComputedHits(records, entries, overlaid.ids)


def _those(
    indices: Indices, texts: Callable[[Sequence[int]], list[str]], holds: Callable[[str], bool]
) -> Steps[Indices]:
    """Those of `indices` to whose text `holds` says yes."""
    kept: list[Indices] = [indices[:0]]
    for start in range(0, len(indices), _AT_ONCE):
        some = indices[start : start + _AT_ONCE]
        kept.append(some[list(map(holds, texts(some.tolist())))])
        yield None
    return np.concatenate(kept)


def _sorted_by_facet(entries: Indices, facet: Facet, overlaid: Overlaid, order: Order) -> Steps[Indices]:
    distinct: list[Any] = sorted({*facet.values, *overlaid.values} - {None})
    yield None
    last = len(distinct)
    positions: dict[Value, int] = {
        value: last - 1 - position if order.descending else position for position, value in enumerate(distinct)
    }
    positions[None] = last
    narrow = np.uint16 if last < 2**16 else np.int64  # numpy sorts the former in a tenth of the time
    of_facet = np.array([positions[value] for value in facet.values], dtype=narrow)
    of_overlaid = np.array([positions[value] for value in [*overlaid.values, None]], dtype=narrow)
    done: list[Indices] = []

    def sort() -> None:
        is_overlaid = entries < 0
        ranks = np.empty(len(entries), dtype=narrow)
        ranks[~is_overlaid] = of_facet[facet.codes[entries[~is_overlaid]]]
        ranks[is_overlaid] = of_overlaid[-1 - entries[is_overlaid]]
        done.append(entries[np.argsort(ranks, kind="stable")])

    yield sort
    return done[0]


def _sorted_by_text(
    entries: Indices, texts: Callable[[Sequence[int]], list[str]], overlaid: Overlaid, order: Order
) -> Steps[Indices]:
    keys: list[Value] = []
    present: list[int] = []
    missing: list[int] = []
    for start in range(0, len(entries), _AT_ONCE):
        some = entries[start : start + _AT_ONCE].tolist()
        made = iter(texts([entry for entry in some if entry >= 0]))
        for entry in some:
            value = next(made) if entry >= 0 else overlaid.values[-1 - entry]
            if value is None:
                missing.append(entry)
            else:
                keys.append(value)
                present.append(entry)
        yield None
    ordered = yield from sorted_in_steps(keys, present, descending=order.descending)
    sorted_entries = [np.array(missing, dtype=np.int64)]
    for some_at_the_end in range(len(ordered), 0, -_AT_ONCE):
        sorted_entries.append(np.array(ordered[max(0, some_at_the_end - _AT_ONCE) : some_at_the_end], dtype=np.int64))
        yield None
    for done in (keys, present, ordered):
        yield from let_go(done)
    return np.concatenate(sorted_entries[::-1])


class Table:
    """The fields of computed records, as columns; made once for all searches."""

    def __init__(self, records: ComputedRecords) -> None:
        self.records = records
        self._columns = records.specs.columns

    def texts(self, name: str) -> Callable[[Sequence[int]], list[str]]:
        """What makes the texts of a field that has no facet."""
        if name == "device_id":
            return self.records.ids
        return lambda indices: list(map(self.records.serial, indices))

    def facet(self, name: str) -> Facet | None:
        """The field as a facet; None for the two that take a value for each device."""
        columns, records = self._columns, self.records
        match name:
            case "device_id" | "serial_number":
                return None
            case "device_type":
                return Facet(KIND_NAMES, columns.kind)
            case "manufacturer":
                return Facet(MAKERS, columns.maker)
            case "model":
                return Facet(MODELS, columns.model)
            case "firmware":
                return Facet(FIRMWARES, columns.firmware)
            case "arch":
                return Facet(ARCHES, columns.arch)
            case "location":
                return Facet(SITES, columns.site)
            case "labels":
                return self._labels
            case "functions":
                return Facet([each.functions for each in records.parts], columns.kind)
            case "events":
                return Facet([each.events for each in records.parts], columns.kind)
            case "busy_score":
                return self._busy_score
            case "battery":
                return self._battery
            case "status_ts" | "registered_at":
                return Facet([comparable(FIELDS[name], each) for each in REGISTERED], records.registered)
            case "ttl":
                return self._all(records.ttl)
            case "availability":
                return self._all(AVAILABILITY)
            case "online":
                return self._all(True)
            case _:
                return self._all(None)

    def _all(self, value: Value) -> Facet:
        return Facet([value], np.zeros(len(self.records), dtype=np.uint8))

    @cached_property
    def _busy_score(self) -> Facet:
        return Facet([each / 100 for each in range(_PERCENT)], np.rint(self._columns.busy * 100).astype(np.uint8))

    @cached_property
    def _battery(self) -> Facet:
        percent = np.nan_to_num(self._columns.battery, nan=_NO_BATTERY).astype(np.uint8)
        return Facet([*range(_PERCENT), None], percent)

    @cached_property
    def _labels(self) -> Facet:
        columns = self._columns
        values = [
            labels_text({"category": kind.category, "location": [f"{site}/{area}"]})
            for kind in KINDS
            for site in SITES
            for area in AREAS
        ]
        codes = (columns.kind.astype(np.uint16) * len(SITES) + columns.site) * len(AREAS) + columns.area
        return Facet(values, codes)

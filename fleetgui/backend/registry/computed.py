"""A fleet of a million records that are computed when asked for, with what is really registered lying over it.

A registration takes the place of the computed record with its id, for good: when its lease ends the device is
offline, or gone, and never looks alive again by itself. New ids are added. Computed records have no lease, are in no
bucket, and their devices are never heard of; everything else about such a fleet is as in any other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import mul

import numpy as np
from sortedcontainers import SortedSet

from fleetgui.backend.devices.catalogue import KINDS
from fleetgui.backend.devices.specs import SITES, Specs
from fleetgui.backend.registry.census import Census
from fleetgui.backend.registry.computed_records import ComputedRecords
from fleetgui.backend.registry.computed_search import Overlaid, Table, search_computed
from fleetgui.backend.registry.order import SortedKeys, Union, page
from fleetgui.backend.registry.records import Record
from fleetgui.backend.registry.search import Hits, matcher, reader
from fleetgui.backend.registry.steps import Steps
from fleetgui.backend.registry.store import Fleet
from fleetgui.wire.query import Filter, Order

_IDS_AT_ONCE = 1_000


class ComputedFleet(Fleet):
    """The fleet of `specs`, in which every device has a lease of `ttl` seconds that never ends."""

    def __init__(self, specs: Specs, ttl: int) -> None:
        super().__init__()
        self._specs = specs
        self._computed = ComputedRecords(specs, ttl)
        self._table = Table(self._computed)
        self._least_bytes = [len(parts.bodies) for parts in self._computed.parts]
        self._least_brief_bytes = [len(parts.counts) for parts in self._computed.parts]
        self._replaced = SortedSet()
        """Positions in `specs` whose device has registered, now or once."""
        self._present = Union(_NotReplaced(specs, self._replaced), SortedKeys(self._records))
        self._count_everybody()

    def __len__(self) -> int:
        return len(self._specs) - len(self._replaced) + len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return (record for chunk in self.chunks(offline=False) for record in chunk)

    def get(self, device_id: str) -> Record | None:
        record = self.registered(device_id)
        if record is None:
            index = self._specs.index_of(device_id)
            if index is not None and index not in self._replaced:
                record = self._computed[index]
        return record

    def slice(self, offset: int, limit: int, *, offline: bool = False) -> list[Record]:
        return self._listed(page(self._ids(offline), offset, limit))

    def put(self, record: Record) -> None:
        index = self._specs.index_of(record.device_id)
        if index is not None and index not in self._replaced:
            self._replaced.add(index)
            replaced = self._computed[index]
            self.census.take(replaced.device_type, replaced.location, replaced.functions)
            kind = self._specs.columns.kind[index]
            self.bytes -= self._least_bytes[kind]
            self.brief_bytes -= self._least_brief_bytes[kind]
        super().put(record)

    def search(self, what: Filter, order: Order, *, offline: bool, sees: Callable[[str], bool] | None) -> Steps[Hits]:
        matches, value = matcher(what), reader(order.field)
        overlaid = Overlaid([], [], [])
        replaced = frozenset(self._replaced)
        for chunk in self._really_registered(offline):
            for record in chunk:
                index = self._specs.index_of(record.device_id)
                if index is not None and index not in replaced:
                    continue  # it registers while this goes on, and is looked at as it was computed
                if matches(record) and (sees is None or sees(record.device_id)):
                    overlaid.ids.append(record.device_id)
                    overlaid.values.append(value(record))
                    overlaid.ranks.append(_rank(self._specs, record.device_id))
            yield None
        return (yield from search_computed(self._table, replaced, overlaid, what, order, sees))

    def census_of(self, sees: Callable[[str], bool]) -> Steps[Census]:
        census, kinds, sites = Census(), self._specs.columns.kind, self._specs.columns.site
        for start in range(0, len(self._specs), _IDS_AT_ONCE):
            some = range(start, min(start + _IDS_AT_ONCE, len(self._specs)))
            seen = [
                index
                for index, device_id in zip(some, self._computed.ids(some), strict=True)
                if index not in self._replaced and sees(device_id)
            ]
            self._count(census, kinds[seen], sites[seen])
            yield None
        for chunk in self._really_registered(offline=False):
            for record in chunk:
                if sees(record.device_id):
                    census.add(record.device_type, record.location, record.functions)
            yield None
        return census

    def _really_registered(self, offline: bool) -> Iterator[list[Record]]:
        """Those that are registered and, if so, those that have ended, in order of id, a few at a time."""
        registered = SortedKeys(self._records)
        ids = Union(registered, self._gone) if offline else registered
        last = ""
        while chunk := self._listed(page(ids, ids.rank(last), 64)):
            yield chunk
            last = chunk[-1].device_id

    def _count_everybody(self) -> None:
        columns = self._specs.columns
        self._count(self.census, columns.kind, columns.site)
        devices = np.bincount(columns.kind, minlength=len(KINDS)).tolist()
        self.bytes = sum(map(mul, devices, self._least_bytes))
        self.brief_bytes = sum(map(mul, devices, self._least_brief_bytes))

    def _count(self, census: Census, kinds: object, sites: object) -> None:
        pairs = np.bincount(np.asarray(kinds, dtype=np.int64) * len(SITES) + np.asarray(sites), minlength=1)
        for pair in np.flatnonzero(pairs).tolist():
            kind, site = divmod(pair, len(SITES))
            functions = self._computed.parts[kind].functions
            census.add(KINDS[kind].name, SITES[site], functions, int(pairs[pair]))


def computed_fleet(settings: object) -> ComputedFleet:
    """The fleet that a settings line asks for (`devices`, `seed`, `ttl` in seconds); raises `ValueError`."""
    wanted = settings if isinstance(settings, dict) else {}
    devices, seed, ttl = wanted.get("devices"), wanted.get("seed"), wanted.get("ttl")
    if type(devices) is not int or type(seed) is not int or type(ttl) is not int or devices < 0 or ttl <= 0:
        raise ValueError("computed needs whole numbers: devices, not below 0; seed; ttl, above 0")
    return ComputedFleet(Specs(devices, seed), ttl)


class _NotReplaced:
    """The ids of `specs` without those at the positions in `replaced`, as `order.Ids`."""

    def __init__(self, specs: Specs, replaced: SortedSet) -> None:
        self._specs = specs
        self._replaced = replaced

    def __len__(self) -> int:
        return len(self._specs) - len(self._replaced)

    def at(self, position: int) -> str:
        return self._specs.device_id(self._index(position))

    def rank(self, device_id: str) -> int:
        rank = _rank(self._specs, device_id)
        return rank - int(self._replaced.bisect_left(rank))

    def start(self, position: int) -> Iterator[str]:
        specs, replaced = self._specs, self._replaced
        indices = range(self._index(position), len(specs)) if position < len(self) else range(0)
        return (specs.device_id(index) for index in indices if index not in replaced)

    def _index(self, position: int) -> int:
        """Where in `specs` the one at `position` stands."""
        replaced = self._replaced
        before = bisect_right(range(len(replaced)), position, key=lambda number: replaced[number] - number)
        return position + before


def _rank(specs: Specs, device_id: str) -> int:
    """How many ids of `specs` are not above this one."""
    return bisect_right(range(len(specs)), device_id, key=specs.device_id)

"""The records of every tenant, in order of device id, so that a page costs the same in a fleet of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from sortedcontainers import SortedDict

from fleetgui.backend.registry.census import Census
from fleetgui.backend.registry.order import Ids, SortedKeys, Union, page
from fleetgui.backend.registry.records import Record
from fleetgui.backend.registry.search import Hits, search
from fleetgui.backend.registry.steps import Steps
from fleetgui.wire.query import Filter, Order
from fleetgui.wire.times import rfc3339_seconds

_CHUNK: Final = 64
"""Records looked at between two places where a search may pause: less than a millisecond of work."""


class Ended(NamedTuple):
    """A record whose lease ended at `at` (epoch seconds)."""

    record: Record
    at: float

    def listed(self) -> Record:
        """As it is listed among those that are there."""
        return self.record.offline(rfc3339_seconds(self.at))


class Fleet:
    """One tenant's records. `bytes` is the size of them all together, `brief_bytes` of their summaries.

    `revision` rises with each registration, expiry and removal, and never with a heartbeat: two pages that carry the
    same one are of the same fleet. `ended` are not among them; where something takes `offline`, True means those as
    well, in their places and marked as offline.
    """

    def __init__(self, revision: int = 0) -> None:
        self._records = SortedDict()
        self.ended = SortedDict()
        """device id → `Ended`"""
        self.census = Census()
        self.bytes = 0
        self.brief_bytes = 0
        self.revision = revision
        self._present: Ids = SortedKeys(self._records)
        self._gone: Ids = SortedKeys(self.ended)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def get(self, device_id: str) -> Record | None:
        record: Record | None = self._records.get(device_id)
        return record

    def registered(self, device_id: str) -> Record | None:
        """The record that the device itself registered, and that its heartbeats change."""
        record: Record | None = self._records.get(device_id)
        return record

    def listed(self, device_id: str, *, offline: bool = False) -> Record | None:
        """The record as a page lists it, None when there is none."""
        record = self.get(device_id)
        if record is None and offline and (ended := self.ended.get(device_id)) is not None:
            record = ended.listed()
        return record

    def count(self, *, offline: bool = False) -> int:
        return len(self) + (len(self.ended) if offline else 0)

    def size(self, *, summary: bool) -> int:
        """Bytes of all records, or at least that much where nobody counts."""
        return self.brief_bytes if summary else self.bytes

    def slice(self, offset: int, limit: int, *, offline: bool = False) -> list[Record]:
        """Up to `limit` records from the `offset`-th on, in order of device id."""
        if not offline:
            records: list[Record] = self._records.values()[offset : offset + limit]
            return records
        return self._listed(page(self._ids(offline), offset, limit))

    def after(self, device_id: str, limit: int, *, offline: bool = False) -> list[Record]:
        """Up to `limit` records behind the one of this id, whether or not it is there; "" is before all."""
        ids = self._ids(offline)
        return self._listed(page(ids, ids.rank(device_id), limit))

    def chunks(self, *, offline: bool) -> Iterator[list[Record]]:
        """All records, a few at a time; between two chunks devices may come and go."""
        last = ""
        while chunk := self.after(last, _CHUNK, offline=offline):
            yield chunk
            last = chunk[-1].device_id

    def search(self, what: Filter, order: Order, *, offline: bool, sees: Callable[[str], bool] | None) -> Steps[Hits]:
        """The ids of the records that `what` lets through, in `order`; of those only that `sees` says yes to."""
        return search(self.chunks(offline=offline), what, order, sees)

    def census_of(self, sees: Callable[[str], bool]) -> Steps[Census]:
        """The census of those devices that `sees` says yes to."""
        census = Census()
        for chunk in self.chunks(offline=False):
            for record in chunk:
                if sees(record.device_id):
                    census.add(record.device_type, record.location, record.functions)
            yield None
        return census

    def put(self, record: Record) -> None:
        """Add the record, or put it in the place of the one with its id."""
        self._take(record.device_id)
        self._records[record.device_id] = record
        self.bytes += record.size
        self.brief_bytes += record.brief_size
        self.census.add(record.device_type, record.location, record.functions)
        self.ended.pop(record.device_id, None)

    def remove(self, device_id: str) -> Record | None:
        """Take the record out and return it, None when there is none."""
        record = self._take(device_id)
        if record is not None:
            del self._records[device_id]
        return record

    def merge_status(self, record: Record, update: dict[str, Any]) -> bool:
        """`Record.merge_status` of one of these records; raises `Malformed` as that does."""
        before, location = record.size, record.location
        changed = record.merge_status(update)
        self.bytes += record.size - before
        self.brief_bytes += record.size - before
        if record.location != location:
            self.census.take(record.device_type, location, record.functions)
            self.census.add(record.device_type, record.location, record.functions)
        return changed

    def _take(self, device_id: str) -> Record | None:
        """Count the record out, which stays where it is."""
        record = self.registered(device_id)
        if record is not None:
            self.bytes -= record.size
            self.brief_bytes -= record.brief_size
            self.census.take(record.device_type, record.location, record.functions)
        return record

    def _ids(self, offline: bool) -> Ids:
        return Union(self._present, self._gone) if offline and self.ended else self._present

    def _listed(self, ids: list[str]) -> list[Record]:
        return [record for each in ids if (record := self.listed(each, offline=True)) is not None]


class RecordStore:
    """All fleets, in memory. Tenants without a device, present or ended, are not kept.

    Each change carries the `revision` of the entry it was read from; without one the store counts by itself.
    """

    def __init__(self) -> None:
        self._fleets: dict[str, Fleet] = {}
        self._revision = 0

    def __len__(self) -> int:
        return sum(map(len, self._fleets.values()))

    @property
    def tenants(self) -> list[str]:
        """Those that have a device now."""
        return sorted(tenant for tenant, fleet in self._fleets.items() if len(fleet))

    @property
    def known_tenants(self) -> list[str]:
        """Those that have a device now, or one that ended."""
        return sorted(self._fleets)

    def fleet(self, tenant: str) -> Fleet:
        """The tenant's fleet; an empty one, which is not kept, for a tenant without a device."""
        fleet = self._fleets.get(tenant)
        return Fleet(self._revision) if fleet is None else fleet

    def computed(self, tenant: str, fleet: Fleet) -> None:
        """Let `fleet`, a `ComputedFleet`, lie under what the tenant's devices have registered, and will."""
        under = self._fleets.get(tenant, Fleet())
        for record in under:
            fleet.put(record)
        for device_id, ended in under.ended.items():
            fleet.put(ended.record)
            fleet.remove(device_id)
            fleet.ended[device_id] = ended
        fleet.revision = under.revision  # whoever counts the registrations begins to count after this
        self._fleets[tenant] = fleet

    def get(self, tenant: str, device_id: str) -> Record | None:
        """As `Fleet.registered`."""
        return self.fleet(tenant).registered(device_id)

    def put(self, tenant: str, record: Record, revision: int | None = None) -> None:
        """Add the record, or put it in the place of the one with its id; it is no longer an ended one."""
        fleet = self._fleets.setdefault(tenant, Fleet())
        fleet.put(record)
        self._changed(fleet, revision)

    def end(self, tenant: str, device_id: str, revision: int | None = None, *, ended_at: float) -> Record | None:
        """Move the record to the tenant's ended ones and return it, None when there is none."""
        fleet = self.fleet(tenant)
        record = fleet.remove(device_id)
        if record is not None:
            fleet.ended[device_id] = Ended(record, ended_at)
        if record is not None or revision is not None:
            self._changed(fleet, revision)
        return record

    def remove(self, tenant: str, device_id: str, revision: int | None = None) -> Record | None:
        """Forget the record, ended or not; returns it when it was present, None otherwise."""
        fleet = self.fleet(tenant)
        record, ended = fleet.remove(device_id), fleet.ended.pop(device_id, None)
        if record is not None or ended is not None or revision is not None:
            self._changed(fleet, revision)
        if not len(fleet) and not fleet.ended:
            self._fleets.pop(tenant, None)
        return record

    def merge_status(self, tenant: str, device_id: str, update: dict[str, Any]) -> bool:
        """As `Fleet.merge_status`, False also when there is no such record; raises `Malformed` as that does."""
        fleet = self.fleet(tenant)
        record = fleet.registered(device_id)
        return record is not None and fleet.merge_status(record, update)

    def _changed(self, fleet: Fleet, revision: int | None) -> None:
        # An entry may be told twice, after a watch began anew: the revision of a fleet never goes back.
        fleet.revision = max(fleet.revision, self._revision + 1 if revision is None else revision)
        self._revision = max(self._revision, fleet.revision)

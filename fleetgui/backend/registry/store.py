"""The records of every tenant, in order of device id, so that a page costs the same in a fleet of any size."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from sortedcontainers import SortedDict

from fleetgui.backend.registry.records import Record


class Ended(NamedTuple):
    """A record whose lease ended at `at` (epoch seconds)."""

    record: Record
    at: float


class Fleet:
    """One tenant's records. `bytes` is the size of them all together; `ended` are not among them.

    `revision` rises with each registration, expiry and removal, and never with a heartbeat: two pages that carry the
    same one are of the same fleet.
    """

    def __init__(self, revision: int = 0) -> None:
        self._records = SortedDict()
        self.ended: dict[str, Ended] = {}
        self.bytes = 0
        self.revision = revision

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def get(self, device_id: str) -> Record | None:
        record: Record | None = self._records.get(device_id)
        return record

    def slice(self, offset: int, limit: int) -> list[Record]:
        """Up to `limit` records from the `offset`-th on, in order of device id."""
        records: list[Record] = self._records.values()[offset : offset + limit]
        return records

    def after(self, device_id: str, limit: int) -> list[Record]:
        """Up to `limit` records behind the one of this id, whether or not it is there; "" is before all."""
        ids = self._records.irange(device_id, inclusive=(False, True))
        return [self._records[each] for each in islice(ids, limit)]

    def matching(self, device_type: str, location: str) -> list[Record]:
        """The records whose type and location hold these lower-cased texts; "" is in every one."""
        return [each for each in self if device_type in each.type_folded and location in each.location_folded]

    def put(self, record: Record) -> None:
        """Add the record, or put it in the place of the one with its id."""
        replaced = self.get(record.device_id)
        self.bytes += record.size - (replaced.size if replaced is not None else 0)
        self._records[record.device_id] = record
        self.ended.pop(record.device_id, None)

    def remove(self, device_id: str) -> Record | None:
        """Take the record out and return it, None when there is none."""
        record: Record | None = self._records.pop(device_id, None)
        if record is not None:
            self.bytes -= record.size
        return record

    def merge_status(self, record: Record, update: dict[str, Any]) -> bool:
        """`Record.merge_status` of one of these records; raises `Malformed` as that does."""
        before = record.size
        changed = record.merge_status(update)
        self.bytes += record.size - before
        return changed


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

    def fleet(self, tenant: str) -> Fleet:
        """The tenant's fleet; an empty one, which is not kept, for a tenant without a device."""
        fleet = self._fleets.get(tenant)
        return Fleet(self._revision) if fleet is None else fleet

    def get(self, tenant: str, device_id: str) -> Record | None:
        return self.fleet(tenant).get(device_id)

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
        record = fleet.get(device_id)
        return record is not None and fleet.merge_status(record, update)

    def _changed(self, fleet: Fleet, revision: int | None) -> None:
        # An entry may be told twice, after a watch began anew: the revision of a fleet never goes back.
        fleet.revision = max(fleet.revision, self._revision + 1 if revision is None else revision)
        self._revision = max(self._revision, fleet.revision)

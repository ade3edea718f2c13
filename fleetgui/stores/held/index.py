"""Which row a device stands in: a hash table over ids that are kept as bytes elsewhere, about 12 bytes a device.

A dict of a million ids would take 140 MB. The table is 256 small ones, each growing by itself, so that no single
growth takes longer than a millisecond.
"""

from __future__ import annotations

from array import array
from typing import Final

from fleetgui.stores.held.texts import Texts

_SHARDS: Final = 256
_FEWEST: Final = 64
_LEAST_FULL: Final = 0.5
_MOST_FULL: Final = 0.8
"""How full the first table may be, and the last: all fill alike, and are not to grow in the same turn of the loop."""
_HASH: Final = 2**32 - 1


class IdIndex:
    """The row of an id is its code in `ids`."""

    def __init__(self, ids: Texts) -> None:
        self._ids = ids
        self._hashes = array("I")
        self._tables = [array("i", [-1]) * _FEWEST for _ in range(_SHARDS)]
        self._used = [0] * _SHARDS

    def row_of(self, device_id: str) -> int | None:
        hashed = hash(device_id) & _HASH
        table = self._tables[hashed % _SHARDS]
        mask = len(table) - 1
        at = hashed // _SHARDS & mask
        while (row := table[at]) >= 0:
            if self._hashes[row] == hashed and self._ids.text(row) == device_id:
                return row
            at = at + 1 & mask
        return None

    def rows_of(self, device_ids: list[str]) -> tuple[list[int], list[str]]:
        """The row of each, given to those that had none; and the ids that are new, for their `Texts` to take in."""
        rows: list[int] = []
        new: dict[str, int] = {}
        for device_id in device_ids:
            row = self.row_of(device_id)
            if row is None:
                row = new.get(device_id, -1)
                if row < 0:
                    row = new[device_id] = len(self._ids) + len(new)
            rows.append(row)
        return rows, list(new)

    def add(self, device_ids: list[str]) -> None:
        """Take in ids that are new, in the order in which `ids` has them behind what is known here."""
        for device_id in device_ids:
            hashed = hash(device_id) & _HASH
            row, shard = len(self._hashes), hashed % _SHARDS
            self._hashes.append(hashed)
            self._used[shard] += 1
            full = _LEAST_FULL + (_MOST_FULL - _LEAST_FULL) * shard / _SHARDS
            if self._used[shard] > len(self._tables[shard]) * full:
                self._grow(shard)
            self._put(self._tables[shard], row, hashed)

    def _grow(self, shard: int) -> None:
        table = array("i", [-1]) * (len(self._tables[shard]) * 2)
        for row in self._tables[shard]:
            if row >= 0:
                self._put(table, row, self._hashes[row])
        self._tables[shard] = table

    @staticmethod
    def _put(table: array[int], row: int, hashed: int) -> None:
        mask = len(table) - 1
        at = hashed // _SHARDS & mask
        while table[at] >= 0:
            at = at + 1 & mask
        table[at] = row

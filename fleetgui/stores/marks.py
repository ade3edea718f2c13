"""The devices that somebody marked, to come back to: kept by id, whatever is scrolled, filtered, sorted or read again.

Bounded. Beside each mark the row is remembered where its device was last seen, for tables that hold only some rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fleetgui.policy.signals import Signal
from fleetgui.stores.rows import RowSource

MOST_MARKED: Final = 10_000


class Marks:
    def __init__(self) -> None:
        self.changed = Signal[[frozenset[str]]]()
        """The devices that were marked, or are no more; after the change."""
        self._rows: dict[str, int | None] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, device_id: object) -> bool:
        return device_id in self._rows

    def __iter__(self) -> Iterator[str]:
        """In the order in which they were marked."""
        return iter(tuple(self._rows))

    def toggle(self, devices: Mapping[str, int | None]) -> int:
        """Mark these devices, each at its row where it has one; where all of them are marked, take the marks away.

        Returns how many found no room.
        """
        fresh = [device_id for device_id in devices if device_id not in self._rows]
        if not fresh:
            self._take_away(devices)
            return 0
        taken = fresh[: MOST_MARKED - len(self._rows)]
        self._rows.update((device_id, devices[device_id]) for device_id in taken)
        if taken:
            self.changed.emit(frozenset(taken))
        return len(fresh) - len(taken)

    def clear(self) -> None:
        self._take_away(self)

    def forget_rows(self) -> None:
        """Other rows are shown, or in another order: where devices stood says nothing any more."""
        self._rows = dict.fromkeys(self._rows)

    def rows_in(self, source: RowSource) -> list[int]:
        """The rows of marked devices, sorted: where `source` has them, else where they were when they were marked."""
        rows: set[int] = set()
        for device_id, seen_at in self._rows.items():
            row = source.offset_of(device_id)
            if row is not None:
                self._rows[device_id] = row
                rows.add(row)
            elif seen_at is not None and seen_at < source.total and source.row(seen_at).device_id is None:
                rows.add(seen_at)
        return sorted(rows)

    def _take_away(self, devices: Iterable[str]) -> None:
        gone = frozenset(device_id for device_id in devices if self._rows.pop(device_id, self) is not self)
        if gone:
            self.changed.emit(gone)


def next_row(rows: list[int], current: int, step: int) -> int | None:
    """The one of sorted `rows` that comes after `current` (`step` 1) or before it (−1), round the end."""
    if not rows:
        return None
    after = [row for row in rows if (row > current if step > 0 else row < current)]
    if step > 0:
        return after[0] if after else rows[0]
    return after[-1] if after else rows[-1]

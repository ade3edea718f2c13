"""What changed since the last flush, collected cheaply: whole batches of ids and ranges go in, few ranges come out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

Range = tuple[int, int]
"""First and last row, inclusive."""

_RANGES_KEPT: Final = 4_096
_IDS_KEPT: Final = 100_000


class Changes:
    """Beyond its bounds it forgets which rows, and says that all changed: late, never wrong."""

    def __init__(self) -> None:
        self.everything = False
        self.ids: set[str] = set()
        self.ranges: list[Range] = []

    def __bool__(self) -> bool:
        return self.everything or bool(self.ids) or bool(self.ranges)

    def devices(self, ids: frozenset[str]) -> None:
        if not self.everything:
            self.ids |= ids
            self.everything = len(self.ids) > _IDS_KEPT

    def rows(self, first: int, last: int) -> None:
        if not self.everything:
            self.ranges.append((first, last))
            self.everything = len(self.ranges) > _RANGES_KEPT

    def all_rows(self) -> None:
        self.everything = True


def merged(ranges: Iterable[Range], within: Range) -> list[Range]:
    """`ranges` clipped to `within`, sorted, with what touches or overlaps made one."""
    low, high = within
    out: list[Range] = []
    for begin, end in sorted(ranges):
        first, last = max(begin, low), min(end, high)
        if first > last:
            continue
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def ranges_of(rows: Iterable[int]) -> list[Range]:
    """Single rows as ranges."""
    return [(row, row) for row in rows]

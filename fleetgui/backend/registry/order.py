"""Device ids in order: which one stands at a position, and where one would stand, however many there are.

A position is found without counting up to it, in one sorted dict as in the union of two; that is what keeps a page's
cost independent of the fleet's size.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Protocol

from sortedcontainers import SortedDict


class Ids(Protocol):
    """Distinct ids in ascending order. None of it may change while an iterator is in use."""

    def __len__(self) -> int: ...

    def at(self, position: int) -> str:
        """The id at `position`, from 0; there must be one."""

    def rank(self, device_id: str) -> int:
        """How many of them are not above `device_id`: where the next one stands."""

    def start(self, position: int) -> Iterator[str]:
        """Those from `position` on."""


class SortedKeys:
    """The keys of a sorted dict."""

    def __init__(self, of: SortedDict) -> None:
        self._of = of

    def __len__(self) -> int:
        return len(self._of)

    def at(self, position: int) -> str:
        device_id: str = self._of.peekitem(position)[0]
        return device_id

    def rank(self, device_id: str) -> int:
        return int(self._of.bisect_right(device_id))

    def start(self, position: int) -> Iterator[str]:
        ids: Iterator[str] = self._of.islice(position)
        return ids


class Union:
    """Two that have nothing in common, as one."""

    def __init__(self, one: Ids, other: Ids) -> None:
        self._one = one
        self._other = other

    def __len__(self) -> int:
        return len(self._one) + len(self._other)

    def at(self, position: int) -> str:
        return next(self.start(position))

    def rank(self, device_id: str) -> int:
        return self._one.rank(device_id) + self._other.rank(device_id)

    def start(self, position: int) -> Iterator[str]:
        one, other = self._one, self._other
        position = min(position, len(self))
        least = max(0, position - len(other))
        most = min(position, len(one))

        def enough(of_one: int) -> bool:
            """Whether all before `position` are among the first so many of one, and the others' first rest."""
            rest = position - of_one
            return rest == 0 or of_one == len(one) or other.at(rest - 1) < one.at(of_one)

        of_one = least + bisect_left(range(least, most), True, key=enough)
        return merge(one.start(of_one), other.start(position - of_one))


def page(ids: Ids, position: int, limit: int) -> list[str]:
    """Up to `limit` ids from `position` on."""
    return [] if position >= len(ids) else list(islice(ids.start(position), limit))

"""Columns as data, and the order that rows stand in by them: kept as rows change, so that only what moved is placed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from PySide6.QtCore import Qt

from fleetgui.models.cell_model import Part
from fleetgui.models.columns import Align, Cell

MOST_MOVED: Final = 64
"""More rows than these at once, and sorting all is quicker than placing each."""

R = TypeVar("R")


@dataclass(frozen=True)
class KeyedColumn(Generic[R]):
    """One column. `cell(row, wall)` at epoch second `wall`; `order` is what it is sorted by, the smallest first.

    `ages`: the cell changes as time passes. `biggest_first`: a first click sorts the other way.
    `width` in pixels at 100 %, 0 for what is left.
    """

    title: str
    cell: Callable[[R, float], Cell]
    order: Callable[[R], Any]
    width: int = 90
    align: Align = Align.LEFT
    ages: bool = False
    biggest_first: bool = False
    hover: Callable[[R, float], str] | None = None
    parts: Callable[[R], tuple[Part, ...]] | None = None


class RowOrder(Generic[R]):
    """By `first` until a column is `chosen`, with its way; ties stand in the order of names either way."""

    def __init__(self, columns: tuple[KeyedColumn[R], ...], first: Callable[[R], Any]) -> None:
        self.chosen: tuple[int, Qt.SortOrder] | None = None
        self._columns = columns
        self._first = first
        self._keys: dict[str, tuple[Any, str]] = {}
        """What each row is sorted by, and its name for ties."""

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def anew(self, rows: Mapping[str, R]) -> list[str]:
        """The names of these rows in order; no others are known from now on."""
        self._keys = {name: self._key(name, row) for name, row in rows.items()}
        return self.sorted(self._keys)

    def took(self, name: str, row: R) -> bool:
        """Take in what the row is now; whether it may stand elsewhere for it."""
        key = self._key(name, row)
        if self._keys.get(name) == key:
            return False
        self._keys[name] = key
        return True

    def forget(self, name: str) -> None:
        self._keys.pop(name, None)

    def sorted(self, names: Iterable[str]) -> list[str]:
        """Names that are known, in order. Quick where most of them are."""
        keys = self._keys
        if self._is_reversed:
            return sorted(sorted(names), key=lambda name: keys[name][0], reverse=True)
        return sorted(names, key=keys.__getitem__)

    def with_moved(self, names: list[str], moved: set[str]) -> list[str]:
        """`names`, which stand in order but for those `moved`, in order; without those that are not known."""
        order = [name for name in names if name in self._keys and name not in moved]
        if len(moved) > MOST_MOVED:
            return self.sorted(order + self.sorted(moved))
        for name in moved:
            order.insert(bisect_left(order, True, key=partial(self._precedes, name)), name)
        return order

    def _key(self, name: str, row: R) -> tuple[Any, str]:
        return (self._first(row) if self.chosen is None else self._columns[self.chosen[0]].order(row)), name

    @property
    def _is_reversed(self) -> bool:
        return self.chosen is not None and self.chosen[1] is Qt.SortOrder.DescendingOrder

    def _precedes(self, one: str, other: str) -> bool:
        key, other_key = self._keys[one], self._keys[other]
        if not self._is_reversed or key[0] == other_key[0]:
            return key < other_key
        return bool(key[0] > other_key[0])

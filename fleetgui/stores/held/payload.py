"""Columns of fields that no summary has: a value of any kind in each row, as `wire.payload` reads it from a record.

Each is a column of numbers, one of texts and one of truths, of which a row has at most one: 13 bytes a device, and each
text once. In order, numbers come before truths and these before texts. There are none until somebody sorts, groups or
filters by such a field.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fleetgui.stores.held.cells import Rows, Sharing
from fleetgui.stores.held.columns import NumberColumn, NumberView, TextColumn, TextView, TruthColumn, TruthView
from fleetgui.wire.query import Value


class PayloadView:
    """One such column as it was, of `size` rows."""

    def __init__(self, numbers: NumberView, texts: TextView, truths: TruthView, size: int) -> None:
        self.numbers = numbers
        self.texts = texts
        self.truths = truths
        self._size = size
        self._codes: NDArray[np.int32] | None = None

    @property
    def codes(self) -> NDArray[np.int32]:
        """Of each row the code of its text."""
        if self._codes is None:
            self._codes = self.texts.codes(self._size)
        return self._codes

    def number_of(self, rows: Rows) -> NDArray[np.float64]:
        return self.numbers.numbers(self._size)[rows]

    def truth_of(self, rows: Rows) -> NDArray[np.int8]:
        """0, 1, or 2 for none."""
        return self.truths.truths(self._size)[rows]

    def raw(self, row: int) -> Value:
        return self.value(row)

    def value(self, row: int) -> Value:
        return _first(self.numbers.value(row), self.truths.value(row), self.texts.value(row))


class PayloadColumn:
    """Rows that were never written are missing, however many there are."""

    def __init__(self, sharing: Sharing) -> None:
        self._numbers = NumberColumn(sharing, whole=False)
        self._texts = TextColumn(sharing)
        self._truths = TruthColumn(sharing)
        self._reaches = 0
        """Rows that the three have room for."""

    def write(self, rows: Rows, values: Sequence[Value]) -> None:
        if not len(rows):
            return
        known = self._reaches
        self._numbers.write(
            rows,
            [each if isinstance(each, int | float) and not isinstance(each, bool) else None for each in values],
            known,
        )
        self._texts.write(rows, [each if isinstance(each, str) else None for each in values], known)
        self._truths.write(rows, [each if isinstance(each, bool) else None for each in values], known)
        self._reaches = max(known, int(rows.max()) + 1)

    def value(self, row: int) -> Value:
        if row >= self._reaches:
            return None
        return _first(self._numbers.value(row), self._truths.value(row), self._texts.value(row))

    def view(self, size: int) -> PayloadView:
        """As it stands, of `size` rows."""
        if self._reaches < size:
            self.write(np.array([size - 1], np.int32), [None])
        return PayloadView(self._numbers.view(), self._texts.view(), self._truths.view(), size)


def _first(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)

"""One array as long as the fleet, in blocks: it grows without being moved, and a worker reads it as it was.

A view shares the blocks with the live array; whoever writes to a row that a view may be reading copies that one block
first (some microseconds), so neither side ever waits for the other and no reader sees half a change.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SHIFT: Final = 12
BLOCK: Final = 1 << SHIFT
"""Rows of a block: small enough for the allocator to have one at hand, which a copy would otherwise wait for."""

Rows = NDArray[np.int32]
"""Row numbers of the held fleet."""


class Sharing:
    """Which views are being read. One for all arrays of a fleet; used on the loop's thread only."""

    def __init__(self) -> None:
        self.serial = 0
        self.newest = 0
        """The number of the newest view that is read, 0 while none is: older blocks are copied before a write."""
        self._open = 0

    def taken(self) -> None:
        self._open += 1
        self.serial += 1
        self.newest = self.serial

    def returned(self) -> None:
        self._open -= 1
        if not self._open:
            self.newest = 0


class Cells:
    """`fill` stands where nothing was written."""

    def __init__(self, sharing: Sharing, dtype: Any, fill: Any) -> None:
        self._sharing = sharing
        self._dtype = np.dtype(dtype)
        self._fill = fill
        self._blocks: list[NDArray[Any]] = []
        self._stamps: list[int] = []

    def write(self, rows: Rows, values: NDArray[Any]) -> None:
        """Put `values` at `rows`, beyond the end too; of a row named twice the last value stays."""
        if not len(rows):
            return
        blocks = rows >> SHIFT
        first, last = int(blocks.min()), int(blocks.max())
        while len(self._blocks) <= last:
            self._blocks.append(np.full(BLOCK, self._fill, self._dtype))
            self._stamps.append(self._sharing.serial)
        if first == last:
            self._own(first)[rows & (BLOCK - 1)] = values
            return
        for number in set(blocks.tolist()):  # numpy's own way imports for 17 ms when it is first gone
            here = blocks == number
            self._own(number)[rows[here] & (BLOCK - 1)] = values[here]

    def rewrite(self, values: NDArray[Any]) -> None:
        """Put `values` at the first rows, as many as there are; the rows are there already."""
        for number, start in enumerate(range(0, len(values), BLOCK)):
            part = values[start : start + BLOCK]
            self._own(number)[: len(part)] = part

    def at(self, row: int) -> Any:
        """The value at a row, as a Python object."""
        return self._blocks[row >> SHIFT][row & (BLOCK - 1)].item()

    def whole(self, size: int) -> NDArray[Any]:
        """The first `size` rows in one new array."""
        if not self._blocks:
            return np.full(size, self._fill, self._dtype)
        return np.concatenate(self._blocks)[:size]

    def view(self) -> Cells:
        """What stands now, for a reader that called `Sharing.taken` before."""
        other = Cells(self._sharing, self._dtype, self._fill)
        other._blocks = self._blocks.copy()
        return other

    def _own(self, number: int) -> NDArray[Any]:
        if self._stamps[number] < self._sharing.newest:
            self._blocks[number] = self._blocks[number].copy()
            self._stamps[number] = self._sharing.newest
        return self._blocks[number]

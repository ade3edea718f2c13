"""What a fleet's devices say of themselves, one array per fact: for whoever filters and sorts a million of them.

Each column is computed when first asked for, by the same draws as `Spec`, and agrees with it exactly. Texts are not
stored: a column of choices holds positions in a table of names.

Imported only where columns are used: the devices' own process does without numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from fleetgui.backend.devices.catalogue import KINDS
from fleetgui.backend.devices.chance import choose, draws
from fleetgui.backend.devices.specs import (
    ARCHES,
    BATTERY_PERCENT,
    FAULTY_SHARE,
    FIRMWARES,
    MOST_BUSY,
    RINGS,
    SITES,
)

if TYPE_CHECKING:
    from fleetgui.backend.devices.chance import Floats, Integers
    from fleetgui.backend.devices.specs import Specs

KIND_NAMES: Final = tuple(kind.name for kind in KINDS)
CATEGORIES: Final = tuple(sorted({kind.category for kind in KINDS}))
AREAS: Final = tuple(sorted({area for kind in KINDS for area in kind.areas}))
MAKERS: Final = tuple(sorted({maker for kind in KINDS for maker, _ in kind.makers}))
MODELS: Final = tuple(sorted({model for kind in KINDS for _, model in kind.makers}))
RING_NAMES: Final = tuple(name for name, _ in RINGS)

Choices = NDArray[np.uint8]
"""Positions in the table of names that the column's docstring gives."""


class Columns:
    """Element `i` of each column belongs to `specs[i]`."""

    def __init__(self, specs: Specs) -> None:
        self._specs = specs
        self._indices: Integers = np.arange(len(specs), dtype=np.uint64)

    def __len__(self) -> int:
        return len(self._specs)

    @cached_property
    def kind(self) -> Choices:
        """In `KIND_NAMES` (and `KINDS`)."""
        return np.repeat(np.arange(len(KINDS), dtype=np.uint8), np.diff(self._specs.starts))

    @cached_property
    def number(self) -> NDArray[np.uint32]:
        """Within the kind, from 1."""
        starts = np.array(self._specs.starts, dtype=np.uint32)
        numbers: NDArray[np.uint32] = self._indices.astype(np.uint32) - starts[self.kind] + np.uint32(1)
        return numbers

    @cached_property
    def site(self) -> Choices:
        """In `SITES`."""
        return self._chosen(len(SITES), "site")

    @cached_property
    def area(self) -> Choices:
        """In `AREAS`."""
        return self._by_kind([_positions(AREAS, kind.areas) for kind in KINDS], "area")

    @cached_property
    def category(self) -> Choices:
        """In `CATEGORIES`."""
        table = _positions(CATEGORIES, [kind.category for kind in KINDS])
        return table[self.kind]

    @cached_property
    def maker(self) -> Choices:
        """In `MAKERS`."""
        return self._by_kind([_positions(MAKERS, [maker for maker, _ in kind.makers]) for kind in KINDS], "model")

    @cached_property
    def model(self) -> Choices:
        """In `MODELS`."""
        return self._by_kind([_positions(MODELS, [model for _, model in kind.makers]) for kind in KINDS], "model")

    @cached_property
    def firmware(self) -> Choices:
        """In `FIRMWARES`."""
        return self._chosen(len(FIRMWARES), "firmware")

    @cached_property
    def arch(self) -> Choices:
        """In `ARCHES`; a model has one."""
        drawn = [choose(ARCHES, self._specs.seed, model, "arch") for model in MODELS]
        return _positions(ARCHES, drawn)[self.model]

    @cached_property
    def ring(self) -> Choices:
        """In `RING_NAMES`."""
        shares = [share for _, share in RINGS]
        return np.searchsorted(shares, self._draws("ring"), side="right").astype(np.uint8)

    @cached_property
    def faulty(self) -> NDArray[np.bool_]:
        return self._draws("faulty") < FAULTY_SHARE

    @cached_property
    def battery(self) -> Floats:
        """Percent at the start, NaN for a device on mains."""
        low, high = BATTERY_PERCENT
        charged = np.floor(10 * (low + (high - low) * self._draws("battery"))) / 10
        return np.where(np.array([kind.battery for kind in KINDS])[self.kind], charged, np.nan)

    @cached_property
    def busy(self) -> Floats:
        """The load at the start, 0 to 1."""
        load: Floats = np.floor(100 * (MOST_BUSY * self._draws("busy"))) / 100
        return load

    def _draws(self, what: str) -> Floats:
        return draws(self._specs.seed, self._indices, what)

    def _chosen(self, options: int, what: str) -> Choices:
        return (self._draws(what) * options).astype(np.uint8)

    def _by_kind(self, tables: Sequence[Choices], what: str) -> Choices:
        """A choice whose options differ from kind to kind: `tables` has the options of each."""
        drawn = self._draws(what)
        columns = [
            table[(drawn[start:end] * len(table)).astype(np.uint8)]
            for table, start, end in zip(tables, self._specs.starts, self._specs.starts[1:], strict=False)
        ]
        return np.concatenate(columns)


def _positions(names: Sequence[Any], of: Sequence[Any]) -> Choices:
    return np.array([names.index(each) for each in of], dtype=np.uint8)

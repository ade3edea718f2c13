"""The held fleet as it was at one moment: what a worker searches, sorts and counts while the live one changes."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleetgui.stores.held import labels
from fleetgui.stores.held.cells import Cells, Rows
from fleetgui.stores.held.columns import ColumnView, NumberView, TextView, TimeView, TruthView
from fleetgui.stores.held.labels import LabelRanks
from fleetgui.stores.held.payload import PayloadView
from fleetgui.stores.held.ranks import TextRanks, number_ranks, ranks_of
from fleetgui.stores.held.texts import Check
from fleetgui.wire.query import FIELDS
from fleetgui.wire.records import Summary

MOST_RANKED: Final = 5
"""Columns whose ranks are kept besides the ids': 8 MB each for a million rows, in texts that all differ."""


class Ranks:
    """What was learned about the order of columns' values, kept from one question to the next; the worker's own."""

    def __init__(self) -> None:
        self.texts: dict[str, TextRanks] = {}
        self.numbers: dict[str, tuple[int, NDArray[np.int32]]] = {}
        self.labels: dict[str, LabelRanks] = {}
        self._asked: OrderedDict[str, None] = OrderedDict()

    def ask(self, name: str) -> None:
        """The ranks of a column are asked for: those that were not for longest are forgotten."""
        if name == "device_id":
            return
        self._asked[name] = None
        self._asked.move_to_end(name)
        if len(self._asked) > MOST_RANKED:
            oldest, _ = self._asked.popitem(last=False)
            self.texts.pop(oldest, None)
            self.numbers.pop(oldest, None)
            self.labels.pop(oldest, None)


class Snapshot:
    """`size` rows, of which those in `alive` are devices; `generation` says of which data."""

    def __init__(
        self,
        generation: int,
        size: int,
        alive: Cells,
        columns: dict[str, ColumnView | PayloadView],
        versions: dict[str, int],
        ranks: Ranks,
    ) -> None:
        self.generation = generation
        self.size = size
        self._alive = alive
        self.columns = columns
        self._versions = versions
        self._ranks = ranks
        self._arrays: dict[str, NDArray[Any]] = {}

    @cached_property
    def rows(self) -> Rows:
        """All devices, in the order of their rows."""
        return np.flatnonzero(self._alive.whole(self.size)).astype(np.int32)

    def living(self, rows: Rows) -> Rows:
        """Those of `rows` that are devices."""
        inside = rows[(rows >= 0) & (rows < self.size)]
        return inside[self._alive.whole(self.size)[inside].astype(np.bool_)]

    def array(self, name: str) -> NDArray[Any]:
        """A column by row: codes, numbers or truths, whichever it has."""
        if name not in self._arrays:
            column = self.columns[name]
            match column:
                case TextView():
                    self._arrays[name] = column.codes(self.size)
                case NumberView() | TimeView():
                    self._arrays[name] = column.numbers(self.size)
                case TruthView():
                    self._arrays[name] = column.truths(self.size)
                case PayloadView():
                    raise TypeError(f"{name} holds values of any kind")
        return self._arrays[name]

    def text_ranks(self, name: str, check: Check) -> TextRanks:
        """Where each text of a column stands among all of them."""
        column = self.columns[name]
        if not isinstance(column, TextView):
            raise TypeError(f"{name} holds no texts")
        self._ranks.ask(name)
        ranks = self._ranks.texts[name] = ranks_of(column.texts, self._ranks.texts.get(name), check)
        return ranks

    def label_ranks(self, name: str, check: Check) -> LabelRanks:
        """As `text_ranks`, of one label: `labels.` and its key."""
        column = self.columns[labels.FIELD]
        if not isinstance(column, TextView):
            raise TypeError(f"{labels.FIELD} holds no texts")
        self._ranks.ask(name)
        key, before = name.removeprefix(labels.PREFIX), self._ranks.labels.get(name)
        ranks = self._ranks.labels[name] = labels.label_ranks(column.texts, key, before, check)
        return ranks

    def number_ranks(self, name: str, check: Check) -> NDArray[np.int32]:
        """Where the number in each row stands among all of them, −1 where there is none."""
        self._ranks.ask(name)
        version, ranks = self._ranks.numbers.get(name, (-1, None))
        if ranks is None or version != self._versions[name] or len(ranks) != self.size:
            check()
            column, numbers = self.columns[name], self.array(name)
            ranks = number_ranks(numbers, column.ties(numbers) if isinstance(column, NumberView) else None)
            self._ranks.numbers[name] = (self._versions[name], ranks)
        return ranks

    def payload_ranks(self, name: str, check: Check) -> NDArray[np.int32]:
        """Where the value in each row stands among all of a column of any kind, −1 where there is none."""
        self._ranks.ask(name)
        version, ranks = self._ranks.numbers.get(name, (-1, None))
        if ranks is None or version != self._versions[name] or len(ranks) != self.size:
            check()
            column = self.columns[name]
            if not isinstance(column, PayloadView):
                raise TypeError(f"{name} is a field of the summary")
            rows = np.arange(self.size, dtype=np.int32)
            ranks = number_ranks(floats := column.number_of(rows), column.numbers.ties(floats))
            numbers = int(ranks.max(initial=-1)) + 1
            truths = column.truth_of(rows)
            ranks = np.where(truths < 2, numbers + truths.astype(np.int32), ranks).astype(np.int32)
            check()
            texts = self._ranks.texts[name] = ranks_of(column.texts.texts, self._ranks.texts.get(name), check)
            # Of the texts the first one has no length: it stands for those that are missing.
            places = texts.rank[column.codes] - 1
            ranks = np.where(places >= 0, numbers + 2 + places, ranks).astype(np.int32)
            self._ranks.numbers[name] = (self._versions[name], ranks)
        return ranks

    def summary(self, row: int) -> Summary:
        return Summary(**{name: self.columns[name].raw(row) for name in FIELDS})  # type: ignore[arg-type] # by name

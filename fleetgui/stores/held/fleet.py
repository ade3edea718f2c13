"""Every device of the fleet in columns: a million summaries in a third of a gigabyte, searched and sorted at once.

A row belongs to one device for as long as the fleet is held, in the order in which devices were first taken in. One
that is removed leaves its row empty, and gets it back when it returns: what somebody keeps of row numbers stays true.
Changes are made on the loop's thread, in slices. Questions are answered in a worker, on the data as they stood when
they were asked; a result says of which `generation` it is, and is stale once the fleet's is another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fleetgui.policy.signals import Signal
from fleetgui.stores.held import ordering
from fleetgui.stores.held.asking import Asked, plan_of
from fleetgui.stores.held.cells import Cells, Rows, Sharing
from fleetgui.stores.held.columns import (
    Column,
    ColumnView,
    NumberColumn,
    TextColumn,
    TextView,
    Tidied,
    TimeColumn,
    TruthColumn,
)
from fleetgui.stores.held.index import IdIndex
from fleetgui.stores.held.layout import MOST_GROUPS, Layout, lay_out
from fleetgui.stores.held.ordering import Count
from fleetgui.stores.held.payload import PayloadColumn, PayloadView
from fleetgui.stores.held.plan import EVERYTHING, Leaf
from fleetgui.stores.held.search import search
from fleetgui.stores.held.snapshot import Ranks, Snapshot
from fleetgui.stores.held.texts import Check, Texts
from fleetgui.stores.held.worker import Worker
from fleetgui.stores.whole import MOST_PATHS
from fleetgui.wire.payload import path_of, value_at
from fleetgui.wire.query import FIELDS, Kind, Order, Value
from fleetgui.wire.records import Summary

T = TypeVar("T")

MOST_DEVICES: Final = 2_000_000
"""Devices held. What comes beyond is left out, and counted."""

SLICE: Final = 200
"""Summaries that are taken in, or revised, in one turn of the loop: about two milliseconds."""

_WHOLE: Final = ("functions", "events")
_ID: Final = "device_id"


class Done(Enum):
    """What happened to rows."""

    TAKEN = "a summary was put there, the first or another"
    REVISED = "some of its values are new"
    REMOVED = "its device is gone"
    CLEARED = "nothing is held any more"


class Change(NamedTuple):
    """What happened, and to which rows, in no order."""

    done: Done
    rows: Rows


@dataclass(frozen=True)
class Found:
    """Rows that were asked for, and the generation of the data that they were found in."""

    rows: Rows
    generation: int


@dataclass(frozen=True)
class Groups:
    """The values of a field with how many rows have each, in their order, missing last.

    `distinct` is how many values there are; where `counts` are fewer, they are those that most rows have.
    """

    counts: tuple[Count, ...]
    distinct: int
    generation: int


class HeldFleet:
    """Summaries by row. Everything but the questions (`async`) is done at once, on the loop's thread."""

    def __init__(self) -> None:
        self.changed = Signal[[Change]]()
        """After every change, once for each slice of it."""
        self.generation = 0
        self._worker = Worker()
        self._begin()

    def _begin(self) -> None:
        self.left_out = 0
        """Summaries beyond `MOST_DEVICES`."""
        self._sharing = Sharing()
        self._ids = Texts()
        self._index = IdIndex(self._ids)
        self._alive = Cells(self._sharing, np.bool_, False)
        self._columns: dict[str, Column] = {
            name: _column(name, kind, self._sharing) for name, kind in FIELDS.items() if name != _ID
        }
        self._payload: dict[str, PayloadColumn] = {}
        self._versions = dict.fromkeys(FIELDS, 0)
        self._ranks = Ranks()
        self._devices = 0

    # What is held

    def __len__(self) -> int:
        """Devices held."""
        return self._devices

    @property
    def size(self) -> int:
        """Rows there are, those of removed devices among them."""
        return len(self._ids)

    def index_of(self, device_id: str) -> int | None:
        """The row of a device; None when it is not held."""
        row = self._index.row_of(device_id)
        return row if row is not None and self._alive.at(row) else None

    def is_held(self, row: int) -> bool:
        """Whether a device stands in that row."""
        return 0 <= row < self.size and bool(self._alive.at(row))

    def device_id(self, row: int) -> str:
        """The id of a row, also of one whose device was removed; raises `IndexError` for a row that never was."""
        if not 0 <= row < self.size:
            raise IndexError(f"there is no row {row} among {self.size}")
        return self._ids.text(row)

    def value(self, row: int, field: str) -> Value:
        """A field as it is compared, like `wire.query.value_of`; raises `IndexError` where no device stands."""
        if not self.is_held(row):
            raise IndexError(f"no device stands in row {row}")
        if field == _ID:
            return self._ids.text(row) or None
        return (self._payload[field] if field in self._payload else self._columns[field]).value(row)

    def summary(self, row: int) -> Summary:
        """The summary as it was taken in, with what was revised since; raises `IndexError` where no device stands."""
        device_id = self.device_id(row)
        if not self._alive.at(row):
            raise IndexError(f"no device stands in row {row}")
        values: dict[str, Any] = {name: column.raw(row) for name, column in self._columns.items()}
        return Summary(device_id, **values)

    @property
    def paths(self) -> frozenset[str]:
        """The fields beyond the summary that are held (`wire.payload`)."""
        return frozenset(self._payload)

    def payload(self, row: int) -> dict[str, Value]:
        """What a row has of them, by path."""
        return {path: column.value(row) for path, column in self._payload.items()}

    # What changes it

    def hold_paths(self, paths: Iterable[str]) -> None:
        """Hold these fields too, missing everywhere until `put` has them. Beyond `MOST_PATHS` the oldest are let go."""
        for path in paths:
            if path not in self._payload and path not in FIELDS:
                self._payload[path] = PayloadColumn(self._sharing)
                self._versions[path] = 0
        for path in list(self._payload)[:-MOST_PATHS]:
            del self._payload[path], self._versions[path]

    def put_records(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Put in what these fields are in encoded records, by device; of no more than `SLICE` devices at a time."""
        held = [(row, each) for device_id, each in records if (row := self.index_of(device_id)) is not None]
        rows = np.array([row for row, _ in held], np.int32)
        for path in self._payload:
            if (steps := path_of(path)) is not None:
                self.put(path, rows, [value_at(each, steps) for _, each in held])

    def put(self, path: str, rows: Rows, values: Sequence[Value]) -> None:
        """Values of a field that is held, for rows of devices that were taken; no more than `SLICE` at a time."""
        if path in self._payload:
            self._payload[path].write(rows, values)
            self._versions[path] += 1

    def take(self, summaries: Sequence[Summary]) -> Rows:
        """Put summaries in, over older ones of the same devices; returns their rows, in their order.

        Takes 7 to 10 microseconds for each: no more than `SLICE` of them in a turn of the loop.
        """
        if self.size + len(summaries) > MOST_DEVICES:
            summaries = self._with_room(summaries)
        known = self.size
        numbers, new = self._index.rows_of([summary.device_id for summary in summaries])
        rows = np.array(numbers, np.int32)
        if not len(rows):
            return rows
        self._ids.extend(new)
        self._index.add(new)
        for name, column in self._columns.items():
            column.write(rows, list(map(attrgetter(name), summaries)), known)
            self._versions[name] += 1
        old = set(numbers) - set(range(known, self.size)) if known else set()
        self._devices += len(new) + sum(not self._alive.at(row) for row in old)
        self._alive.write(rows, np.ones(len(rows), np.bool_))
        self._change(Done.TAKEN, rows)
        return rows

    def revise(self, changes: Iterable[tuple[str, Mapping[str, object]]]) -> int:
        """Put in new values of some fields, as (device id, {field: value}); returns how many devices were held.

        None takes a value away. Of a value that is not of its field's kind the old one stays. Takes
        some 3 microseconds for each value: no more than `SLICE` devices at a time.
        """
        by_field: dict[str, tuple[list[int], list[Any]]] = {}
        revised: dict[int, None] = {}
        for device_id, values in changes:
            row = self.index_of(device_id)
            if row is None:
                continue
            revised[row] = None
            for name, value in values.items():
                if name == _ID or not _fits(name, value):
                    continue
                rows, new = by_field.setdefault(name, ([], []))
                rows.append(row)
                new.append(_default(name) if value is None else value)
        for name, (rows, new) in by_field.items():
            self._columns[name].write(np.array(rows, np.int32), new, self.size)
            self._versions[name] += 1
        if by_field:
            self._change(Done.REVISED, np.fromiter(revised, np.int32, len(revised)))
        return len(revised)

    def restate(self, field: str, truths: NDArray[np.int8]) -> bool:
        """Put a truth into each of the first rows, 2 for missing; returns whether any is another than it was.

        Raises `TypeError` for a field that is no truth.
        """
        column = self._columns[field]
        if not isinstance(column, TruthColumn):
            raise TypeError(f"{field} is no truth")
        rows = column.restate(truths)
        if len(rows):
            self._versions[field] += 1
            self._change(Done.REVISED, rows)
        return bool(len(rows))

    def remove(self, device_ids: Iterable[str]) -> int:
        """Devices that are gone; returns how many of them were held."""
        found = (self.index_of(device_id) for device_id in set(device_ids))
        rows = np.array([row for row in found if row is not None], np.int32)
        if len(rows):
            self._alive.write(rows, np.zeros(len(rows), np.bool_))
            self._devices -= len(rows)
            self._change(Done.REMOVED, rows)
        return len(rows)

    def clear(self) -> None:
        """Forget everything; row numbers begin again."""
        self._begin()
        self._change(Done.CLEARED, np.zeros(0, np.int32))

    def close(self) -> None:
        """No more questions: the worker ends."""
        self._worker.close()

    # What can be asked of it

    async def search(self, asked: Asked, among: Rows | None = None) -> Found:
        """The rows for which `asked` holds, in the order of `among`, or of all rows."""
        plan = plan_of(asked)
        return await self._ask(lambda snapshot, check: search(snapshot, plan, among, check), Found)

    async def order(self, keys: Sequence[Order], among: Rows | None = None) -> Found:
        """`among`, or all rows, sorted by `keys`, the first counting most; then by device id."""
        return await self._ask(lambda snapshot, check: ordering.order(snapshot, among, keys, check), Found)

    async def lay_out(self, asked: Asked | None, keys: Sequence[Order], group: str | None = None) -> Layout:
        """The rows for which `asked` holds, or all, sorted and, by a field or `labels.` and a key, grouped."""
        plan = None if asked is None else plan_of(asked)
        return await self._ask(
            lambda snapshot, check: lay_out(snapshot, plan, keys, group, check), lambda layout, _generation: layout
        )

    async def group(self, field: str, among: Rows | None = None, *, most: int = MOST_GROUPS) -> Groups:
        """The values of `field` in `among`, or in all rows, and how many rows have each."""
        return await self._ask(
            lambda snapshot, check: ordering.group(snapshot, among, field, most, check),
            lambda result, generation: Groups(tuple(result[0]), result[1], generation),
        )

    async def values(self, field: str, prefix: str = "", *, most: int = 50) -> Groups:
        """The texts of `field` that begin with `prefix`, whatever the case, the most frequent ones: for completion."""
        begins = prefix.lower()
        needs = (begins,) if begins else ()
        plan = Leaf(field, lambda value: isinstance(value, str) and value.lower().startswith(begins), needs=needs)

        def work(snapshot: Snapshot, check: Check) -> tuple[list[Count], int]:
            rows = search(snapshot, plan if begins else EVERYTHING, None, check)
            return ordering.group(snapshot, rows, field, most, check)

        return await self._ask(work, lambda result, generation: Groups(tuple(result[0]), result[1], generation))

    async def prepare(self, fields: Iterable[str]) -> None:
        """Learn the order of these fields' values ahead of the first sort by them, and that of the ids.

        Worth its while once the fleet is whole: the ids of a million devices take a quarter of a second.
        """
        wanted = [_ID, *fields]

        def work(snapshot: Snapshot, check: Check) -> None:
            for name in wanted:
                ordering.places_of(snapshot, name, np.zeros(0, np.int32), check)

        await self._ask(work, lambda _result, _generation: None)

    async def tidy(self) -> list[str]:
        """Let go of texts that no row has any more, where they are the most; returns the names of those fields.

        To be called now and then where statuses are revised for long: a text that is replaced is kept until then.
        """
        tidied = []
        for name, column in self._columns.items():
            if not isinstance(column, TextColumn) or not column.is_wasteful(self.size):
                continue
            made = await self._ask(partial(_tidied, name, column), lambda result, _generation: result)
            if self._columns.get(name) is column:  # nothing was cleared meanwhile
                column.tidy(made, self.size)
                tidied.append(name)
        return tidied

    # Within

    async def _ask(self, work: Callable[[Snapshot, Check], Any], made: Callable[[Any, int], T]) -> T:
        snapshot, sharing = self._snapshot(), self._sharing
        result = await self._worker.run(lambda check: work(snapshot, check), sharing.returned)
        return made(result, snapshot.generation)

    def _snapshot(self) -> Snapshot:
        self._sharing.taken()
        columns: dict[str, ColumnView | PayloadView] = {name: each.view() for name, each in self._columns.items()}
        columns[_ID] = TextView(None, self._ids.view())
        for path, held in self._payload.items():
            columns[path] = held.view(self.size)
        return Snapshot(self.generation, self.size, self._alive.view(), columns, self._versions.copy(), self._ranks)

    def _with_room(self, summaries: Sequence[Summary]) -> list[Summary]:
        room, kept = MOST_DEVICES - self.size, []
        for summary in summaries:
            if self._index.row_of(summary.device_id) is None:
                if room <= 0:
                    self.left_out += 1
                    continue
                room -= 1
            kept.append(summary)
        return kept

    def _change(self, done: Done, rows: Rows) -> None:
        self.generation += 1
        self.changed.emit(Change(done, rows))


def _tidied(name: str, column: TextColumn, snapshot: Snapshot, check: Check) -> Tidied:
    view = snapshot.columns[name]
    if not isinstance(view, TextView):
        raise TypeError(f"{name} holds no texts")
    return column.tidied(view, snapshot.size, check)


def _column(name: str, kind: Kind, sharing: Sharing) -> Column:
    match kind:
        case Kind.TEXT:
            return TextColumn(sharing)
        case Kind.NUMBER:
            return NumberColumn(sharing, whole=name in _WHOLE)
        case Kind.TIME:
            return TimeColumn(sharing)
        case Kind.TRUTH:
            return TruthColumn(sharing)


def _fits(name: str, value: object) -> bool:
    if value is None:
        return True
    match FIELDS.get(name):
        case None:
            return False
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.TRUTH:
            return isinstance(value, bool)
        case Kind.TIME if isinstance(value, str):
            return True
        case _ if isinstance(value, bool):
            return False
        case _:
            return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value) and name not in _WHOLE)


def _default(name: str) -> object:
    """What a summary has where a record has nothing."""
    return 0 if name in _WHOLE else "" if name == "labels" else None

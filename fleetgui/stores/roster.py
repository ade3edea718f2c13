"""The device table's rows, as the registry's pages brought them: a bounded cache over offsets, and honest about it.

Row number = offset in the registry's order at the time of reading. Offsets are no snapshot, so the store never shows a
guess as fact: a row that was not read says so, an offset whose record access control kept back is `HIDDEN`, a device
that turns up at a second offset empties its older row, and `total` is an upper bound until a page proves otherwise.
Rows live in blocks of `BLOCK`; the least recently used go beyond `max_blocks`, or beyond `MOST_BYTES` of records.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

from fleetgui.policy.signals import Signal
from fleetgui.wire.codec import Malformed
from fleetgui.wire.query import Value
from fleetgui.wire.records import Summary, device_id_of, summarize

BLOCK: Final = 100
MOST_HIDDEN: Final = 10 * BLOCK
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of encoded records that are kept, where these are large …"""
FEWEST_BLOCKS: Final = 4
"""… but never fewer blocks than what is on a screen and what is read ahead of it."""


class RowKind(Enum):
    NOT_LOADED = "not loaded"
    LOADING = "loading"
    LOADED = "loaded"
    HIDDEN = "not visible to you"
    """Counted by the registry, kept back by access control (or gone between counting and slicing)."""
    MALFORMED = "malformed"
    UNREADABLE = "too large to read"
    FAILED = "could not be read"
    GROUP = "the head of a group"


@dataclass(frozen=True, slots=True)
class GroupHead:
    """What the rows below it have in common: their `value` of `field` as text, None where it is missing.

    `count` rows belong to it, whether they are shown (`is_open`) or not.
    """

    field: str
    value: str | None
    count: int
    is_open: bool


class Row(NamedTuple):
    """One row. `record` is the encoded device record, `read_at` when it was asked for (`Clock.now()`)."""

    kind: RowKind
    device_id: str | None = None
    record: bytes | None = None
    summary: Summary | None = None
    read_at: float | None = None
    note: str | None = None
    """Why it is malformed, unreadable or failed: a sentence for people."""
    group: GroupHead | None = None
    """Of a row that is the head of a group, and of no other."""
    whole: bool = False
    """Whether `record` is all of the record: a summary leaves out the bodies of its capabilities."""
    values: Mapping[str, Value] | None = None
    """Where there is no `record`: fields of it that were kept, by their paths (`wire.payload`)."""


NOT_LOADED: Final = Row(RowKind.NOT_LOADED)
LOADING: Final = Row(RowKind.LOADING)


class RosterPhase(Enum):
    EMPTY = "nothing read yet"
    WAITING = "waiting for the registry"
    READY = "read"
    FAILED = "the registry could not be read"


@dataclass(frozen=True)
class RosterStatus:
    """The table as a whole. Times are `Clock.now()`.

    `paging` False: an old registry sent everything in one reply. `waiting_since` is set while a request is under way.
    `stale_total`: devices came or went since `total` was read. `error` is a sentence that says what to do.
    """

    phase: RosterPhase = RosterPhase.EMPTY
    total: int = 0
    read_at: float | None = None
    waiting_since: float | None = None
    error: str | None = None
    paging: bool = True
    stale_total: bool = False


class _Block:
    __slots__ = ("read_at", "rows")

    def __init__(self) -> None:
        self.rows: list[Row] = [NOT_LOADED] * BLOCK
        self.read_at: float | None = None


class Roster:
    """Rows by offset, found by device id too. All indices are offsets, 0 … total − 1."""

    def __init__(self, max_blocks: int = 400) -> None:
        self.resized = Signal[[int, int]]()
        """(old, new) number of rows; after the change."""
        self.rows_changed = Signal[[int, int]]()
        """First and last row (inclusive) whose content changed."""
        self.status_changed = Signal[[RosterStatus]]()
        self.status = RosterStatus()
        self.pages_read = 0
        self.malformed = 0
        """Rows held now whose record cannot be understood, however often it was read."""
        self.memberships = 0
        """How often devices were said to have come or gone."""
        self.registered: int | None = None
        """How many devices the registry has in all, whatever is shown of them; as of `registered_at`."""
        self.registered_at: float | None = None
        self._max_blocks = max_blocks
        self._blocks: OrderedDict[int, _Block] = OrderedDict()
        self._bytes = 0
        """Of the records in all blocks."""
        self._where: dict[str, int] = {}

    # What can be asked

    @property
    def total(self) -> int:
        return self.status.total

    @property
    def loaded(self) -> int:
        """Rows held now that show a device."""
        return len(self._where)

    def row(self, offset: int) -> Row:
        block = self._blocks.get(offset // BLOCK)
        return NOT_LOADED if block is None else block.rows[offset % BLOCK]

    def device_id_at(self, offset: int) -> str | None:
        return self.row(offset).device_id

    def offset_of(self, device_id: str) -> int | None:
        """Where a device stands, as far as it was read."""
        return self._where.get(device_id)

    def offsets_of(self, device_ids: Iterable[str]) -> list[int]:
        """Sorted offsets of those of `device_ids` that are loaded."""
        where = self._where
        return sorted(where[device_id] for device_id in device_ids if device_id in where)

    def loaded_rows(self, first: int, last: int) -> list[tuple[int, Row]]:
        """(offset, row) of every row first … last (inclusive) that shows a device, in order."""
        if last - first < len(self._where):
            offsets = [offset for offset in range(first, last + 1) if self.row(offset).device_id is not None]
        else:
            offsets = sorted(offset for offset in self._where.values() if first <= offset <= last)
        return [(offset, self.row(offset)) for offset in offsets]

    def count_in(self, first: int, last: int) -> int:
        """How many devices rows `first` … `last` (inclusive) stand for: one each, loaded or not."""
        return max(0, min(last, self.total - 1) - max(0, first) + 1)

    def devices_in(self, first: int, last: int) -> Iterator[Row]:
        """Those of them whose record was read and decoded, in order; as they are when this is asked."""
        return (row for _, row in self.loaded_rows(first, last) if row.kind is RowKind.LOADED)

    def toggle(self, offset: int) -> None:
        """Open or close the group whose head is at `offset`: there are none in the registry's order."""

    def toggle_all(self, *, is_open: bool) -> None:
        """Open or close every group: there are none."""

    # What the pager reports

    def waiting(self, since: float | None) -> None:
        """A request is under way since then; None: none is."""
        phase = self.status.phase
        if since is not None and phase in (RosterPhase.EMPTY, RosterPhase.FAILED):
            phase = RosterPhase.WAITING
        elif since is None and phase is RosterPhase.WAITING:
            # Nothing came of it, and nothing was said against it: the link dropped.
            phase = RosterPhase.EMPTY if self.status.read_at is None else RosterPhase.READY
        self._set_status(replace(self.status, phase=phase, waiting_since=since))

    def failed(self, error: str) -> None:
        """The registry could not be read; what was read stays, with its age."""
        self._set_status(replace(self.status, phase=RosterPhase.FAILED, error=error, waiting_since=None))

    def loading(self, first: int, last: int) -> None:
        """Rows first … last (inclusive) were asked for: those not loaded yet say so."""
        self._fill(first, last, LOADING, only=(RowKind.NOT_LOADED, RowKind.FAILED))

    def not_loading(self, first: int, last: int, why: str | None = None) -> None:
        """The request for first … last was dropped (`why` None) or failed (`why`: a sentence)."""
        row = NOT_LOADED if why is None else Row(RowKind.FAILED, note=why)
        self._fill(first, last, row, only=(RowKind.LOADING,))

    def unreadable(self, offset: int, why: str, read_at: float) -> None:
        """The record at `offset` does not fit into a reply by itself."""
        self._fill(offset, offset, Row(RowKind.UNREADABLE, note=why, read_at=read_at))

    def page_read(
        self,
        offset: int,
        records: Sequence[bytes],
        *,
        next_offset: int | None,
        total: int | None,
        read_at: float,
        paging: bool = True,
        of_all: bool = True,
        whole: bool = False,
    ) -> list[Summary]:
        """Take in a page asked for at `offset` at time `read_at`; returns the summaries of what could be read.

        `of_all`: the rows are all there are in the registry, and their number is that of the registered. `whole`: the
        records are all of what the registry has.

        Offsets from the last record up to `next_offset` (or the end) are hidden. `total` None (an old server): the
        page is the whole list. A page the registry ended before `total` leaves the rest hidden, since the registry
        counts before access control. A page that leads on without a total proves at least one row more.
        """
        end = offset + len(records)
        if total is None:
            size = end if next_offset is None else max(end, next_offset + 1)
        else:
            size = max(total, end if records else 0)  # an empty page behind the end proves nothing beyond the total
        covered = size if next_offset is None else max(end, min(next_offset, size))
        self._resize(size)
        if of_all:
            self.counted(size, read_at)
        summaries: list[Summary] = []
        for index, record in enumerate(records):
            row = self._row_of(record, read_at, whole)
            if row.summary is not None:
                summaries.append(row.summary)
            self._place(offset + index, row)
        # What a page leaves out is said for as many rows as one may look at next; the rest says so when it is read.
        shown = min(covered, end + MOST_HIDDEN)
        for gap in range(end, shown):
            self._place(gap, Row(RowKind.HIDDEN, read_at=read_at))
        for number in range(offset // BLOCK, max(offset, shown - 1) // BLOCK + 1):
            # Also where nothing stands, as in an empty fleet: it was read, and is not to be read again in haste.
            if number * BLOCK < max(1, size):
                self._blocks.setdefault(number, _Block()).read_at = read_at
        self.pages_read += 1
        if paging:
            self._evict()  # a list that came in one message is bounded by that message, and is read whole or not at all
        self._set_status(RosterStatus(phase=RosterPhase.READY, total=size, read_at=read_at, paging=paging))
        if max(end, shown) > offset:
            self.rows_changed.emit(offset, max(end, shown) - 1)
        return summaries

    def counted(self, registered: int, at: float) -> None:
        """The registry has so many devices in all."""
        self.registered, self.registered_at = registered, at

    def membership_changed(self) -> None:
        """A device came or went: the total, and offsets behind it, may have shifted since they were read."""
        self.memberships += 1
        if self.status.phase is RosterPhase.READY and not self.status.stale_total:
            self._set_status(replace(self.status, stale_total=True))

    def clear(self) -> None:
        """Forget every row, as after a change of filter or context."""
        self._blocks.clear()
        self._bytes = self.malformed = 0
        self._where.clear()
        self._resize(0)
        self._set_status(RosterStatus())

    # Within

    def _row_of(self, record: bytes, read_at: float, whole: bool) -> Row:
        try:
            summary = summarize(record)
        except Malformed as error:
            return Row(RowKind.MALFORMED, device_id_of(record), record, None, read_at, str(error))
        return Row(RowKind.LOADED, summary.device_id, record, summary, read_at, whole=whole)

    def _place(self, offset: int, row: Row) -> None:
        number = offset // BLOCK
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = _Block()
        else:
            self._blocks.move_to_end(number)
        old = block.rows[offset % BLOCK]
        if old.device_id is not None and old.device_id != row.device_id and self._where.get(old.device_id) == offset:
            del self._where[old.device_id]
        block.rows[offset % BLOCK] = row
        self._count(old, -1)
        self._count(row, +1)
        if row.device_id is None:
            return
        before = self._where.get(row.device_id)
        self._where[row.device_id] = offset
        if before is not None and before != offset and (other := self._blocks.get(before // BLOCK)) is not None:
            self._count(other.rows[before % BLOCK], -1)
            other.rows[before % BLOCK] = NOT_LOADED
            other.read_at = None
            self.rows_changed.emit(before, before)

    def _count(self, row: Row, by: int) -> None:
        """A row came (1) or went (-1)."""
        self._bytes += by * len(row.record or b"")
        if row.kind is RowKind.MALFORMED:
            self.malformed += by

    def _fill(self, first: int, last: int, row: Row, only: tuple[RowKind, ...] | None = None) -> None:
        last = min(last, self.total - 1)
        for offset in range(first, last + 1):
            if only is None or self.row(offset).kind in only:
                self._place(offset, row)
        if last >= first:
            self.rows_changed.emit(first, last)

    def _resize(self, size: int) -> None:
        old = self.status.total
        if size == old:
            return
        for number in [n for n in self._blocks if n * BLOCK + BLOCK > size]:
            block = self._blocks[number]
            for index, row in enumerate(block.rows):
                offset = number * BLOCK + index
                if offset >= size and row is not NOT_LOADED:
                    if row.device_id is not None and self._where.get(row.device_id) == offset:
                        del self._where[row.device_id]
                    self._count(row, -1)
                    block.rows[index] = NOT_LOADED
            if number * BLOCK >= size:
                del self._blocks[number]
        self.status = replace(self.status, total=size)
        self.resized.emit(old, size)

    def _evict(self) -> None:
        while len(self._blocks) > self._max_blocks or (self._bytes > MOST_BYTES and len(self._blocks) > FEWEST_BLOCKS):
            number, block = self._blocks.popitem(last=False)
            for index, row in enumerate(block.rows):
                self._count(row, -1)
                if row.device_id is not None and self._where.get(row.device_id) == number * BLOCK + index:
                    del self._where[row.device_id]
            self.rows_changed.emit(number * BLOCK, min(number * BLOCK + BLOCK, self.total) - 1)

    def _set_status(self, status: RosterStatus) -> None:
        if status != self.status:
            self.status = status
            self.status_changed.emit(status)

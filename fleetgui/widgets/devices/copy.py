"""What the devices page puts on the clipboard: ids, rows as tab-separated text, records as JSON. Loaded rows only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec

from fleetgui.models.clipboard import markdown, tab_separated
from fleetgui.models.devices import DeviceTableModel
from fleetgui.stores.roster import RowKind
from fleetgui.wire.codec import Malformed, decode_any, pretty

MOST_COPIED: Final = 10_000
MOST_RECORDS: Final = 500
"""Records as JSON: some 10 KB each."""

Ranges = Sequence[tuple[int, int]]


def loaded_rows(model: DeviceTableModel, ranges: Ranges) -> Iterator[int]:
    """Those of the rows that show a record, in order; costs by what is loaded, not by the width of the ranges."""
    for first, last in sorted(ranges):
        for offset, row in model.roster.loaded_rows(first, last):
            if row.kind is RowKind.LOADED:
                yield offset


def heads_among(model: DeviceTableModel, ranges: Ranges) -> int:
    """How many heads of groups stand in the ranges; looked for where one may look at every row, else taken for none."""
    if not model.has_groups or sum(last - first + 1 for first, last in ranges) > MOST_COPIED:
        return 0
    rows = (row for first, last in ranges for row in range(first, last + 1))
    return sum(model.roster.row(row).kind is RowKind.GROUP for row in rows)


def as_rows(model: DeviceTableModel, ranges: Ranges, columns: Sequence[int]) -> tuple[str, int]:
    """(tab-separated text with a header, number of rows) of the columns given by their numbers."""
    return _table(tab_separated, model, ranges, columns)


def as_markdown(model: DeviceTableModel, ranges: Ranges, columns: Sequence[int]) -> tuple[str, int]:
    """(a Markdown table, number of rows) of the columns given by their numbers."""
    return _table(markdown, model, ranges, columns)


def _table(
    written: Callable[[Iterable[str], Iterable[Iterable[str]]], str],
    model: DeviceTableModel,
    ranges: Ranges,
    columns: Sequence[int],
) -> tuple[str, int]:
    rows = list(islice(loaded_rows(model, ranges), MOST_COPIED))
    header = [model.columns[number].header for number in columns]
    return written(header, ([model.cell(row, number).spoken for number in columns] for row in rows)), len(rows)


def as_ids(model: DeviceTableModel, ranges: Ranges) -> tuple[str, int]:
    """(one id a line, their number). Ids are given as they are, since they are pasted to look things up."""
    rows = islice(loaded_rows(model, ranges), MOST_COPIED)
    ids = [model.roster.row(row).device_id or "" for row in rows]
    return "\n".join(ids), len(ids)


def as_json(model: DeviceTableModel, ranges: Ranges) -> tuple[str, int]:
    """(indented JSON, number of records): an object for one record, an array for several."""
    values = []
    for row in islice(loaded_rows(model, ranges), MOST_RECORDS):
        try:
            values.append(_record_of(model, row))
        except Malformed:  # a row that is loaded decoded once; kept for what memory may have done since
            continue
    return pretty(values[0] if len(values) == 1 else values), len(values)


def _record_of(model: DeviceTableModel, row: int) -> object:
    """The record as it was read; where only what the columns show is held, that. Raises `Malformed`."""
    shown = model.roster.row(row)
    if shown.record is not None or shown.summary is None:
        return decode_any(shown.record or b"null")
    return {name: value for name, value in msgspec.structs.asdict(shown.summary).items() if value is not None}

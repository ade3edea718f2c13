"""What the devices page puts on the clipboard: ids, rows as tab-separated text, records as JSON. Loaded rows only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fleetgui.models.clipboard import tab_separated
from fleetgui.models.devices import DeviceTableModel
from fleetgui.stores.roster import RowKind
from fleetgui.wire.codec import Malformed, decode_any, pretty

MOST_COPIED: Final = 10_000
MOST_RECORDS: Final = 500
"""Records as JSON: some 10 KB each."""

Ranges = Sequence[tuple[int, int]]


def loaded_rows(model: DeviceTableModel, ranges: Ranges) -> Iterator[int]:
    """Those of the rows that show a record, in order; costs by what is loaded, not by the width of the ranges."""
    for offset, row in model.roster.loaded_rows():
        if row.kind is RowKind.LOADED and any(first <= offset <= last for first, last in ranges):
            yield offset


def as_rows(model: DeviceTableModel, ranges: Ranges, columns: Sequence[int]) -> tuple[str, int]:
    """(tab-separated text with a header, number of rows) of the columns given by their numbers."""
    rows = [row for row, _ in zip(loaded_rows(model, ranges), range(MOST_COPIED), strict=False)]
    header = [model.columns[number].header for number in columns]
    return tab_separated(header, ([model.cell(row, number).spoken for number in columns] for row in rows)), len(rows)


def as_ids(model: DeviceTableModel, ranges: Ranges) -> tuple[str, int]:
    """(one id a line, their number). Ids are given as they are, since they are pasted to look things up."""
    ids = [model.roster.row(row).device_id or "" for row in loaded_rows(model, ranges)][:MOST_COPIED]
    return "\n".join(ids), len(ids)


def as_json(model: DeviceTableModel, ranges: Ranges) -> tuple[str, int]:
    """(indented JSON, number of records): an object for one record, an array for several."""
    values = []
    for row, _ in zip(loaded_rows(model, ranges), range(MOST_RECORDS), strict=False):
        try:
            values.append(decode_any(model.roster.row(row).record or b"null"))
        except Malformed:  # a row that is loaded decoded once; kept for what memory may have done since
            continue
    return pretty(values[0] if len(values) == 1 else values), len(values)

"""What the devices page puts on the clipboard: ids, rows as tab-separated text or Markdown, records as JSON.

Only devices that were read. Each way is a sink that takes one device after the other, so that whoever copies ten
thousand can do it in parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec

from fleetgui.models.clipboard import markdown_head, markdown_line, tab_line
from fleetgui.models.devices import DeviceTableModel
from fleetgui.stores.roster import Row
from fleetgui.wire.codec import Malformed, decode_any, pretty

MOST_COPIED: Final = 10_000
MOST_RECORDS: Final = 500
"""Records as JSON: some 10 KB each."""

Ranges = Sequence[tuple[int, int]]


class Sink(Protocol):
    """`text()` is what goes onto the clipboard; `what` is what it has of each device, `most` how many it takes."""

    what: str
    most: int

    @property
    def count(self) -> int: ...

    def take(self, row: Row) -> None: ...

    def text(self) -> str: ...


def devices_among(model: DeviceTableModel, ranges: Ranges) -> Iterator[Row]:
    """The devices of these rows that were read, in order; a closed group's head stands for all of its own."""
    for first, last in sorted(ranges):
        yield from model.roster.devices_in(first, last)


class Ids:
    """One a line, as they are, since they are pasted to look things up."""

    what, most = "id", MOST_COPIED

    def __init__(self) -> None:
        self._ids: list[str] = []

    @property
    def count(self) -> int:
        return len(self._ids)

    def take(self, row: Row) -> None:
        self.take_id(row.device_id or "")

    def take_id(self, device_id: str) -> None:
        self._ids.append(device_id)

    def text(self) -> str:
        return "\n".join(self._ids)


class Cells:
    """Tab-separated text with a header, in the columns given by their numbers; or a Markdown table of them."""

    what, most = "row", MOST_COPIED

    def __init__(self, model: DeviceTableModel, columns: Sequence[int], *, markdown: bool = False) -> None:
        self._model = model
        self._columns = columns
        self._line = markdown_line if markdown else tab_line
        header = [model.columns[number].header for number in columns]
        self._head = markdown_head(header) if markdown else tab_line(header)
        self._lines: list[str] = []

    @property
    def count(self) -> int:
        return len(self._lines)

    def take(self, row: Row) -> None:
        self._lines.append(self._line(self._model.texts(row, self._columns)))

    def text(self) -> str:
        return self._head + "".join(self._lines)


class Records:
    """Indented JSON: an object for one record, an array for several."""

    what, most = "record", MOST_RECORDS

    def __init__(self) -> None:
        self._values: list[Any] = []

    @property
    def count(self) -> int:
        return len(self._values)

    def take(self, row: Row) -> None:
        """Where only what the columns show is held, that is the record."""
        if row.record is None and row.summary is not None:
            fields = msgspec.structs.asdict(row.summary).items()
            self._values.append({name: value for name, value in fields if value is not None})
            return
        try:
            self._values.append(decode_any(row.record or b"null"))
        except Malformed:  # a row that is loaded decoded once; kept for what memory may have done since
            return

    def text(self) -> str:
        return pretty(self._values[0] if len(self._values) == 1 else self._values)

"""What the devices on the screen hold, for what is offered while somebody types or chooses: values, labels, records.

Where the fleet is held, a field's values come from all of it: they are asked for, and offered once they are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from PySide6.QtCore import QObject
from PySide6.QtCore import Signal as QtSignal

from fleetgui.policy.filters.checks import labels_in
from fleetgui.policy.filters.completion import PATHS
from fleetgui.policy.wanted import LABEL
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.roster import Row
from fleetgui.widgets.devices.groups import label_keys
from fleetgui.widgets.devices.table import DeviceTable
from fleetgui.wire.payload import number_text, path_of, paths_in, value_at
from fleetgui.wire.query import FIELDS, Value, value_of


class Seen(QObject):
    """The rows of `table` that are on the screen now."""

    asked = QtSignal(str, str)
    """Which values of this field begin so, in the whole fleet as it is held."""

    def __init__(self, table: DeviceTable, state: ConsoleState) -> None:
        super().__init__(table)
        self._table = table
        self._state = state
        self._source = state.table

    def rows(self) -> Iterator[Row]:
        last = min(self._table.last_visible, self._source.total - 1)
        return (self._source.row(row) for row in range(self._table.first_visible, last + 1))

    def values(self, what: str, prefix: str) -> list[str]:
        """See `policy.filters.completion.Values`: those of the whole fleet that are known, then those on the screen."""
        folded = prefix.lower()
        if what == PATHS:
            return [path for path in self.paths() if path.lower().startswith(folded)]
        if what == LABEL:
            return [key for key in self.labels() if folded in key.lower()]
        found = Counter(text for row in self.rows() if (text := _text(_value(row, what))) and folded in text.lower())
        offered = self._state.hold.state.offered
        if offered is not None and offered.asked == (what, prefix):
            return list(dict.fromkeys((*offered.values, *sorted(found))))
        if self._source.source is not self._state.roster:
            self.asked.emit(what, prefix)
        return sorted(found)

    def labels(self) -> list[str]:
        """The keys of labels, the most common first."""
        return label_keys(row.summary.labels for row in self.rows() if row.summary is not None)

    def paths(self) -> list[str]:
        """Paths of what was read of the records, the most common first."""
        seen = Counter(path for row in self.rows() for path in row.values or ())
        seen.update(path for record in self.records() for path in paths_in(record))
        return sorted(seen, key=lambda path: (-seen[path], path))

    def records(self) -> list[bytes]:
        """Encoded records, of those rows whose whole record was read."""
        return [row.record for row in self.rows() if row.record is not None]


def _value(row: Row, what: str) -> Value:
    """What a row has of a field of the summary, a label, or a path of its record."""
    if row.summary is None:
        return None
    if what in FIELDS:
        return value_of(row.summary, what)
    if what.startswith(LABEL):
        return next((value for key, value in labels_in(row.summary.labels) if LABEL + key == what), None)
    if row.record is None:
        return None if row.values is None else row.values.get(what)
    path = path_of(what)
    return None if path is None else value_at(row.record, path)


def _text(value: Value) -> str:
    """The value as it is typed in a filter."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number_text(value)

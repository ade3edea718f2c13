"""What the devices on the screen hold, for what is offered while somebody types or chooses: values, labels, records."""

from __future__ import annotations

from collections.abc import Iterator

from fleetgui.stores.roster import Row
from fleetgui.stores.rows import RowSource
from fleetgui.widgets.devices.groups import label_keys
from fleetgui.widgets.devices.table import DeviceTable
from fleetgui.wire.query import FIELDS, value_of


class Seen:
    """The rows of `table` that are on the screen now, as `source` has them."""

    def __init__(self, table: DeviceTable, source: RowSource) -> None:
        self._table = table
        self._source = source

    def rows(self) -> Iterator[Row]:
        last = min(self._table.last_visible, self._source.total - 1)
        return (self._source.row(row) for row in range(self._table.first_visible, last + 1))

    def values(self, field: str, prefix: str) -> list[str]:
        """Values of a field that begin or go on with `prefix`, sorted."""
        if field not in FIELDS:
            return []
        values = (value_of(row.summary, field) for row in self.rows() if row.summary is not None)
        found = {str(value) for value in values if value is not None}
        return sorted(value for value in found if prefix.lower() in value.lower())

    def labels(self) -> list[str]:
        """The keys of labels, the most common first."""
        return label_keys(row.summary.labels for row in self.rows() if row.summary is not None)

    def records(self) -> list[bytes]:
        """Encoded records, of those rows whose whole record was read."""
        return [row.record for row in self.rows() if row.record is not None]

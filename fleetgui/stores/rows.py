"""The rows that the table shows, from whichever source has them: the registry's pages, or the fleet as it is held.

A table's model listens to one `TableRows` for good; `show` puts another source behind it, and what was a row of the
one is told to be none before the other's rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol

from fleetgui.policy.signals import Signal
from fleetgui.stores.roster import Roster, RosterStatus, Row


class RowSource(Protocol):
    """Rows by offset, found by device id too, and signals after each change. `Roster` is one."""

    resized: Signal[[int, int]]
    rows_changed: Signal[[int, int]]
    status_changed: Signal[[RosterStatus]]

    @property
    def status(self) -> RosterStatus: ...

    @property
    def total(self) -> int: ...

    @property
    def loaded(self) -> int: ...

    @property
    def malformed(self) -> int: ...

    def row(self, offset: int) -> Row: ...

    def device_id_at(self, offset: int) -> str | None:
        """Which device stands in a row; asked of thousands at once, which `row` is too much for."""

    def offset_of(self, device_id: str) -> int | None: ...

    def offsets_of(self, device_ids: Iterable[str]) -> list[int]: ...

    def loaded_rows(self, first: int, last: int) -> Iterable[tuple[int, Row]]: ...

    def count_in(self, first: int, last: int) -> int:
        """How many devices rows `first` … `last` stand for: a closed group's head for all of its own."""

    def devices_in(self, first: int, last: int) -> Iterable[Row]:
        """Those of them that were read, in their order; those that are there now, however long one takes to go on."""

    def toggle_all(self, *, is_open: bool) -> None:
        """Open or close every group; nothing happens where there is none."""

    def toggle(self, offset: int) -> None:
        """Open or close the group whose head is at `offset`; nothing happens where none is."""


class TableRows:
    """A `RowSource` itself, by the one that is shown."""

    def __init__(self, source: RowSource) -> None:
        self.resized = Signal[[int, int]]()
        self.rows_changed = Signal[[int, int]]()
        self.status_changed = Signal[[RosterStatus]]()
        self.source = source
        self._disconnect: list[Callable[[], Any]] = []
        self._connect()

    def show(self, source: RowSource) -> None:
        """Show another source's rows from now on."""
        if source is self.source:
            return
        for disconnect in self._disconnect:
            disconnect()
        before = self.total
        self.source = _NOTHING
        self.resized.emit(before, 0)
        self.source = source
        self._connect()
        self.resized.emit(0, self.total)
        self.status_changed.emit(self.status)

    def _connect(self) -> None:
        source = self.source
        self._disconnect = [
            source.resized.connect(self.resized.emit),
            source.rows_changed.connect(self.rows_changed.emit),
            source.status_changed.connect(self.status_changed.emit),
        ]

    @property
    def status(self) -> RosterStatus:
        return self.source.status

    @property
    def total(self) -> int:
        return self.source.total

    @property
    def loaded(self) -> int:
        return self.source.loaded

    @property
    def malformed(self) -> int:
        return self.source.malformed

    def row(self, offset: int) -> Row:
        return self.source.row(offset)

    def device_id_at(self, offset: int) -> str | None:
        return self.source.device_id_at(offset)

    def offset_of(self, device_id: str) -> int | None:
        return self.source.offset_of(device_id)

    def offsets_of(self, device_ids: Iterable[str]) -> list[int]:
        return self.source.offsets_of(device_ids)

    def loaded_rows(self, first: int, last: int) -> Iterator[tuple[int, Row]]:
        return iter(self.source.loaded_rows(first, last))

    def count_in(self, first: int, last: int) -> int:
        return self.source.count_in(first, last)

    def devices_in(self, first: int, last: int) -> Iterator[Row]:
        return iter(self.source.devices_in(first, last))

    def toggle_all(self, *, is_open: bool) -> None:
        self.source.toggle_all(is_open=is_open)

    def toggle(self, offset: int) -> None:
        self.source.toggle(offset)


_NOTHING: Final = Roster()
"""No rows, while one source gives way to the next."""

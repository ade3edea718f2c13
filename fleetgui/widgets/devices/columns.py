"""The table's columns as the user arranged them: shown, moved, sized, pinned, and made of fields of the record.

One place for everything that changes them: the header's menu (`columns_menu`), the chooser (`columns_dialog`),
settings and saved views all go through `ColumnSettings`, which speaks in column keys, so that what is kept outlives
columns that come and go.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QObject
from PySide6.QtCore import Signal as QtSignal

from fleetgui.models.columns import Align, Column
from fleetgui.models.devices import DeviceTableModel
from fleetgui.models.payload_columns import KEY, columns_of
from fleetgui.widgets.devices.table import DeviceTable

NARROWEST: Final = 40
WIDEST: Final = 1_200


@dataclass(frozen=True)
class Entry:
    """One column as it is arranged; `width` in pixels, 0 of one that is hidden."""

    column: Column
    shown: bool
    width: int
    pinned: bool

    @property
    def key(self) -> str:
        return self.column.key


class ColumnSettings(QObject):
    """Over one table. Columns that are always there come first in the model, those of paths behind them."""

    arranged = QtSignal()
    """Columns were shown, hidden, moved, pinned, added or removed, or sized by other ways than with the pointer."""
    paths_changed = QtSignal(object)
    """The paths of those fields of the record that are shown now, a frozenset; where these are others than before."""

    def __init__(self, table: DeviceTable, model: DeviceTableModel) -> None:
        super().__init__(table)
        self._table = table
        self._model = model
        self._header = header = table.header
        self._always = len(model.columns)
        self._paths: frozenset[str] = frozenset()
        self._changing = 0
        header.sectionMoved.connect(lambda *_: self._told())

    # What there is

    @property
    def entries(self) -> list[Entry]:
        """Every column, in the order on the screen."""
        header, pinned = self._header, set(self._header.pinned)
        entries = []
        for visual in range(header.count()):
            number = header.logicalIndex(visual)
            shown = not header.isSectionHidden(number)
            width = header.sectionSize(number) if shown else 0
            entries.append(Entry(self._model.columns[number], shown, width, number in pinned))
        return entries

    @property
    def paths(self) -> frozenset[str]:
        """The paths of those fields of the record that are shown."""
        columns = ((number, column.path) for number, column in enumerate(self._model.columns))
        return frozenset(path for number, path in columns if path and not self._header.isSectionHidden(number))

    def number_of(self, key: str) -> int | None:
        """The column's number in the model, None where it is none of them."""
        return next((number for number, each in enumerate(self._model.columns) if each.key == key), None)

    @property
    def shown(self) -> list[int]:
        """The numbers of those that are shown, as they stand on the screen."""
        return self._table.shown_columns()

    # What is kept

    def state(self) -> list[dict[str, Any]]:
        """One entry a column, in the order on the screen: key, shown, pinned, width; whether it is one of figures."""
        entries = []
        for visual in range(self._header.count()):
            number = self._header.logicalIndex(visual)
            column, hidden = self._model.columns[number], self._header.isSectionHidden(number)
            entry: dict[str, Any] = {
                "key": column.key,
                "shown": not hidden,
                "width": None if hidden else self._header.sectionSize(number),
                "pinned": number in self._header.pinned,
            }
            if column.path is not None:
                entry["figures"] = column.align is Align.RIGHT
            entries.append(entry)
        return entries

    def restore(self, state: object) -> None:
        """Arrange the columns as `state()` gave it; what is unknown or makes no sense is left as it is."""
        entries = [
            entry
            for entry in (state if isinstance(state, list) else [])
            if isinstance(entry, dict) and isinstance(entry.get("key"), str)
        ]
        if not entries:
            return
        with self._one_change():
            self._header.pin(())
            self._put_paths(
                [(e["key"].removeprefix(KEY), e.get("figures") is True) for e in entries if e["key"].startswith(KEY)]
            )
            numbers = {column.key: number for number, column in enumerate(self._model.columns)}
            pinned = []
            visual = 0
            for entry in entries:
                number = numbers.pop(entry["key"], None)
                if number is None:
                    continue
                self._header.moveSection(self._header.visualIndex(number), visual)
                visual += 1
                width = entry.get("width")
                if isinstance(width, int) and NARROWEST <= width <= WIDEST:
                    self._header.resizeSection(number, width)
                self._header.setSectionHidden(number, entry.get("shown") is False)
                if entry.get("pinned") is True:
                    pinned.append(number)
            self._header.pin(pinned)
            if not self.shown:
                self.reset()

    def reset(self) -> None:
        """As at first: the columns that are always there, and no others."""
        with self._one_change():
            self._header.pin(())
            self._put_paths([])
            for number, column in enumerate(self._model.columns):
                self._header.moveSection(self._header.visualIndex(number), number)
                self._header.setSectionHidden(number, False)
                self._header.resizeSection(number, column.width)
                self._header.setSectionHidden(number, not column.shown)

    # What is done to one of them

    def show(self, key: str, on: bool = True) -> bool:
        """Show or hide a column; False for the last one: without any, there is no header left to click on."""
        number = self.number_of(key)
        if number is None or (not on and self.shown == [number]):
            return False
        with self._one_change():
            self._header.setSectionHidden(number, not on)
        return True

    def move(self, key: str, to: int) -> None:
        """Put a column at a place among all of them, 0 … ; pinned ones stay before the others."""
        number = self.number_of(key)
        if number is not None:
            with self._one_change():
                place = max(0, min(to, self._header.count() - 1))
                self._header.moveSection(self._header.visualIndex(number), place)

    def resize(self, key: str, width: int) -> None:
        """Give a column a width in pixels, within what is sensible."""
        number = self.number_of(key)
        if number is not None and not self._header.isSectionHidden(number):
            with self._one_change():
                self._header.resizeSection(number, min(max(width, NARROWEST), WIDEST))

    def pin(self, key: str, on: bool = True) -> None:
        """Keep a column at the left while the others scroll, or let it scroll again."""
        number = self.number_of(key)
        if number is not None:
            with self._one_change():
                pinned = set(self._header.pinned) - {number}
                self._header.pin(pinned | {number} if on else pinned)

    def add_path(self, path: str, *, figures: bool = False) -> bool:
        """Show the field at `path` in a column of its own; False where it is no path, or there are too many."""
        key = KEY + path
        if self.number_of(key) is None:
            with self._one_change():
                taken = [column.title for column in self._model.columns]
                known = [(column.path, False) for column in self._model.columns if column.path is not None]
                made = columns_of([*known, (path, figures)], taken)[len(known) :]
                self._append(made)
        return self.show(key)

    def remove(self, key: str) -> None:
        """Take away a column of a path; the others can only be hidden."""
        number = self.number_of(key)
        if number is not None and self._model.columns[number].path is not None and self.shown != [number]:
            with self._one_change():
                self._take_away(number)

    def fit(self) -> None:
        """Make each column as wide as what is on the screen needs."""
        with self._one_change():
            for number in self.shown:
                self.fit_column(number)

    def fit_column(self, number: int) -> None:
        with self._one_change():
            wanted = max(self._table.sizeHintForColumn(number), self._header.sectionSizeHint(number))
            self._header.resizeSection(number, min(max(wanted, NARROWEST), WIDEST))

    # Within

    def _put_paths(self, paths: list[tuple[str, bool]]) -> None:
        """Have columns of these paths and of no others; those that are there already stay."""
        made = columns_of(paths, [column.title for column in self._model.columns[: self._always]])
        wanted = {column.key for column in made}
        for number in reversed(range(self._always, len(self._model.columns))):
            if self._model.columns[number].key not in wanted:
                self._take_away(number)
        self._append([column for column in made if self.number_of(column.key) is None])

    def _append(self, columns: list[Column]) -> None:
        first = len(self._model.columns)
        self._model.add_columns(columns)
        for number, column in enumerate(columns, first):
            self._header.resizeSection(number, column.width)

    def _take_away(self, number: int) -> None:
        """Pins go by number, and those behind it get others."""
        pinned = self._header.pinned
        self._header.pin(())
        self._model.remove_column(number)
        self._header.pin(each - (each > number) for each in pinned if each != number)

    @contextmanager
    def _one_change(self) -> Iterator[None]:
        """What is done within is told once, at its end."""
        self._changing += 1
        try:
            yield
        finally:
            self._changing -= 1
            self._told()

    def _told(self) -> None:
        if self._changing:
            return
        self.arranged.emit()
        paths = self.paths
        if paths != self._paths:
            self._paths = paths
            self.paths_changed.emit(paths)

"""A table model over a store's rows by name: filtered by words, sorted, calm. What it shows is data (`KeyedColumn`).

Changes are gathered and shown ten times a second at most, and not while nobody looks (`pause`). While it is held, rows
keep their places: what the pointer or the selection is on does not move away; what comes new stands at the end. Names
outlive rows: selection and persistent indexes follow the name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Generic

from PySide6.QtCore import Qt, QTimer

from fleetgui.models.cell_model import GATHER_MS, ROOT, CellModel, Heading, Part, Words
from fleetgui.models.changes import merged, ranges_of
from fleetgui.models.columns import Cell
from fleetgui.models.row_order import KeyedColumn, R, RowOrder

MOST_AT_ONCE: Final = 2_000
"""Rows that are looked at in one go: a few milliseconds."""


class KeyedModel(CellModel, Generic[R]):
    """`hay(row)` is what a filter looks in. Rows are sorted by `first` until somebody chooses a column."""

    def __init__(
        self,
        columns: tuple[KeyedColumn[R], ...],
        first: Callable[[R], Any],
        hay: Callable[[R], str],
        wall: Callable[[], float],
        parent: Any = None,
    ) -> None:
        super().__init__(parent)
        self.columns = columns
        self.headings = tuple(Heading(column.title, column.width, column.align) for column in columns)
        self._order = RowOrder(columns, first)
        self._rows: Mapping[str, R] = {}
        self._hay = hay
        self._wall = wall
        self._words = Words()
        self._names: list[str] = []
        self._at: dict[str, int] = {}
        self._dirty: set[str] = set()
        self._is_held = False
        self.is_doubted = False
        """Whether what is shown is not live: then it has no colour, but for what is unknown."""
        self._is_paused = False
        self._soon = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._soon.timeout.connect(self.flush)

    # What it shows

    def show_rows(self, rows: Mapping[str, R]) -> None:
        """Show another store's rows, which stay the store's."""
        self.beginResetModel()
        self._rows = rows
        self._dirty.clear()
        self._place(self._order.anew({name: row for name, row in rows.items() if self._matches(row)}))
        self.endResetModel()

    def changed(self, names: Collection[str]) -> None:
        """These came, went or are not what they were; shown shortly after."""
        self._dirty.update(names)
        if not self._is_paused and not self._soon.isActive():
            self._soon.start()

    def filter(self, text: str) -> None:
        """Show rows that have every word of `text` somewhere, in any case; "" shows all."""
        words = Words.of(text)
        if words != self._words:
            self._words = words
            self.show_rows(self._rows)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, −1: as at first. Ties stand in the order of names."""
        self._order.chosen = (column, order) if 0 <= column < len(self.columns) else None
        self._arrange(self._order.anew({name: self._rows[name] for name in self._names if name in self._rows}))

    def hold(self, held: bool) -> None:
        """Keep every row in its place, for as long as it is held."""
        self._is_held = held
        if not held:
            self._arrange(
                self._order.sorted(name for name in self._names if name in self._order and name in self._rows)
            )

    def pause(self, paused: bool) -> None:
        """Show no changes: nobody looks. What came meanwhile is shown at once after."""
        self._is_paused = paused
        if paused:
            self._soon.stop()
        else:
            self.flush()

    def age(self) -> None:
        """Time has passed: what tells an age is to be drawn again."""
        if self._names:
            for number, column in enumerate(self.columns):
                if column.ages:
                    self.dataChanged.emit(self.index(0, number), self.index(len(self._names) - 1, number))

    def doubt(self, doubted: bool) -> None:
        """Say that what is shown is not live, or is again."""
        if doubted is not self.is_doubted:
            self.is_doubted = doubted
            if self._names:
                self.dataChanged.emit(self.index(0, 0), self.index(len(self._names) - 1, len(self.columns) - 1))

    def flush(self) -> None:
        """Show what changed; called by itself."""
        if not self._dirty:
            return
        dirty = self._take_dirty()
        gone: set[str] = set()
        new: list[str] = []
        stay: list[str] = []
        for name in dirty:
            row = self._rows.get(name)
            is_shown = row is not None and self._matches(row)
            if name in self._at:
                if is_shown:
                    stay.append(name)
                else:
                    gone.add(name)
            elif is_shown:
                new.append(name)
        if gone:
            # to the end first, so that one range is taken out however they lay
            self._arrange(sorted(self._names, key=gone.__contains__))
            left = len(self._names) - len(gone)
            self.beginRemoveRows(ROOT, left, len(self._names) - 1)
            self._place(self._names[:left])
            self.endRemoveRows()
            for name in gone:
                self._order.forget(name)
        if new:
            self.beginInsertRows(ROOT, len(self._names), len(self._names) + len(new) - 1)
            self._place(self._names + sorted(new))
            self.endInsertRows()
        moved = {name for name in (*new, *stay) if self._order.took(name, self._rows[name])}
        if moved and not self._is_held:
            self._arrange(self._order.with_moved(self._names, moved))
        for first, last in merged(ranges_of(self._at[name] for name in stay), (0, len(self._names) - 1)):
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))

    # What is asked

    @property
    def sorted_by(self) -> tuple[int, Qt.SortOrder] | None:
        """The column and the way; None: as at first."""
        return self._order.chosen

    @property
    def names(self) -> list[str]:
        """In the order that they stand in."""
        return self._names

    @property
    def is_filtered(self) -> bool:
        return bool(self._words)

    def row_of(self, name: str) -> int | None:
        return self._at.get(name)

    def cell(self, row: int, column: int) -> Cell:
        """A row that its store has lost, and that is still to be taken out, is blank."""
        record = self._rows.get(self._names[row])
        if record is None:
            return Cell()
        cell = self.columns[column].cell(record, self._wall())
        return cell._replace(ink="muted") if self.is_doubted and not cell.chip else cell

    def hover(self, row: int, column: int) -> str:
        record, hover = self._rows.get(self._names[row]), self.columns[column].hover
        return "" if record is None or hover is None else hover(record, self._wall())

    def row_id(self, row: int) -> str:
        return self._names[row]

    def row_count(self) -> int:
        return len(self._names)

    def parts(self, row: int, column: int) -> tuple[Part, ...]:
        record, parts = self._rows.get(self._names[row]), self.columns[column].parts
        return () if record is None or parts is None else parts(record)

    # Places

    def _matches(self, row: R) -> bool:
        return not self._words or self._words.are_in(self._hay(row))

    def _take_dirty(self) -> set[str]:
        """What is to be looked at now; the rest a tenth of a second later."""
        if len(self._dirty) <= MOST_AT_ONCE:
            dirty, self._dirty = self._dirty, set()
            return dirty
        if not self._is_paused:
            self._soon.start()
        return {self._dirty.pop() for _ in range(MOST_AT_ONCE)}

    def _arrange(self, names: list[str]) -> None:
        """Put the rows that are there into this order. What the store has lost meanwhile stays where the end is."""
        if len(names) < len(self._names):
            there = set(names)
            names = names + [name for name in self._names if name not in there]
        if names == self._names:
            return
        self.layoutAboutToBeChanged.emit()
        before = self._names
        self._place(names)
        held = self.persistentIndexList()
        moved = [self.index(self._at[before[each.row()]], each.column()) for each in held]
        self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

    def _place(self, names: list[str]) -> None:
        self._names = names
        self._at = {name: row for row, name in enumerate(names)}

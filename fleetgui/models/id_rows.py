"""A table model over things that have ids, in order of id: what changed becomes as few Qt signals as tell it exactly.

Gathers for a tenth of a second. Rows keep their place by id, so that selection and current row survive a new list.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer

from fleetgui.models.changes import Changes, merged, ranges_of
from fleetgui.models.clipboard import tab_separated
from fleetgui.models.columns import Align, Cell
from fleetgui.policy import formats

GATHER_MS: Final = 100
ONE_BY_ONE: Final = 64
"""Changes of membership that are looked at one by one; of more, the lists are compared whole."""
MOST_RUNS: Final = 256
"""Runs of rows that come, go or change in one go; beyond, all of them do at once, which is quicker."""
CELL_ROLE: Final = Qt.ItemDataRole.UserRole
"""The `Cell` of an index."""
ID_ROLE: Final = Qt.ItemDataRole.UserRole + 1
"""The id of a row."""
_ROOT: Final = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


class Heading(NamedTuple):
    """A column: its title, its width in pixels at 100 %, 0 for what is left, and where its text stands.

    `minor` columns go where there is too little room, those with the highest number first; 0 stays.
    """

    title: str
    width: int
    align: Align = Align.LEFT
    minor: int = 0


class IdRows(QAbstractTableModel):
    """Subclasses say which ids there are (`known`), and what stands in a cell (`cell`)."""

    headings: tuple[Heading, ...] = ()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids: list[str] = []
        self._words: tuple[str, ...] = ()
        self._changes = Changes()
        self._soon = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._soon.timeout.connect(self.take_in)

    # For subclasses

    def known(self) -> Collection[str]:
        """The ids of all rows, in any order."""
        raise NotImplementedError

    def cell(self, row: int, column: int) -> Cell:
        raise NotImplementedError

    def hover(self, row: int) -> str:
        """More about a row, as plain lines."""
        return ""

    def hay(self, row_id: str) -> str:
        """What a filter's words are looked for in."""
        return row_id

    def changed(self, ids: frozenset[str] | None) -> None:
        """These came, went or look another way; None: any. Shown soon."""
        if ids is None:
            self._changes.all_rows()
        else:
            self._changes.devices(ids)
        if not self._soon.isActive():
            self._soon.start()

    # What is shown

    def take_in(self) -> None:
        """Show what changed since; called by itself shortly after."""
        changes, self._changes = self._changes, Changes()
        if not changes:
            return
        if changes.everything or len(changes.ids) > ONE_BY_ONE:
            self._compare(self._wanted())
        else:
            known = self.known()
            for each in sorted(changes.ids):
                self._look_at(each, there=each in known and self._matches(each))
        if changes.everything or len(changes.ids) > MOST_RUNS:
            self._repaint([(0, len(self._ids) - 1)])
        else:
            self._repaint(ranges_of(row for each in changes.ids if (row := self.row_of(each)) is not None))

    def ages(self) -> None:
        """Time passed: what says how old it is says something else."""
        self._repaint([(0, len(self._ids) - 1)])

    def reset(self) -> None:
        """Show something else altogether."""
        self._soon.stop()
        self._changes = Changes()
        self.beginResetModel()
        self._ids = self._wanted()
        self.endResetModel()

    def filter(self, text: str) -> None:
        """Show what has every word of `text` somewhere, in any case; "" shows all."""
        words = tuple(text.casefold().split())
        if words != self._words:
            self._words = words
            self.changed(None)
            self.take_in()

    @property
    def is_filtered(self) -> bool:
        return bool(self._words)

    def id_at(self, row: int) -> str:
        return self._ids[row]

    def row_of(self, row_id: str) -> int | None:
        """The row with that id, None where there is none."""
        row = bisect_left(self._ids, row_id)
        return row if row < len(self._ids) and self._ids[row] == row_id else None

    def copied(self, rows: Iterable[int]) -> str:
        """These rows as tab-separated text under a header; "" for none."""
        lines = [[self.cell(row, column).spoken for column in range(len(self.headings))] for row in rows]
        return tab_separated((each.title for each in self.headings), lines) if lines else ""

    # Within

    def _wanted(self) -> list[str]:
        return sorted(filter(self._matches, self.known()) if self._words else self.known())

    def _matches(self, row_id: str) -> bool:
        if not self._words:
            return True
        hay = self.hay(row_id).casefold()
        return all(word in hay for word in self._words)

    def _look_at(self, row_id: str, *, there: bool) -> None:
        row = bisect_left(self._ids, row_id)
        shown = row < len(self._ids) and self._ids[row] == row_id
        if there and not shown:
            self.beginInsertRows(_ROOT, row, row)
            self._ids.insert(row, row_id)
            self.endInsertRows()
        elif shown and not there:
            self.beginRemoveRows(_ROOT, row, row)
            del self._ids[row]
            self.endRemoveRows()

    def _compare(self, new: list[str]) -> None:
        old = self._ids
        if old == new:
            return
        gone, came = (_runs(old, set(new)), _runs(new, set(old))) if old and new else ([], [])
        if not old or not new or len(gone) + len(came) > MOST_RUNS:
            self.beginResetModel()
            self._ids = new
            self.endResetModel()
            return
        for first, last in reversed(gone):
            self.beginRemoveRows(_ROOT, first, last)
            del self._ids[first : last + 1]
            self.endRemoveRows()
        for first, last in came:
            self.beginInsertRows(_ROOT, first, last)
            self._ids[first:first] = new[first : last + 1]
            self.endInsertRows()

    def _repaint(self, ranges: Iterable[tuple[int, int]]) -> None:
        last_column = len(self.headings) - 1
        for first, last in merged(ranges, (0, len(self._ids) - 1)):
            self.dataChanged.emit(self.index(first, 0), self.index(last, last_column))

    # Qt

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.headings)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._ids):
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.cell(index.row(), index.column()).spoken
        if role == CELL_ROLE:
            return self.cell(index.row(), index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return formats.markup(self.hover(index.row()))
        return self._ids[index.row()] if role == ID_ROLE else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.headings):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.headings[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if self._is_right(section) else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _is_right(self, section: int) -> bool:
        return self.headings[section].align is Align.RIGHT


def _runs(ids: list[str], but: set[str]) -> list[tuple[int, int]]:
    """First and last index, inclusive, of the runs of ids that are none of `but`."""
    runs: list[tuple[int, int]] = []
    end = -1
    for index, each in enumerate(ids):
        if each in but:
            continue
        if index == end:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
        end = index + 1
    return runs

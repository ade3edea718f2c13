"""A table model over things that have ids, in order of id: what changed becomes as few Qt signals as tell it exactly.

Gathers for a tenth of a second. Rows keep their place by id, so that selection and current row survive a new list.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable
from typing import Final

from PySide6.QtCore import QObject, QTimer

from fleetgui.models.cell_model import GATHER_MS, ROOT, CellModel, Words
from fleetgui.models.changes import Changes, merged, ranges_of

ONE_BY_ONE: Final = 64
"""Changes of membership that are looked at one by one; of more, the lists are compared whole."""
MOST_RUNS: Final = 256
"""Runs of rows that come, go or change in one go; beyond, all of them do at once, which is quicker."""


class IdRows(CellModel):
    """Subclasses say which ids there are (`known`), and what stands in a cell (`cell`)."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids: list[str] = []
        self._words = Words()
        self._changes = Changes()
        self._soon = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._soon.timeout.connect(self.take_in)

    # For subclasses

    def known(self) -> Collection[str]:
        """The ids of all rows, in any order."""
        raise NotImplementedError

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
        words = Words.of(text)
        if words != self._words:
            self._words = words
            self.changed(None)
            self.take_in()

    @property
    def is_filtered(self) -> bool:
        return bool(self._words)

    def row_of(self, row_id: str) -> int | None:
        """The row with that id, None where there is none."""
        row = bisect_left(self._ids, row_id)
        return row if row < len(self._ids) and self._ids[row] == row_id else None

    # Within

    def _wanted(self) -> list[str]:
        return sorted(filter(self._matches, self.known()) if self._words else self.known())

    def _matches(self, row_id: str) -> bool:
        return not self._words or self._words.are_in(self.hay(row_id))

    def _look_at(self, row_id: str, *, there: bool) -> None:
        row = bisect_left(self._ids, row_id)
        shown = row < len(self._ids) and self._ids[row] == row_id
        if there and not shown:
            self.beginInsertRows(ROOT, row, row)
            self._ids.insert(row, row_id)
            self.endInsertRows()
        elif shown and not there:
            self.beginRemoveRows(ROOT, row, row)
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
            self.beginRemoveRows(ROOT, first, last)
            del self._ids[first : last + 1]
            self.endRemoveRows()
        for first, last in came:
            self.beginInsertRows(ROOT, first, last)
            self._ids[first:first] = new[first : last + 1]
            self.endInsertRows()

    def _repaint(self, ranges: Iterable[tuple[int, int]]) -> None:
        last_column = len(self.headings) - 1
        for first, last in merged(ranges, (0, len(self._ids) - 1)):
            self.dataChanged.emit(self.index(first, 0), self.index(last, last_column))

    # For every table of cells

    def row_count(self) -> int:
        return len(self._ids)

    def row_id(self, row: int) -> str:
        return self._ids[row]


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

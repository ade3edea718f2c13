"""The journal as a table model: newest first, bounded, filtered by words. Entries come in batches, ten times a second.

It keeps references to the entries it shows, in the order they were written; row r is the r-th from the end. What the
journal drops goes here too, under a filter as well: what is shown is always a part of what is kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from enum import IntEnum
from itertools import islice
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer

from fleetgui.models.clipboard import tab_separated
from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy import formats
from fleetgui.stores.journal import Entry, Journal

GATHER_MS: Final = 100
SOURCE_LENGTH: Final = 60
"""Characters of a source that are shown."""
_ROOT: Final = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    TIME = 0
    STATE = 1
    SOURCE = 2
    TEXT = 3


TITLES: Final = ("time", "state", "source", "what happened")

ENTRY_ROLE: Final = Qt.ItemDataRole.UserRole
"""The `Entry` of a row."""


class JournalModel(QAbstractTableModel):
    def __init__(self, journal: Journal, parent: Any = None) -> None:
        super().__init__(parent)
        self._journal = journal
        self._words: tuple[str, ...] = ()
        self._rows: list[Entry] = []
        self._numbers: list[int] = []
        """Of each row: how many entries had been written before its own."""
        self._taken = 0
        """Entries of the journal looked at so far."""
        self._soon = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._soon.timeout.connect(self.take_in)
        Subscriptions(self).listen(journal.appended, self._appended)
        self.take_in()

    @property
    def matching(self) -> int:
        """Entries that match the filter; without one, all that are kept."""
        return len(self._rows)

    def filter(self, text: str) -> None:
        """Show entries that have every word of `text` somewhere, in any case; "" shows all."""
        words = tuple(text.casefold().split())
        if words == self._words:
            return
        self.beginResetModel()
        self._words = words
        self._numbers, self._rows = self._read(len(self._journal.entries))
        self._taken = self._journal.total
        self.endResetModel()

    def take_in(self) -> None:
        """Show what was written since; called by itself shortly after."""
        fresh = self._journal.total - self._taken
        if not fresh:
            return
        self._taken = self._journal.total
        numbers, new = self._read(fresh)
        if new:
            self.beginInsertRows(_ROOT, 0, len(new) - 1)
            self._numbers.extend(numbers)
            self._rows.extend(new)
            self.endInsertRows()
        dropped = bisect_left(self._numbers, self._journal.total - len(self._journal.entries))
        if dropped:
            self.beginRemoveRows(_ROOT, len(self._rows) - dropped, len(self._rows) - 1)
            del self._numbers[:dropped]
            del self._rows[:dropped]
            self.endRemoveRows()

    def entry(self, row: int) -> Entry:
        return self._rows[-1 - row]

    def copied(self, rows: Iterable[int]) -> str:
        """These rows as tab-separated text under a header, with whole dates; "" for none."""
        lines = [
            (
                formats.moment_utc(entry.at),
                entry.state.word,
                formats.text(entry.source, SOURCE_LENGTH),
                formats.text(entry.text),
            )
            for entry in map(self.entry, rows)
        ]
        return tab_separated(TITLES, lines) if lines else ""

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(Column)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        entry = self.entry(index.row())
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return _TEXTS[Column(index.column())](entry)
        if role == Qt.ItemDataRole.ToolTipRole:
            return formats.markup(f"{formats.moment_utc(entry.at)}\n{formats.text(entry.text)}")
        return entry if role == ENTRY_ROLE else None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[section] if 0 <= section < len(TITLES) else None
        return None

    def _appended(self, _entry: Entry) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _read(self, newest: int) -> tuple[list[int], list[Entry]]:
        """Of the `newest` entries that are kept, those that match, oldest first, with their numbers."""
        entries, total = self._journal.entries, self._journal.total
        new = [
            (total - 1 - back, entry)
            for back, entry in enumerate(islice(reversed(entries), newest))
            if self._matches(entry)
        ]
        new.reverse()
        return [number for number, _entry in new], [entry for _number, entry in new]

    def _matches(self, entry: Entry) -> bool:
        if not self._words:
            return True
        hay = " ".join(_strings(entry)).casefold()
        return all(word in hay for word in self._words)


def _strings(entry: Entry) -> Iterable[str]:
    return (entry.text, entry.source, entry.state.word, entry.device_id or "")


_TEXTS: Final[dict[Column, Callable[[Entry], str]]] = {
    Column.TIME: lambda entry: formats.clock_utc(entry.at),
    Column.STATE: lambda entry: entry.state.label,
    Column.SOURCE: lambda entry: formats.text(entry.source, SOURCE_LENGTH),
    Column.TEXT: lambda entry: formats.text(entry.text),
}

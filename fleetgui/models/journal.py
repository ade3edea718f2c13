"""The journal as a table model: newest first, bounded, filtered by words. Entries are `due` ten times a second.

It keeps references to the entries it shows, in the order they were written; row r is the r-th from the end. What the
journal drops goes here too, under a filter as well: what is shown is always a part of what is kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from enum import IntEnum
from itertools import islice
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from fleetgui.models.cell_model import GATHER_MS, ROOT, CellModel, Heading, Words
from fleetgui.models.columns import Cell
from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy import formats
from fleetgui.stores.journal import Entry, Journal

SOURCE_LENGTH: Final = 60
"""Characters of a source that are shown."""


class Column(IntEnum):
    TIME = 0
    STATE = 1
    SOURCE = 2
    TEXT = 3


class JournalModel(CellModel):
    due = Signal()
    """Something was written: `take_in` is to be called."""
    headings = (Heading("time", 84), Heading("state", 112), Heading("source", 128), Heading("what happened", 0))

    def __init__(self, journal: Journal, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._journal = journal
        self._words = Words()
        self._rows: list[Entry] = []
        self._numbers: list[int] = []
        """Of each row: how many entries had been written before its own."""
        self._taken = 0
        """Entries of the journal looked at so far."""
        self._soon = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._soon.timeout.connect(self.due)
        Subscriptions(self).listen(journal.appended, self._appended)
        self.take_in()

    @property
    def matching(self) -> int:
        """Entries that match the filter; without one, all that are kept."""
        return len(self._rows)

    def filter(self, text: str) -> None:
        """Show entries that have every word of `text` somewhere, in any case; "" shows all."""
        words = Words.of(text)
        if words == self._words:
            return
        self.beginResetModel()
        self._words = words
        self._numbers, self._rows = self._read(len(self._journal.entries))
        self._taken = self._journal.total
        self.endResetModel()

    def take_in(self) -> None:
        """Show what was written since; what could not be taken in is taken in the next time."""
        fresh = self._journal.total - self._taken
        if not fresh:
            return
        numbers, new = self._read(fresh)
        self._taken = self._journal.total
        if new:
            self.beginInsertRows(ROOT, 0, len(new) - 1)
            self._numbers.extend(numbers)
            self._rows.extend(new)
            self.endInsertRows()
        dropped = bisect_left(self._numbers, self._journal.total - len(self._journal.entries))
        if dropped:
            self.beginRemoveRows(ROOT, len(self._rows) - dropped, len(self._rows) - 1)
            del self._numbers[:dropped]
            del self._rows[:dropped]
            self.endRemoveRows()

    def entry(self, row: int) -> Entry:
        return self._rows[-1 - row]

    def cell(self, row: int, column: int) -> Cell:
        entry = self.entry(row)
        match column:
            case Column.TIME:
                return Cell(formats.clock_utc(entry.at), "muted")
            case Column.STATE:
                return Cell(entry.state.word, entry.state.token, entry.state.glyph)
            case Column.SOURCE:
                return Cell(formats.text(entry.source, SOURCE_LENGTH), "muted")
            case _:
                return Cell(formats.text(entry.text))

    def hover(self, row: int, column: int) -> str:
        entry = self.entry(row)
        return f"{formats.moment_utc(entry.at)}\n{formats.text(entry.text)}"

    def copied_row(self, row: int) -> Iterable[str]:
        """With the whole date, and states as words."""
        entry = self.entry(row)
        source = formats.text(entry.source, SOURCE_LENGTH)
        return formats.moment_utc(entry.at), entry.state.word, source, formats.text(entry.text)

    def row_count(self) -> int:
        return len(self._rows)

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
        return not self._words or self._words.are_in(
            f"{entry.text} {entry.source} {entry.state.word} {entry.device_id or ''}"
        )

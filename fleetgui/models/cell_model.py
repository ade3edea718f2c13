"""What every table of cells is to Qt: rows of `Cell`s under `Heading`s, to be drawn, read aloud, hovered and copied.

Which rows there are, and how they come and go, is for subclasses: `IdRows`, `KeyedModel`, the journal, live events.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from fleetgui.models.clipboard import tab_separated
from fleetgui.models.columns import Align, Cell
from fleetgui.policy import formats

GATHER_MS: Final = 100
"""How long changes are gathered before they are shown."""
CELL_ROLE: Final = Qt.ItemDataRole.UserRole
"""The `Cell` of an index."""
ID_ROLE: Final = Qt.ItemDataRole.UserRole + 1
"""The id of a row; None in tables whose rows have none."""
PARTS_ROLE: Final = ID_ROLE + 1
"""The parts of a bar, where the column has one."""
ROOT: Final = QModelIndex()
Part: TypeAlias = tuple[str, float]
"""An ink, and the share of a bar that is drawn in it, 0 … 1."""
Index: TypeAlias = QModelIndex | QPersistentModelIndex

ALIGNMENTS: Final = {
    Align.LEFT: Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
    Align.RIGHT: Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
}


class Heading(NamedTuple):
    """A column: its title, its width in pixels at 100 %, 0 for what is left, and where its text stands.

    `minor` columns go where there is too little room, those with the highest number first; 0 stays.
    """

    title: str
    width: int
    align: Align = Align.LEFT
    minor: int = 0


@dataclass(frozen=True)
class Words:
    """What a filter by words looks for: all of them, anywhere, in any case. Without words everything is found."""

    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Words:
        return cls(tuple(text.casefold().split()))

    def __bool__(self) -> bool:
        return bool(self.words)

    def are_in(self, hay: str) -> bool:
        hay = hay.casefold()
        return all(word in hay for word in self.words)


class CellModel(QAbstractTableModel):
    """Subclasses have `headings`, and say how many rows there are and what stands in a cell."""

    headings: tuple[Heading, ...] = ()

    # For subclasses

    def row_count(self) -> int:
        raise NotImplementedError

    def cell(self, row: int, column: int) -> Cell:
        raise NotImplementedError

    def hover(self, row: int, column: int) -> str:
        """More than the cell says, as plain lines; "" for nothing."""
        return ""

    def row_id(self, row: int) -> str | None:
        """What outlives a row's place."""
        return None

    def copied_row(self, row: int) -> Iterable[str]:
        """A row as it is copied, a text for each heading."""
        return (self.cell(row, column).spoken for column in range(len(self.headings)))

    def parts(self, row: int, column: int) -> tuple[Part, ...]:
        """Of a column that is a bar: its parts, each with its ink and its share, 0 … 1."""
        return ()

    # What is asked

    def copied(self, rows: Iterable[int]) -> str:
        """These rows as tab-separated text under a header; "" for none."""
        lines = [self.copied_row(row) for row in rows]
        return tab_separated((each.title for each in self.headings), lines) if lines else ""

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else self.row_count()

    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.headings)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = index.row(), index.column()
        if not index.isValid() or not 0 <= row < self.row_count():
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.cell(row, column).spoken
        if role == CELL_ROLE:
            return self.cell(row, column)
        if role == ID_ROLE:
            return self.row_id(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return formats.markup(self.hover(row, column))
        return self.parts(row, column) if role == PARTS_ROLE else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.headings):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.headings[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return ALIGNMENTS[self.headings[section].align]
        return None

"""What happens at an open topology, newest first; it may be paused, and goes on recording meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from itertools import islice
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer

from fleetgui.models.clipboard import tab_separated
from fleetgui.models.columns import Align, Cell
from fleetgui.models.id_rows import CELL_ROLE, GATHER_MS, Heading
from fleetgui.policy import formats
from fleetgui.stores.topologies.following import EVENTS_KEPT, Following
from fleetgui.stores.topologies.told import Told

_ROOT: Final = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    TIME = 0
    NUMBER = 1
    FAMILY = 2
    WORDS = 3


class TopologyEventsModel(QAbstractTableModel):
    """Row r is the r-th event from the newest. At most `EVENTS_KEPT`."""

    headings = (
        Heading("Time", 112),
        Heading("No.", 62, Align.RIGHT, minor=2),
        Heading("Event", 110, minor=1),
        Heading("What", 0),
    )

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.paused = False
        self._following: Following | None = None
        self._shown: list[Told] = []
        """Newest last."""
        self._seen = 0
        self._soon = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._soon.timeout.connect(self.take_in)
        self._ends: list[Callable[[], None]] = []
        ends = self._ends  # a function, not a method: Qt holds methods of plain objects weakly

        def end() -> None:
            while ends:
                ends.pop()()

        self._end = end
        self.destroyed.connect(end)

    @property
    def behind(self) -> int:
        """Events recorded and not shown yet."""
        return 0 if self._following is None else self._following.events_seen - self._seen

    def show_topology(self, following: Following | None) -> None:
        """The events of another topology, from the first that is kept; a pause is over."""
        self._end()
        self.beginResetModel()
        self._following, self._shown, self._seen, self.paused = following, [], 0, False
        if following is not None:
            self._ends.append(following.changed.connect(self._changed))
            self._shown, self._seen = list(following.events), following.events_seen
        self.endResetModel()

    def pause(self, paused: bool) -> None:
        self.paused = paused
        self.take_in()

    def take_in(self) -> None:
        """Show what was recorded since, unless it is paused; called by itself shortly after."""
        if self._following is None or self.paused or not self.behind:
            return
        events = self._following.events
        fresh = list(islice(reversed(events), min(self.behind, len(events))))
        fresh.reverse()
        self._seen = self._following.events_seen
        over = len(self._shown) + len(fresh) - EVENTS_KEPT
        if over > 0 and self._shown:
            gone = min(over, len(self._shown))
            self.beginRemoveRows(_ROOT, len(self._shown) - gone, len(self._shown) - 1)
            del self._shown[:gone]
            self.endRemoveRows()
        self.beginInsertRows(_ROOT, 0, len(fresh) - 1)
        self._shown.extend(fresh)
        self.endInsertRows()

    def event_at(self, row: int) -> Told:
        return self._shown[-1 - row]

    def cell(self, row: int, column: int) -> Cell:
        event = self.event_at(row)
        match column:
            case Column.TIME:
                return Cell(formats.clock_utc(event.at, millis=True), "muted")
            case Column.NUMBER:
                return Cell("" if event.seq is None else formats.count(event.seq), "muted")
            case Column.FAMILY:
                return Cell(event.family, "muted")
            case _ if event.state is None:
                return Cell(event.words)
            case _:
                return Cell(event.words, event.state.token, event.state.glyph)

    def copied(self, rows: list[int]) -> str:
        """These rows as tab-separated text under a header, with whole dates; "" for none."""
        lines = [
            [formats.moment_utc(event.at), "" if event.seq is None else str(event.seq), event.family, event.words]
            for event in map(self.event_at, rows)
        ]
        return tab_separated((each.title for each in self.headings), lines) if lines else ""

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(Column)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._shown):
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.cell(index.row(), index.column()).spoken
        if role == Qt.ItemDataRole.ToolTipRole:
            event = self.event_at(index.row())
            return formats.markup(f"{formats.moment_utc(event.at)}\n{event.words}")
        return self.cell(index.row(), index.column()) if role == CELL_ROLE else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.headings):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.headings[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            right = self.headings[section].align is Align.RIGHT
            side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _changed(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

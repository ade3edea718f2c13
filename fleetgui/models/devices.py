"""The device table's model: as many rows as the registry counts, read from the roster only when they are drawn.

Runs on the GUI thread. Nothing here starts I/O, and nothing is done a row of the fleet: a million rows cost what a
thousand cost. What stores report is collected and told to the view by `flush`, which its owner calls at most ten
times a second. Between flushes a row that was drawn keeps what it showed, unless the registry's page put another
device there: that is shown at once, since opening and copying go by what is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from PySide6.QtCore import Signal as QtSignal

from fleetgui.models.cell_model import ALIGNMENTS, Index
from fleetgui.models.changes import Changes, Range, merged, ranges_of
from fleetgui.models.columns import COLUMNS, Cell, Column
from fleetgui.models.drawn import DrawnRow, Glow
from fleetgui.models.facts import Facts
from fleetgui.models.groups import spoken
from fleetgui.models.row_facts import RowFacts
from fleetgui.models.subscriptions import Subscriptions
from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import LinkState, State
from fleetgui.stores.engagements import Engagements, Refusal
from fleetgui.stores.link import LinkStore
from fleetgui.stores.marks import Marks
from fleetgui.stores.presence import Presence
from fleetgui.stores.roster import GroupHead, Row
from fleetgui.stores.rows import RowSource

FLUSH_S: Final = 0.1
"""How often the owner calls `flush`."""
AGES_S: Final = 0.25
"""How often what only time changes is looked at again."""
_KEPT: Final = 600
"""Rows whose cells are kept; more than any window shows."""


class DeviceTableModel(QAbstractTableModel):
    reread = QtSignal(int, int)
    """Rows (first, last) were read again: other devices may stand there now. At once, not collected."""

    def __init__(
        self,
        roster: RowSource,
        presence: Presence,
        engagements: Engagements,
        clock: Clock,
        link: LinkStore | None = None,
        *,
        marks: Marks | None = None,
        columns: Sequence[Column] = COLUMNS,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.roster = roster
        self.marks = Marks() if marks is None else marks
        self.glow_enabled = True
        self._facts = RowFacts(roster, presence, engagements, clock)
        self._clock = clock
        self._link = link
        self._aging = [number for number, column in enumerate(self.columns) if column.ages]
        self._rows = roster.total
        self._order_marks: dict[str, str] = {}
        self._window: Range | None = None
        self._changes = Changes()
        self._drawn: dict[int, DrawnRow] = {}
        self._before: dict[str, DrawnRow] = {}
        """Rows that were read again since the last flush, by device: what they showed, for the glow."""
        self._glow = Glow(clock)
        self._aged_at = clock.now()
        self._was_up = self._link_up
        self._subscriptions = Subscriptions(self)
        listen = self._subscriptions.listen
        listen(roster.resized, self._resized)
        listen(roster.rows_changed, self._rows_changed)
        listen(presence.changed, self._changes.devices)
        listen(engagements.changed, self._engaged)
        listen(self.marks.changed, self._changes.devices)
        if link is not None:
            listen(link.changed, self._link_changed)

    # What a view asks

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else self._rows

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, number = index.row(), index.column()
        if not (0 <= row < self._rows and 0 <= number < len(self.columns)):
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            head = self.group(row)
            return self.cell(row, number).spoken if head is None else spoken(head)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return "marked" if self.is_marked(row) else ""
        if role == Qt.ItemDataRole.ToolTipRole:
            return formats.markup(self.hover(row, number))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return ALIGNMENTS[self.columns[number].align]
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Vertical:
            return self._row_name(section) if role == Qt.ItemDataRole.AccessibleTextRole else None
        if not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{column.header} {self._order_marks.get(column.field or '', '')}".rstrip()
        if role == Qt.ItemDataRole.AccessibleTextRole:
            mark = self._order_marks.get(column.field or "", "")
            ways = {"↑": ", sorted ascending", "↓": ", sorted descending"}
            return column.header + (f"{ways[mark[0]]} {mark[1:]}".rstrip() if mark else "")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return ALIGNMENTS[column.align]
        return None

    def mark_orders(self, marks: Mapping[str, str]) -> None:
        """Field → what stands behind its column's title: how the rows are sorted. They are sorted by their source."""
        self._order_marks = dict(marks)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)

    # What our own view and delegate ask, without going through Qt

    def cell(self, row: int, number: int) -> Cell:
        """What stands in a cell. Rows beyond the end are drawn as not loaded."""
        return (self._drawn.get(row) or self._draw(row)).cell(number, self.columns[number])

    def texts(self, entry: Row, numbers: Sequence[int]) -> list[str]:
        """What a device's row says in these columns, wherever it stands: for what is copied."""
        facts = self._facts.of_entry(entry)
        return [self.columns[number].of(facts).spoken for number in numbers]

    def facts(self, row: int) -> Facts:
        """What the row is drawn from."""
        return (self._drawn.get(row) or self._draw(row)).facts

    def device_id(self, row: int) -> str | None:
        """The device that is shown in a row, None where there is none or it was not read."""
        return self.facts(row).row.device_id if 0 <= row < self._rows else None

    def group(self, row: int) -> GroupHead | None:
        """What stands in a row that is the head of a group; None in every other."""
        return self.facts(row).row.group

    def is_marked(self, row: int) -> bool:
        return len(self.marks) > 0 and self.device_id(row) in self.marks

    def is_faint(self, row: int) -> bool:
        """Whether the device in a row is not heard of now: what the row says is how it was."""
        return self.facts(row).presence in _FAINT

    @property
    def has_groups(self) -> bool:
        """Whether what is shown stands under heads; the first row is one then."""
        return self._rows > 0 and self.roster.row(0).group is not None

    def hover(self, row: int, number: int) -> str:
        """The tooltip of a cell, as plain text: what the column adds, else the text that may have been cut."""
        column = self.columns[number]
        added = column.hover(self.facts(row)) if column.hover is not None else ""
        return added or self.cell(row, number).text

    def _row_name(self, row: int) -> str:
        """What a screen reader calls a row."""
        device_id = self.device_id(row)
        return f"row {row + 1}" if device_id is None else formats.text(device_id)

    def glow(self, row: int, number: int) -> float:
        """How strongly a cell glows, 1 … 0."""
        shown = self._drawn.get(row) if self._glow else None
        return 0.0 if shown is None else self._glow.strength(shown.facts.row.device_id, number)

    def glowing(self) -> list[tuple[int, int]]:
        """(row, column) of what glows in the window now; forgets what has ended."""
        places = ((self.roster.offset_of(device_id), number) for device_id, number in self._glow.cells())
        return [(row, number) for row, number in places if row is not None]

    # Columns of fields that no summary has

    def add_columns(self, columns: Sequence[Column]) -> None:
        """Put further columns behind the others."""
        if columns:
            first = len(self.columns)
            self.beginInsertColumns(QModelIndex(), first, first + len(columns) - 1)
            self._put_columns((*self.columns, *columns))
            self.endInsertColumns()

    def remove_column(self, number: int) -> None:
        """Take a column away; those behind it get other numbers."""
        self.beginRemoveColumns(QModelIndex(), number, number)
        self._put_columns((*self.columns[:number], *self.columns[number + 1 :]))
        self.endRemoveColumns()

    def _put_columns(self, columns: tuple[Column, ...]) -> None:
        """What was drawn, and glows, goes by the columns' numbers: it is drawn anew."""
        self.columns = columns
        self._aging = [number for number, column in enumerate(columns) if column.ages]
        self._drawn.clear()
        self._before.clear()
        self._glow.clear()

    # The owner's beat

    def watch(self, first: int, last: int) -> None:
        """Rows first … last are on the screen: only they are told about by `flush`, only they glow."""
        self._window = (first, last)

    def flush(self) -> list[Range]:
        """Tell the view what changed since the last flush; returns the ranges of rows, as they were told."""
        ranges = self._changed_ranges() if self._changes else []
        changed = self._redraw(ranges)
        now = self._clock.now()
        if now - self._aged_at >= AGES_S:
            self._aged_at = now
            self._forget_outside()
            ranges = merged([*ranges, *ranges_of(self._aged(skip=changed))], (0, self._rows - 1))
        for first, last in ranges:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))
        return ranges

    # Within

    def _changed_ranges(self) -> list[Range]:
        changes, rows, window = self._changes, self._rows, self._window
        everything, ids, ranges = changes.everything, changes.ids, changes.ranges
        changes.everything, changes.ids, changes.ranges = False, set(), []
        self._forget_outside()
        if rows == 0:
            return []
        low, high = (0, rows - 1) if window is None else (max(0, window[0]), min(window[1], rows - 1))
        if everything:
            return merged([(low, high)], (low, high))
        if ids:
            ranges = [*ranges, *ranges_of(self.roster.offsets_of(self._in_window(ids)))]
        return merged(ranges, (low, high))

    def _in_window(self, ids: set[str]) -> set[str]:
        """Those of `ids` that can be on the screen, found by the rows of the window where that is less work."""
        if self._window is None or len(ids) <= self._window[1] - self._window[0]:
            return ids
        on_screen = (self.roster.row(row).device_id for row in range(max(0, self._window[0]), self._window[1] + 1))
        return {device_id for device_id in on_screen if device_id is not None and device_id in ids}

    def _forget_outside(self) -> None:
        """Rows outside of the window are not told about: what they showed goes, so that they are drawn anew."""
        if self._window is not None:
            low, high = self._window
            for row in [row for row in self._drawn if not low <= row <= high]:
                del self._drawn[row]

    def _redraw(self, ranges: list[Range]) -> set[int]:
        """Compute drawn rows of `ranges` again, noting which cells changed; returns the rows."""
        rows = {row for first, last in ranges for row in self._drawn if first <= row <= last}
        for row in rows:
            before = self._drawn.pop(row)
            self._note_glow(before, self._draw(row))
        for device_id, before in self._before.items():
            row_now = self.roster.offset_of(device_id)
            if row_now is not None and self._is_watched(row_now):
                self._note_glow(before, self._drawn.get(row_now) or self._draw(row_now))
        self._before.clear()
        return rows

    def _aged(self, skip: set[int]) -> list[int]:
        """Rows on the screen in which time alone changed something."""
        aged = []
        for row, shown in list(self._drawn.items()):
            if row in skip or not shown.facts.loaded:
                continue
            if shown.age(self._facts.of(row), self.columns, self._aging):
                aged.append(row)
        return aged

    def _is_watched(self, row: int) -> bool:
        return self._window is None or self._window[0] <= row <= self._window[1]

    def _note_glow(self, before: DrawnRow, after: DrawnRow) -> None:
        if self.glow_enabled and self._window is not None:
            self._glow.note(before, after, self.columns)

    def _draw(self, row: int) -> DrawnRow:
        if len(self._drawn) >= _KEPT:
            self._drawn.clear()
        shown = self._drawn[row] = DrawnRow(self._facts.of(row), len(self.columns))
        return shown

    @property
    def _link_up(self) -> bool:
        return self._link is None or self._link.state.state is State.LIVE

    # What stores report

    def _resized(self, old: int, new: int) -> None:
        """The roster has `new` rows already; between begin and end only the row count is at stake."""
        if new > self._rows:
            self.beginInsertRows(QModelIndex(), self._rows, new - 1)
            self._rows = new
            self.endInsertRows()
        elif new < self._rows:
            self.beginRemoveRows(QModelIndex(), new, self._rows - 1)
            self._rows = new
            for row in [row for row in self._drawn if row >= new]:
                del self._drawn[row]
            self.endRemoveRows()

    def _rows_changed(self, first: int, last: int) -> None:
        for row in [row for row in self._drawn if first <= row <= last]:
            shown = self._drawn.pop(row)
            if shown.facts.row.device_id is not None and self._is_watched(row):
                self._before.setdefault(shown.facts.row.device_id, shown)
        self._changes.rows(first, last)
        self.reread.emit(first, last)

    def _engaged(self, refusals: list[Refusal]) -> None:
        self._changes.devices(frozenset(refusal.device_id for refusal in refusals))

    def _link_changed(self, _state: LinkState) -> None:
        if self._link_up is not self._was_up:
            self._was_up = self._link_up
            self._changes.all_rows()


_FAINT: Final = frozenset({State.OFFLINE, State.STALE})

"""Devices → Columns: which columns there are, in which order, how wide, what stays at the left, and any other field.

Not modal, and nothing to confirm: what is done here is seen in the table at once, and the table goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtWidgets import (
    QCompleter,
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from fleetgui.models.payload_columns import MOST_COLUMNS
from fleetgui.policy import formats
from fleetgui.policy.filters import SUMMARY
from fleetgui.widgets.devices.columns import NARROWEST, WIDEST, ColumnSettings, Entry
from fleetgui.widgets.devices.columns_list import ColumnList
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.plain import plain_label
from fleetgui.wire.payload import LABELS, LONGEST_PATH, is_left_out, path_of, paths_in, value_at

MOST_RECORDS: Final = 60
MOST_BYTES: Final = 2_000_000
"""Of records that are looked through for fields to offer: some ten milliseconds."""

_HINT: Final = (
    "It is shown for the rows on the screen. Sorting, grouping or filtering by it needs every device to be read; you "
    "are asked before that begins."
)


class ColumnsDialog(QDialog):
    """`records()` gives the encoded records of the devices on the screen."""

    def __init__(self, columns: ColumnSettings, records: Callable[[], list[bytes]], parent: QWidget) -> None:
        super().__init__(parent)
        self._columns = columns
        self._records = _few(records())
        self._ink = "muted"
        self.setWindowTitle("Columns")
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._lay_out()
        self._connect()
        self._fill()
        self.resize(520, 600)

    # Building

    def _lay_out(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search columns")
        self.search.setAccessibleName("Search columns")
        self.search.setClearButtonEnabled(True)
        self.list = ColumnList()
        self.up = _button("Up", "Move the column to the left (Alt+Up)")
        self.down = _button("Down", "Move the column to the right (Alt+Down)")
        self.pin = _button("Keep at the left", "It stays while the others scroll")
        self.pin.setCheckable(True)
        self.remove = _button("Remove", "Take a field of the record out of the table")
        self.wide = QSpinBox()
        self.wide.setRange(NARROWEST, WIDEST)
        self.wide.setSingleStep(10)
        self.wide.setSuffix(" px")
        self.wide.setAccessibleName("Width of the column")
        self.path = QLineEdit()
        self.path.setMaxLength(LONGEST_PATH)
        self.path.setFont(theme.current().font("mono"))
        self.path.setPlaceholderText("status.temperature")
        self.path.setAccessibleName("Field of the record to add")
        self.add = _button("Add", "Show this field of the record in a column of its own")
        self.said = plain_label(_HINT)
        self.said.setWordWrap(True)
        self.reset = _button("As at first", "The columns that there were at the beginning, and no others")
        self.close_ = _button("Close", "What was arranged stays")
        body = QVBoxLayout(self)
        body.setContentsMargins(*[4 * theme.GRID] * 4)
        body.setSpacing(2 * theme.GRID)
        body.addWidget(self.search)
        body.addWidget(self.list, 1)
        body.addLayout(_line(self.up, self.down, self.pin, self.remove, None, plain_label("Width"), self.wide))
        label = plain_label("Add a &field of the record, by where it stands there")
        label.setBuddy(self.path)
        body.addSpacing(2 * theme.GRID)
        body.addWidget(label)
        line = QHBoxLayout()
        line.addWidget(self.path, 1)
        line.addWidget(self.add)
        body.addLayout(line)
        body.addWidget(self.said)
        body.addSpacing(2 * theme.GRID)
        body.addLayout(_line(self.reset, None, self.close_))
        self._complete()
        self._show_look()

    def _complete(self) -> None:
        """Offer the fields that the devices on the screen have and that have no column."""
        seen: dict[str, int] = {}
        for record in self._records:
            for path in paths_in(record):
                if path_of(path) is not None and SUMMARY.find(path) is None:
                    seen[path] = seen.get(path, 0) + 1
        self.offered = sorted(seen, key=lambda path: (-seen[path], path))
        completer = QCompleter(QStringListModel(self.offered, self), self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setMaxVisibleItems(12)
        self.path.setCompleter(completer)

    def _connect(self) -> None:
        self.search.textChanged.connect(self.list.show_only)
        self.list.toggled.connect(self._columns.show)
        self.list.moved.connect(self._columns.move)
        self.list.chosen.connect(self._show_chosen)
        self.up.clicked.connect(lambda: self.list.move_current(-1))
        self.down.clicked.connect(lambda: self.list.move_current(1))
        self.pin.clicked.connect(lambda on: self._with_current(lambda key: self._columns.pin(key, on)))
        self.remove.clicked.connect(lambda: self._with_current(self._columns.remove))
        self.wide.valueChanged.connect(lambda width: self._with_current(lambda key: self._columns.resize(key, width)))
        self.add.clicked.connect(self._add)
        self.path.textEdited.connect(lambda _: self._say(_HINT))
        self.path.returnPressed.connect(self._add)
        self.reset.clicked.connect(self._columns.reset)
        self.close_.clicked.connect(self.close)
        self._columns.arranged.connect(self._fill)
        theme.changed.connect(self._show_look)

    # What is shown

    def _fill(self) -> None:
        self.list.show_entries(self._columns.entries)
        self._show_chosen(self.list.current)

    def _show_chosen(self, entry: Entry | None) -> None:
        """What can be done to the column that is chosen."""
        entries = self.list.entries
        place = entries.index(entry) if entry is not None and entry in entries else -1
        self.up.setEnabled(place > 0)
        self.down.setEnabled(0 <= place < len(entries) - 1)
        self.pin.setEnabled(entry is not None)
        self.pin.setChecked(entry is not None and entry.pinned)
        self.remove.setEnabled(entry is not None and entry.column.path is not None)
        self.wide.setEnabled(entry is not None and entry.shown)
        self.wide.blockSignals(True)
        self.wide.setValue(entry.width if entry is not None and entry.shown else NARROWEST)
        self.wide.blockSignals(False)

    def _with_current(self, what: Callable[[str], object]) -> None:
        if (entry := self.list.current) is not None:
            what(entry.key)

    def _say(self, words: str, ink: str = "muted") -> None:
        self._ink = ink
        self.said.setText(words)
        self._show_look()

    def _show_look(self) -> None:
        palette = self.said.palette()
        palette.setColor(self.said.foregroundRole(), theme.current().color(self._ink))
        self.said.setPalette(palette)

    # Adding

    def _add(self) -> None:
        """Add the field that was typed, or say why not."""
        text = self.path.text().strip()
        if (key := _label_key(text)) is not None:
            text = LABELS + key
        if (known := SUMMARY.find(text)) is not None and (entry := self._of_field(known.field)) is not None:
            self._columns.show(entry.key)
            self.list.choose(entry.key)
            self._say(f"That is the column {entry.column.title}.")
            return
        path = path_of(text)
        if path is None:
            self._say(
                "Write where the field stands in the record, with dots between: status.temperature.", "band_critical"
            )
            return
        values = [value for record in self._records if (value := value_at(record, path)) is not None]
        figures = bool(values) and all(isinstance(value, float) and not isinstance(value, bool) for value in values)
        if not self._columns.add_path(text, figures=figures):
            self._say(
                f"There are {MOST_COLUMNS} fields of the record already; remove one of them first.", "band_critical"
            )
            return
        self.path.clear()
        self.list.choose(f"payload:{text}")
        shown = formats.text(text, 60)
        if is_left_out(text):
            self._say(f"{shown} is in no summary: records are read whole while it is shown.")
        elif not values:
            self._say(f"{shown} was added; none of the devices on the screen has it.", "late")
        else:
            self._say(f"{shown} was added. {_HINT}")

    def _of_field(self, field: str) -> Entry | None:
        return next((each for each in self._columns.entries if each.column.field == field), None)


def _label_key(text: str) -> str | None:
    """The key in `label.KEY`, as filters write it."""
    word, dot, key = text.partition(".")
    field = SUMMARY.find(word)
    return key if dot and key and field is not None and field.field == "labels" else None


def _few(records: list[bytes]) -> list[bytes]:
    few, size = [], 0
    for record in records[:MOST_RECORDS]:
        size += len(record)
        if size > MOST_BYTES:
            break
        few.append(record)
    return few


def _button(text: str, tip: str) -> QPushButton:
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setAutoDefault(False)
    return made


def _line(*widgets: QWidget | None) -> QHBoxLayout:
    """Side by side; None is where there is room to spare."""
    line = QHBoxLayout()
    line.setSpacing(2 * theme.GRID)
    for each in widgets:
        if each is None:
            line.addStretch(1)
        else:
            line.addWidget(each)
    return line

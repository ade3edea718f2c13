"""What a device says of itself, as names and values in sections; brought up to date in place.

Status fields of the last heartbeat stand over those of the record, which the registry merges them into later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from fleetgui.policy import formats
from fleetgui.widgets.detail.form_schema import shown_json
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.plain import tip

MOST_VALUES: Final = 400
_DEEPEST: Final = 6
_TIMES: Final = frozenset({"ts", "registered_at"})

Sections = Mapping[str, Mapping[str, str]]
"""Section → name → value, all of it plain text."""


def sections_of(
    record: dict[str, Any] | None, heard: Mapping[str, Any], *, heard_ago: str = ""
) -> dict[str, dict[str, str]]:
    """The sections of a device. `heard`: status fields of the last heartbeat; `heard_ago` says how old they are."""
    whole = record or {}
    capabilities = whole.get("capabilities")
    capabilities = capabilities if isinstance(capabilities, dict) else {}
    status = whole.get("status")
    merged = {**(status if isinstance(status, dict) else {}), **heard}
    known = ("identity", "status", "capabilities", "registry")
    rest = {key: value for key, value in whole.items() if key not in known}
    if isinstance(capabilities.get("description"), str) and capabilities["description"]:
        rest["description"] = capabilities["description"]
    for key in ("functions", "events"):
        if isinstance(capabilities.get(key), list):
            rest[key] = len(capabilities[key])
    named = {
        "Device": rest,
        "Identity": whole.get("identity"),
        f"Status{heard_ago}": merged,
        "Labels": capabilities.get("labels"),
        "Registry": whole.get("registry"),
    }
    left = MOST_VALUES
    sections = {}
    for title, values in named.items():
        rows = {}
        for name, value in _flat(values):
            if left == 0:
                rows["…"] = "more than fits here; Raw has all of it"
                break
            left -= 1
            rows[name] = value
        if rows:
            sections[title] = rows
    return sections


def _flat(value: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """(name, value as text) of what is nested, names joined by dots."""
    if not isinstance(value, dict):
        if value is not None and depth == 0:
            yield "value", formats.text(shown_json(value), 200)
        return
    for key, each in value.items():
        name = formats.text(f"{prefix}{key}", 80)
        if isinstance(each, dict) and each and depth < _DEEPEST:
            yield from _flat(each, f"{name}.", depth + 1)
        elif key in _TIMES:
            yield name, formats.wire_time(each)
        elif isinstance(each, list) and all(isinstance(item, str) for item in each[:20]):
            yield name, formats.text(", ".join(map(str, each[:20])) or "none")
        else:
            yield name, formats.text(each if isinstance(each, str | None) else shown_json(each))


class OverviewTab(QTreeWidget):
    """Two columns, a section a branch. Ctrl+C copies the value of the current row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("What the device says of itself")
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setStyleSheet("QTreeWidget::item { padding: 2px 12px; }")
        self.setExpandsOnDoubleClick(False)
        self.setItemsExpandable(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.header().resizeSection(0, 168)
        self.header().setStretchLastSection(True)
        self._branches: dict[str, QTreeWidgetItem] = {}
        self._rows: dict[tuple[str, str], QTreeWidgetItem] = {}
        shortcut = QShortcut(QKeySequence.StandardKey.Copy, self)
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(self._copy)
        theme.changed.connect(self._retheme)

    def show_sections(self, sections: Sections) -> None:
        """Show these; a row that is there already changes only its text. A title's words after a comma may change."""
        wanted = {(_key(title), name) for title, rows in sections.items() for name in rows}
        for key in [key for key in self._rows if key not in wanted]:
            self._branches[key[0]].removeChild(self._rows.pop(key))
        for position, (title, rows) in enumerate(sections.items()):
            branch = self._branch(title, position)
            for row, (name, value) in enumerate(rows.items()):
                self._row(branch, _key(title), row, name, value)
        for title in self._branches.keys() - {_key(title) for title in sections}:
            self.takeTopLevelItem(self.indexOfTopLevelItem(self._branches.pop(title)))

    def value(self, section: str, name: str) -> str | None:
        """What is shown, for whoever checks it."""
        item = self._rows.get((section, name))
        return None if item is None else item.text(1)

    def _branch(self, title: str, position: int) -> QTreeWidgetItem:
        branch = self._branches.get(_key(title))
        if branch is None:
            branch = self._branches[_key(title)] = QTreeWidgetItem()
            branch.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.insertTopLevelItem(position, branch)
            branch.setExpanded(True)
            branch.setFirstColumnSpanned(True)
            self._dress_branch(branch)
        if branch.text(0) != title:
            branch.setText(0, title)
        return branch

    def _row(self, branch: QTreeWidgetItem, section: str, position: int, name: str, value: str) -> None:
        item = self._rows.get((section, name))
        if item is None:
            item = self._rows[section, name] = QTreeWidgetItem([name, value])
            self._dress_row(item)
            branch.insertChild(position, item)
        elif item.text(1) != value:
            item.setText(1, value)
        else:
            return
        item.setToolTip(1, tip(value))

    def _dress_branch(self, branch: QTreeWidgetItem) -> None:
        look = theme.current()
        branch.setFont(0, look.font("label", strong=True))
        branch.setForeground(0, look.color("muted"))
        branch.setSizeHint(0, QSize(0, look.row_height + 6))
        branch.setTextAlignment(0, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)

    def _dress_row(self, item: QTreeWidgetItem) -> None:
        item.setForeground(0, theme.current().color("muted"))

    def _retheme(self) -> None:
        for branch in self._branches.values():
            self._dress_branch(branch)
        for item in self._rows.values():
            self._dress_row(item)

    def _copy(self) -> None:
        items = [item for item in self._rows.values() if item.isSelected()]
        lines = [item.text(1) if len(items) == 1 else f"{item.text(0)}\t{item.text(1)}" for item in items]
        if lines:
            QGuiApplication.clipboard().setText("\n".join(lines))


def _key(title: str) -> str:
    return title.split(",", 1)[0]

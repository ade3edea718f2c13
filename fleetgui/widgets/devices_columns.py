"""The table's columns as the user arranged them: shown, hidden, moved, sized, by the header's menu; as plain data."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QMenu, QTableView

from fleetgui.models.columns import Column

NARROWEST: Final = 40
WIDEST: Final = 1_200


class ColumnSettings(QObject):
    """Over one table's header. `state()` and `restore()` speak in column keys, so that they outlive added columns."""

    def __init__(self, table: QTableView, columns: tuple[Column, ...]) -> None:
        super().__init__(table)
        self._table = table
        self._header = header = table.horizontalHeader()
        self._columns = columns
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._open_menu)

    def state(self) -> list[dict[str, Any]]:
        """One entry a column, in the order on the screen: key, shown, width (None for one that is hidden)."""
        header = self._header
        entries = []
        for visual in range(header.count()):
            number = header.logicalIndex(visual)
            hidden = header.isSectionHidden(number)
            width = None if hidden else header.sectionSize(number)
            entries.append({"key": self._columns[number].key, "shown": not hidden, "width": width})
        return entries

    def restore(self, state: object) -> None:
        """Arrange the columns as `state()` gave it; what is unknown or makes no sense is left as it is."""
        numbers = {column.key: number for number, column in enumerate(self._columns)}
        visual = 0
        for entry in state if isinstance(state, list) else []:
            key = entry.get("key") if isinstance(entry, dict) else None
            number = numbers.pop(key, None) if isinstance(key, str) else None
            if number is None:
                continue
            self._header.moveSection(self._header.visualIndex(number), visual)
            visual += 1
            self._header.setSectionHidden(number, entry.get("shown") is False)
            width = entry.get("width")
            if isinstance(width, int) and NARROWEST <= width <= WIDEST:
                self._header.resizeSection(number, width)
        if not any(not self._header.isSectionHidden(number) for number in range(self._header.count())):
            self.reset()

    def reset(self) -> None:
        """As at first."""
        for number, column in enumerate(self._columns):
            self._header.moveSection(self._header.visualIndex(number), number)
            self._header.setSectionHidden(number, not column.shown)
            self._header.resizeSection(number, column.width)

    def fit(self) -> None:
        """Make each column as wide as what is on the screen needs."""
        for number in range(self._header.count()):
            if not self._header.isSectionHidden(number):
                wanted = max(self._table.sizeHintForColumn(number), self._header.sectionSizeHint(number))
                self._header.resizeSection(number, min(max(wanted, NARROWEST), WIDEST))

    def menu(self) -> QMenu:
        """The menu of a right click on the header."""
        menu = QMenu(self._header)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        shown = [number for number in range(len(self._columns)) if not self._header.isSectionHidden(number)]
        for number, column in enumerate(self._columns):
            action = menu.addAction(column.header)
            action.setCheckable(True)
            action.setChecked(number in shown)
            action.setEnabled(shown != [number])  # one column stays, or there is no header left to click on
            action.toggled.connect(lambda on, number=number: self._header.setSectionHidden(number, not on))
        menu.addSeparator()
        menu.addAction("Fit widths").triggered.connect(self.fit)
        menu.addAction("As at first").triggered.connect(self.reset)
        return menu

    def _open_menu(self, at: QPoint) -> None:
        self.menu().popup(self._header.mapToGlobal(at))

"""The menu of a right click on the header of the device table: which columns there are, and what is done to one."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtWidgets import QMenu

from fleetgui.models.devices import DeviceTableModel
from fleetgui.widgets.devices.columns import ColumnSettings
from fleetgui.widgets.devices.header import TableHeader


class ColumnMenu(QObject):
    chooser_asked = QtSignal()
    """Open the dialog with all columns."""

    def __init__(self, header: TableHeader, model: DeviceTableModel, columns: ColumnSettings) -> None:
        super().__init__(header)
        self._header = header
        self._model = model
        self._columns = columns
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._open)

    def of(self, number: int | None = None) -> QMenu:
        """The menu, with what concerns the column `number` first where one was clicked."""
        columns, shown = self._columns, self._columns.shown
        menu = QMenu(self._header)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if number is not None:
            self._add_own(menu, number)
        for each, column in enumerate(self._model.columns):
            action = menu.addAction(_label(column.header))
            action.setCheckable(True)
            action.setChecked(each in shown)
            action.setEnabled(shown != [each])
            action.toggled.connect(lambda on, key=column.key: columns.show(key, on))
        menu.addSeparator()
        menu.addAction("Columns…").triggered.connect(self.chooser_asked)
        menu.addAction("Fit widths").triggered.connect(columns.fit)
        menu.addAction("As at first").triggered.connect(columns.reset)
        return menu

    def _add_own(self, menu: QMenu, number: int) -> None:
        """What can be done to the column that was clicked."""
        columns, column = self._columns, self._model.columns[number]
        title = _label(column.header)
        hide = menu.addAction(f"Hide {title}")
        hide.setEnabled(columns.shown != [number])
        hide.triggered.connect(lambda: columns.show(column.key, False))
        pin = menu.addAction("Keep at the left")
        pin.setCheckable(True)
        pin.setChecked(number in self._header.pinned)
        pin.triggered.connect(lambda on: columns.pin(column.key, on))
        menu.addAction("Fit width").triggered.connect(lambda: columns.fit_column(number))
        if column.path is not None:
            menu.addAction(f"Remove {title}").triggered.connect(lambda: columns.remove(column.key))
        menu.addSeparator()

    def _open(self, at: QPoint) -> None:
        number = self._header.column_at(at.x())
        self.of(number if number >= 0 else None).popup(self._header.mapToGlobal(at))


def _label(title: str) -> str:
    """A title as a menu's text: no letter of it is taken for a shortcut."""
    return title.replace("&", "&&")

"""The menu of a right click, or of the menu key, on a row of the device table."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtWidgets import QMenu

from fleetgui.models.devices import DeviceTableModel
from fleetgui.widgets.devices_clipboard import Copying
from fleetgui.widgets.devices_table import DeviceTable


class RowMenu(QObject):
    device_opened = QtSignal(str)

    def __init__(self, table: DeviceTable, model: DeviceTableModel, copying: Copying) -> None:
        super().__init__(table)
        self._table = table
        self._model = model
        self._copying = copying
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._open)

    def of(self, row: int) -> QMenu | None:
        """The menu of a row; None where there is no device."""
        device_id = self._model.device_id(row)
        if device_id is None:
            return None
        menu = QMenu(self._table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Open").triggered.connect(lambda: self.device_opened.emit(device_id))
        menu.addSeparator()
        menu.addAction("Copy id").triggered.connect(self._copying.ids)
        menu.addAction("Copy row").triggered.connect(self._copying.rows)
        menu.addAction("Copy as Markdown").triggered.connect(self._copying.markdown)
        menu.addAction("Copy as JSON").triggered.connect(self._copying.json)
        return menu

    def _open(self, at: QPoint) -> None:
        menu = self.of(self._table.row_at(at))
        if menu is not None:
            menu.popup(self._table.viewport().mapToGlobal(at))

"""The menu of a right click, or of the menu key, on a row of the device table: what its keys and header do, by name."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtWidgets import QMenu

from fleetgui.models.devices import DeviceTableModel
from fleetgui.models.groups import count_of, filter_of, title_of
from fleetgui.stores.roster import GroupHead
from fleetgui.widgets.devices.clipboard import Copying
from fleetgui.widgets.devices.marks import Marking
from fleetgui.widgets.devices.table import DeviceTable


class RowMenu(QObject):
    device_opened = QtSignal(str)
    sort_asked = QtSignal(int, bool)
    """Sort by this column (its number in the model); True: by it too."""
    group_asked = QtSignal(object)
    """Group by this field; None: no more."""
    filter_asked = QtSignal(str)
    """Show what this filter finds of what is shown."""

    def __init__(self, table: DeviceTable, model: DeviceTableModel, copying: Copying, marking: Marking) -> None:
        super().__init__(table)
        self._table = table
        self._model = model
        self._copying = copying
        self._marking = marking
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._open)

    def of(self, row: int, number: int = -1) -> QMenu | None:
        """The menu of a row, and of its cell where a column is given; None where no device and no group stands."""
        device_id, head = self._model.device_id(row), self._table.head_in(row)
        if device_id is None and head is None:
            return None
        menu = QMenu(self._table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if head is not None:
            what = "Close group\tLeft" if head.is_open else "Open group\tRight"
            menu.addAction(what).triggered.connect(lambda: self._table.toggle(row))
            self._add_group(menu, row, head)
            return menu
        menu.addAction("Open\tEnter").triggered.connect(lambda: self.device_opened.emit(device_id))
        marked = self._model.is_marked(row)
        menu.addAction("Take mark away\tSpace" if marked else "Mark\tSpace").triggered.connect(self._marking.toggle)
        menu.addSeparator()
        menu.addAction("Copy id").triggered.connect(self._copying.ids)
        menu.addAction("Copy row\tCtrl+C").triggered.connect(self._copying.rows)
        menu.addAction("Copy as Markdown").triggered.connect(self._copying.markdown)
        menu.addAction("Copy as JSON").triggered.connect(self._copying.json)
        self._add_column(menu, number)
        return menu

    def _add_group(self, menu: QMenu, row: int, head: GroupHead) -> None:
        """What can be done with a group, and with all of them."""
        groups = self._model.roster
        menu.addAction("Open all groups").triggered.connect(lambda: groups.toggle_all(is_open=True))
        menu.addAction("Close all groups").triggered.connect(lambda: groups.toggle_all(is_open=False))
        menu.addSeparator()
        finds = filter_of(head)
        if finds:
            menu.addAction("Show only this group").triggered.connect(lambda: self.filter_asked.emit(finds))
        devices = count_of(head)
        menu.addAction(f"Copy ids of {devices}").triggered.connect(lambda: self._copying.group_ids(row))
        menu.addSeparator()
        menu.addAction("No groups").triggered.connect(lambda: self.group_asked.emit(None))

    def _add_column(self, menu: QMenu, number: int) -> None:
        """What can be done with the column of the cell."""
        field = self._model.columns[number].field if number >= 0 else None
        if field is None:
            return
        title = title_of(field).replace("&", "&&")
        menu.addSeparator()
        menu.addAction(f"Sort by {title}").triggered.connect(lambda: self.sort_asked.emit(number, False))
        menu.addAction(f"Sort by {title}, too").triggered.connect(lambda: self.sort_asked.emit(number, True))
        menu.addAction(f"Group by {title}").triggered.connect(lambda: self.group_asked.emit(field))

    def _open(self, at: QPoint) -> None:
        menu = self.of(self._table.row_at(at), self._table.header.column_at(at.x()))
        if menu is not None:
            menu.popup(self._table.viewport().mapToGlobal(at))

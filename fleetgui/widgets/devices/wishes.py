"""What is wanted of the table, and how each gesture changes it: a filter, an order, groups, who is gone.

One `Wanted` at a time; `changed` tells of another one, and of none that is the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtCore import Signal as QtSignal

from fleetgui.models.columns import Column
from fleetgui.policy.wanted import Wanted
from fleetgui.widgets.devices import order as devices_order


class Wishes(QObject):
    changed = QtSignal(object)
    """This is wanted now (`Wanted`)."""
    said = QtSignal(str)
    """Why a gesture changed nothing."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.now = Wanted()

    def want(self, wanted: Wanted) -> None:
        if wanted != self.now:
            self.now = wanted
            self.changed.emit(wanted)

    def change(self, **fields: Any) -> None:
        """Want the same but for these fields of `Wanted`."""
        self.want(replace(self.now, **fields))

    def sort_by(self, column: Column, more: bool) -> None:
        """What a click on a column's header does; `more`: with Shift, so that the other columns go on to count."""
        if column.field is None:
            self.said.emit(f"{column.title} is what this console sees; it cannot be sorted by.")
            return
        before = self.now.orders
        orders = (devices_order.clicked_too if more else devices_order.clicked)(before, column.field)
        if orders == before:
            self.said.emit(f"Sorted by {devices_order.MOST_KEYS} columns already; no more than that.")
        self.change(orders=orders)

    def every_device(self) -> None:
        """No filter any more: one wish. The order and the groups stay."""
        self.change(filter=None, offline=False)

"""Saved views of the devices: a filter, an order and the columns under a name, kept for each context apart.

A view is plain data, so that it outlives versions: what makes no sense in one is left as it is when it is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from PySide6.QtCore import QObject
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtWidgets import QInputDialog, QMenu, QToolButton, QWidget

from fleetgui.policy import formats
from fleetgui.widgets.devices.groups import is_field
from fleetgui.widgets.devices.order import MOST_KEYS
from fleetgui.wire.query import BY_ID, Order

MOST_VIEWS: Final = 50
LONGEST_NAME: Final = 60


@dataclass(frozen=True)
class SavedView:
    """`filter` as it is typed; `columns` as `ColumnSettings.state` has them."""

    name: str
    filter: str = ""
    orders: tuple[Order, ...] = (BY_ID,)
    offline: bool = False
    group: str | None = None
    columns: list[dict[str, Any]] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """As plain data for the settings."""
        orders = [{"by": order.field, "descending": order.descending} for order in self.orders]
        return {**asdict(self), "orders": orders}


def view_of(saved: object) -> SavedView | None:
    """The view in a piece of the settings; None where there is none."""
    if not isinstance(saved, dict) or not isinstance(saved.get("name"), str) or not saved["name"].strip():
        return None
    text, group, columns = saved.get("filter"), saved.get("group"), saved.get("columns")
    return SavedView(
        saved["name"].strip()[:LONGEST_NAME],
        text if isinstance(text, str) else "",
        _orders(saved),
        saved.get("offline") is True,
        group if isinstance(group, str) and is_field(group) else None,
        columns if isinstance(columns, list) else [],
    )


def _orders(saved: dict[str, Any]) -> tuple[Order, ...]:
    """The orders of a saved view. One from before there were several has a single one, as order_by and descending."""
    listed = saved.get("orders")
    if not isinstance(listed, list):
        listed = [{"by": saved.get("order_by"), "descending": saved.get("descending")}]
    orders = [
        Order(by, each.get("descending") is True)
        for each in listed[:MOST_KEYS]
        if isinstance(each, dict) and isinstance(by := each.get("by"), str) and is_field(by)
    ]
    return tuple(orders) or (BY_ID,)


class SavedViews(QObject):
    """The views of every context, and the button that offers those of this one.

    `place()` names the context, `now(name)` makes a view of what is shown.
    """

    chosen = QtSignal(object)
    """Show this `SavedView`."""
    said = QtSignal(str)

    def __init__(self, place: Callable[[], str], now: Callable[[str], SavedView], parent: QWidget) -> None:
        super().__init__(parent)
        self._place = place
        self._now = now
        self._views: dict[str, list[SavedView]] = {}
        self.button = QToolButton(parent)
        self.button.setText("Views")
        self.button.setToolTip("Saved filters, orders and columns")
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self.button)
        self._menu.aboutToShow.connect(self._fill)
        self.button.setMenu(self._menu)

    @property
    def here(self) -> list[SavedView]:
        """Those of this context, by name."""
        return sorted(self._views.get(self._place(), []), key=lambda view: view.name.casefold())

    def save(self, name: str) -> bool:
        """Keep what is shown under `name`, in the place of a view of that name; False where there is no room."""
        name = name.strip()[:LONGEST_NAME]
        others = [view for view in self.here if view.name != name]
        if not name or len(others) >= MOST_VIEWS:
            return False
        self._views[self._place()] = [*others, self._now(name)]
        self.said.emit(f"Saved the view {formats.text(name)}.")
        return True

    def remove(self, name: str) -> None:
        self._views[self._place()] = [view for view in self.here if view.name != name]

    # Kept for the next start

    def state(self) -> dict[str, Any]:
        """Every context's views, as plain data for the settings."""
        return {place: [view.state() for view in views] for place, views in self._views.items() if views}

    def restore(self, state: object) -> None:
        """As `state()` gave it; what makes no sense is left out."""
        self._views = {}
        for place, saved in state.items() if isinstance(state, dict) else ():
            views = [view for each in (saved if isinstance(saved, list) else []) if (view := view_of(each))]
            self._views[str(place)] = views[:MOST_VIEWS]

    # The menu

    def _fill(self) -> None:
        menu = self._menu
        menu.clear()
        for view in self.here:
            action = menu.addAction(_label(view.name))
            action.setToolTip(formats.text(view.filter, 200))
            action.triggered.connect(lambda _=False, view=view: self.chosen.emit(view))
        if self.here:
            menu.addSeparator()
        menu.addAction("Save this view…").triggered.connect(self._ask_name)
        if self.here:
            remove = menu.addMenu("Remove")
            for view in self.here:
                remove.addAction(_label(view.name)).triggered.connect(lambda _=False, name=view.name: self.remove(name))

    def _ask_name(self) -> None:
        dialog = QInputDialog(self.button.window())
        dialog.setWindowTitle("Save this view")
        dialog.setLabelText("Name")
        dialog.textValueSelected.connect(self.save)
        dialog.open()


def _label(name: str) -> str:
    """A name as a menu's text: no letter of it is taken for a shortcut."""
    return formats.text(name, LONGEST_NAME).replace("&", "&&")

"""The devices page: a filter line, one sentence, and the table over the whole registry.

It reads stores and models only, and says what its user wants as signals. While it is on the screen it beats ten times
a second: the model's collected changes go to the view, the sentence is brought up to date, what glows fades.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from fleetgui.models.devices import FLUSH_S, DeviceTableModel
from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.filters import exact_id
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.hold import HoldPhase, Offered
from fleetgui.widgets.devices import order as devices_order
from fleetgui.widgets.devices.ask import AskStrip
from fleetgui.widgets.devices.bar import DevicesBar, button, focus
from fleetgui.widgets.devices.clipboard import Copying
from fleetgui.widgets.devices.columns import ColumnSettings
from fleetgui.widgets.devices.columns_menu import ColumnMenu
from fleetgui.widgets.devices.groups import GroupButton
from fleetgui.widgets.devices.marks import Marking
from fleetgui.widgets.devices.menu import RowMenu
from fleetgui.widgets.devices.seen import Seen
from fleetgui.widgets.devices.sentence import Empty, empty, sentence
from fleetgui.widgets.devices.table import DeviceTable
from fleetgui.widgets.devices.viewing import Viewing
from fleetgui.widgets.devices.views import SavedView, SavedViews
from fleetgui.widgets.devices.wishes import Wishes
from fleetgui.widgets.parts.guarded import Guarded
from fleetgui.widgets.parts.keys import OwnKeys
from fleetgui.widgets.parts.placeholder import Placeholder

FADE_MS: Final = 40
NOTICE_S: Final = 6.0
ARRIVED_MS: Final = 5
"""Rows that were read, and are looked at, are painted after this, together with what came until then."""


class DevicesPage(QWidget):
    device_opened = QtSignal(str)
    """Show this device: an exact id, loaded or not."""
    wanted = QtSignal(object)
    """Show this (`Wanted`)."""
    values_asked = QtSignal(str, str)
    """Which values of this field begin so, where the fleet is held; `HoldState.offered` answers."""
    walk_asked = QtSignal(str)
    """"pause", "go on" or "cancel" the reading of the whole fleet."""
    refresh_requested = QtSignal()
    reconnect_requested = QtSignal()
    fields_shown = QtSignal(object)
    """The paths of those fields of the record that have a column now (`wire.payload`), a frozenset."""
    whole_answered = QtSignal(bool)
    """Whether every device may be read for fields that no summary has, where `HoldState.ask` asks."""
    view_moved = QtSignal(int, int)
    """First and last row on the screen; coalesced."""
    view_left = QtSignal()
    """The rows are not on the screen any more."""
    said = QtSignal(str)
    """What was just done, for the status line."""

    def __init__(
        self,
        state: ConsoleState,
        clock: Clock,
        parent: QWidget | None = None,
        *,
        place: Callable[[], str] = lambda: "",
    ) -> None:
        """`place()` names the context that is looked at, for its saved views."""
        super().__init__(parent)
        self._state = state
        self._clock = clock
        self._notice: tuple[str, float] = ("", 0.0)
        self._empty: Empty | None = None
        self.wishes = Wishes(self)
        self.model = DeviceTableModel(state.table, state.presence, state.engagements, clock, state.link, parent=self)
        self.table = DeviceTable(self.model)
        self._seen = Seen(self.table, state)
        self._offered: Offered | None = None
        self._viewing = Viewing(state, clock, self.table, self.model, self.wishes)
        self.columns = ColumnSettings(self.table, self.model)
        self.column_menu = ColumnMenu(self.table.header, self.model, self.columns)
        self.views = SavedViews(place, self._view_now, self)
        self.groups = GroupButton(self._seen.labels, self)
        self.copying = Copying(self.table, self.model)
        self.marking = Marking(self.table, self.model, self.copying)
        self.menu = RowMenu(self.table, self.model, self.copying, self.marking)
        self._lay_out()
        self._connect()
        self.beat()

    # Building

    def _lay_out(self) -> None:
        choose = button("Columns", "Which columns there are, their order and width, and any field of the record")
        choose.clicked.connect(self.choose_columns)
        menus = (self.groups.button, self.views.button, choose)
        self.bar = DevicesBar(self._clock.wall, self._seen.values, menus, self.marking.button, self)
        self.filter, self.go_to, self.offline = self.bar.filter, self.bar.go_to, self.bar.offline
        self.ask = AskStrip()
        self._placeholder = Placeholder("")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._placeholder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bar)
        layout.addWidget(self.ask)
        layout.addWidget(self._stack, 1)
        self.setFocusProxy(self.table)

    def _connect(self) -> None:
        bar = self.bar
        bar.filter.edited.connect(lambda parsed: self.wishes.change(filter=parsed.filter))
        bar.filter.textChanged.connect(lambda _: self._drop_notice())
        bar.filter.left.connect(lambda: self.table.setFocus(Qt.FocusReason.ShortcutFocusReason))
        bar.offline.toggled.connect(lambda on: self.wishes.change(offline=on))
        bar.pause.clicked.connect(self._pause_or_go_on)
        bar.stop.clicked.connect(lambda: self.walk_asked.emit("cancel"))
        bar.clear.clicked.connect(self.clear_filter)
        bar.refresh.clicked.connect(self.refresh_requested)
        bar.go_to.returnPressed.connect(self._go_to_id)
        self._seen.asked.connect(self.values_asked)
        self.wishes.changed.connect(self._wanted)
        self.wishes.said.connect(self.tell)
        self.groups.chosen.connect(self.group_by)
        self.ask.answered.connect(self.whole_answered)
        self.columns.paths_changed.connect(self.fields_shown)
        self.column_menu.chooser_asked.connect(self.choose_columns)
        self.views.chosen.connect(self.show_view)
        self.views.said.connect(self.tell)
        self.copying.said.connect(self.tell)
        self.marking.said.connect(self.tell)
        self.marking.filter_asked.connect(self.filter.set_filter)
        self.table.mark_asked.connect(self.marking.toggle)
        self.menu.device_opened.connect(self.device_opened)
        self.menu.sort_asked.connect(self.sort_by)
        self.menu.group_asked.connect(self.group_by)
        self.menu.filter_asked.connect(self.filter.narrow)
        self._placeholder.acted.connect(self._act)
        self.table.device_opened.connect(self.device_opened)
        self.table.view_moved.connect(self.view_moved)
        self.table.selection_told.connect(self._say)
        self.table.column_clicked.connect(self.sort_by)
        self.table.typed.connect(self._type)
        OwnKeys(
            self,
            {
                "Ctrl+C": self.copying.rows,
                "F2": self.marking.next,
                "Shift+F2": self.marking.previous,
                "Ctrl+Shift+F2": self.marking.clear,
                "F5": self.refresh_requested.emit,
                "Ctrl+G": lambda: focus(self.go_to),
                "Ctrl+F": lambda: focus(self.filter),
                "/": lambda: focus(self.filter),
            },
        )
        self._beat = QTimer(self, interval=int(FLUSH_S * 1000))
        self._beat.timeout.connect(Guarded(self, self.beat))
        self._arrived = QTimer(self, singleShot=True, interval=ARRIVED_MS)
        self._arrived.timeout.connect(self._show_arrived)
        self.model.reread.connect(self._rows_arrived)
        self._fade = QTimer(self, interval=FADE_MS)
        self._fade.timeout.connect(self._fade_glow)

    # The beat

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._beat.start()
        self.table.tell_moved()
        self.beat()
        if self.focusWidget() is None:
            self.table.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        self._beat.stop()
        self._fade.stop()
        self.view_left.emit()
        super().hideEvent(event)

    def beat(self) -> None:
        """Bring everything up to date; ten times a second while the page is on the screen."""
        if self.model.flush():
            self.table.rows_told()
        if self.model.glowing():
            self._fade.start()
        if self._offered is not (offered := self._state.hold.state.offered):
            self._offered = offered
            self.filter.offer_again()
        self._say()

    def _rows_arrived(self, first: int, last: int) -> None:
        """Rows were read: those that somebody looks at are not kept waiting for the next beat."""
        if first <= self.table.last_visible and self.table.first_visible <= last and not self._arrived.isActive():
            self._arrived.start()

    def _show_arrived(self) -> None:
        if self.isVisible():
            self.beat()

    def _fade_glow(self) -> None:
        cells = self.model.glowing()
        self.table.update_cells(cells)
        if not cells:
            self._fade.stop()

    def _say(self) -> None:
        view = self._viewing.look(self.filter.mistake)
        before, self._empty = self._empty, empty(view)
        if self._empty is not None and self._empty != before:
            self._placeholder.say(self._empty.sentence, self._empty.action)
        self._stack.setCurrentIndex(0 if self._empty is None else 1)
        words, ink = sentence(view) if self._empty is None else ("", "muted")
        notice, until = self._notice
        if notice and self._clock.now() < until:
            words, ink = notice, "text"
        self.bar.say(words, ink)
        self.ask.show_ask(view.ask)
        self.bar.show_state(view.hold, filtered=view.filtered)
        self.marking.show_count()
        self.table.coverage.show_state(view.hold)

    def tell(self, notice: str) -> None:
        """Show what was just done, for a few seconds."""
        self._notice = (notice, self._clock.now() + NOTICE_S)
        self.said.emit(notice)
        self._say()

    def _drop_notice(self) -> None:
        """Something else is wanted: what was done before stands in the way of what that finds."""
        self._notice = ("", 0.0)
        self._say()

    # What the user asks for

    def _type(self, text: str) -> None:
        """Who types over the table means to search."""
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.setText(text)
        self.filter.setCursorPosition(len(text))

    def _wanted(self, wanted: Wanted) -> None:
        """Something else is wanted: rows of before stand for nothing."""
        self.model.mark_orders(devices_order.marks(wanted.orders))
        self.groups.show_group(wanted.group)
        self._viewing.forget()
        self.model.marks.forget_rows()
        self.table.start_over()
        self.wanted.emit(wanted)
        self._drop_notice()
        self.copying.stop()

    def choose_columns(self) -> None:
        """Open the dialog with the columns; one at a time."""
        from fleetgui.widgets.devices.columns_dialog import ColumnsDialog

        for dialog in self.findChildren(ColumnsDialog):
            dialog.raise_()
            dialog.activateWindow()
            return
        ColumnsDialog(self.columns, self._seen.records, self).show()

    def _view_now(self, name: str) -> SavedView:
        wanted = self.wishes.now
        return SavedView(
            name, self.filter.text(), wanted.orders, wanted.offline, wanted.group, columns=self.columns.state()
        )

    def show_view(self, view: SavedView) -> None:
        """Show a saved view: its columns, its order, its filter."""
        self.columns.restore(view.columns)
        with QSignalBlocker(self.offline):
            self.offline.setChecked(view.offline)
        self.filter.setText(view.filter)
        self.wishes.want(Wanted(self.filter.parsed.filter, view.orders, view.offline, view.group))
        self.tell(f"View {formats.text(view.name)}.")

    def _pause_or_go_on(self) -> None:
        paused = self._state.hold.state.phase is HoldPhase.PAUSED
        self.walk_asked.emit("go on" if paused else "pause")

    def sort_by(self, number: int, more: bool = False) -> None:
        """What a click on a column's header does; `more`: with Shift."""
        self.wishes.sort_by(self.model.columns[number], more)

    def group_by(self, field: str | None) -> None:
        """Put devices under a head for each value of this field; None: no heads."""
        self.wishes.change(group=field)

    def clear_filter(self) -> None:
        """Show every device again."""
        self.filter.setText("")
        with QSignalBlocker(self.offline):
            self.offline.setChecked(False)
        self.wishes.every_device()

    def _go_to_id(self) -> None:
        device_id = self.go_to.text().strip()
        if not device_id:
            return
        row = self._state.table.offset_of(device_id)
        if row is not None:
            self.table.go_to_row(row)
        self.device_opened.emit(device_id)

    def _act(self) -> None:
        asks = self._empty.asks if self._empty is not None else ""
        if asks == "clear":
            self.clear_filter()
        elif asks == "connect":
            self.reconnect_requested.emit()
        elif asks == "refresh":
            self.refresh_requested.emit()
        elif asks == "stop":
            self.walk_asked.emit("cancel")
        elif asks == "open" and (device_id := exact_id(self.wishes.now.filter)) is not None:
            self.device_opened.emit(device_id)

    # Kept for the next start

    def save_state(self) -> dict[str, Any]:
        """How the page was left, as plain data for the settings."""
        return {"columns": self.columns.state(), "views": self.views.state()}

    def restore_state(self, state: object) -> None:
        """As it was left; settings that make no sense change nothing."""
        if isinstance(state, dict):
            self.columns.restore(state.get("columns"))
            self.views.restore(state.get("views"))

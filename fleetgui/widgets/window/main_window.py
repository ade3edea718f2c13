"""The main window: header, notice, pages in docks, status line. It opens before the network, the plots and the table.

Pages are put in later (`attach_…`, `open_detail_dock`); until then a sentence stands in their place. What the operator
wants leaves as signals; the window itself neither reads nor sends anything, and closing it only asks.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QMainWindow, QTabWidget, QVBoxLayout, QWidget

from fleetgui.policy import formats
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.widgets.look import theme
from fleetgui.widgets.look.icons import app_icon
from fleetgui.widgets.parts.placeholder import Placeholder
from fleetgui.widgets.window.bars import Bars
from fleetgui.widgets.window.dialogs import AboutDialog, KeyboardDialog, OpenDeviceDialog
from fleetgui.widgets.window.docks import Dock
from fleetgui.widgets.window.header import ContextFacts, Header
from fleetgui.widgets.window.menus import Menus
from fleetgui.widgets.window.notices import NoticeBar
from fleetgui.widgets.window.page_docks import PAGES_IN_ORDER, PageDocks
from fleetgui.widgets.window.panes import cycle, focus_into
from fleetgui.widgets.window.status import StatusLine

if TYPE_CHECKING:
    from fleetgui.models.subscriptions import Subscriptions
    from fleetgui.stores.console import ConsoleState

DEFAULT_SIZE: Final = (1440, 900)
_LAYOUT_VERSION: Final = 2
_SOON_MS: Final = 100
"""Changes of the stores are gathered for this long before the header says them."""


class MainWindow(QMainWindow):
    close_requested = Signal()
    export_requested = Signal()
    refresh_requested = Signal()
    reconnect_requested = Signal()
    diagnostics_requested = Signal()
    device_opened = Signal(str)
    """A device id was typed."""
    detail_closed = Signal(str)
    """The device id of a detail that the operator closed."""
    theme_chosen = Signal(str)
    """One of `theme.MODES`."""
    density_chosen = Signal(str)
    """The name of a `theme.Density`, in lower case."""

    def __init__(
        self,
        state: ConsoleState | None,
        clock: Clock,
        *,
        context_name: str,
        tenant: str,
        colour: str | None = None,
        protection: str = "",
    ) -> None:
        """`state` may come later (`attach_state`), so that the window need not wait for the stores' imports either."""
        super().__init__()
        self._clock = clock
        self._subscriptions: Subscriptions | None = None
        self._link: LinkState | None = None
        self._gap_s: float | None = None
        self._closing = False
        self.setWindowTitle(f"{formats.text(context_name, 60)} – FleetGUI")
        self.setWindowIcon(app_icon())
        self.resize(*DEFAULT_SIZE)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self.setDockNestingEnabled(True)
        for corner, area in (
            (Qt.Corner.TopRightCorner, Qt.DockWidgetArea.RightDockWidgetArea),
            (Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea),
        ):
            self.setCorner(corner, area)

        shown_protection = "" if protection == "open" else protection
        self.header = Header(ContextFacts(context_name, tenant, colour or "", shown_protection))
        self.notice = NoticeBar()
        self.notice.reconnect_requested.connect(self.reconnect_requested)
        self.notice.refresh_requested.connect(self.refresh_requested)
        self.notice.diagnostics_requested.connect(self.diagnostics_requested)
        self.status = StatusLine()
        self.docks = PageDocks(self)
        self.docks.detail_closed.connect(self._detail_closed)
        self.devices_page: QWidget = Placeholder("The table of devices is being prepared.")
        center = QWidget()
        self._center = QVBoxLayout(center)
        self._center.setContentsMargins(0, 0, 0, 0)
        self._center.addWidget(self.devices_page)
        self.setCentralWidget(center)
        self.menus = Menus(self)
        self._top = QWidget()
        self._put_frame()
        self.setMinimumSize(640, 400)

        self._bars = Bars(self.header, self.notice, self.status, clock, lambda: self._gap_s)
        self._second = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._second.timeout.connect(self._tick_again)
        self._soon = QTimer(self, singleShot=True, interval=_SOON_MS)
        self._soon.timeout.connect(self.tick)
        self.header.show_time(clock.wall())
        theme.changed.connect(self.menus.show_look)
        if state is not None:
            self.attach_state(state)
        self._tick_again()

    # What is put in

    def attach_state(self, state: ConsoleState) -> None:
        """Show these stores from now on."""
        from fleetgui.models.subscriptions import Subscriptions

        self._bars.state = state
        self._subscriptions = Subscriptions(self)
        listen = self._subscriptions.listen
        listen(state.link.changed, self._link_changed)
        listen(state.link.backend_changed, lambda _: self.tick())
        listen(state.link.cost_changed, lambda _: self._changed_soon())
        listen(state.ledger.changed, lambda _: self._changed_soon())
        listen(state.sources.changed, lambda _: self._changed_soon())
        listen(state.lag.changed, lambda _: self._changed_soon())
        listen(state.engagements.changed, lambda _: self._changed_soon())
        listen(state.roster.status_changed, lambda _: self._changed_soon())
        self._link_changed(state.link.state)

    def attach_page(self, key: str, page: QWidget) -> None:
        """Put a page in its place: "devices" is the one in the middle, the others are `PAGES` in docks."""
        if key != "devices":
            self.docks.put(key, page)
            return
        # the central widget itself stays: exchanging it would give its height to the docks
        before = self.devices_page
        self.devices_page = page
        self._center.insertWidget(0, page)
        self._center.removeWidget(before)
        before.deleteLater()

    def open_detail_dock(self, device_id: str, widget: QWidget) -> None:
        """Show the detail of a device in a dock of its own, beside those already open, and give it the keyboard."""
        self.docks.open_detail(device_id, widget)

    def raise_detail(self, device_id: str) -> bool:
        """Bring an open detail to the front; False when it is not open."""
        return self.docks.raise_detail(device_id)

    @property
    def open_details(self) -> list[str]:
        """Device ids in the order they were opened."""
        return list(self.docks.details)

    # What is shown

    def tick(self) -> None:
        """Bring header, notice and status line up to now. Called every second, and soon after a store changed."""
        self._bars.show()

    def say(self, message: str) -> None:
        """A word in the status line about what was just done; "" takes it away."""
        self.status.show_message(message)

    # How it is arranged

    def save_state(self) -> dict[str, object]:
        """Place, size and arrangement, as plain values for the settings file."""
        return {
            "version": _LAYOUT_VERSION,
            "geometry": _encoded(self.saveGeometry()),
            "docks": _encoded(self.saveState(_LAYOUT_VERSION)),
        }

    def restore_state(self, saved: Mapping[str, object]) -> bool:
        """Arrange as saved; anything that cannot be used is ignored, and False returned."""
        geometry, docks = _decoded(saved.get("geometry")), _decoded(saved.get("docks"))
        if saved.get("version") != _LAYOUT_VERSION or geometry is None or docks is None:
            return False
        restored = self.restoreGeometry(geometry) and self.restoreState(docks, _LAYOUT_VERSION)
        self.docks.is_arranged = restored
        return restored

    def arrange(self) -> None:
        """The arrangement of a first start, for the size that the window has."""
        self.docks.arrange(self.height() - self._top.sizeHint().height() - self.status.sizeHint().height())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self.docks.is_arranged:
            self.arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.docks.width.window_resized()

    # What the operator wants

    def ask_for_device(self) -> None:
        """Open the window that asks for an id."""
        dialog = OpenDeviceDialog(self)
        dialog.chosen.connect(self.device_opened)
        dialog.open()

    def show_about(self) -> None:
        AboutDialog(self).open()

    def show_filter_language(self) -> None:
        from fleetgui.policy.filters import GRAMMAR
        from fleetgui.widgets.window.dialogs import FilterLanguageDialog

        FilterLanguageDialog(GRAMMAR, self).show()

    def show_keyboard(self) -> None:
        KeyboardDialog(self.menus.keys, self).open()

    def go_to_page(self, number: int) -> None:
        """As the pages stand in `PAGES_IN_ORDER`, then the open details."""
        pages = [None if key == "devices" else self.docks.pages[key] for key in PAGES_IN_ORDER]
        docks = [*pages, *self.docks.details.values()]
        if not 1 <= number <= len(docks):
            return
        dock = docks[number - 1]
        if dock is None:
            focus_into(self.devices_page)
        else:
            self.docks.bring_up(dock)

    def next_pane(self, step: int = 1) -> None:
        """Give the keyboard to the next pane, or the one before (−1)."""
        pages = [self.devices_page if key == "devices" else self.docks.pages[key].widget() for key in PAGES_IN_ORDER]
        details = [dock.widget() for dock in self.docks.details.values()]
        cycle([pane for pane in (*pages, *details) if pane is not None], step)

    def close_detail(self) -> None:
        """Close the detail that has the keyboard, else the one opened last."""
        self.docks.close_detail(self.focusWidget())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Only asks: the session closes its feeds and the link first, then calls `really_close`."""
        if self._closing:
            super().closeEvent(event)
            return
        event.ignore()
        self.close_requested.emit()

    def really_close(self) -> None:
        """Stop listening and close, floating docks too."""
        self._closing = True
        self._second.stop()
        self._soon.stop()
        if self._subscriptions is not None:
            self._subscriptions.end()
        for dock in self.findChildren(Dock):
            if dock.isFloating():
                dock.hide()  # a window of its own otherwise stays
        self.close()

    # Within

    def _put_frame(self) -> None:
        layout = QVBoxLayout(self._top)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for widget in (self.menus.bar, self.header, self.notice):
            layout.addWidget(widget)
        self.setMenuWidget(self._top)
        bar = self.statusBar()
        bar.setSizeGripEnabled(False)
        bar.setContentsMargins(0, 0, 0, 0)
        bar.addWidget(self.status, 1)

    def _link_changed(self, link: LinkState) -> None:
        before, self._link = self._link, link
        if link.phase is LinkPhase.UP and before is not None and before.lost_at is not None:
            self._gap_s = link.since - before.lost_at
        self.tick()

    def _changed_soon(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _tick_again(self) -> None:
        try:
            self.tick()
        finally:
            # just after each full second, so that the clock neither skips nor lags
            self._second.start(1_000 - round(self._clock.wall() * 1_000) % 1_000 + 2)

    def _detail_closed(self, device_id: str) -> None:
        if not self._closing:
            self.detail_closed.emit(device_id)


def _encoded(data: QByteArray) -> str:
    return base64.b64encode(data.data()).decode("ascii")


def _decoded(value: object) -> QByteArray | None:
    if not isinstance(value, str) or len(value) > 100_000:
        return None
    try:
        return QByteArray(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return None

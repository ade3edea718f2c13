"""The docks around the table of devices: one for each page, and one for each device that is open.

Pages stand as tabs in one place, so that a new one costs no room; whoever wants two at once tears one off or drops it
elsewhere. Until a page is put in, a sentence stands in its place.
"""

from __future__ import annotations

from typing import Final

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QMainWindow, QTabBar, QWidget

from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.mark_button import MarkButton
from fleetgui.widgets.parts.placeholder import Placeholder
from fleetgui.widgets.window.docks import Dock
from fleetgui.widgets.window.kept_width import KeptWidth
from fleetgui.widgets.window.panes import focus_into

PAGES: Final = {"overview": "Overview", "deployments": "Deployments", "topology": "Topology", "journal": "Journal"}
"""Pages in docks, by key, with their titles."""
PAGES_IN_ORDER: Final = ("overview", "devices", "deployments", "topology", "journal")
"""As Ctrl+1 … and F6 go through them; the devices stand in the middle of the window, in no dock."""
_BELOW: Final = "journal"
_SMALL_HEIGHT: Final = 630
"""Pixels for all pages; with less, the journal shares the others' place instead of taking its own."""
_WIDTH: Final = 0.34
"""Of the window, for the details."""


class PageDocks(QObject):
    detail_closed = Signal(str)
    """The device id of a detail that was closed."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._mark_tabs)
        self.is_arranged = False
        """Whether the docks have been given their places, at first or as they were left."""
        self.pages = {key: Dock(title, key, window) for key, title in PAGES.items()}
        self.details: dict[str, Dock] = {}
        """By device id, in the order they were opened."""
        self.width = KeptWidth(window, self._one_detail)
        """Of the details."""
        for key, dock in self.pages.items():
            dock.setWidget(Placeholder(f"The page {PAGES[key]} is being prepared."))
            dock.dockLocationChanged.connect(self._moved)
            dock.topLevelChanged.connect(self._moved)
            dock.visibilityChanged.connect(self._moved)
        self._place()

    # Pages

    def put(self, key: str, page: QWidget) -> None:
        """Put a page in its dock, which does not take the height that the page's size hint asks for."""
        before = self.pages[key].widget()
        page.resize(before.size())
        self.pages[key].put(page)

    def bring_up(self, dock: Dock) -> None:
        """Show a dock in front of those it shares its place with, and give it the keyboard."""
        dock.show()
        dock.raise_()
        focus_into(dock.widget())

    def arrange(self, height: int) -> None:
        """The arrangement of a first start, where `height` pixels are there for all pages."""
        for dock in self.pages.values():
            dock.setFloating(False)
            dock.show()
        self._place()
        first, below = self.pages["overview"], self.pages[_BELOW]
        if height < _SMALL_HEIGHT:
            self._window.tabifyDockWidget(first, below)
            self._window.resizeDocks([first], [round(height * 0.5)], Qt.Orientation.Vertical)
        else:
            heights = [round(height * 0.38), round(height * 0.21)]
            self._window.resizeDocks([first, below], heights, Qt.Orientation.Vertical)
        first.raise_()
        self.is_arranged = True

    def _place(self) -> None:
        """All pages as tabs above the table, the journal below it."""
        first, *others = self.pages.values()
        self._window.addDockWidget(Qt.DockWidgetArea.TopDockWidgetArea, first)
        for dock in others:
            if dock.key == _BELOW:
                self._window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
            else:
                self._window.tabifyDockWidget(first, dock)
        first.raise_()

    # Details

    def open_detail(self, device_id: str, widget: QWidget) -> None:
        """Show the detail of a device in a dock of its own, beside those already open, and give it the keyboard.

        A device that is open already keeps its dock and gets the new widget.
        """
        dock = self.details.get(device_id)
        if dock is not None:
            dock.put(widget)
        else:
            dock = Dock(device_id, f"detail:{device_id}", self._window)
            dock.setWidget(widget)
            dock.closed.connect(self._detail_closed)
            docked = [each for each in self.details.values() if not each.isFloating()]
            self.details[device_id] = dock
            if docked:
                self._window.tabifyDockWidget(docked[-1], dock)
            else:
                self._window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
                self.width.wanted = max(360, round(self._window.width() * _WIDTH))
                self._window.resizeDocks([dock], [self.width.wanted], Qt.Orientation.Horizontal)
            dock.resized.connect(self.width.dock_resized)
            dock.dockLocationChanged.connect(self._moved)
            dock.topLevelChanged.connect(self._moved)
        self.raise_detail(device_id)
        self._moved()

    def raise_detail(self, device_id: str) -> bool:
        """Bring an open detail to the front; False when it is not open."""
        dock = self.details.get(device_id)
        if dock is not None:
            self.bring_up(dock)
        return dock is not None

    def close_detail(self, focus: QWidget | None) -> None:
        """Close the detail that `focus` lies in, else the one opened last."""
        docks = list(self.details.values())
        found = [each for each in docks if focus is not None and each.isAncestorOf(focus)]
        for dock in (found or docks)[-1:]:
            dock.close()

    def _one_detail(self) -> Dock | None:
        """One at the right that is seen; those behind it in its place have its width."""
        right = Qt.DockWidgetArea.RightDockWidgetArea
        for dock in self.details.values():
            is_there = not dock.isFloating() and self._window.dockWidgetArea(dock) is right
            if is_there and not dock.visibleRegion().isEmpty():
                return dock
        return None

    def _detail_closed(self, key: str) -> None:
        device_id = key.removeprefix("detail:")
        dock = self.details.pop(device_id, None)
        if dock is not None:
            self._window.removeDockWidget(dock)
            dock.deleteLater()
            self.detail_closed.emit(device_id)
            self._moved()

    def _moved(self, *_: object) -> None:
        """What stands as a tab has its name there, and needs no second one."""
        if not shiboken6.isValid(self._window):  # docks tell of being hidden while the window is taken apart
            return
        for dock in (*self.pages.values(), *self.details.values()):
            dock.show_title(not self._window.tabifiedDockWidgets(dock) or dock.isFloating())
        self._soon.start()

    def _mark_tabs(self) -> None:
        """Give each tab of a detail the mark that closes it; the tabs themselves are the window's."""
        details = {shiboken6.getCppPointer(dock)[0]: dock for dock in self.details.values()}
        for tabs in self._window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
            for number in range(tabs.count()):
                dock = details.get(tabs.tabData(number))
                before = tabs.tabButton(number, QTabBar.ButtonPosition.RightSide)
                if (before is None) is (dock is None):
                    continue
                mark = None
                if dock is not None:
                    mark = MarkButton("close", f"Close {dock.windowTitle()}", tabs, size=4 * theme.GRID)
                    mark.clicked.connect(dock.close)
                tabs.setTabButton(number, QTabBar.ButtonPosition.RightSide, mark)

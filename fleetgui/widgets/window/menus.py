"""The menus and their keys: each entry a signal or a method of the window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

from fleetgui.widgets.look import theme
from fleetgui.widgets.window.page_docks import PAGES_IN_ORDER

if TYPE_CHECKING:
    from fleetgui.widgets.window.main_window import MainWindow

_MODES = {"dark": "&Dark", "light": "&Light", "system": "As the &system"}
_DENSITIES = {"dense": "D&ense", "normal": "&Normal", "roomy": "&Roomy"}
_ELSEWHERE = (
    ("Enter", "Open the selected device"),
    ("Space", "Devices: mark, and take the mark away"),
    ("Esc, ↓", "Devices: from the filter back to the rows"),
    ("F2, Shift+F2", "Devices: next mark, mark before"),
    ("Ctrl+Shift+F2", "Devices: clear the marks"),
    ("← →", "Devices: close and open a group"),
    ("Shift+click on a header", "Devices: sort by this column, too"),
    ("Space", "Overview: pause, and go on"),
    ("← → + −", "Overview: move and zoom along time"),
    ("End", "Overview: back to now"),
    ("Tab", "Next control within a pane"),
)
"""Keys that belong to pages, for the list of keys."""


class Menus(QObject):
    """Builds the menu bar; `keys` is every shortcut and what it does."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.bar = QMenuBar()
        self.keys: list[tuple[str, str]] = []
        self._modes = QActionGroup(window)
        self._densities = QActionGroup(window)
        self._file()
        self._view()
        self._device()
        self._help()
        for key, does, step in (("F6", "Next pane", 1), ("Shift+F6", "Pane before", -1)):
            self._bare(key, does, partial(window.next_pane, step))
        for number in range(1, 10):
            self._bare(f"Ctrl+{number}", "", partial(window.go_to_page, number))
        last = len(PAGES_IN_ORDER)
        self.keys.append((f"Ctrl+1 … {last}", ", ".join(PAGES_IN_ORDER).capitalize()))
        self.keys.append((f"Ctrl+{last + 1} … 9", "Open details, in order"))
        self.keys.extend(_ELSEWHERE)
        self.show_look()

    def show_look(self) -> None:
        """Tick the look in force."""
        look = theme.current()
        for group, chosen in ((self._modes, look.mode), (self._densities, look.density.name.lower())):
            for action in group.actions():
                action.setChecked(action.data() == chosen)

    def _file(self) -> None:
        window = self._window
        menu = self.bar.addMenu("&File")
        self._entry(menu, "&Export snapshot …", window.export_requested.emit, "Ctrl+E")
        menu.addSeparator()
        self._entry(menu, "Try to &connect now", window.reconnect_requested.emit, "Ctrl+R")
        menu.addSeparator()
        quit_action = self._entry(menu, "&Quit", window.close, "Ctrl+Q")
        quit_action.setMenuRole(QAction.MenuRole.QuitRole)

    def _view(self) -> None:
        window = self._window
        menu = self.bar.addMenu("&View")
        for dock in window.docks.pages.values():
            menu.addAction(dock.toggleViewAction())
        self._entry(menu, "&Arrange as at first", window.arrange)
        menu.addSeparator()
        looks = menu.addMenu("&Theme")
        for mode, name in _MODES.items():
            self._choice(looks, self._modes, name, mode, partial(window.theme_chosen.emit, mode))
        densities = menu.addMenu("&Row height")
        for density, name in _DENSITIES.items():
            self._choice(densities, self._densities, name, density, partial(window.density_chosen.emit, density))

    def _device(self) -> None:
        window = self._window
        menu = self.bar.addMenu("&Device")
        self._entry(menu, "&Open id …", window.ask_for_device, "Ctrl+G")
        self._entry(menu, "&Close detail", window.close_detail, "Ctrl+W")
        menu.addSeparator()
        self._entry(menu, "&Read the table again", window.refresh_requested.emit, "F5")

    def _help(self) -> None:
        menu = self.bar.addMenu("&Help")
        self._entry(menu, "&Keyboard", self._window.show_keyboard, "F1")
        self._entry(menu, "&Filter language", self._window.show_filter_language, "Shift+F1")
        self._entry(menu, "&Diagnostics", self._window.diagnostics_requested.emit, "Ctrl+Shift+D")
        about = self._entry(menu, "&About FleetGUI", self._window.show_about)
        about.setMenuRole(QAction.MenuRole.AboutRole)

    def _entry(self, menu: QMenu, name: str, does: Callable[[], object], key: str = "") -> QAction:
        action = menu.addAction(name)
        action.triggered.connect(lambda _checked=False: does())
        if key:
            action.setShortcut(QKeySequence(key))
            self.keys.append((key, name.replace("&", "").removesuffix(" …")))
        return action

    def _choice(self, menu: QMenu, group: QActionGroup, name: str, data: str, does: Callable[[], object]) -> None:
        action = self._entry(menu, name, does)
        action.setCheckable(True)
        action.setData(data)
        group.addAction(action)

    def _bare(self, key: str, does: str, act: Callable[[], object]) -> None:
        """A key without an entry in a menu."""
        action = QAction(self._window)
        action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda _checked=False: act())
        self._window.addAction(action)
        if does:
            self.keys.append((key, does))

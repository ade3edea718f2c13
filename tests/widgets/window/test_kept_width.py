"""The details get their width back after a window that was too narrow for it; and what the operator gave them since."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from fleetgui.widgets.window.main_window import MainWindow
from tests.widgets import fill
from tests.widgets.window.test_main_window import window_over


def opened(qtbot: QtBot) -> MainWindow:
    """Wide, over a table that will not be narrower than 620 pixels, with a detail."""
    window = window_over(qtbot, fill.calm())
    table = QLabel("devices")
    table.setMinimumWidth(620)
    window.attach_page("devices", table)
    window.resize(1920, 700)
    window.show()
    QApplication.processEvents()
    window.open_detail_dock("camera-0147", QLabel("detail"))
    QApplication.processEvents()
    return window


def resized(window: MainWindow, width: int) -> int:
    """The width of the detail that can be seen after the window got `width`."""
    window.resize(width, 700)
    for _ in range(3):
        QApplication.processEvents()
    return next(dock.width() for dock in window.docks.details.values() if not dock.visibleRegion().isEmpty())


def test_a_detail_is_as_wide_as_before_once_there_is_room_again(qtbot: QtBot) -> None:
    window = opened(qtbot)
    before = resized(window, 1920)
    assert resized(window, 1024) < before
    assert resized(window, 1600) == resized(window, 1920) == before


def test_what_the_operator_gave_it_counts_also_of_a_tab_opened_later(qtbot: QtBot) -> None:
    window = opened(qtbot)
    window.open_detail_dock("camera-0148", QLabel("detail"))
    QApplication.processEvents()
    window.resizeDocks([window.docks.details["camera-0148"]], [450], Qt.Orientation.Horizontal)
    assert resized(window, 1920) == 450
    assert resized(window, 1024) < 450
    assert resized(window, 1920) == 450


def test_torn_off_it_is_left_alone(qtbot: QtBot) -> None:
    window = opened(qtbot)
    (dock,) = window.docks.details.values()
    dock.setFloating(True)
    dock.resize(300, 400)
    QApplication.processEvents()
    resized(window, 1024)
    assert resized(window, 1920) == 300

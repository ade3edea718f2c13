"""What stands above the table of devices, where there is little room for it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtWidgets import QToolButton, QWidget
from pytestqt.qtbot import QtBot

from fleetgui.widgets.devices.bar import DevicesBar, button


@pytest.mark.parametrize("width", [640, 700, 1024])
def test_nothing_stands_over_its_neighbour_beside_a_detail_on_a_small_screen(qtbot: QtBot, width: int) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    menus: list[QToolButton] = [button(name, "") for name in ("Group", "Views", "Columns")]
    bar = DevicesBar(lambda: 0.0, lambda _name, _typed: [], menus, button("", ""), window)
    bar.show_state(None, filtered=False)
    window.resize(width, 100)
    bar.resize(width, 80)
    window.show()
    marks = next(each for each in bar.findChildren(QToolButton) if not each.text())
    marks.hide()
    layout = bar.layout()
    assert layout is not None
    layout.activate()
    line = [bar.filter, *menus, bar.offline, bar.refresh, bar.go_to]
    edges = [(each.geometry().left(), each.geometry().right()) for each in line]
    assert all(right < left for (_, right), (left, _) in pairwise(edges))
    assert edges[-1][1] < width

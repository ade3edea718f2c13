"""Pinned columns: where they stand, what is painted there, and that the pointer meets what it points at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication
from pytestqt.qtbot import QtBot

from fleetgui.models.columns import COLUMNS
from fleetgui.models.devices import DeviceTableModel
from fleetgui.widgets.devices.page import DevicesPage
from fleetgui.widgets.devices.table import DeviceTable
from fleetgui.widgets.look import theme
from tests.models.fleet import Fleet

NAMES = [column.key for column in COLUMNS]
STATE, DEVICE, TYPE, LOCATION, BATTERY = (
    NAMES.index(key) for key in ("state", "device_id", "device_type", "location", "battery")
)


@pytest.fixture(autouse=True)
def _look(qapp: QApplication) -> None:
    theme.apply(qapp, "dark")


@pytest.fixture
def table(qtbot: QtBot) -> DeviceTable:
    """Too narrow for its columns, so that it scrolls sideways."""
    fleet = Fleet(200)
    page = DevicesPage(fleet.state, fleet.clock)
    qtbot.addWidget(page)
    page.resize(700, 400)
    page.show()
    assert page.table.horizontalScrollBar().maximum() > 200
    return page.table


def scrolled(table: DeviceTable, by: int = 150) -> None:
    table.horizontalScrollBar().setValue(by)
    assert table.header.offset() == by


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_nothing_is_drawn_where_the_scroll_bars_meet(table: DeviceTable, qapp: QApplication, mode: theme.Mode) -> None:
    theme.apply(qapp, mode)
    shown = table.grab().toImage()
    right, bottom = shown.width() - 1, shown.height() - 1
    assert table.verticalScrollBar().isVisible()
    assert table.horizontalScrollBar().isVisible()
    inks = {shown.pixel(right - x, bottom - y) for x in range(10) for y in range(10)}
    assert len(inks) == 1


def test_pinned_columns_come_first_and_stay_where_they_are(table: DeviceTable) -> None:
    table.header.pin([BATTERY, DEVICE])
    assert table.shown_columns()[:3] == [DEVICE, BATTERY, STATE]
    assert table.header.pinned == (DEVICE, BATTERY)
    width = table.header.sectionSize(DEVICE)
    scrolled(table)
    assert (table.header.x_of(DEVICE), table.header.x_of(BATTERY)) == (0, width)
    assert table.header.x_of(STATE) == table.header.sectionPosition(STATE) - 150
    table.header.pin([])
    assert table.header.x_of(DEVICE) == -150


def test_what_is_moved_in_front_of_a_pinned_column_comes_after_it(table: DeviceTable) -> None:
    table.header.pin([DEVICE])
    table.header.moveSection(table.header.visualIndex(LOCATION), 0)
    assert table.shown_columns()[:2] == [DEVICE, LOCATION]
    table.header.moveSection(0, 5)  # a pinned one goes nowhere
    assert table.shown_columns()[:2] == [DEVICE, LOCATION]


def test_pins_that_would_leave_no_room_scroll_along(table: DeviceTable) -> None:
    table.header.pin([STATE, DEVICE, TYPE, LOCATION])
    table.header.resizeSection(TYPE, 500)
    assert table.header.fixed == [STATE, DEVICE]
    table.header.setSectionHidden(STATE, True)
    assert table.header.fixed == [DEVICE]


def test_pixels_of_a_pinned_column_do_not_change_as_others_scroll(table: DeviceTable) -> None:
    table.header.pin([DEVICE])
    edge = table.header.fixed_width
    before = table.viewport().grab().toImage()
    header_before = table.header.viewport().grab().toImage()
    scrolled(table)
    after, header_after = table.viewport().grab().toImage(), table.header.viewport().grab().toImage()
    for was, now in ((before, after), (header_before, header_after)):
        part = (0, 0, edge - 1, was.height())
        assert was.copy(*part) == now.copy(*part)
        assert was.copy(edge, 0, 200, was.height()) != now.copy(edge, 0, 200, now.height())


def test_what_is_under_the_pointer_is_what_is_painted_there(table: DeviceTable) -> None:
    table.header.pin([DEVICE])
    scrolled(table, 180)
    edge, height = table.header.fixed_width, table.row_height
    assert table.indexAt(QPoint(10, 2 * height + 3)) == table.model().index(2, DEVICE)
    behind = table.indexAt(QPoint(edge + 4, height + 3)).column()
    assert table.header.x_of(behind) <= edge + 4 < table.header.x_of(behind) + table.header.sectionSize(behind)
    assert behind != DEVICE
    assert not table.indexAt(QPoint(10, 100_000)).isValid()
    rect = table.visualRect(table.model().index(2, DEVICE))
    assert (rect.left(), rect.top()) == (0, 2 * height)


def test_a_click_on_the_header_of_a_pinned_column_sorts_by_it(table: DeviceTable) -> None:
    table.header.pin([BATTERY])
    scrolled(table)
    clicked: list[tuple[Any, ...]] = []
    table.column_clicked.connect(lambda *args: clicked.append(args))
    QTest.mouseClick(table.header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, 10))
    held = Qt.KeyboardModifier.ShiftModifier
    QTest.mouseClick(table.header.viewport(), Qt.MouseButton.LeftButton, held, QPoint(20, 10))
    assert clicked == [(BATTERY, False), (BATTERY, True)]


def test_a_pinned_column_is_made_wider_where_its_edge_is_seen(table: DeviceTable) -> None:
    table.header.pin([DEVICE])
    scrolled(table)
    before = table.header.sectionSize(DEVICE)
    edge = QPoint(before - 2, 10)
    viewport = table.header.viewport()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=edge)
    QTest.mouseMove(viewport, edge + QPoint(20, 0))
    QTest.mouseMove(viewport, edge + QPoint(40, 0))
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=edge + QPoint(40, 0))
    assert table.header.sectionSize(DEVICE) == before + 40


def test_going_to_a_column_brings_it_out_from_under_the_pinned_ones(table: DeviceTable) -> None:
    table.header.pin([DEVICE])
    table.horizontalScrollBar().setValue(table.horizontalScrollBar().maximum())
    hint = QAbstractItemView.ScrollHint.EnsureVisible
    table.scrollTo(table.model().index(0, TYPE), hint)
    assert table.header.x_of(TYPE) >= table.header.fixed_width
    before = table.horizontalScrollBar().value()
    table.scrollTo(table.model().index(0, DEVICE), hint)
    assert table.horizontalScrollBar().value() == before


def test_pins_stay_with_their_columns_as_others_go(table: DeviceTable) -> None:
    model = table.model()
    assert isinstance(model, DeviceTableModel)
    table.header.pin([DEVICE, BATTERY])
    model.remove_column(TYPE)
    assert [model.columns[number].key for number in table.header.pinned] == ["device_id", "battery"]
    model.remove_column(DEVICE)
    assert [model.columns[number].key for number in table.header.pinned] == ["battery"]
    table.viewport().repaint()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("pin"), st.sets(st.integers(0, len(COLUMNS) - 1), max_size=4)),
            st.tuples(st.just("move"), st.integers(0, len(COLUMNS) - 1), st.integers(0, len(COLUMNS) - 1)),
            st.tuples(st.just("hide"), st.integers(0, len(COLUMNS) - 1)),
            st.tuples(st.just("show"), st.integers(0, len(COLUMNS) - 1)),
            st.tuples(st.just("size"), st.integers(0, len(COLUMNS) - 1), st.integers(40, 400)),
            st.tuples(st.just("scroll"), st.integers(0, 2_000)),
        ),
        max_size=12,
    )
)
def test_whatever_is_arranged_what_is_pinned_comes_first_and_each_point_has_the_column_painted_there(
    table: DeviceTable, steps: list[tuple[Any, ...]]
) -> None:
    header = table.header
    for step in steps:
        match step:
            case ("pin", numbers):
                header.pin(numbers)
            case ("move", source, target):
                header.moveSection(source, target)
            case ("hide" | "show", number):
                header.setSectionHidden(number, step[0] == "hide")
            case ("size", number, width):
                header.resizeSection(number, width)
            case ("scroll", value):
                table.horizontalScrollBar().setValue(value)
        order = [header.logicalIndex(visual) for visual in range(header.count())]
        assert sorted(order) == list(range(header.count()))
        assert tuple(order[: len(header.pinned)]) == header.pinned
        left = 0
        for number in header.fixed:
            assert (header.x_of(number), header.column_at(left)) == (left, number)
            left += header.sectionSize(number)
        assert left == header.fixed_width <= table.viewport().width() * 2 / 3
        for x in range(left, table.viewport().width(), 37):
            if (at := header.column_at(x)) >= 0:
                assert header.x_of(at) <= x < header.x_of(at) + header.sectionSize(at)
                assert at not in header.fixed
    table.viewport().repaint()
    header.viewport().repaint()

"""Marks as operators set them: by Space, kept by device, gone to and copied; and the bar of a walk under the header."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fleetgui.policy.wanted import Wanted
from fleetgui.stores.export import Coverage
from fleetgui.stores.hold import HoldPhase, HoldState
from fleetgui.stores.marks import MOST_MARKED
from fleetgui.widgets.devices.page import DevicesPage
from fleetgui.widgets.look import theme
from fleetgui.wire.records import Summary
from tests.models.fleet import Fleet, device_id


class Opened:
    def __init__(self, qtbot: QtBot, fleet: Fleet) -> None:
        self.fleet = fleet
        self.page = DevicesPage(fleet.state, fleet.clock)
        qtbot.addWidget(self.page)
        self.table = self.page.table
        self.said: list[str] = []
        self.page.said.connect(self.said.append)
        self.page.resize(1_200, 500)
        self.page.show()
        self.table.setFocus()
        self.page.beat()

    @property
    def marked(self) -> list[str]:
        return list(self.page.model.marks)

    @property
    def row(self) -> int:
        return self.table.currentIndex().row()

    def go_to(self, row: int) -> None:
        self.table.setCurrentIndex(self.page.model.index(row, 0))

    def press(self, key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.table, key, held)
        self.page.beat()


@pytest.fixture
def opened(qtbot: QtBot, qapp: QApplication) -> Opened:
    theme.apply(qapp, "dark")
    return Opened(qtbot, Fleet(1_400, loaded=400))


def test_space_marks_the_current_device_and_takes_the_mark_away(opened: Opened) -> None:
    opened.go_to(3)
    opened.press(Qt.Key.Key_Space)
    assert opened.marked == [device_id(3)]
    assert "1 marked" in opened.page.bar.sentence.text
    assert (opened.page.marking.button.text(), opened.page.marking.button.isVisible()) == ("1 marked", True)
    assert opened.page.filter.text() == ""
    opened.press(Qt.Key.Key_Space)
    assert opened.marked == []
    assert not opened.page.marking.button.isVisible()


def test_space_marks_what_is_selected_and_says_what_was_not_loaded(opened: Opened) -> None:
    opened.go_to(390)
    for _ in range(19):
        opened.press(Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    opened.press(Qt.Key.Key_Space)
    assert opened.marked == [device_id(n) for n in range(390, 400)]
    assert opened.said == ["10 of 20 selected: the others are not loaded."]
    opened.go_to(900)
    opened.press(Qt.Key.Key_Space)
    assert opened.said[-1] == "Nothing marked: no loaded row is selected."


def test_marks_are_gone_to_round_the_end_and_cleared(opened: Opened) -> None:
    for row in (10, 200, 350):
        opened.go_to(row)
        opened.press(Qt.Key.Key_Space)
    visited = []
    for _ in range(4):
        opened.press(Qt.Key.Key_F2)
        visited.append(opened.row)
    assert visited == [10, 200, 350, 10]
    assert opened.table.first_visible <= 10 <= opened.table.last_visible
    opened.press(Qt.Key.Key_F2, Qt.KeyboardModifier.ShiftModifier)
    assert opened.row == 350
    opened.press(Qt.Key.Key_F2, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert opened.marked == []
    opened.press(Qt.Key.Key_F2)
    assert opened.said[-1].startswith("Nothing is marked")


def test_marks_stay_with_their_devices_through_filters_and_pages_read_anew(opened: Opened) -> None:
    opened.go_to(5)
    opened.press(Qt.Key.Key_Space)
    opened.fleet.read(0, [9_000, 9_001, *range(198)], total=1_402)
    assert [opened.page.model.is_marked(row) for row in (5, 7)] == [False, True]
    opened.page.filter.set_filter("dock")
    opened.fleet.state.roster.clear()
    opened.fleet.read(0, [20, 21], total=2)
    opened.page.beat()
    assert "1 marked" in opened.page.bar.sentence.text
    opened.press(Qt.Key.Key_F2)
    assert opened.said[-1] == "What is marked (1) does not stand in what is shown."
    opened.page.copying.marked_ids()
    assert QGuiApplication.clipboard().text() == device_id(5)


def test_marked_rows_are_copied_as_far_as_they_are_loaded(opened: Opened) -> None:
    for row in (5, 7):
        opened.go_to(row)
        opened.press(Qt.Key.Key_Space)
    opened.page.copying.marked_rows()
    assert QGuiApplication.clipboard().text().count("\n") == 3
    assert opened.said[-1] == "Copied 2 rows."
    opened.page.copying.marked_json()
    assert QGuiApplication.clipboard().text().startswith("[")
    opened.fleet.state.roster.clear()
    opened.page.copying.marked_rows()
    assert opened.said[-1] == "Nothing copied: no loaded row is marked."


def test_the_marked_devices_are_shown_alone(opened: Opened) -> None:
    wanted: list[Wanted] = []
    opened.page.wanted.connect(wanted.append)
    odd = {"a b": 0, 'x"y': 1, "a,b": 2, "or": 3, "-neg": 4, "ü-1": 5, "<b>": 6, "tab\t": 7}
    opened.page.model.marks.toggle(odd)
    opened.page.marking.show_only()
    assert opened.page.filter.mistake == ""
    found = wanted[-1].filter
    assert found is not None
    accepted = [each for each in (*odd, "a", "b", "neg") if found.holds(Summary(each))]
    assert accepted == [each for each in odd if each.isprintable()]
    assert opened.said[-1] == "Without 1 marked, by an id that cannot be typed."
    opened.page.model.marks.toggle({f"device-{n:06d}": n for n in range(1_000)})
    opened.page.marking.show_only()
    assert opened.said[-1].startswith("The marked devices make no filter")


def test_all_of_a_large_fleet_is_not_marked_in_silence(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet(20_000, loaded=MOST_MARKED + 500))
    opened.table.selectAll()
    opened.press(Qt.Key.Key_Space)
    assert len(opened.marked) == MOST_MARKED
    assert opened.said[-1] == "10,000 of 20,000 selected: no more than 10,000 devices can be marked."


def test_a_mark_is_seen_at_the_edge_of_its_row(opened: Opened) -> None:
    opened.go_to(0)
    accent, height = theme.current().color("accent"), opened.table.row_height
    at = (3, 3 * height + height // 2)
    assert opened.table.viewport().grab().toImage().pixelColor(*at) != accent
    opened.page.model.marks.toggle({device_id(3): 3})
    opened.page.beat()
    assert opened.table.viewport().grab().toImage().pixelColor(*at) == accent


# The bar of a walk


@pytest.mark.parametrize(
    ("phase", "expected", "share", "said"),
    [
        (HoldPhase.WALKING, 1_000, 0.4, "40% of the fleet read"),
        (HoldPhase.WALKING, None, None, "reading the fleet"),
        (HoldPhase.WALKING, 100, 1.0, "100% of the fleet read"),
        (HoldPhase.PAUSED, 1_000, 0.4, "paused: 40% of the fleet read"),
    ],
)
def test_a_walk_under_way_has_a_bar_that_says_how_far_it_is(
    opened: Opened, phase: HoldPhase, expected: int | None, share: float | None, said: str
) -> None:
    bar, header = opened.table.coverage, opened.table.header
    assert not bar.isVisible()
    bar.show_state(HoldState(phase, Coverage(seen=400, expected=expected)))
    assert bar.isVisible()
    assert (bar.share, bar.accessibleName()) == (share, said)
    assert (bar.geometry().bottom(), bar.width()) == (header.geometry().bottom(), header.width())
    filled = bar.grab().toImage()
    assert (filled.pixelColor(2, 1) == filled.pixelColor(bar.width() - 3, 1)) is (share != 0.4)
    opened.page.resize(800, 400)
    assert bar.width() == header.width()
    for over in (HoldPhase.DONE, HoldPhase.CANCELLED, HoldPhase.FAILED):
        bar.show_state(HoldState(over, Coverage(seen=400, expected=expected)))
        assert not bar.isVisible()

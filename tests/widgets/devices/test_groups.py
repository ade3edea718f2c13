"""Groups as operators touch them: heads that open and close, are no devices, and stay where they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fleetgui.models.groups import filter_of, spoken
from fleetgui.policy.filters import parse
from fleetgui.policy.filters.completion import PATHS
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.hold import Offered
from fleetgui.stores.roster import GroupHead
from fleetgui.widgets.devices.groups import label_keys
from fleetgui.widgets.devices.heads import HeadPainter
from fleetgui.widgets.devices.page import DevicesPage
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.cells import Line
from fleetgui.wire.query import Order, Value
from fleetgui.wire.records import Summary
from tests.models.fleet import Fleet
from tests.models.held import Held

TYPES = ("camera", "door", "sensor")


class Grouped:
    """A page on the screen over 300 held devices of three types, under three closed heads."""

    def __init__(self, qtbot: QtBot) -> None:
        self.fleet = Fleet()
        self.held = Held(self.fleet)
        self.held.take(Summary(f"d{n:03d}", device_type=TYPES[n % 3], labels=f"rack={n % 2}") for n in range(300))
        self.page = DevicesPage(self.fleet.state, self.fleet.clock)
        qtbot.addWidget(self.page)
        self.table = self.page.table
        self.opened: list[str] = []
        self.page.device_opened.connect(self.opened.append)
        self.held.arrange(group="device_type")
        self.page.resize(1_000, 500)
        self.page.show()
        self.table.setFocus()
        self.go_to(0)

    def go_to(self, row: int) -> None:
        self.table.setCurrentIndex(self.page.model.index(row, 0))
        self.page.beat()

    def press(self, key: Qt.Key) -> None:
        QTest.keyClick(self.table, key)

    def click(self, row: int, x: int) -> None:
        at = QPoint(x, row * self.table.row_height - self.table.verticalHeader().offset() + 10)
        QTest.mouseClick(self.table.viewport(), Qt.MouseButton.LeftButton, pos=at)

    def copied(self) -> None:
        while self.page.copying.is_busy:
            QApplication.processEvents()

    def built(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Every record that is put together from now on, by its number."""
        numbers: list[int] = []
        whole = self.held.devices.summary

        def put_together(number: int) -> Summary:
            numbers.append(number)
            return whole(number)

        monkeypatch.setattr(self.held.devices, "summary", put_together)
        return numbers

    @property
    def heads(self) -> list[tuple[str | None, bool]]:
        model = self.page.model
        heads: list[GroupHead | None] = [model.group(row) for row in range(model.rowCount())]
        return [(head.value, head.is_open) for head in heads if head is not None]

    @property
    def count(self) -> int:
        return self.page.model.rowCount()


@pytest.fixture
def grouped(qtbot: QtBot, qapp: QApplication) -> Iterator[Grouped]:
    theme.apply(qapp, "dark")
    grouped = Grouped(qtbot)
    yield grouped
    grouped.held.close()


def test_enter_opens_and_closes_a_group_and_no_device(grouped: Grouped) -> None:
    grouped.go_to(1)
    grouped.press(Qt.Key.Key_Return)
    assert grouped.heads == [("camera", False), ("door", True), ("sensor", False)]
    assert grouped.count == 103
    grouped.press(Qt.Key.Key_Return)
    assert (grouped.count, grouped.opened) == (3, [])
    grouped.press(Qt.Key.Key_Return)
    grouped.press(Qt.Key.Key_Down)
    grouped.press(Qt.Key.Key_Return)
    assert grouped.opened == ["d001"]


def test_right_opens_left_closes_and_neither_does_it_twice(grouped: Grouped) -> None:
    counts = []
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Left):
        grouped.press(key)
        counts.append(grouped.count)
    assert counts == [3, 103, 103, 3, 3]
    assert grouped.table.currentIndex().row() == 0


def test_a_click_on_the_triangle_toggles_and_one_on_the_name_selects(grouped: Grouped) -> None:
    grouped.click(1, 12)
    assert grouped.heads[1] == ("door", True)
    grouped.click(0, 60)
    assert grouped.heads[0] == ("camera", False)
    assert grouped.table.selected_ranges == [(0, 0)]
    QTest.mouseDClick(grouped.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(60, 4))
    assert grouped.heads[0] == ("camera", True)
    grouped.click(3, 12)  # a device's row has no triangle
    assert grouped.count == 203


def test_a_head_stays_under_the_pointer_as_its_group_opens(grouped: Grouped) -> None:
    grouped.go_to(2)
    grouped.press(Qt.Key.Key_Right)
    grouped.go_to(60)
    bar = grouped.table.verticalScrollBar()
    bar.setValue(0)
    grouped.table.tell_moved()
    grouped.click(0, 12)
    QApplication.processEvents()
    assert (grouped.heads[0], bar.value()) == (("camera", True), 0)


def test_what_is_selected_stays_selected_as_rows_come_before_it(grouped: Grouped, qtbot: QtBot) -> None:
    grouped.go_to(2)
    grouped.press(Qt.Key.Key_Right)
    grouped.go_to(5)
    device_id = grouped.page.model.device_id(5)
    grouped.table.toggle(0)
    qtbot.waitUntil(lambda: grouped.table.selected_ranges == [(105, 105)])
    assert grouped.page.model.device_id(105) == device_id
    assert grouped.table.currentIndex().row() == 0  # the head, as after a click on it


def test_heads_are_left_out_of_what_is_copied(grouped: Grouped) -> None:
    grouped.press(Qt.Key.Key_Right)
    grouped.table.setSelection(
        QRect(0, 0, 10, 101 * grouped.table.row_height), QItemSelectionModel.SelectionFlag.Select
    )
    said: list[str] = []
    grouped.page.said.connect(said.append)
    grouped.page.copying.ids()
    grouped.copied()
    assert QGuiApplication.clipboard().text().split("\n") == [f"d{n:03d}" for n in range(0, 300, 3)]
    assert said == ["Copied 100 ids."]


def test_the_head_of_a_closed_group_stands_for_its_devices_wherever_they_are_copied_or_marked(
    grouped: Grouped,
) -> None:
    said: list[str] = []
    grouped.page.said.connect(said.append)
    grouped.page.copying.ids()  # of the current row: the cameras' head
    grouped.copied()
    assert QGuiApplication.clipboard().text().split("\n") == [f"d{n:03d}" for n in range(0, 300, 3)]
    grouped.press(Qt.Key.Key_Space)
    assert len(grouped.page.model.marks) == 100
    grouped.press(Qt.Key.Key_Right)
    grouped.page.copying.ids()
    grouped.copied()
    assert said == ["Copied 100 ids.", "Nothing copied: an open group's head stands for no device."]
    grouped.table.selectAll()
    grouped.page.copying.rows()
    grouped.copied()
    assert said[-1] == "Copied 300 rows."
    lines = QGuiApplication.clipboard().text().splitlines()[1:]
    assert [line.split("\t")[1] for line in lines] == [f"d{n:03d}" for kind in range(3) for n in range(kind, 300, 3)]


def test_thousands_of_rows_are_copied_between_events_and_in_the_order_of_when_it_was_asked(grouped: Grouped) -> None:
    grouped.held.take(Summary(f"e{n:05d}", device_type="door") for n in range(3_000))
    grouped.held.arrange()
    grouped.table.selectAll()
    said: list[str] = []
    grouped.page.said.connect(said.append)
    grouped.page.copying.rows()
    assert grouped.page.copying.is_busy
    grouped.held.arrange(orders=(Order("device_id", descending=True),))  # as when something came
    grouped.copied()
    assert said[-1] == "Copied 3,300 rows."
    lines = QGuiApplication.clipboard().text().splitlines()[1:]
    assert [line.split("\t")[1] for line in lines] == [
        *(f"d{n:03d}" for n in range(300)),
        *(f"e{n:05d}" for n in range(3_000)),
    ]
    grouped.page.copying.rows()
    grouped.page.filter.set_filter("sensor")  # nobody waits for these any more
    assert said[-1] == "Copying stopped, since other rows are wanted; the clipboard is as it was."
    said.clear()
    grouped.page.filter.set_filter("door")
    assert said == []


def test_all_that_match_are_those_in_closed_groups_too_and_heads_are_none(grouped: Grouped) -> None:
    def selected() -> int:
        return grouped.page._viewing.look("").selected

    grouped.table.selectAll()
    assert selected() == 300
    grouped.table.toggle(0)
    grouped.table.selectAll()
    assert selected() == 300
    grouped.held.take(Summary(f"e{n:05d}", device_type="door") for n in range(12_000))
    grouped.held.arrange(group="device_type")
    grouped.table.toggle(101)
    grouped.table.selectAll()
    assert grouped.table.all_selected
    assert selected() == 12_300


def test_values_of_the_whole_fleet_are_offered_once_they_are_there(grouped: Grouped) -> None:
    asked: list[tuple[str, str]] = []
    grouped.page.values_asked.connect(lambda field, prefix: asked.append((field, prefix)))
    line = grouped.page.filter

    def offered() -> list[str]:
        return [line._offers.item(row).text().split()[0] for row in range(line._offers.count())]

    def answer(*values: str) -> None:
        grouped.fleet.state.hold.update(offered=Offered(asked[-1], values))
        grouped.page.beat()

    grouped.table.toggle(0)  # only cameras are on the screen
    grouped.page.beat()
    line.setFocus()
    QTest.keyClicks(line, "type:")
    assert asked[-1] == ("device_type", "")
    assert offered() == ["camera", "*"]
    answer("sensor", "camera", "door")
    assert offered() == ["sensor", "camera", "door", "*"]
    number = len(asked)
    QTest.keyClicks(line, "d")
    assert asked[number:] == [("device_type", "d")]
    QTest.keyClick(line, Qt.Key.Key_Escape)
    answer("door")
    assert not line._offers.isVisible()  # they were put away meanwhile


def test_labels_and_paths_of_what_is_on_the_screen_are_offered(grouped: Grouped) -> None:
    grouped.held.devices.hold_paths(["status.zoom"])
    grouped.held.arrange()
    grouped.page.beat()
    values = grouped.page._seen.values
    assert values("labels.", "") == ["rack"]
    assert values("labels.rack", "") == ["0", "1"]
    assert values(PATHS, "Status") == ["status.zoom"]
    fleet = Fleet(10)
    grouped.fleet.state.table.show(fleet.state.roster)
    grouped.page.beat()
    assert "status.battery" in values(PATHS, "sta")
    assert values("status.battery", "3") == ["3"]
    assert values("registry.registered_at", "") == ["2026-11-21T00:02:20Z"]


def test_another_wish_begins_at_the_top_whatever_was_current(grouped: Grouped, qtbot: QtBot) -> None:
    grouped.table.toggle(2)
    grouped.go_to(90)
    bar = grouped.table.verticalScrollBar()
    assert bar.value() > 0
    grouped.page.filter.set_filter("sensor")
    grouped.page.beat()
    grouped.held.arrange(asked=parse("sensor").filter)
    grouped.page.beat()
    QApplication.processEvents()
    assert (bar.value(), grouped.table.currentIndex().isValid(), grouped.table.selected_ranges) == (0, False, [])
    grouped.press(Qt.Key.Key_Down)
    assert grouped.table.currentIndex().row() == 0
    grouped.held.arrange(asked=parse("sensor or door").filter)  # as when something came: what is current stays there
    assert grouped.table.currentIndex().row() == 0
    grouped.go_to(50)
    device_id = grouped.page.model.device_id(50)
    grouped.held.arrange()
    qtbot.waitUntil(lambda: grouped.page.model.device_id(grouped.table.currentIndex().row()) == device_id)


def test_the_menu_of_a_head_opens_its_group(grouped: Grouped) -> None:
    menu = grouped.page.menu.of(1)
    assert menu is not None
    does = {action.text(): action for action in menu.actions() if not action.isSeparator()}
    assert list(does) == [
        "Open group\tRight",
        "Open all groups",
        "Close all groups",
        "Show only this group",
        "Copy ids of 100 devices",
        "No groups",
    ]
    does["Open group\tRight"].trigger()
    assert grouped.heads[1] == ("door", True)
    does["Open all groups"].trigger()
    assert [is_open for _, is_open in grouped.heads] == [True, True, True]
    assert grouped.count == 303
    does["Close all groups"].trigger()
    assert [is_open for _, is_open in grouped.heads] == [False, False, False]
    wanted: list[Wanted] = []
    grouped.page.wanted.connect(wanted.append)
    grouped.page.group_by("device_type")
    does["No groups"].trigger()
    assert wanted[-1] == Wanted()
    menu.close()


@pytest.mark.parametrize("is_open", [False, True])
def test_the_ids_of_a_group_are_copied_open_or_closed(grouped: Grouped, is_open: bool) -> None:
    if is_open:
        grouped.table.toggle(1)
    menu = grouped.page.menu.of(1)
    assert menu is not None
    next(action for action in menu.actions() if action.text().startswith("Copy ids")).trigger()
    grouped.copied()
    assert QGuiApplication.clipboard().text().split("\n") == [f"d{n:03d}" for n in range(1, 300, 3)]
    menu.close()


def test_a_group_is_shown_alone_within_what_is_found_already(grouped: Grouped) -> None:
    for before, after in (("", "type=door"), ("d1", "d1 type=door"), ("d1 or d2", "(d1 or d2) type=door")):
        grouped.page.filter.set_filter(before)
        grouped.held.arrange(group="device_type")
        grouped.page.beat()
        menu = grouped.page.menu.of(1)
        assert menu is not None
        next(action for action in menu.actions() if action.text() == "Show only this group").trigger()
        assert grouped.page.filter.text() == after
        menu.close()


@pytest.mark.parametrize(
    "field",
    ["device_type", "location", "battery", "busy_score", "firmware", "online", "ttl", "labels.site", "status.x"],
)
def test_what_is_written_for_a_group_finds_its_devices_and_no_others(field: str) -> None:
    """Or nothing is written: of a figure that the head shows less exactly than it is."""
    odd: list[Value] = [
        "a",
        'say "no"',
        "a,b",
        "1,4",
        1_400,
        2**60 + 1,
        2**60,
        0.5,
        1 / 3,
        True,
        None,
        "or",
        "*",
        "a b",
        "/x/",
    ]
    held = Held(Fleet())
    try:
        texts = [None if each is None else str(each) for each in odd]
        summaries = [
            Summary(
                f"d{n:03d}",
                device_type=text,
                location=text,
                firmware=text,
                labels=f"rack=1 site=s{n % 3}" if n % 4 else "",
                battery=[None, 1, 99, 100][n % 4],
                busy_score=[None, 0.0, 1.0, 0.25][n % 4],
                online=[None, True, False][n % 3],
                ttl=[15.0, 1_400.0, None][n % 3],
            )
            for n, text in enumerate(texts)
        ]
        rows = held.devices.take(summaries)
        held.devices.hold_paths(["status.x"])
        held.devices.put("status.x", rows, odd)
        held.rows.taken(rows, 0.0)
        held.arrange(group=field)
        heads = [row.group for _, row in held.rows.loaded_rows(0, 99) if row.group is not None]
        assert len(heads) > 1
        written = [(head, filter_of(head)) for head in heads]
        for head, text in written:
            if text:
                parsed = parse(text)
                held.arrange(asked=parsed.filter)
                assert (text, held.rows.total) == (text, head.count)
        assert sum(not text for _, text in written) <= 2
    finally:
        held.close()


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_heads_are_drawn_across_columns_and_do_not_scroll_sideways(
    grouped: Grouped, qapp: QApplication, mode: theme.Mode
) -> None:
    theme.apply(qapp, mode)
    grouped.page.resize(600, 400)
    viewport = grouped.table.viewport()
    viewport.repaint()
    before = viewport.grab().toImage()
    grouped.table.horizontalScrollBar().setValue(200)
    after = viewport.grab().toImage()
    assert before == after
    assert before.copy(0, 0, 200, 24) != before.copy(0, 100, 200, 24)  # something is drawn there
    theme.apply(qapp, "dark")


def test_keys_of_labels_are_offered_by_how_common_they_are() -> None:
    assert label_keys(["rack=a site=x,y", None, "site=z", "", "odd", "=b"]) == ["site", "rack"]


def test_a_value_of_ten_million_characters_is_cut_before_it_is_laid_out(qapp: QApplication) -> None:
    image = QImage(600, 24, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    began = time.process_time()
    head = GroupHead("labels." + "k" * 10_000_000, "<b>" + "W" * 10_000_000, 1, True)
    HeadPainter().paint(painter, [(Line(0, 0), head), (Line(0, 0), replace(head, value=None))], 600, 24)
    assert time.process_time() - began < 0.5  # all of it would take Qt seconds
    painter.end()
    assert len(spoken(head)) < 1_000


def test_a_selection_knows_its_devices_without_putting_their_records_together(
    grouped: Grouped, monkeypatch: pytest.MonkeyPatch
) -> None:
    grouped.held.arrange()
    grouped.page.beat()
    built = grouped.built(monkeypatch)
    grouped.table.selectAll()
    assert grouped.table.selected_count == 300
    assert len(built) < 100

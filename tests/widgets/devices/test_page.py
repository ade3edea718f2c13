"""The devices page as its user meets it: sentences, opening, copying, keeping the place, and a million rows."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, Qt, QTimer
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QMainWindow
from pytestqt.qtbot import QtBot

from fleetgui.models.columns import COLUMNS
from fleetgui.policy.filters import parse
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.export import Coverage
from fleetgui.stores.held.fleet import HeldFleet
from fleetgui.stores.held.layout import Layout
from fleetgui.stores.held.rows import HeldRows
from fleetgui.stores.hold import HoldPhase, HoldState
from fleetgui.stores.roster import RosterPhase, RosterStatus
from fleetgui.widgets.devices.page import NOTICE_S, DevicesPage
from fleetgui.widgets.devices.rows import MOST_SELECTED
from fleetgui.widgets.devices.sentence import BRIEF_S, View, empty, sentence
from fleetgui.widgets.devices.table import VIEW_MOVED_MS
from fleetgui.widgets.look import theme
from fleetgui.wire.query import BY_ID, Order
from fleetgui.wire.records import Summary
from tests.models.fleet import Fleet, device_id, record

NAMES = [column.key for column in COLUMNS]
SIGNALS = ("device_opened", "wanted", "refresh_requested", "reconnect_requested", "view_moved", "said")


@pytest.fixture(autouse=True)
def _look(qapp: QApplication) -> None:
    theme.apply(qapp, "dark")


class Opened:
    """A page on the screen, and what it asked for."""

    def __init__(self, qtbot: QtBot, fleet: Fleet) -> None:
        self.fleet = fleet
        self.page = DevicesPage(fleet.state, fleet.clock)
        qtbot.addWidget(self.page)
        self.table = self.page.table
        self.asked: list[tuple[Any, ...]] = []
        for name in (
            "device_opened",
            "wanted",
            "refresh_requested",
            "reconnect_requested",
            "view_moved",
            "said",
        ):
            getattr(self.page, name).connect(lambda *args, name=name: self.asked.append((name, *args)))
        self.page.resize(1200, 500)
        self.page.show()
        self.beat()
        self.asked.clear()

    @property
    def wanted(self) -> list[Wanted]:
        return [asked[1] for asked in self.asked if asked[0] == "wanted"]

    @property
    def said(self) -> list[str]:
        """What the status line was to say."""
        return [asked[1] for asked in self.asked if asked[0] == "said"]

    def beat(self) -> None:
        self.table.tell_moved()
        self.page.beat()

    def select(self, *rows: int) -> None:
        model = self.table.selectionModel()
        model.clearSelection()
        for row in rows:
            flags = QItemSelectionModel.SelectionFlag.Rows | QItemSelectionModel.SelectionFlag.Select
            model.select(self.page.model.index(row, 0), flags)

    @property
    def selected(self) -> list[int]:
        return [row for first, last in self.table.selected_ranges for row in range(first, last + 1)]


@pytest.fixture
def fleet_of_ten() -> Fleet:
    return Fleet(10)


@pytest.fixture
def opened(qtbot: QtBot) -> Opened:
    return Opened(qtbot, Fleet(1_400))


# Sentences


def view(fleet: Fleet, **fields: Any) -> View:
    state = fleet.state
    known: dict[str, Any] = {
        "status": state.roster.status,
        "loaded": state.roster.loaded,
        "malformed": state.roster.malformed,
        "now": fleet.clock.now(),
        "wall": fleet.clock.wall(),
        "link": state.link.state,
    }
    return View(**known | fields)


def test_the_sentence_says_how_many_how_much_is_loaded_and_how_old_it_is() -> None:
    fleet = Fleet(1_400, loaded=212)
    fleet.clock.advance(4)
    assert sentence(view(fleet)) == ("1,400 registered  ·  212 loaded  ·  read 4 s ago", "muted")


def test_a_slow_registry_is_waited_for_in_words() -> None:
    fleet = Fleet(1_400, loaded=212)
    fleet.state.roster.waiting(fleet.clock.now())
    fleet.clock.advance(6)
    assert "waiting for the registry, 6 s" in sentence(view(fleet))[0]


def test_what_is_not_certain_is_said() -> None:
    fleet = Fleet(10)
    fleet.state.roster.membership_changed()
    words, _ = sentence(view(fleet, hidden=True))
    assert words.startswith("at most 10 registered")
    assert "some are not visible to you" in words
    assert "devices came or went since; F5 reads again" in words
    fleet.state.roster.page_read(0, [record(0)], next_offset=None, total=None, read_at=fleet.clock.now(), paging=False)
    assert "an old registry" in sentence(view(fleet))[0]


def test_a_failed_registry_is_said_in_the_ink_of_failures_and_what_was_read_stays() -> None:
    fleet = Fleet(10)
    fleet.state.roster.failed("The registry did not answer within 30 s.")
    assert sentence(view(fleet)) == (
        "10 registered  ·  10 loaded  ·  read 0 s ago  ·  The registry did not answer within 30 s.",
        "band_critical",
    )
    assert empty(view(fleet)) is None


def test_without_a_link_the_sentence_names_since_when_nothing_is_live() -> None:
    fleet = Fleet(10)
    fleet.link_down()
    fleet.clock.advance(18)
    words, ink = sentence(view(fleet))
    assert "no link since 00:00:00Z: nothing below is live" in words
    assert ink == "stale"


def test_each_empty_page_has_one_sentence_and_one_action() -> None:
    fleet = Fleet()
    waiting = empty(view(fleet))
    assert waiting is not None
    assert (waiting.sentence, waiting.asks) == ("Waiting for the registry.", "refresh")
    fleet.read(0, [], total=0)
    none = empty(view(fleet))
    assert none is not None
    assert (none.sentence, none.asks) == ("The registry lists no devices.", "refresh")
    unmatched = empty(view(fleet, wanted=Wanted(parse("type:camra site:x").filter)))
    assert unmatched is not None
    assert unmatched.sentence == (
        "No device matches: type contains camra and location contains x. The registry answered so, 0 s ago."
    )
    assert unmatched.asks == "clear"
    fleet.state.roster.failed("The registry refused the request.")
    failed = empty(view(fleet))
    assert failed is not None
    assert (failed.sentence, failed.asks) == ("The registry refused the request.", "refresh")
    fleet.state.link.set_state(LinkState(LinkPhase.REFUSED, 0.0, 0.0, error="Check the password."))
    refused = empty(view(fleet))
    assert refused is not None
    assert (refused.sentence, refused.asks) == ("The broker refused the connection. Check the password.", "connect")


def test_an_id_that_matches_nothing_can_be_asked_of_the_registry(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet())
    opened.page.filter.set_filter("camera-0147")
    opened.fleet.read(0, [], total=0)
    opened.page.beat()
    assert opened.page._empty is not None
    assert opened.page._empty.action == "Ask the registry for camera-0147"
    opened.page._placeholder.acted.emit()
    assert ("device_opened", "camera-0147") in opened.asked


def test_the_action_of_an_empty_page_asks_for_what_it_says(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet(link_up=False))
    opened.page._placeholder.acted.emit()
    opened.fleet.link_up()
    opened.page.beat()
    opened.page._placeholder.acted.emit()
    assert opened.asked == [("reconnect_requested",), ("refresh_requested",)]


def test_rows_replace_the_empty_page_and_go_again(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet())
    assert not opened.table.isVisible()
    opened.fleet.read(0, range(5), total=5)
    opened.page.beat()
    assert opened.table.isVisible()
    opened.fleet.state.roster.clear()
    opened.page.beat()
    assert not opened.table.isVisible()


# Filter and going to an id


def test_a_filter_is_wanted_once_typing_stops(opened: Opened, qtbot: QtBot) -> None:
    with qtbot.waitSignal(opened.page.wanted):
        QTest.keyClicks(opened.page.filter, "cam")
    opened.page.filter.setText(" type:cam site:hall ")
    QTest.keyClick(opened.page.filter, Qt.Key.Key_Return)
    QTest.keyClick(opened.page.filter, Qt.Key.Key_Return)
    opened.page.clear_filter()
    texts = [str(wanted.filter) if wanted.filter else "" for wanted in opened.wanted]
    assert texts == ["cam", "type:cam location:hall", ""]


def test_what_was_just_done_is_said_until_something_else_is_wanted(opened: Opened) -> None:
    def above() -> str:
        return opened.page.bar.sentence.text

    opened.page.tell("Copied 1 row.")
    assert above() == "Copied 1 row."
    QTest.keyClick(opened.page.filter, Qt.Key.Key_B)
    assert "registered" in above()
    opened.page.tell("Copied 1 row.")
    opened.page.sort_by(NAMES.index("battery"))
    assert "sorted by battery" in above()
    opened.page.tell("Copied 1 row.")
    opened.fleet.clock.advance(NOTICE_S)
    opened.beat()
    assert "sorted by battery" in above()


def test_from_the_filter_back_to_the_rows_with_the_keyboard_alone(opened: Opened) -> None:
    for key in (Qt.Key.Key_Escape, Qt.Key.Key_Down):
        opened.page.filter.setFocus()
        opened.page.filter.clear()
        QTest.keyClicks(opened.page.filter, "batt")
        QTest.keyClick(opened.page.filter, Qt.Key.Key_Escape)  # puts the completions away
        assert opened.page.filter.hasFocus()
        QTest.keyClick(opened.page.filter, key)
        assert opened.table.hasFocus()
        assert opened.page.filter.text() == "batt"


def test_a_mistake_is_said_and_what_stands_beside_it_counts(opened: Opened) -> None:
    opened.page.filter.set_filter("type:cam batery<20")
    assert [str(wanted.filter) for wanted in opened.wanted] == ["type:cam"]
    assert "batery" in opened.page.bar.sentence.text
    assert "battery" in opened.page.filter.toolTip()  # the nearest that there is


def click_on(opened: Opened, key: str, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """A click on the header of a column."""
    header = opened.table.header
    at = QPoint(header.x_of(NAMES.index(key)) + 20, header.height() // 2)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, held, at)


def titles(opened: Opened) -> list[str]:
    return [opened.page.model.headerData(n, Qt.Orientation.Horizontal) for n in range(len(NAMES))]


def test_a_click_on_a_header_sorts_and_a_third_one_does_not_any_more(opened: Opened) -> None:
    click_on(opened, "battery")
    assert [title for title in titles(opened) if "↑" in title] == ["Battery % ↑"]
    click_on(opened, "battery")
    assert [title for title in titles(opened) if "↓" in title] == ["Battery % ↓"]
    click_on(opened, "battery")
    click_on(opened, "location")
    assert [wanted.order for wanted in opened.wanted] == [
        Order("battery"),
        Order("battery", descending=True),
        BY_ID,
        Order("location"),
    ]
    assert [title for title in titles(opened) if "↑" in title] == ["Location ↑"]
    assert opened.selected == []  # Qt's own view would have selected the column


def test_shift_and_a_click_sort_by_several_columns_and_the_header_counts_them(opened: Opened) -> None:
    click_on(opened, "device_type")
    click_on(opened, "battery", Qt.KeyboardModifier.ShiftModifier)
    click_on(opened, "battery", Qt.KeyboardModifier.ShiftModifier)
    assert list(opened.wanted[-1].orders) == [Order("device_type"), Order("battery", descending=True)]
    assert [title for title in titles(opened) if "↑" in title or "↓" in title] == ["Type ↑1", "Battery % ↓2"]
    name = Qt.ItemDataRole.AccessibleTextRole
    model = opened.page.model
    said = [model.headerData(NAMES.index(key), Qt.Orientation.Horizontal, name) for key in ("battery", "location")]
    assert said == ["Battery %, sorted descending 2", "Location"]
    assert "sorted by type, then battery descending" in opened.page.bar.sentence.text
    click_on(opened, "battery", Qt.KeyboardModifier.ShiftModifier)
    assert list(opened.wanted[-1].orders) == [Order("device_type")]
    assert [title for title in titles(opened) if "↑" in title] == ["Type ↑"]


def test_no_more_than_a_few_columns_are_sorted_by(opened: Opened) -> None:
    for key in ("device_type", "location", "battery", "firmware"):
        opened.page.sort_by(NAMES.index(key), more=True)
    before = opened.wanted[-1]
    opened.page.sort_by(NAMES.index("model"), more=True)
    assert opened.wanted[-1] == before
    assert opened.said[-1] == "Sorted by 4 columns already; no more than that."


def test_clearing_the_filter_is_one_wish_and_leaves_the_order_and_the_groups(opened: Opened) -> None:
    opened.page.filter.set_filter("type:cam")
    opened.page.offline.click()
    opened.page.sort_by(NAMES.index("battery"))
    opened.page.group_by("location")
    opened.asked.clear()
    opened.page.clear_filter()
    assert opened.wanted == [Wanted(orders=(Order("battery"),), group="location")]
    assert (opened.page.filter.text(), opened.page.offline.isChecked()) == ("", False)
    QTest.keyClick(opened.page.filter, Qt.Key.Key_Return)
    assert len(opened.wanted) == 1


def test_groups_are_offered_with_the_labels_of_what_is_on_the_screen(opened: Opened) -> None:
    groups = opened.page.groups
    groups._fill()
    titles = [action.text() for action in groups._menu.actions() if not action.isSeparator()]
    assert titles == ["No groups", "Type", "Location", "Availability", "Firmware", "Label"]
    [labels] = [action.menu() for action in groups._menu.actions() if action.text() == "Label"]
    assert labels.actions()[0].text() == "category"  # type: ignore[attr-defined] # a menu, as the menu above says
    labels.actions()[0].trigger()  # type: ignore[attr-defined] # likewise
    assert opened.wanted[-1].group == "labels.category"
    assert groups.button.text() == "By label category"
    assert "grouped by label category" in opened.page.bar.sentence.text
    groups._menu.actions()[0].trigger()
    assert opened.wanted[-1].group is None


def test_a_label_that_is_on_no_screen_is_asked_for(opened: Opened) -> None:
    opened.page.groups._ask_label()
    [dialog] = opened.page.window().findChildren(QInputDialog)
    dialog.setTextValue(" rack ")
    dialog.accept()
    assert opened.wanted[-1].group == "labels.rack"


def test_what_only_this_console_sees_cannot_be_sorted_by_and_says_so(opened: Opened) -> None:
    opened.page.sort_by(NAMES.index("last_beat"))
    assert opened.wanted == []
    assert any(asked[0] == "said" and "cannot be sorted by" in asked[1] for asked in opened.asked)


def test_every_field_of_the_registry_that_is_a_column_can_be_sorted_by() -> None:
    fields = {column.key: column.field for column in COLUMNS}
    assert [key for key, field in fields.items() if field is None] == ["state", "held", "last_beat", "read"]
    assert fields["busy"] == "busy_score"


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        (HoldPhase.WALKING, "reading the fleet to do this here: 40 of 100, 6 s left"),
        (HoldPhase.PAUSED, "paused at 40 of 100"),
        (HoldPhase.CANCELLED, "only 40 of 100 were read"),
        (HoldPhase.FAILED, "only 40 of 100 were read"),
        (HoldPhase.DONE, "searched here: 40 of 100 devices"),
    ],
)
def test_what_was_not_read_is_always_said(fleet_of_ten: Fleet, phase: HoldPhase, words: str) -> None:
    hold = HoldState(phase, Coverage(seen=40, expected=100), eta_s=6.0)
    first = replace(fleet_of_ten.state.roster.status, read_at=None)
    assert words in sentence(view(fleet_of_ten, hold=hold, status=first))[0]
    nothing = empty(view(Fleet(), hold=hold, wanted=Wanted(parse("/x/").filter)))
    assert nothing is not None


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        (HoldPhase.WALKING, "reading the fleet again: 4 of 10"),
        (HoldPhase.PAUSED, "paused reading again at 4 of 10"),
        (HoldPhase.CANCELLED, "reading again stopped at 4 of 10; searched here: 10 of 10 devices, complete"),
    ],
)
def test_a_walk_over_what_was_read_before_does_not_take_it_back(
    fleet_of_ten: Fleet, phase: HoldPhase, words: str
) -> None:
    hold = HoldState(phase, Coverage(seen=4, expected=10), before=Coverage(seen=10, expected=10))
    said = sentence(view(fleet_of_ten, hold=hold))[0]
    assert words in said
    assert said.startswith("10 registered")


def test_a_walk_that_stands_still_is_waited_for_in_words_whether_there_are_rows_or_not(fleet_of_ten: Fleet) -> None:
    hold = HoldState(HoldPhase.WALKING, Coverage(seen=4, expected=10), waiting_since=fleet_of_ten.clock.now())
    assert "waiting for the registry" not in sentence(view(fleet_of_ten, hold=hold))[0]
    fleet_of_ten.clock.advance(6)
    assert "waiting for the registry, 6 s" in sentence(view(fleet_of_ten, hold=hold))[0]
    nothing = empty(view(fleet_of_ten, hold=hold, status=RosterStatus(RosterPhase.READY)))
    assert nothing is not None
    assert nothing.sentence.endswith("Waiting for the registry, 6 s.")


def test_why_what_a_registry_could_do_is_done_here_is_said(fleet_of_ten: Fleet) -> None:
    hold = HoldState(HoldPhase.DONE, Coverage(seen=10, expected=10), because="It fails over a filter: 'str'.")
    assert "since it fails over a filter: 'str'" in sentence(view(fleet_of_ten, hold=hold))[0]


def test_held_rows_that_are_not_all_are_not_called_all_that_are_registered(fleet_of_ten: Fleet) -> None:
    def said(coverage: Coverage) -> str:
        return sentence(view(fleet_of_ten, malformed=coverage.malformed, hold=HoldState(HoldPhase.DONE, coverage)))[0]

    assert said(Coverage(seen=10, expected=10)).startswith("10 registered")
    assert said(Coverage(seen=10, expected=12, hidden=2)).startswith("10 shown")
    malformed = said(Coverage(seen=12, expected=12, malformed=2))
    assert malformed.startswith("10 shown")
    assert malformed.count("malformed") == 1
    assert "written" not in malformed


def test_not_found_says_where_it_was_looked_for() -> None:
    fleet = Fleet()
    fleet.read(0, [], total=0)
    fleet.clock.advance(3)
    wanted = Wanted(parse("/x/").filter)
    hold = HoldState(HoldPhase.DONE, Coverage(seen=100, expected=100))
    found = empty(view(fleet, hold=hold, wanted=wanted))
    assert found is not None
    assert found.sentence.endswith("Looked for here, in 100 of 100 devices, complete, 3 s ago.")
    partly = empty(
        view(fleet, hold=HoldState(HoldPhase.DONE, Coverage(seen=90, expected=100, hidden=10)), wanted=wanted)
    )
    assert partly is not None
    assert "No match so far" in partly.sentence
    assert "10 not visible to you" in partly.sentence


def test_while_the_fleet_is_read_and_nothing_matches_so_far_it_says_how_far_that_is(qtbot: QtBot) -> None:
    hold = HoldState(HoldPhase.WALKING, Coverage(seen=40, expected=100), eta_s=6.0)
    waiting = RosterStatus(RosterPhase.WAITING)
    found = empty(view(Fleet(), status=waiting, hold=hold, wanted=Wanted(parse("/x/").filter)))
    assert found is not None
    assert found.sentence.startswith("No match so far (")
    assert found.sentence.endswith("reading the fleet to do this here: 40 of 100, 6 s left.")
    sorted_by = empty(view(Fleet(), status=waiting, hold=hold))
    assert sorted_by is not None
    assert sorted_by.sentence == "Reading the fleet to do this here: 40 of 100, 6 s left."
    opened = Opened(qtbot, Fleet())
    opened.page.walk_asked.connect(lambda what: opened.asked.append(("walk_asked", what)))
    opened.page._empty = sorted_by
    opened.page._placeholder.acted.emit()
    assert opened.asked[-1] == ("walk_asked", "cancel")


def test_what_was_found_says_when_and_that_it_takes_its_time(fleet_of_ten: Fleet) -> None:
    at = fleet_of_ten.clock.now()
    hold = HoldState(HoldPhase.DONE, Coverage(seen=10, expected=10), arranged_at=at, is_behind=True)
    assert "found and sorted" not in sentence(view(fleet_of_ten, hold=hold))[0]
    fleet_of_ten.clock.advance(12)
    assert "found and sorted 12 s ago" in sentence(view(fleet_of_ten, hold=hold))[0]
    assert "searching and sorting, 1 s" in sentence(view(fleet_of_ten, hold=hold, arranging_s=1.0))[0]
    many = HoldState(HoldPhase.DONE, ungrouped=12_345)
    words, _ = sentence(view(fleet_of_ten, hold=many, wanted=Wanted(group="serial_number")))
    assert "12,345 groups by serial number are too many: in their order, without heads" in words


def test_why_who_is_online_is_looked_for_here_is_said(fleet_of_ten: Fleet) -> None:
    hold = HoldState(HoldPhase.DONE, Coverage(seen=10, expected=10))
    why = "who is online is heard here, whatever a registry says"
    asks = (parse("-online").filter, (BY_ID,), None), (None, (Order("online"),), None), (None, (BY_ID,), "online")
    for asked, orders, group in asks:
        assert why in sentence(view(fleet_of_ten, hold=hold, wanted=Wanted(asked, orders, group=group)))[0]
    assert why not in sentence(view(fleet_of_ten, hold=hold, wanted=Wanted(parse("battery<9").filter)))[0]


def test_rows_that_come_in_a_blink_have_nothing_in_their_place(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet(10))
    opened.table.setFocus()
    opened.page.filter.set_filter("camera")
    roster = opened.fleet.state.roster
    roster.clear()
    roster.waiting(opened.fleet.clock.now())
    opened.beat()
    assert opened.table.isVisible()
    assert opened.page.focusWidget() is opened.table  # and not the button of what stands in its place
    opened.fleet.clock.advance(2 * BRIEF_S)
    opened.beat()
    assert not opened.table.isVisible()
    assert opened.page._empty is not None
    assert opened.page._empty.sentence == "Waiting for the registry."


def test_a_search_that_takes_long_is_counted_from_its_beginning(opened: Opened) -> None:
    hold = opened.fleet.state.hold
    hold.update(arranging=True)
    assert opened.page._viewing.look("").arranging_s == 0.0
    opened.fleet.clock.advance(2)
    assert opened.page._viewing.look("").arranging_s == 2.0
    hold.update(arranging=False)
    assert opened.page._viewing.look("").arranging_s == 0.0


def test_who_is_gone_is_shown_where_the_registry_remembers(opened: Opened, fleet_of_ten: Fleet) -> None:
    opened.page.offline.click()
    assert [wanted.offline for wanted in opened.wanted] == [True]
    wanted = Wanted(offline=True)
    assert "10 registered or gone lately" in sentence(view(fleet_of_ten, wanted=wanted))[0]
    assert "lists nobody who is gone" in sentence(view(fleet_of_ten, wanted=wanted, lists_offline=False))[0]
    opened.page.clear_filter()
    assert not opened.page.offline.isChecked()


def test_who_types_over_the_table_searches(opened: Opened) -> None:
    opened.table.setFocus()
    QTest.keyClicks(opened.table, "c")
    assert opened.page.filter.text() == "c"
    QTest.keyClick(opened.table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert opened.page.filter.text() == "c"


def test_the_order_is_said(fleet_of_ten: Fleet) -> None:
    wanted = Wanted(orders=(Order("battery", descending=True),))
    assert "sorted by battery descending" in sentence(view(fleet_of_ten, wanted=wanted))[0]


def test_any_exact_id_opens_whether_it_is_loaded_or_not(opened: Opened, qtbot: QtBot) -> None:
    opened.page.go_to.setText("not-loaded.with dots")
    QTest.keyClick(opened.page.go_to, Qt.Key.Key_Return)
    assert opened.asked[-1] == ("device_opened", "not-loaded.with dots")
    opened.page.go_to.setText(device_id(700))
    QTest.keyClick(opened.page.go_to, Qt.Key.Key_Return)
    assert opened.asked[-1] == ("device_opened", device_id(700))
    assert opened.table.currentIndex().row() == 700
    assert opened.table.first_visible <= 700 <= opened.table.last_visible


# Opening, keys


def test_enter_and_a_double_click_open_the_row(opened: Opened, qtbot: QtBot) -> None:
    opened.table.setCurrentIndex(opened.page.model.index(3, 0))
    QTest.keyClick(opened.table, Qt.Key.Key_Return)
    assert opened.asked[-1] == ("device_opened", device_id(3))
    at = QPoint(60, 5 * opened.table.row_height + 4)
    QTest.mouseDClick(opened.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert opened.asked[-1] == ("device_opened", device_id(5))


def test_enter_on_a_row_that_was_not_read_opens_nothing(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet(1_000, loaded=10))
    opened.table.setCurrentIndex(opened.page.model.index(500, 0))
    opened.asked.clear()
    QTest.keyClick(opened.table, Qt.Key.Key_Return)
    assert opened.asked == []


def test_home_and_end_go_to_the_first_and_last_row(opened: Opened, qtbot: QtBot) -> None:
    opened.table.setCurrentIndex(opened.page.model.index(30, 2))
    QTest.keyClick(opened.table, Qt.Key.Key_End)
    assert opened.table.currentIndex().row() == 1_399
    QTest.keyClick(opened.table, Qt.Key.Key_Home)
    assert opened.table.currentIndex().row() == 0
    QTest.keyClick(opened.table, Qt.Key.Key_PageDown)
    assert opened.table.currentIndex().row() > 5


def test_home_and_end_come_back_to_a_row_that_is_current_already_and_was_scrolled_away_from(opened: Opened) -> None:
    bar = opened.table.verticalScrollBar()
    opened.table.setCurrentIndex(opened.page.model.index(0, 0))
    bar.setValue(bar.maximum() // 2)
    QTest.keyClick(opened.table, Qt.Key.Key_Home)
    assert bar.value() == 0
    QTest.keyClick(opened.table, Qt.Key.Key_End)
    assert bar.value() == bar.maximum()
    bar.setValue(0)
    QTest.keyClick(opened.table, Qt.Key.Key_End)
    assert (opened.table.currentIndex().row(), bar.value()) == (1_399, bar.maximum())


def test_the_page_keeps_its_own_keys_from_the_menu_of_the_window(opened: Opened, qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    taken: list[str] = []
    for keys in ("F5", "Ctrl+G", "Ctrl+E"):
        action = window.menuBar().addAction(keys)
        action.setShortcut(keys)
        action.triggered.connect(lambda _on, keys=keys: taken.append(keys))
    window.setCentralWidget(opened.page)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    opened.table.setFocus()
    QTest.keyClick(opened.table, Qt.Key.Key_F5)
    assert ("refresh_requested",) in opened.asked
    QTest.keyClick(opened.table, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(opened.table, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
    assert window.focusWidget() is opened.page.go_to
    assert taken == ["Ctrl+E"]
    opened.page.setParent(None)  # it is closed by who made it


def test_rows_are_copied_as_markdown_with_what_devices_say_as_it_is(qtbot: QtBot) -> None:
    fleet = Fleet()
    odd = {"location": "a|b *c* <d>\n", "battery": 5}
    fleet.read_records(0, [record(0, status=odd), record(1)], total=2)
    opened = Opened(qtbot, fleet)
    opened.select(0)
    opened.page.copying.markdown()
    header, rule, row, rest = clipboard().split("\n")
    assert header.startswith("| State | Device | Type | Location |")
    assert set(rule) == {"|", " ", "-"}
    assert "a\\|b \\*c\\* \\<d\\>" in row
    assert rest == ""


def test_what_is_held_is_copied_as_json_too(qtbot: QtBot) -> None:
    fleet = Fleet()
    opened = Opened(qtbot, fleet)
    held = HeldFleet()
    rows = HeldRows(held)
    rows.taken(held.take([Summary(f"d{n}", battery=float(n)) for n in range(3)]), fleet.clock.now())
    rows.show(Layout.of(np.array([2, 0], np.int32), held.size))
    fleet.state.table.show(rows)
    opened.page.beat()
    opened.select(0)
    opened.page.copying.json()
    assert json.loads(clipboard())["device_id"] == "d2"
    opened.table.selectAll()
    opened.page.copying.ids()
    assert clipboard() == "d2\nd0"
    held.close()


def test_copy_copies_rows_in_the_table_and_text_in_a_field(opened: Opened, qtbot: QtBot) -> None:
    opened.table.setCurrentIndex(opened.page.model.index(2, 1))
    QTest.keyClick(opened.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard().startswith("State\tDevice")
    opened.page.filter.setText("cam")
    opened.page.filter.selectAll()
    opened.page.filter.setFocus()
    QTest.keyClick(opened.page.filter, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard() == "cam"


def test_the_view_says_where_it_is_once_it_has_moved(opened: Opened, qtbot: QtBot) -> None:
    with qtbot.waitSignal(opened.page.view_moved) as moved:
        for row in range(100, 200, 10):
            opened.table.verticalScrollBar().setValue(row * opened.table.row_height)
    first, last = moved.args
    assert first == 190
    assert 10 <= last - first <= 40
    assert sum(asked[0] == "view_moved" for asked in opened.asked) == 1


def test_how_long_it_waits_to_say_so_does_not_depend_on_the_row(qtbot: QtBot) -> None:
    """A jump to row 900,000 is told as soon as one to row 90."""
    opened = Opened(qtbot, Fleet(100))
    opened.fleet.read(0, range(50), total=1_000_000)
    bar = opened.table.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 1_000_000)  # Qt lays out what was inserted a turn later
    bar.setValue(bar.maximum())
    waiting = [timer for timer in opened.table.findChildren(QTimer) if timer.isActive()]
    assert VIEW_MOVED_MS in [timer.interval() for timer in waiting]
    with qtbot.waitSignal(opened.page.view_moved) as moved:
        pass
    assert moved.args[1] == 999_999


def test_a_page_that_is_not_on_the_screen_asks_for_no_rows(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet(100))
    opened.page.hide()
    opened.asked.clear()
    opened.fleet.read(0, range(50), total=5_000)
    opened.table.tell_moved()
    assert opened.asked == []
    opened.page.show()
    assert opened.asked[0][0] == "view_moved"


# Selection


@pytest.mark.parametrize("listening", [False, True], ids=["plain", "with a screen reader"])
def test_selecting_a_million_rows_costs_nothing_a_row(qtbot: QtBot, listening: bool) -> None:
    opened = Opened(qtbot, Fleet(1_000_000, loaded=200))
    QAccessible.setActive(listening)
    try:
        opened.table.setFocus()
        began = time.process_time()
        QTest.keyClick(opened.table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QApplication.processEvents()
        assert time.process_time() - began <= 0.1
        assert opened.table.selected_count == 1_000_000
        assert opened.table.all_selected
        opened.table.setCurrentIndex(opened.page.model.index(0, 0))
        assert opened.selected == [0]
        began = time.process_time()
        QTest.keyClick(opened.table, Qt.Key.Key_End, Qt.KeyboardModifier.ShiftModifier)
        QApplication.processEvents()
        # Qt by itself takes 20 s for each of the two; this takes some milliseconds
        assert time.process_time() - began <= 0.1
        assert opened.table.selected_count == 1_000_000
        assert not opened.table.selectionModel().hasSelection()  # what a screen reader counts, row by row
    finally:
        QAccessible.setActive(False)


def test_whoever_selects_a_million_rows_a_screen_reader_is_not_told_cell_by_cell(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet(1_000_000, loaded=200))
    model = opened.page.model
    QAccessible.setActive(True)
    try:
        opened.table.setFocus()
        whole = QItemSelection(model.index(0, 0), model.index(999_999, model.columnCount() - 1))
        began = time.process_time()
        opened.table.selectionModel().select(whole, QItemSelectionModel.SelectionFlag.Select)
        assert time.process_time() - began <= 2.0
    finally:
        QAccessible.setActive(False)


def test_many_rows_from_one_to_another_are_a_range_until_something_else_is_selected(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet(50_000, loaded=200))
    opened.table.go_to_row(100)
    opened.table.setCurrentIndex(opened.page.model.index(100, 1))
    QTest.keyClick(opened.table, Qt.Key.Key_End, Qt.KeyboardModifier.ShiftModifier)
    assert opened.table.selected_ranges == [(100, 49_999)]
    assert (opened.table.many_selected, opened.table.all_selected) == (True, False)
    opened.fleet.read(0, range(1, 201), total=50_000)  # kept by their numbers: nothing is lost of it
    QApplication.processEvents()
    assert opened.table.selected_ranges == [(100, 49_999)]
    QTest.keyClick(opened.table, Qt.Key.Key_Home, Qt.KeyboardModifier.ShiftModifier)
    assert opened.table.selected_ranges == [(0, 100)]
    assert not opened.table.many_selected
    opened.table.selectAll()
    opened.fleet.state.roster.clear()
    assert opened.table.selected_ranges == []


def test_a_small_fleet_is_selected_row_by_row(opened: Opened) -> None:
    opened.table.selectAll()
    assert MOST_SELECTED > 1_400
    assert not opened.table.all_selected
    assert opened.table.selected_count == 1_400


def test_escape_ends_a_selection(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet(20_000, loaded=200))
    opened.table.selectAll()
    QTest.keyClick(opened.table, Qt.Key.Key_Escape)
    assert opened.table.selected_count == 0


# Keeping the place by device


def test_selection_and_current_row_follow_their_devices_when_offsets_shift(opened: Opened, qtbot: QtBot) -> None:
    opened.table.setCurrentIndex(opened.page.model.index(8, 0))
    opened.select(5, 6, 8)
    opened.fleet.read(0, [9_000, 9_001, *range(198)], total=1_402)
    qtbot.waitUntil(lambda: opened.selected == [7, 8, 10])
    assert opened.table.currentIndex().row() == 10


def test_a_selected_device_that_left_is_selected_again_when_it_comes_back(opened: Opened, qtbot: QtBot) -> None:
    opened.select(5)
    opened.fleet.read(0, [0, 1, 2, 3, 4, *range(6, 200)], total=1_399, next_offset=None)
    qtbot.waitUntil(lambda: opened.selected == [])
    opened.fleet.read(0, range(200), total=1_400)
    qtbot.waitUntil(lambda: opened.selected == [5])


def test_a_new_selection_forgets_the_old_one(opened: Opened, qtbot: QtBot) -> None:
    opened.select(5)
    opened.fleet.read(0, [0, 1, 2, 3, 4, *range(6, 200)], total=1_399, next_offset=None)
    qtbot.waitUntil(lambda: opened.selected == [])
    opened.select(2)
    opened.fleet.read(0, range(200), total=1_400)
    opened.page.beat()
    QApplication.processEvents()
    assert opened.selected == [2]


def test_a_selection_outlives_the_table_being_read_anew(opened: Opened, qtbot: QtBot) -> None:
    opened.select(5, 6)
    opened.fleet.state.roster.clear()
    assert opened.selected == []
    opened.fleet.read(0, [3, 4, 5, 6, 7], total=5)
    qtbot.waitUntil(lambda: opened.selected == [2, 3])


def test_nothing_jumps_when_devices_come_before_what_is_on_the_screen(opened: Opened) -> None:
    height = opened.table.row_height
    opened.table.verticalScrollBar().setValue(300 * height + 7)
    opened.beat()
    assert opened.page.model.device_id(opened.table.first_visible) == device_id(300)
    opened.fleet.read(200, [9_000, 9_001, 9_002, *range(200, 397)], total=1_403)
    assert opened.table.verticalScrollBar().value() == 303 * height + 7
    assert opened.page.model.device_id(opened.table.first_visible) == device_id(300)


def test_what_is_current_is_held_on_to_rather_than_what_is_above_it(opened: Opened) -> None:
    height = opened.table.row_height
    opened.table.verticalScrollBar().setValue(300 * height)
    opened.table.setCurrentIndex(opened.page.model.index(306, 0))
    opened.beat()
    moved = [*range(200, 303), 9_000, 9_001, *range(303, 397)]  # two came between the top and the current row
    opened.fleet.read(200, moved, total=1_402)
    assert opened.page.model.device_id(308) == device_id(306)
    assert opened.table.verticalScrollBar().value() == 302 * height


def test_the_place_is_kept_again_after_another_wish_wherever_one_has_scrolled_to(opened: Opened) -> None:
    height = opened.table.row_height
    opened.page.filter.set_filter("camera")
    opened.table.verticalScrollBar().setValue(300 * height)
    opened.fleet.read(200, range(200, 400), total=1_400)
    opened.beat()
    opened.fleet.read(200, [9_000, 9_001, *range(200, 398)], total=1_402)
    assert opened.table.first_visible == 302


def test_scrolling_is_never_undone_by_a_page_that_comes_right_after_it(opened: Opened) -> None:
    height = opened.table.row_height
    opened.beat()
    opened.table.verticalScrollBar().setValue(5 * height)
    opened.fleet.read(0, range(200), total=1_400)
    assert opened.table.first_visible == 5
    opened.table.verticalScrollBar().setValue(90 * height)
    opened.fleet.read(0, range(200), total=1_400)
    assert opened.table.first_visible == 90


def test_a_device_that_moved_far_is_not_followed(opened: Opened) -> None:
    height = opened.table.row_height
    opened.table.verticalScrollBar().setValue(10 * height)
    opened.beat()
    moved = list(range(10, 60))
    opened.fleet.read(1_000, moved, total=1_400)
    assert opened.table.first_visible == 10


# Copying


def clipboard() -> str:
    return QGuiApplication.clipboard().text()


def test_rows_are_copied_as_they_are_arranged_with_a_header(opened: Opened) -> None:
    opened.page.restore_state(
        {"columns": [{"key": "device_id", "shown": True, "width": 100}, {"key": "battery", "shown": True, "width": 80}]}
    )
    for number, name in enumerate(NAMES):
        opened.table.horizontalHeader().setSectionHidden(number, name not in ("device_id", "battery"))
    opened.select(2, 3)
    opened.page.copying.rows()
    assert clipboard() == f"Device\tBattery %\n{device_id(2)}\t2\n{device_id(3)}\t3\n"
    assert opened.said[-1] == "Copied 2 rows."


def test_copying_all_of_a_million_says_how_many_it_copied(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet(1_000_000, loaded=200))
    opened.table.selectAll()
    opened.page.copying.rows()
    while opened.page.copying.is_busy:
        QApplication.processEvents()
    assert clipboard().count("\n") == 201
    assert opened.said[-1].startswith("Copied 200 rows of 1,000,000 selected;")


def test_copying_what_was_not_read_says_so(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet(1_000, loaded=10))
    opened.select(500)
    opened.page.copying.rows()
    assert opened.said[-1] == "Nothing copied: no loaded row is selected."


def test_one_record_is_copied_as_an_object_and_several_as_an_array(opened: Opened) -> None:
    opened.select(4)
    opened.page.copying.json()
    assert json.loads(clipboard())["device_id"] == device_id(4)
    opened.select(4, 5)
    opened.page.copying.json()
    assert [each["device_id"] for each in json.loads(clipboard())] == [device_id(4), device_id(5)]
    opened.page.copying.ids()
    assert clipboard() == f"{device_id(4)}\n{device_id(5)}"


def test_a_hostile_row_is_neutral_on_the_clipboard(qtbot: QtBot) -> None:
    fleet = Fleet()
    fleet.read_records(0, [record(0, device_id="=cmd|'/C calc'!A0", status={"location": "a\tb\nc"})], total=1)
    opened = Opened(qtbot, fleet)
    opened.select(0)
    opened.page.copying.rows()
    lines = clipboard().splitlines()
    assert len(lines) == 2
    assert "\t'=cmd|" in lines[1]
    assert "a\\x09b\\x0ac" in lines[1]


# Columns and menus


def test_columns_are_kept_by_key_and_restored_in_order(opened: Opened, qtbot: QtBot) -> None:
    header = opened.table.horizontalHeader()
    header.moveSection(0, 4)
    header.resizeSection(1, 333)
    header.setSectionHidden(2, True)
    saved = json.loads(json.dumps(opened.page.save_state()))
    again = Opened(qtbot, Fleet(5))
    again.page.restore_state(saved)
    assert again.page.save_state() == opened.page.save_state()
    assert again.table.shown_columns() == opened.table.shown_columns()


@pytest.mark.parametrize(
    "junk",
    [None, 5, [], {}, {"columns": 5}, {"columns": [5, {}, {"key": []}, {"key": "no such"}]},
     {"columns": [{"key": "state", "width": "x"}]},
     {"columns": [{"key": "state", "width": -1}, {"key": "state", "width": 10**9}]}],
)  # fmt: skip
def test_settings_that_make_no_sense_change_nothing(opened: Opened, junk: Any) -> None:
    before = opened.page.save_state()
    opened.page.restore_state(junk)
    assert opened.page.save_state() == before


def test_a_table_never_loses_its_last_column(opened: Opened) -> None:
    opened.page.restore_state({"columns": [{"key": name, "shown": False} for name in NAMES]})
    assert opened.table.shown_columns() == [number for number, column in enumerate(COLUMNS) if column.shown]


def test_the_header_menu_shows_and_hides_columns(opened: Opened) -> None:
    menu = opened.page.column_menu.of()
    action = next(action for action in menu.actions() if action.text() == "Labels")
    assert not action.isChecked()
    action.trigger()
    assert NAMES.index("labels") in opened.table.shown_columns()
    opened.page.columns.fit()
    opened.page.columns.reset()
    assert NAMES.index("labels") not in opened.table.shown_columns()
    menu.close()


def test_a_row_without_a_device_has_no_menu_and_one_with_it_can_be_opened(qtbot: QtBot) -> None:
    opened = Opened(qtbot, Fleet(100, loaded=3))
    assert opened.page.menu.of(50) is None
    menu = opened.page.menu.of(1)
    assert menu is not None
    menu.actions()[0].trigger()
    assert opened.asked[-1] == ("device_opened", device_id(1))
    menu.close()


def test_the_menu_of_a_cell_sorts_and_groups_by_its_column(opened: Opened) -> None:
    menu = opened.page.menu.of(1, NAMES.index("location"))
    assert menu is not None
    by_name = {action.text(): action for action in menu.actions()}
    by_name["Sort by location"].trigger()
    by_name["Sort by location, too"].trigger()
    by_name["Group by location"].trigger()
    assert opened.wanted[-1] == Wanted(orders=(Order("location", descending=True),), group="location")
    menu.close()
    of_beat = opened.page.menu.of(1, NAMES.index("last_beat"))
    assert of_beat is not None
    assert not any("Sort" in action.text() for action in of_beat.actions())
    of_beat.close()


# The beat


def test_changes_are_shown_at_the_beat_and_a_glow_ends_by_itself(opened: Opened, qtbot: QtBot) -> None:
    battery = NAMES.index("battery")
    opened.table.viewport().repaint()
    opened.fleet.clock.advance(1)
    opened.fleet.beat(2, battery=99)
    opened.page.beat()
    assert opened.page.model.cell(2, battery).text == "99"
    assert opened.page.model.glow(2, battery) > 0
    opened.table.viewport().repaint()
    opened.fleet.clock.advance(1)
    qtbot.waitUntil(lambda: not opened.page._fade.isActive())


def test_a_page_that_is_hidden_does_not_beat(opened: Opened) -> None:
    assert opened.page._beat.isActive()
    opened.page.hide()
    assert not opened.page._beat.isActive()


def test_hidden_rows_make_the_total_an_upper_bound(qtbot: QtBot) -> None:
    fleet = Fleet()
    fleet.read(0, range(5), total=10, next_offset=None)
    opened = Opened(qtbot, fleet)
    assert opened.page.bar.sentence.text.startswith("at most 10 registered")


def test_names_are_there_for_a_screen_reader(opened: Opened) -> None:
    assert opened.table.accessibleName() == "Devices"
    assert opened.page.filter.accessibleName() == "Filter the devices"
    assert opened.page.model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "↻ unconfirmed"


def test_the_look_may_change_while_it_is_shown(opened: Opened, qapp: QApplication) -> None:
    opened.table.verticalScrollBar().setValue(100 * opened.table.row_height)
    theme.apply(qapp, "light", density=theme.Density.ROOMY)
    assert opened.table.row_height == 30
    assert opened.table.first_visible == 100
    opened.table.viewport().repaint()
    theme.apply(qapp, "dark", density=theme.Density.NORMAL)


def test_a_table_that_nobody_touched_stays_at_its_top_while_the_fleet_registers(qtbot: QtBot) -> None:
    """At a start devices register in any order: what comes first in the registry's order is shown first."""
    fleet = Fleet()
    opened = Opened(qtbot, fleet)
    opened.table.setFocus()
    for known in (10, 40, 200):
        fleet.read(0, range(200 - known, 200), total=known)
        opened.beat()
        QApplication.processEvents()
        opened.table.setFocus()
    assert opened.table.verticalScrollBar().value() == 0

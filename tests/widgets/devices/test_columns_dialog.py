"""The columns as a user arranges them: by the dialog, by the header's menu, out of settings that may be anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fleetgui.models.columns import COLUMNS
from fleetgui.models.payload_columns import MOST_COLUMNS
from fleetgui.widgets.devices.columns import NARROWEST, WIDEST
from fleetgui.widgets.devices.columns_dialog import ColumnsDialog
from fleetgui.widgets.devices.page import DevicesPage
from fleetgui.widgets.look import theme
from tests.models.fleet import Fleet, device_id
from tests.models.tester import Watched

HOT = "payload:status.temperature"


@pytest.fixture(autouse=True)
def _look(qapp: QApplication) -> None:
    theme.apply(qapp, "dark")


def record(number: int, **status: Any) -> bytes:
    body = {
        "device_id": device_id(number),
        "status": {"temperature": 20 + number, "mode": "auto", "lens": {"zoom": number}} | status,
        "capabilities": {"functions": [{"name": "ping"}], "labels": {"site": "04"}},
    }
    return json.dumps(body).encode()


class Opened:
    def __init__(self, qtbot: QtBot, records: list[bytes] | None = None) -> None:
        fleet = Fleet()
        records = [record(number) for number in range(40)] if records is None else records
        fleet.read_records(0, records, total=len(records))
        self.page = DevicesPage(fleet.state, fleet.clock)
        self.columns = self.page.columns
        self.fields: list[frozenset[str]] = []
        self.page.fields_shown.connect(self.fields.append)
        qtbot.addWidget(self.page)
        self.page.resize(1200, 500)
        self.page.show()

    @property
    def shown(self) -> list[str]:
        """The keys of the columns on the screen, from the left."""
        return [entry.key for entry in self.columns.entries if entry.shown]

    def dialog(self) -> ColumnsDialog:
        self.page.choose_columns()
        (dialog,) = self.page.findChildren(ColumnsDialog)
        return dialog


@pytest.fixture
def opened(qtbot: QtBot) -> Iterator[Opened]:
    opened = Opened(qtbot)
    with Watched(opened.page.model) as watched:
        yield opened
        # What the platform says of every dialog is no complaint about the model.
        watched.complaints[:] = [each for each in watched.complaints if "This plugin does not support" not in each]


# Arranging


def test_a_field_of_the_record_becomes_a_column_and_is_told_of(opened: Opened) -> None:
    assert opened.columns.add_path("status.temperature", figures=True)
    assert opened.columns.add_path("status.temperature")
    assert opened.shown[-1] == HOT
    assert opened.shown.count(HOT) == 1
    number = opened.columns.number_of(HOT)
    assert number is not None
    assert opened.page.model.cell(3, number).text == "23"
    opened.columns.show(HOT, False)
    opened.columns.show(HOT)
    opened.columns.remove(HOT)
    some = frozenset({"status.temperature"})
    assert opened.fields == [some, frozenset(), some, frozenset()]
    assert opened.page.model.columns == COLUMNS


def test_a_column_of_a_path_sorts_and_is_kept_in_a_view(opened: Opened) -> None:
    opened.columns.add_path("status.temperature")
    opened.columns.add_path("status.mode")
    wanted: list[Any] = []
    opened.page.wanted.connect(wanted.append)
    number = opened.columns.number_of(HOT)
    assert number is not None
    opened.page.sort_by(number)
    assert wanted[-1].order.field == "status.temperature"
    opened.columns.move(HOT, 1)
    assert opened.page.views.save("hot")
    kept = json.loads(json.dumps(opened.page.save_state()))
    opened.columns.reset()
    assert HOT not in opened.shown
    opened.page.restore_state(kept)
    assert opened.shown[1] == HOT
    opened.columns.reset()
    opened.page.show_view(opened.page.views.here[0])
    assert opened.shown[1] == HOT
    assert wanted[-1].order.field == "status.temperature"
    assert opened.page.save_state()["columns"] == kept["columns"]


def test_pins_stay_with_their_columns_while_others_go(opened: Opened) -> None:
    for path in ("status.mode", "status.lens.zoom", "status.temperature"):
        opened.columns.add_path(path)
    opened.columns.pin(HOT)
    opened.columns.pin("device_id")
    opened.columns.remove("payload:status.mode")
    pinned = [entry.key for entry in opened.columns.entries if entry.pinned]
    assert sorted(pinned) == ["device_id", HOT]
    assert opened.shown[:2] == pinned
    opened.columns.restore(opened.columns.state())
    assert [entry.key for entry in opened.columns.entries if entry.pinned] == pinned
    opened.columns.remove(HOT)
    assert [entry.key for entry in opened.columns.entries if entry.pinned] == ["device_id"]


def test_the_last_column_can_be_neither_hidden_nor_removed(opened: Opened) -> None:
    opened.columns.add_path("status.temperature")
    for key in opened.shown:
        opened.columns.show(key, False)
    assert opened.shown == [HOT]
    assert not opened.columns.show(HOT, False)
    opened.columns.remove(HOT)
    assert opened.shown == [HOT]


def test_the_menu_of_a_header_is_about_the_column_that_was_clicked(opened: Opened) -> None:
    opened.columns.add_path("status.temperature")
    number = opened.columns.number_of(HOT)
    assert number is not None
    menu = opened.page.column_menu.of(number)
    actions = {action.text(): action for action in menu.actions()}
    actions["Keep at the left"].trigger()
    assert opened.shown[0] == HOT
    actions["Fit width"].trigger()
    actions["Hide temperature"].trigger()
    assert HOT not in opened.shown
    actions["Columns…"].trigger()
    assert opened.page.findChildren(ColumnsDialog)
    actions["Remove temperature"].trigger()
    assert opened.columns.number_of(HOT) is None
    menu.close()


def test_a_hostile_path_is_drawn_and_never_a_shortcut(opened: Opened) -> None:
    assert opened.columns.add_path("status.<b>&x</b>")
    number = opened.columns.number_of("payload:status.<b>&x</b>")
    menu = opened.page.column_menu.of(number)
    assert "Hide <b>&&x</b>" in [action.text() for action in menu.actions()]
    menu.close()
    assert not opened.columns.add_path("status.\u202ex")
    assert not opened.columns.add_path("a." * 40 + "b")


def test_there_is_an_end_to_columns(opened: Opened) -> None:
    added = [opened.columns.add_path(f"status.x{number}") for number in range(MOST_COLUMNS + 3)]
    assert added == [True] * MOST_COLUMNS + [False] * 3


_junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5_000)
    | st.text(max_size=5)
    | st.sampled_from([HOT, "device_id", "payload:"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["key", "shown", "width", "pinned", "figures"]), inner, max_size=5)
    ),
    max_leaves=20,
)
_entries = st.lists(
    st.fixed_dictionaries(
        {"key": st.sampled_from(["device_id", "state", HOT, "payload:a.b", "payload:x", "payload:", "no"]) | _junk},
        optional={"shown": _junk, "width": _junk, "pinned": st.booleans() | _junk, "figures": _junk},
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_junk | _entries)
def test_no_settings_break_the_table(opened: Opened, state: Any) -> None:
    opened.columns.restore(state)
    assert opened.shown
    again = json.loads(json.dumps(opened.columns.state()))
    opened.columns.restore(again)
    assert opened.columns.state() == again
    keys = [column.key for column in opened.page.model.columns]
    assert len(keys) == len(set(keys))
    assert keys[: len(COLUMNS)] == [column.key for column in COLUMNS]
    assert all(entry.width >= NARROWEST for entry in opened.columns.entries if entry.shown)
    opened.page.grab()


# The dialog


def test_the_dialog_shows_what_there_is_and_one_is_enough(opened: Opened) -> None:
    dialog = opened.dialog()
    assert opened.dialog() is dialog
    assert not dialog.isModal()
    assert [entry.key for entry in dialog.list.entries] == [column.key for column in COLUMNS]
    opened.columns.show("model", False)
    entry = next(each for each in dialog.list.entries if each.key == "model")
    assert not entry.shown
    dialog.close()


def test_a_click_on_a_box_shows_and_hides_and_the_last_one_stays(opened: Opened) -> None:
    dialog = opened.dialog()
    for place, entry in enumerate(dialog.list.entries):
        if entry.shown:
            dialog.list._row(place).setCheckState(0, Qt.CheckState.Unchecked)
    assert len(opened.shown) == 1
    last = next(place for place, entry in enumerate(dialog.list.entries) if entry.shown)
    assert dialog.list._row(last).checkState(0) is Qt.CheckState.Checked


def test_columns_move_by_keys_and_by_the_pointer(opened: Opened) -> None:
    dialog = opened.dialog()
    dialog.list.choose("device_id")
    QTest.keyClick(dialog.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert opened.shown[:3] == ["state", "device_type", "device_id"]
    assert dialog.list.current is not None
    assert dialog.list.current.key == "device_id"
    dialog.up.click()
    assert opened.shown[:2] == ["state", "device_id"]

    view = dialog.list.viewport()
    first, third = (dialog.list.visualItemRect(dialog.list._row(place)).center() for place in (0, 2))
    before = opened.shown
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, first)
    QTest.mouseMove(view, first + QPoint(2, 12))
    QTest.mouseMove(view, third)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, third)
    assert opened.shown[:3] == [before[1], before[2], before[0]]


def test_width_and_pin_are_of_the_chosen_column(opened: Opened) -> None:
    dialog = opened.dialog()
    dialog.list.choose("location")
    dialog.wide.setValue(321)
    assert next(each for each in opened.columns.entries if each.key == "location").width == 321
    dialog.pin.click()
    assert opened.shown[0] == "location"
    assert dialog.pin.isChecked()
    dialog.list.choose("labels")  # hidden
    assert not dialog.wide.isEnabled()
    assert not dialog.pin.isChecked()
    assert dialog.wide.maximum() == WIDEST


def test_a_search_leaves_what_it_finds_and_moves_over_the_rest(opened: Opened) -> None:
    dialog = opened.dialog()
    dialog.search.setText("BATT")
    visible = [place for place in range(len(COLUMNS)) if not dialog.list._row(place).isHidden()]
    assert [dialog.list.entries[place].key for place in visible] == ["battery"]
    dialog.list.choose("battery")
    before = opened.shown
    dialog.up.click()
    assert opened.shown == before  # nothing that is seen stands before it
    dialog.search.setText("no such column")
    dialog.search.clear()
    assert not any(dialog.list._row(place).isHidden() for place in range(len(COLUMNS)))


def test_fields_that_devices_on_the_screen_have_are_offered(opened: Opened) -> None:
    dialog = opened.dialog()
    assert {"status.temperature", "status.mode", "status.lens.zoom", "capabilities.labels.site"} <= set(dialog.offered)
    assert not {"status.battery", "device_id", "status.location"} & set(dialog.offered)


def add(dialog: ColumnsDialog, text: str) -> str:
    dialog.path.setText(text)
    dialog.add.click()
    return dialog.said.text()


def test_a_field_is_added_and_said(opened: Opened) -> None:
    dialog = opened.dialog()
    assert "status.temperature was added." in add(dialog, " status.temperature ")
    assert dialog.path.text() == ""
    assert dialog.list.current is not None
    assert dialog.list.current.key == HOT
    assert opened.columns.state()[-1]["figures"] is True
    add(dialog, "status.mode")
    assert opened.columns.state()[-1]["figures"] is False
    assert "none of the devices on the screen has it" in add(dialog, "status.unheard")
    assert "read whole" in add(dialog, "capabilities.functions.0.name")
    add(dialog, "label.site")
    assert opened.shown[-1] == "payload:capabilities.labels.site"
    dialog.remove.click()
    assert "payload:capabilities.labels.site" not in opened.shown


def test_what_is_a_column_already_is_shown_and_what_is_no_path_is_explained(opened: Opened) -> None:
    dialog = opened.dialog()
    opened.columns.show("battery", False)
    assert add(dialog, "status.battery") == "That is the column Battery."
    assert "battery" in opened.shown
    for text in ("", "temperature", "a..b", "."):
        assert "with dots" in add(dialog, text)
    assert opened.page.model.columns == COLUMNS


def test_records_of_any_size_and_shape_open_the_dialog(qtbot: QtBot) -> None:
    wide = {f"k{number}": {f"m{each}": 1 for each in range(20)} for number in range(2_000)}
    opened = Opened(qtbot, [record(0, **wide), b"{", b"7", record(1), b'{"device_id":"x","a":' + b"[" * 50_000])
    dialog = opened.dialog()
    assert "status.temperature" in dialog.offered
    assert all(path.isprintable() for path in dialog.offered)


def test_as_at_first_is_as_at_first(opened: Opened) -> None:
    first = opened.columns.state()
    dialog = opened.dialog()
    add(dialog, "status.mode")
    dialog.pin.click()
    dialog.list.choose("state")
    dialog.down.click()
    dialog.reset.click()
    assert opened.columns.state() == first
    theme.apply(QApplication.instance(), "light")  # type: ignore[arg-type] # there is one
    dialog.grab()
    dialog.close_.click()

"""A device's detail through everything that can become of it: fetched, absent, failed, offline, held back, called."""

from __future__ import annotations

import gc
import json
import time
from collections import Counter
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fleetgui.stores.calls import Call, Outcome, Timing
from fleetgui.stores.details import DetailPhase, SeenEvent
from fleetgui.widgets.detail.functions_history import outcome_sentence, time_split
from fleetgui.widgets.detail.functions_protect import Protection, protection_of
from fleetgui.widgets.detail.overview import MOST_VALUES, sections_of
from fleetgui.widgets.detail.page import DeviceDetail
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.raw import LONGEST_LINE, SearchedJsonView, shown_text
from tests.models.fleet import Fleet, device_id, record

CAMERA = device_id(0)
FUNCTIONS: list[dict[str, Any]] = [
    {"name": "ping", "parameters": {"type": "object", "properties": {}}},
    {
        "name": "set_fan",
        "parameters": {"properties": {"speed": {"type": "integer"}}, "required": ["speed"]},
        "labels": {"direction": "write"},
    },
    {"name": "stop", "parameters": {"properties": {}}, "labels": {"direction": ["write"], "safety": "critical"}},
]


class Opened:
    def __init__(self, qtbot: QtBot, fleet: Fleet, name: str = CAMERA) -> None:
        self.fleet = fleet
        self.name = name
        fleet.state.details.open(name)
        self.detail = DeviceDetail(name, fleet.state, fleet.clock)
        qtbot.addWidget(self.detail)
        self.asked: list[tuple[Any, ...]] = []
        for signal in ("refresh_requested", "call_requested", "call_cancel_requested"):
            getattr(self.detail, signal).connect(lambda *args, signal=signal: self.asked.append((signal, *args)))
        self.detail.resize(560, 700)
        self.detail.show()

    def read(self, **fields: Any) -> None:
        whole = json.loads(record(0, capabilities={"functions": FUNCTIONS, "labels": {"zone": ["a", "b"]}}))
        self.update(phase=DetailPhase.READ, record=whole | fields, read_at=self.fleet.clock.now())

    def update(self, **fields: Any) -> None:
        self.fleet.state.details.update(self.name, **fields)

    def choose(self, name: str) -> None:
        self.detail.functions.list.setCurrentRow([each["name"] for each in FUNCTIONS].index(name))

    @property
    def shown(self) -> str:
        return self.detail._placeholder.sentence if self.detail._stack.currentIndex() == 1 else ""


@pytest.fixture
def opened(qtbot: QtBot, qapp: QApplication) -> Opened:
    theme.apply(qapp, "dark")
    return Opened(qtbot, Fleet(3))


# What stands where there is no record


def test_while_it_is_fetched_the_detail_says_so_and_can_be_asked_again(opened: Opened) -> None:
    assert opened.shown == f"Fetching {CAMERA} from the registry."
    opened.detail._placeholder.acted.emit()
    assert opened.asked == [("refresh_requested", CAMERA)]


def test_a_device_that_the_registry_does_not_have_is_said_to_be_absent(opened: Opened) -> None:
    opened.update(phase=DetailPhase.ABSENT)
    assert opened.shown == f"The registry was asked and has no device with the id {CAMERA}."


def test_a_failure_is_shown_where_the_answer_would_stand(opened: Opened) -> None:
    opened.update(phase=DetailPhase.FAILED, error="The registry did not answer within 30 s.")
    assert opened.shown == "The registry did not answer within 30 s."


def test_a_record_that_was_read_stays_when_reading_it_again_fails(opened: Opened) -> None:
    opened.read()
    opened.update(phase=DetailPhase.FAILED, error="No answer.")
    assert opened.shown == ""
    assert opened.detail._note.text() == "No answer."
    opened.update(phase=DetailPhase.ABSENT, error=None)
    assert opened.detail._note.text().startswith("The registry no longer has this device")
    opened.read()
    assert not opened.detail._note.isVisible()


def test_a_detail_nobody_opened_yet_says_that_it_waits_for_a_link(qtbot: QtBot) -> None:
    fleet = Fleet(link_up=False)
    detail = DeviceDetail("cam", fleet.state, fleet.clock)
    qtbot.addWidget(detail)
    assert detail._placeholder.sentence.startswith("No link to the broker")


# The head


def test_the_state_stands_in_words_with_its_age(opened: Opened) -> None:
    opened.fleet.beat(0)
    opened.read()
    opened.detail.beat()
    assert opened.detail._chip.text == "● online"
    opened.fleet.clock.advance(4)
    opened.detail.beat()
    assert opened.detail._ages.text == "last heartbeat 4 s ago, at 00:00:00Z  ·  record as of 00:00:00Z"
    opened.fleet.offline(0)
    opened.fleet.clock.advance(27)
    opened.detail.beat()
    assert opened.detail._chip.text == "○ offline  27 s"


def test_without_a_link_nothing_in_it_is_live_and_calls_are_off(opened: Opened) -> None:
    opened.fleet.beat(0)
    opened.read()
    assert opened.detail.functions.call.isEnabled()
    opened.fleet.link_down()
    opened.detail.beat()
    assert opened.detail._chip.text.startswith("◌ stale")
    assert "no link: nothing here is live" in opened.detail._ages.text
    assert not opened.detail.functions.call.isEnabled()
    assert opened.detail.functions._why_off.text() == "No link to the broker: calls are off."


def test_a_held_back_device_says_until_when_and_why_and_that_it_is_over(opened: Opened) -> None:
    opened.read()
    opened.fleet.refuse(0, backoff_ms=16_000)
    opened.detail.beat()
    said = opened.detail._held.text()
    assert said.startswith("▲ Held back until 00:00:16Z (16 s). Observed 9 in 60 s, allowed 5;")
    opened.fleet.clock.advance(17)
    opened.detail.beat()
    assert not opened.detail._held.isVisible()


# Overview, raw


def test_the_heartbeat_stands_over_the_record_in_place(opened: Opened) -> None:
    opened.read()
    overview = opened.detail.overview
    assert overview.value("Status", "battery") == "0"
    battery = overview._rows["Status", "battery"]
    battery.setSelected(True)
    opened.fleet.clock.advance(2)
    opened.fleet.beat(0, battery=41, halo={"zone": "a"})
    opened.detail.beat()
    assert overview.value("Status", "battery") == "41"
    assert overview.value("Status", "halo.zone") == "a"
    assert overview._rows["Status", "battery"] is battery
    assert battery.isSelected()
    assert overview.value("Labels", "zone") == "a, b"


def test_a_field_that_went_away_goes_from_the_overview(opened: Opened) -> None:
    opened.read(extra=1)
    assert opened.detail.overview.value("Device", "extra") == "1"
    opened.read()
    assert opened.detail.overview.value("Device", "extra") is None


def test_a_record_of_anything_at_all_is_shown_in_bounds() -> None:
    assert sections_of(None, {}) == {}
    strange = sections_of({"identity": [1], "status": "x", "capabilities": 5, "registry": None, "y": {"z": []}}, {})
    assert strange["Identity"] == {"value": "[1]"}
    deep: Any = {}
    for _ in range(900):
        deep = {"a": deep}
    wide = sections_of({"status": {f"k{n}": "v" * 10_000 for n in range(5_000)}, "identity": deep}, {})
    assert sum(map(len, wide.values())) <= MOST_VALUES + len(wide)
    assert all(len(value) <= 600 for rows in wide.values() for value in rows.values())


def test_the_raw_record_keeps_its_place_while_it_is_read_again(opened: Opened) -> None:
    opened.read(many=list(range(300)))
    opened.detail.tabs.setCurrentWidget(opened.detail.raw)
    bar = opened.detail.raw.text.verticalScrollBar()
    bar.setValue(100)
    opened.read(many=list(range(301)))
    assert bar.value() == 100


def test_raw_json_is_found_and_copied_whole_while_showing_is_cut(qtbot: QtBot) -> None:
    view = SearchedJsonView()
    qtbot.addWidget(view)
    long = "x" * 1_000_000
    began = time.process_time()
    view.show_value({"long": long, "bidi": "\u202egpj.exe", "needle": 1})
    view.show()
    assert time.process_time() - began < 1  # a line of a megabyte takes Qt seconds
    assert "\u202e" not in view.text.toPlainText()
    assert max(map(len, view.text.toPlainText().splitlines())) <= LONGEST_LINE + 1
    view._search.setText("needle")
    assert view.text.textCursor().selectedText() == "needle"
    view._search.setText("nowhere")
    assert view._found.text == "not found"
    view.copy_all()
    assert json.loads(QGuiApplication.clipboard().text())["long"] == long


def test_text_of_a_million_lines_is_cut_and_says_so() -> None:
    shown = shown_text("a\n" * 1_000_000)
    assert shown.count("\n") <= 20_000
    assert shown.endswith("more characters; Copy has them all")


# Events


def test_events_come_live_newest_first_and_a_pause_records_on(opened: Opened) -> None:
    events = opened.detail.events
    assert events.sentence == "No event since this detail was opened."
    at = opened.fleet.clock.wall()
    opened.fleet.state.details.events_came(CAMERA, [SeenEvent(at, "motion", {"n": 1})])
    events.pause.setChecked(True)
    opened.fleet.state.details.events_came(CAMERA, [SeenEvent(at, "motion", {"n": 2}), SeenEvent(at, "x", None, "bad")])
    assert events.model.rowCount() == 1
    assert events.sentence == "‖ paused  ·  2 newer recorded"
    events.pause.setChecked(False)
    assert events.model.rowCount() == 3
    events.table.selectRow(2)
    assert json.loads(events.payload.whole) == {"n": 1}


# Functions


def test_a_plain_function_is_called_at_once(opened: Opened) -> None:
    opened.read()
    opened.choose("ping")
    opened.detail.functions.call.click()
    assert opened.asked == [("call_requested", CAMERA, "ping", {}, 30.0)]


def test_a_call_that_fails_the_check_is_not_sent(opened: Opened) -> None:
    opened.read()
    opened.choose("set_fan")
    opened.detail.functions.call.click()
    assert opened.asked == []
    assert not opened.detail.functions.confirmation.isVisible()


def test_a_function_that_writes_asks_first(opened: Opened) -> None:
    opened.read()
    opened.choose("set_fan")
    functions = opened.detail.functions
    functions.form.set_params({"speed": 3})
    opened.detail.tabs.setCurrentWidget(functions)
    functions.call.click()
    assert opened.asked == []
    assert functions.confirmation.isVisible()
    functions.confirmation.no.click()
    assert not functions.confirmation.isVisible()
    functions.call.click()
    functions.confirmation.yes.click()
    assert opened.asked == [("call_requested", CAMERA, "set_fan", {"speed": 3}, 30.0)]


def test_a_critical_function_wants_the_exact_id(opened: Opened) -> None:
    opened.read()
    opened.choose("stop")
    functions = opened.detail.functions
    functions.timeout.setText("2.5")
    functions.call.click()
    for typed in ("", CAMERA[:-1], CAMERA.upper(), CAMERA + " "):
        functions.confirmation.typed.setText(typed)
        assert not functions.confirmation.yes.isEnabled()
        QTest.keyClick(functions.confirmation.typed, Qt.Key.Key_Return)
    assert opened.asked == []
    functions.confirmation.typed.setText(CAMERA)
    QTest.keyClick(functions.confirmation.typed, Qt.Key.Key_Return)
    assert opened.asked == [("call_requested", CAMERA, "stop", {}, 2.5)]


def test_what_was_confirmed_is_what_was_asked_for(opened: Opened) -> None:
    opened.read()
    opened.choose("set_fan")
    functions = opened.detail.functions
    functions.form.set_params({"speed": 3})
    functions.call.click()
    functions.form.json.setPlainText('{"speed": 9000}')
    assert not functions.confirmation.isVisible()  # a changed form has to be asked for again
    functions.confirmation.confirmed.emit()
    assert opened.asked == []


def test_losing_the_link_while_it_asks_sends_nothing(opened: Opened) -> None:
    opened.read()
    opened.choose("stop")
    functions = opened.detail.functions
    functions.call.click()
    functions.confirmation.typed.setText(CAMERA)
    opened.fleet.link_down()
    opened.detail.beat()
    functions.confirmation.confirmed.emit()
    assert opened.asked == []


@pytest.mark.parametrize("typed", ["", "0", "-1", "x", "nan", "inf", "99999"])
def test_a_timeout_that_is_none_is_not_sent(opened: Opened, typed: str) -> None:
    opened.read()
    opened.choose("ping")
    opened.detail.functions.timeout.setText(typed)
    opened.detail.functions.call.click()
    assert opened.asked == []


def test_a_device_that_cannot_be_addressed_says_why_its_calls_are_off(opened: Opened) -> None:
    opened.read()
    opened.update(can_call="it holds a dot.")
    assert not opened.detail.functions.call.isEnabled()
    assert opened.detail.functions._why_off.text() == "Calls are off: it holds a dot."


def test_a_form_that_is_being_filled_in_survives_the_record_being_read_again(opened: Opened) -> None:
    opened.read()
    opened.choose("set_fan")
    opened.detail.functions.form.set_params({"speed": 3})
    opened.read(extra="new")
    assert opened.detail.functions.form.params() == {"speed": 3}


def test_the_outcome_the_result_and_the_times_of_a_call_are_shown(opened: Opened) -> None:
    opened.read()
    calls, wall = opened.fleet.state.calls, opened.fleet.clock.wall()
    calls.begin(Call("c1", CAMERA, "ping", {"n": 1}, wall, 30.0))
    view = opened.detail.functions._call_view
    opened.fleet.clock.advance(3)
    opened.detail.beat()
    assert view.sentence == "Waiting for the device, 3 s of 30 s."
    view.cancel.click()
    assert opened.asked == [("call_cancel_requested", "c1")]
    calls.end("c1", Outcome.SUCCEEDED, result={"pong": True}, timing=Timing(0.1, 41.0, 0.1))
    assert json.loads(view.result.whole) == {"pong": True}
    assert view._split.text == "41 ms:  queue 0.1 ms  ·  wire and device 41 ms  ·  decoding 0.1 ms"
    calls.begin(Call("c2", "another device", "ping", {}, wall, 30.0))
    assert opened.detail.functions.history.count() == 1


def test_a_call_is_repeated_by_filling_the_form_not_by_sending(opened: Opened) -> None:
    opened.read()
    opened.choose("ping")
    calls = opened.fleet.state.calls
    calls.begin(Call("c1", CAMERA, "set_fan", {"speed": 7, "extra": 1}, opened.fleet.clock.wall(), 12.0))
    calls.end("c1", Outcome.NO_ANSWER)
    opened.detail.functions._call_view.repeat.click()
    assert opened.detail.functions.form.params() == {"speed": 7, "extra": 1}
    assert opened.detail.functions.timeout.text() == "12"
    assert opened.asked == []


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_words(outcome: Outcome) -> None:
    call = Call("c", CAMERA, "f", {}, 0.0, 30.0, outcome=outcome, error="<b>boom</b>\n", code=-32000)
    said = outcome_sentence(call, 5.0)
    if outcome is Outcome.SUCCEEDED:
        assert said == ""
    elif outcome is not Outcome.RUNNING:
        assert said.endswith("<b>boom</b>\\x0a (code -32000)")
    assert time_split(None) == ""


@pytest.mark.parametrize(
    ("labels", "protection"),
    [
        (None, Protection.NONE),
        ("critical", Protection.NONE),
        ({}, Protection.NONE),
        ({"direction": "read"}, Protection.NONE),
        ({"direction": "Write "}, Protection.ASK),
        ({"direction": ["read", "write"]}, Protection.ASK),
        ({"safety": "critical"}, Protection.TYPE_ID),
        ({"safety": [None, 5, "critical"]}, Protection.TYPE_ID),
        ({"safety": {"critical": True}, "direction": 7}, Protection.NONE),
    ],
)
def test_labels_raise_the_protection(labels: Any, protection: Protection) -> None:
    assert protection_of({"name": "f", "labels": labels}) is protection


def test_functions_of_a_hostile_record_are_listed_in_bounds(opened: Opened) -> None:
    functions: list[Any] = [{"name": f"f{n}" * 40, "description": "<b>" * 1_000} for n in range(10_000)]
    functions += [5, {"name": None}, {"no": "name"}, {"name": ""}]
    began = time.process_time()
    opened.read(capabilities={"functions": functions})
    assert opened.detail.functions.list.count() == 500
    opened.read(capabilities={"functions": {"a": 1}})
    assert opened.detail.functions.list.count() == 0
    assert time.process_time() - began < 3


# Life


def test_a_closed_detail_is_told_nothing_more(qtbot: QtBot, qapp: QApplication) -> None:
    opened = Opened(qtbot, Fleet(3))
    opened.detail.deleteLater()
    qapp.sendPostedEvents(opened.detail, 0)
    opened.read()
    opened.fleet.state.calls.begin(Call("c", CAMERA, "ping", {}, 0.0, 1.0))


def test_a_detail_that_is_hidden_does_not_beat(opened: Opened) -> None:
    assert opened.detail._beat.isActive()
    opened.detail.hide()
    assert not opened.detail._beat.isActive()


def test_a_hostile_id_is_shown_escaped_and_copied_as_it_is(qtbot: QtBot) -> None:
    evil = "<b>x</b>\u202e" + "y" * 2_000
    opened = Opened(qtbot, Fleet(1), evil)
    assert "\u202e" not in opened.detail._id.text
    assert "\u202e" not in opened.detail.accessibleName()
    opened.detail._copy.click()
    assert QGuiApplication.clipboard().text() == evil


def test_a_detail_that_was_closed_leaves_nothing_behind(qapp: QApplication) -> None:
    """Above all no widget without a place, which a signal's own lambda keeps for good."""
    fleet = Fleet(3)

    def opened_and_closed() -> Counter[str]:
        fleet.state.details.open(CAMERA)
        detail = DeviceDetail(CAMERA, fleet.state, fleet.clock)
        detail.show()
        detail.close()
        detail.deleteLater()
        del detail
        fleet.state.details.close(CAMERA)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        return Counter(type(widget).__name__ for widget in qapp.allWidgets())

    before = opened_and_closed()
    for _ in range(3):
        assert opened_and_closed() == before

"""The Diagnostics window: facts that keep their places, a log that is filtered, a crash where there was one."""

from __future__ import annotations

import logging

import pytest
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from fleetgui.stores.diagnosis import Section, section
from fleetgui.stores.log_ring import LogRing
from fleetgui.widgets.window.diagnostics import DiagnosticsWindow


class Rig:
    def __init__(self, qtbot: QtBot, crash: str | None = None) -> None:
        self.sections: list[Section] = [section("Link", {"state": "connected", "reconnects": 1_234})]
        self.asked = 0
        self.ring = LogRing()
        self.log = logging.Logger("fleetgui.link")
        self.log.addHandler(self.ring)
        self.parent = QWidget()
        qtbot.addWidget(self.parent)
        self.window = DiagnosticsWindow(self._facts, self.ring, crash, self.parent)

    def _facts(self) -> list[Section]:
        self.asked += 1
        return self.sections

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        tree = self.window.facts
        tops = [tree.topLevelItem(number) for number in range(tree.topLevelItemCount())]
        return [
            (top.text(0), line.text(0), line.text(1))
            for top in tops
            if top is not None
            for line in map(top.child, range(top.childCount()))
            if line is not None
        ]

    @property
    def logged(self) -> list[str]:
        return [line.split("fleetgui.link  ")[1] for line in self.window.log.text.toPlainText().splitlines()]


def test_facts_keep_their_places_while_their_values_change(qtbot: QtBot) -> None:
    rig = Rig(qtbot)
    rig.window.show()
    assert rig.lines == [("Link", "state", "connected"), ("Link", "reconnects", "1,234")]
    top = rig.window.facts.topLevelItem(0)
    assert top is not None
    line = top.child(1)
    rig.sections = [section("Link", {"state": "no broker", "reconnects": 1_235})]
    rig.window.refresh()
    assert rig.lines == [("Link", "state", "no broker"), ("Link", "reconnects", "1,235")]
    assert top.child(1) is line


def test_sections_that_come_and_go_leave_closed_what_was_closed(qtbot: QtBot) -> None:
    rig = Rig(qtbot)
    rig.window.show()
    top = rig.window.facts.topLevelItem(0)
    assert top is not None
    top.setExpanded(False)
    rig.sections = [*rig.sections, section("Tasks, 3", {"pager": 1})]
    rig.window.refresh()
    tops = [rig.window.facts.topLevelItem(number) for number in range(2)]
    assert [item is not None and item.isExpanded() for item in tops] == [False, True]
    rig.sections = [rig.sections[0], section("Tasks, 4", {"pager": 1, "walk": 1})]
    rig.window.refresh()
    assert [line[:2] for line in rig.lines[2:]] == [("Tasks, 4", "pager"), ("Tasks, 4", "walk")]


def test_nothing_is_asked_for_while_nobody_can_see_it(qtbot: QtBot) -> None:
    rig = Rig(qtbot)
    assert rig.asked == 0
    rig.window.show()
    assert rig.asked > 0
    rig.window.tabs.setCurrentIndex(1)
    before = rig.asked
    rig.window.refresh()
    assert rig.asked == before


def test_the_log_is_filtered_by_words_and_level(qtbot: QtBot) -> None:
    rig = Rig(qtbot)
    rig.log.info("connected to nats-1")
    rig.log.error("the registry did not answer")
    rig.window.show()
    rig.window.tabs.setCurrentIndex(1)
    assert rig.logged == ["connected to nats-1", "the registry did not answer"]
    rig.window.log.level.setCurrentText("Errors")
    assert rig.logged == ["the registry did not answer"]
    rig.window.log.level.setCurrentText("All")
    rig.window.log.words.setText("NATS-1 connected")
    assert rig.logged == ["connected to nats-1"]
    rig.log.info("connected to nats-2")
    rig.log.info("connected to nats-1 again")
    rig.window.refresh()
    assert rig.logged == ["connected to nats-1", "connected to nats-1 again"]


def test_markup_in_what_is_logged_and_known_is_text(qtbot: QtBot) -> None:
    rig = Rig(qtbot, crash="<b>bold</b>")
    rig.sections = [section("<img src=x>", {"<b>name</b>": "<i>value</i>"})]
    rig.log.info("<u>said</u> \x1b[31mred\u202e")
    rig.window.show()
    assert rig.lines == [("<img src=x>", "<b>name</b>", "<i>value</i>")]
    rig.window.tabs.setCurrentIndex(1)
    assert "<u>said</u>" in rig.logged[0]
    assert "\x1b" not in rig.logged[0]
    assert "\u202e" not in rig.logged[0]
    crash = rig.window.tabs.widget(2)
    assert isinstance(crash, QPlainTextEdit)
    assert crash.toPlainText() == "<b>bold</b>"


@pytest.mark.parametrize(("crash", "tab"), [("Fatal Python error", 2), (None, 0)])
def test_a_crash_has_a_tab_where_there_was_one(qtbot: QtBot, crash: str | None, tab: int) -> None:
    rig = Rig(qtbot, crash)
    assert rig.window.tabs.count() == 2 + (crash is not None)
    rig.window.show_crash()
    assert rig.window.tabs.currentIndex() == tab


def test_what_became_of_the_report_is_said(qtbot: QtBot) -> None:
    rig = Rig(qtbot)
    rig.window.say("Written to /tmp/report.json.")
    assert "Written to /tmp/report.json." in [label.text() for label in rig.window.findChildren(QLabel)]

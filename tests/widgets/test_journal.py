"""The journal shows every entry once, newest first, keeps within its bounds, and does not move what is being read."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractItemModel, QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from pytestqt.qtbot import QtBot

from fleetgui.policy.states import State
from fleetgui.stores.journal import Entry, Journal
from fleetgui.widgets.journal import JournalPage
from fleetgui.widgets.journal_model import ENTRY_ROLE, JournalModel

WALL = 1_795_230_847.0


def written(count: int, capacity: int = 20_000) -> Journal:
    journal = Journal(capacity)
    for number in range(count):
        write(journal, number)
    return journal


def write(journal: Journal, number: int, device_id: str | None = None) -> None:
    state = State.OFFLINE if number % 3 else State.LIVE
    journal.write(WALL + number, state, f"source {number % 4}", f"entry {number}", device_id)


def texts(model: QAbstractItemModel) -> list[str]:
    return [model.index(row, 3).data() for row in range(model.rowCount())]


def test_newest_first(qtbot: QtBot) -> None:
    model = JournalModel(written(3))
    assert texts(model) == ["entry 2", "entry 1", "entry 0"]
    assert model.index(0, 0).data() == "03:14:09Z"
    assert model.index(0, 1).data() == "○ offline"
    assert isinstance(model.index(0, 0).data(ENTRY_ROLE), Entry)


def test_entries_come_in_batches_by_themselves(qtbot: QtBot) -> None:
    journal = Journal()
    model = JournalModel(journal)
    with qtbot.waitSignal(model.rowsInserted, timeout=5_000) as inserted:
        for number in range(5):
            write(journal, number)
    assert inserted.args[1:] == [0, 4]
    assert model.rowCount() == 5


def test_it_stays_within_the_journals_bounds(qtbot: QtBot) -> None:
    journal = written(5, capacity=10)
    model = JournalModel(journal)
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for number in range(5, 47):
        write(journal, number)
    model.take_in()
    assert texts(model) == [f"entry {number}" for number in range(46, 36, -1)]


def test_words_filter_in_any_order_and_case(qtbot: QtBot) -> None:
    journal = written(0)
    journal.write(WALL, State.CRITICAL, "gateway gw-1", "gw-1 rose to critical")
    journal.write(WALL, State.OFFLINE, "registry", "camera-0147 is offline.", "camera-0147")
    model = JournalModel(journal)
    model.filter("OFFLINE camera")
    assert texts(model) == ["camera-0147 is offline."]
    model.filter("no such thing")
    assert texts(model) == []
    model.filter(" ")
    assert model.rowCount() == 2


Step = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 30)),
    st.tuples(st.just("take in"), st.just(0)),
    st.tuples(st.just("filter"), st.sampled_from([0, 1, 2])),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(Step, max_size=25), capacity=st.integers(1, 40))
def test_it_equals_its_store_whatever_happens(qtbot: QtBot, steps: list[tuple[str, int]], capacity: int) -> None:
    journal = Journal(capacity)
    model = JournalModel(journal)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    number, words = 0, ""
    for step, argument in steps:
        if step == "write":
            for _ in range(argument):
                write(journal, number)
                number += 1
        elif step == "take in":
            model.take_in()
        else:
            words = ("", "source 1", "offline")[argument]
            model.filter(words)
    model.take_in()
    expected = [
        entry.text
        for entry in reversed(journal.entries)
        if all(word in f"{entry.text} {entry.source} {entry.state.word}" for word in words.split())
    ]
    # under a filter the model may still hold matches that the journal has dropped since: never more than its bound
    shown = texts(model)
    assert shown[: len(expected)] == expected
    assert len(shown) <= capacity
    assert tester.model() is model


def test_what_is_read_stays_put_and_says_how_much_came(qtbot: QtBot) -> None:
    journal = written(500)
    page = JournalPage(journal)
    qtbot.addWidget(page)
    page.resize(600, 300)
    page.show()
    bar = page.table.verticalScrollBar()
    bar.setValue(1_200)
    before = page.table.indexAt(QPoint(10, 10)).siblingAtColumn(3).data()
    for number in range(500, 520):
        write(journal, number)
    page.model.take_in()
    assert page.table.indexAt(QPoint(10, 10)).siblingAtColumn(3).data() == before
    assert page._newer.text() == "▲ 20 newer"
    page._newer.click()
    assert bar.value() == 0
    assert page._newer.isHidden()


def test_it_follows_at_the_top(qtbot: QtBot) -> None:
    journal = written(500)
    page = JournalPage(journal)
    qtbot.addWidget(page)
    page.resize(600, 300)
    page.show()
    write(journal, 500)
    page.model.take_in()
    assert page.table.indexAt(QPoint(10, 10)).siblingAtColumn(3).data() == "entry 500"


def test_an_entry_leads_to_its_device(qtbot: QtBot) -> None:
    journal = written(1)
    write(journal, 7, "camera-0147")
    page = JournalPage(journal)
    qtbot.addWidget(page)
    page.show()
    page.table.setCurrentIndex(page.model.index(0, 0))
    with qtbot.waitSignal(page.device_opened, timeout=5_000) as opened:
        QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert opened.args == ["camera-0147"]
    page.table.setCurrentIndex(page.model.index(1, 0))
    with qtbot.assertNotEmitted(page.device_opened):
        QTest.keyClick(page.table, Qt.Key.Key_Return)


def test_nothing_and_nothing_that_matches_are_told_apart(qtbot: QtBot) -> None:
    journal = Journal()
    page = JournalPage(journal)
    qtbot.addWidget(page)
    assert "Nothing has happened" in page._empty.sentence
    write(journal, 1)
    page.model.take_in()
    page.words.setText("zebra")
    assert page._stack.currentWidget() is page._empty
    assert page._empty.sentence == "No entry has all of these words."
    page._empty.acted.emit()
    assert page._stack.currentWidget() is page.table


@pytest.mark.parametrize("hostile", ["<img src=x>", "\x1b[2J", "\u202eevil", "%s%n", "a" * 100_000])
def test_hostile_text_is_shown_as_text(qtbot: QtBot, hostile: str) -> None:
    journal = Journal()
    journal.write(WALL, State.FAILED, hostile, hostile)
    page = JournalPage(journal)
    qtbot.addWidget(page)
    page.show()
    shown = page.model.index(0, 3).data()
    assert shown.isprintable()
    assert len(shown) <= 600
    assert "<img" not in page.model.index(0, 3).data(Qt.ItemDataRole.ToolTipRole)
    page.grab()

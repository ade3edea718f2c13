"""The journal page does not move what is being read, follows at the top, and gives its entries away as text."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fleetgui.policy.states import State
from fleetgui.stores.journal import Journal
from fleetgui.widgets.journal import JournalPage
from fleetgui.widgets.look import theme
from tests.models.entries import WALL, write, written


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
    assert page._newer.text() == "20 new above"
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


def test_the_mark_counts_what_is_still_above(qtbot: QtBot) -> None:
    journal = written(500)
    page = JournalPage(journal)
    qtbot.addWidget(page)
    page.resize(600, 300)
    page.show()
    bar, height = page.table.verticalScrollBar(), page.table.verticalHeader().defaultSectionSize()
    bar.setValue(50 * height)
    for number in range(500, 520):
        write(journal, number)
    page.model.take_in()
    bar.setValue(8 * height + 1)
    assert page._newer.text() == "9 new above"
    bar.setValue(30 * height)
    assert page._newer.text() == "9 new above"


def test_another_density_keeps_the_place(qtbot: QtBot, qapp: QApplication) -> None:
    before = theme.current().density
    theme.apply(qapp, density=theme.Density.NORMAL)
    page = JournalPage(written(500))
    qtbot.addWidget(page)
    page.resize(600, 300)
    page.show()
    page.table.verticalScrollBar().setValue(100 * theme.Density.NORMAL.value)
    try:
        theme.apply(qapp, density=theme.Density.ROOMY)
        assert page.table.indexAt(QPoint(10, 10)).row() == 100
    finally:
        theme.apply(qapp, density=before)


def test_selected_rows_are_copied_in_their_order(qtbot: QtBot, qapp: QApplication) -> None:
    page = JournalPage(written(5))
    qtbot.addWidget(page)
    page.show()
    page.table.setCurrentIndex(page.model.index(1, 3))
    QTest.keyClick(page.table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(page.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = [line.split("\t") for line in qapp.clipboard().text().splitlines()]
    assert [line[-1] for line in copied] == ["what happened", "entry 3", "entry 2"]


def test_copying_nothing_keeps_the_clipboard(qtbot: QtBot, qapp: QApplication) -> None:
    page = JournalPage(written(5))
    qtbot.addWidget(page)
    page.show()
    page.table.clearSelection()
    qapp.clipboard().setText("mine")
    QTest.keyClick(page.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert qapp.clipboard().text() == "mine"


def test_home_and_end_go_to_the_first_and_last_entry(qtbot: QtBot) -> None:
    page = JournalPage(written(50))
    qtbot.addWidget(page)
    page.show()
    page.table.setCurrentIndex(page.model.index(7, 3))
    QTest.keyClick(page.table, Qt.Key.Key_End)
    assert page.table.currentIndex().row() == 49
    QTest.keyClick(page.table, Qt.Key.Key_Home)
    assert page.table.currentIndex().row() == 0


def test_the_last_match_that_goes_leaves_the_sentence(qtbot: QtBot) -> None:
    journal = Journal(3)
    journal.write(WALL, State.LIVE, "link", "the one that matches")
    page = JournalPage(journal)
    qtbot.addWidget(page)
    page.words.setText("matches")
    assert page._stack.currentWidget() is page.table
    for number in range(3):
        write(journal, number)
    page.model.take_in()
    assert page._stack.currentWidget() is page._empty


@pytest.mark.parametrize("hostile", ["<img src=x>", "\x1b[2J", "\u202eevil", "%s%n", "a" * 100_000])
def test_hostile_text_can_be_drawn(qtbot: QtBot, hostile: str) -> None:
    journal = Journal()
    journal.write(WALL, State.FAILED, hostile, hostile)
    page = JournalPage(journal)
    qtbot.addWidget(page)
    page.show()
    assert not page.grab().isNull()

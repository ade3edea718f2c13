"""The journal's model equals its store: every entry that is kept and matches, once, newest first."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractItemModel, Qt
from pytestqt.qtbot import QtBot

from fleetgui.models.journal import JournalModel
from fleetgui.policy.states import State
from fleetgui.stores.journal import Journal
from tests.models.entries import WALL, write, written
from tests.models.tester import Watched


def texts(model: QAbstractItemModel) -> list[str]:
    return [model.index(row, 3).data() for row in range(model.rowCount())]


def test_newest_first(qtbot: QtBot) -> None:
    model = JournalModel(written(3))
    assert texts(model) == ["entry 2", "entry 1", "entry 0"]
    assert model.index(0, 0).data() == "03:14:09Z"
    assert model.index(0, 1).data() == "○ offline"
    assert model.entry(0).text == "entry 2"


def test_the_absolute_time_is_on_hover(qtbot: QtBot) -> None:
    assert "2026-11-21 03:14:07Z" in JournalModel(written(1)).index(0, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_entries_come_in_batches_by_themselves(qtbot: QtBot) -> None:
    journal = Journal()
    model = JournalModel(journal)
    model.due.connect(model.take_in)
    with qtbot.waitSignal(model.rowsInserted, timeout=5_000) as inserted:
        for number in range(5):
            write(journal, number)
    assert inserted.args[1:] == [0, 4]
    assert model.rowCount() == 5


def test_it_stays_within_the_journals_bounds(qtbot: QtBot) -> None:
    journal = written(5, capacity=10)
    model = JournalModel(journal)
    with Watched(model):
        for number in range(5, 47):
            write(journal, number)
        model.take_in()
    assert texts(model) == [f"entry {number}" for number in range(46, 36, -1)]


def test_what_the_journal_dropped_goes_under_a_filter_too(qtbot: QtBot) -> None:
    journal = Journal(3)
    journal.write(WALL, State.LIVE, "link", "the one that matches")
    model = JournalModel(journal)
    model.filter("matches")
    with Watched(model):
        for number in range(3):
            write(journal, number)
        model.take_in()
    assert texts(model) == []


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


def test_copied_rows_have_a_header_and_hold_no_formula(qtbot: QtBot) -> None:
    journal = written(2)
    journal.write(WALL, State.FAILED, "call\tx", "=cmd()\nand more")
    model = JournalModel(journal)
    header, *lines = model.copied([0, 2]).splitlines()
    assert header.split("\t") == ["time", "state", "source", "what happened"]
    assert [line.split("\t") for line in lines] == [
        ["2026-11-21 03:14:07Z", "failed", "call\\x09x", "'=cmd()\\x0aand more"],
        ["2026-11-21 03:14:07Z", "live", "source 0", "entry 0"],
    ]
    assert model.copied([]) == ""


Step = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 30)),
    st.tuples(st.just("take in"), st.just(0)),
    st.tuples(st.just("filter"), st.sampled_from([0, 1, 2])),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(Step, max_size=25), capacity=st.integers(1, 40))
def test_it_equals_its_store_whatever_happens(qtbot: QtBot, steps: list[tuple[str, int]], capacity: int) -> None:
    journal = Journal(capacity)
    model = JournalModel(journal)
    number, words = 0, ""
    with Watched(model):
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
    assert texts(model) == [
        entry.text
        for entry in reversed(journal.entries)
        if all(word in f"{entry.text} {entry.source} {entry.state.word}" for word in words.split())
    ]


@pytest.mark.parametrize("hostile", ["<img src=x>", "\x1b[2J", "\u202eevil", "%s%n", "a" * 100_000])
def test_hostile_text_is_text(qtbot: QtBot, hostile: str) -> None:
    journal = Journal()
    journal.write(WALL, State.FAILED, hostile, hostile)
    model = JournalModel(journal)
    shown = model.index(0, 3).data()
    assert shown.isprintable()
    assert len(shown) <= 600
    assert "<img" not in model.index(0, 3).data(Qt.ItemDataRole.ToolTipRole)

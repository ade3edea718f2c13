"""A keyed model equals its store: each row that matches, once, in order; held rows stay, persistent indexes follow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPersistentModelIndex, Qt
from pytestqt.qtbot import QtBot

from fleetgui.models import keyed, row_order
from fleetgui.models.columns import Cell
from fleetgui.models.keyed import KeyedModel
from fleetgui.models.row_order import KeyedColumn
from tests.models.tester import Watched

Row = tuple[str, int]
COLUMNS: tuple[KeyedColumn[Row], ...] = (
    KeyedColumn("name", lambda row, _: Cell(row[0]), lambda row: row[0]),
    KeyedColumn("value", lambda row, _: Cell(str(row[1])), lambda row: row[1]),
    KeyedColumn("age", lambda row, wall: Cell(str(wall - row[1])), lambda row: row[1], ages=True),
)
DESCENDING = Qt.SortOrder.DescendingOrder


def model_of(rows: dict[str, Row]) -> KeyedModel[Row]:
    model = KeyedModel(COLUMNS, lambda row: -row[1], lambda row: f"{row[0]} {row[1]}", lambda: 100.0)
    model.show_rows(rows)
    return model


def fleet(**values: int) -> dict[str, Row]:
    return {name: (name, value) for name, value in values.items()}


def test_the_first_order_holds_until_a_column_is_chosen(qtbot: QtBot) -> None:
    model = model_of(fleet(a=1, b=3, c=3))
    assert model.names == ["b", "c", "a"]
    model.sort(1)
    assert model.names == ["a", "b", "c"]
    model.sort(0, DESCENDING)
    assert model.names == ["c", "b", "a"]
    model.sort(-1)
    assert model.names == ["b", "c", "a"]


def test_ties_stand_in_the_order_of_names_in_both_directions(qtbot: QtBot) -> None:
    rows = fleet(a=1, b=1, c=2)
    model = model_of(rows)
    model.sort(1, DESCENDING)
    assert model.names == ["c", "a", "b"]
    rows["aa"] = ("aa", 1)
    model.changed(["aa"])
    model.flush()
    assert model.names == ["c", "a", "aa", "b"]


def test_what_changed_is_shown_by_itself_and_once(qtbot: QtBot) -> None:
    rows = fleet(a=1, b=2)
    model = model_of(rows)
    with qtbot.waitSignal(model.dataChanged, timeout=5_000):
        for value in range(3, 20):
            rows["a"] = ("a", value)
            model.changed(["a"])
    assert model.names == ["a", "b"]
    assert model.index(0, 1).data() == "19"


def test_while_held_rows_stay_where_they_are_and_new_ones_come_last(qtbot: QtBot) -> None:
    rows = fleet(a=5, b=4, c=3)
    model = model_of(rows)
    model.hold(True)
    rows |= fleet(a=0, z=9)
    del rows["b"]
    model.changed(["a", "b", "z"])
    with Watched(model):
        model.flush()
        assert model.names == ["a", "c", "z"]
        model.hold(False)
    assert model.names == ["z", "c", "a"]


def test_while_nobody_looks_nothing_is_shown_and_all_at_once_after(qtbot: QtBot) -> None:
    rows = fleet(a=1)
    model = model_of(rows)
    model.pause(True)
    rows["b"] = ("b", 2)
    model.changed(["b"])
    assert model.names == ["a"]
    model.pause(False)
    assert model.names == ["b", "a"]


def test_a_row_that_its_store_lost_is_blank_until_it_is_taken_out(qtbot: QtBot) -> None:
    rows = fleet(a=1, b=2)
    model = model_of(rows)
    del rows["a"]
    with Watched(model):
        assert model.index(1, 0).data() == ""
        model.sort(0)
        model.changed(["a"])
        model.flush()
    assert model.names == ["b"]


def test_a_row_that_was_lost_while_it_was_sorted_and_came_back_finds_its_place(qtbot: QtBot) -> None:
    rows = fleet(a=1, b=2, c=3)
    model = model_of(rows)
    model.hold(True)
    lost = rows.pop("c")
    model.changed(["c"])
    model.sort(1)
    rows["c"] = lost
    with Watched(model):
        model.hold(False)
        model.flush()
    assert model.names == ["a", "b", "c"]


def test_only_what_ages_is_drawn_again_as_time_passes(qtbot: QtBot) -> None:
    model = model_of(fleet(a=1, b=2))
    with qtbot.waitSignal(model.dataChanged) as told:
        model.age()
    first, last = told.args[:2]
    assert (first.column(), last.column(), first.row(), last.row()) == (2, 2, 0, 1)


def test_words_filter_what_is_there_and_what_comes(qtbot: QtBot) -> None:
    rows = fleet(alpha=1, beta=2)
    model = model_of(rows)
    model.filter("ALP")
    rows |= fleet(alpine=5, gamma=6)
    model.changed(["alpine", "gamma"])
    model.flush()
    assert model.names == ["alpine", "alpha"]
    model.filter("")
    assert model.names == ["gamma", "alpine", "beta", "alpha"]


def test_copied_rows_hold_no_formula(qtbot: QtBot) -> None:
    model = model_of({"=x": ("=x", 1)})
    assert model.copied([0]).splitlines() == ["name\tvalue\tage", "'=x\t1\t99.0"]


def test_many_at_once_are_shown_in_parts(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "MOST_AT_ONCE", 3)
    rows: dict[str, Row] = {}
    model = model_of(rows)
    rows |= fleet(a=1, b=2, c=3, d=4, e=5)
    model.changed(rows.keys())
    model.flush()
    assert len(model.names) == 3
    with qtbot.waitSignal(model.rowsInserted, timeout=5_000):
        pass
    assert model.names == ["e", "d", "c", "b", "a"]


NAMES = st.sampled_from("abcdefghij")
Step = st.one_of(
    st.tuples(st.just("put"), NAMES, st.integers(0, 5)),
    st.tuples(st.just("drop"), NAMES, st.just(0)),
    st.tuples(st.just("flush"), st.just(""), st.just(0)),
    st.tuples(st.just("sort"), st.just(""), st.integers(-1, 5)),
    st.tuples(st.just("filter"), st.sampled_from(["", "a", "3", "zz"]), st.just(0)),
    st.tuples(st.just("hold"), st.just(""), st.integers(0, 1)),
    st.tuples(st.just("pause"), st.just(""), st.integers(0, 1)),
)


def wanted(rows: dict[str, Row], words: str, sort: int) -> list[str]:
    there = sorted(name for name, row in rows.items() if words in f"{row[0]} {row[1]}")
    if sort < 0:
        return sorted(there, key=lambda name: -rows[name][1])
    return sorted(there, key=lambda name: COLUMNS[sort // 2].order(rows[name]), reverse=bool(sort % 2))


@pytest.mark.parametrize(("most_moved", "most_at_once"), [(0, 2_000), (64, 2_000), (64, 1)])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(Step, max_size=30))
def test_it_equals_its_store_whatever_happens(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, most_moved: int, most_at_once: int, steps: list[tuple[str, str, int]]
) -> None:
    monkeypatch.setattr(row_order, "MOST_MOVED", most_moved)
    monkeypatch.setattr(keyed, "MOST_AT_ONCE", most_at_once)
    rows: dict[str, Row] = {}
    model = model_of(rows)
    words, sort, held = "", -1, False
    kept: dict[str, QPersistentModelIndex] = {}
    with Watched(model):
        for what, text, number in steps:
            match what:
                case "put":
                    rows[text] = (text, number)
                    model.changed([text])
                case "drop":
                    if rows.pop(text, None):
                        model.changed([text])
                case "sort":
                    sort = number
                    order = DESCENDING if number % 2 else Qt.SortOrder.AscendingOrder
                    model.sort(number // 2 if number >= 0 else -1, order)
                case "filter":
                    words = text
                    model.filter(text)
                    kept.clear()  # a reset ends all persistent indexes
                case "hold":
                    held = bool(number)
                    model.hold(held)
                case "pause":
                    model.pause(bool(number))
                case "flush":
                    for _ in range(20):
                        model.flush()
                    assert sorted(model.names) == sorted(wanted(rows, words, sort))
                    if not held:
                        assert model.names == wanted(rows, words, sort)
            _follow(model, kept)
        for _ in range(20):
            model.flush()
        model.hold(False)
        assert model.names == wanted(rows, words, sort)


def _follow(model: Any, kept: dict[str, QPersistentModelIndex]) -> None:
    """A persistent index stands on the row of its name for as long as that is there."""
    for name, index in list(kept.items()):
        row = model.row_of(name)
        if index.isValid():
            assert index.row() == row
        else:
            del kept[name]
    for name in model.names:
        kept.setdefault(name, QPersistentModelIndex(model.index(model.row_of(name), 0)))

"""Columns of any field of the record: what their cells say, and that the model stays sound while they come and go."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from fleetgui.models.columns import COLUMNS, NOTHING, PLACEHOLDER, Align, Cell, Column, Look
from fleetgui.models.devices import DeviceTableModel
from fleetgui.models.facts import Facts
from fleetgui.models.payload_columns import LONGEST_TITLE, MOST_COLUMNS, column_of, columns_of
from fleetgui.stores.roster import Row, RowKind
from fleetgui.wire.payload import LONGEST_TEXT
from fleetgui.wire.records import Summary, summarize
from tests.models.fleet import Fleet, device_id, record
from tests.models.tester import Watched


def column(path: str, *, figures: bool = False) -> Column:
    found = column_of(path, figures=figures)
    assert found is not None
    return found


def facts(body: bytes, *, whole: bool = False, **fields: Any) -> Facts:
    summary = summarize(body)
    row = Row(RowKind.LOADED, summary.device_id, body, summary, 1_000.0, whole=whole)
    return Facts(row, 1_010.0, 1_795_219_210.0, **fields)


def cell(path: str, value: Any, **fields: Any) -> Cell:
    return column(path).of(facts(record(1, status={"x": value}), **fields))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (21.5, "21.5"),
        (1_400, "1,400"),
        (True, "yes"),
        (False, "no"),
        ("warm", "warm"),
        ([1, "a", True], "1, a, true"),
        ({"zoom": 4}, '{"zoom": 4}'),
        (2**70, "1.18059e+21"),
        (-0.0, "0"),
        (2**53 + 1, "9,007,199,254,740,993"),
        (-(2**64) - 1, "-18,446,744,073,709,551,617"),
    ],
)
def test_a_cell_is_written_by_what_it_holds(value: Any, text: str) -> None:
    assert cell("status.x", value) == Cell(text)


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_what_is_missing_is_a_dash_and_no_zero(value: Any) -> None:
    assert cell("status.x", value) == NOTHING
    assert cell("status.y", 1) == NOTHING


def test_what_was_not_read_is_not_said_to_be_missing() -> None:
    functions = column("capabilities.functions.0.name")
    brief = facts(record(1))
    assert functions.of(brief) == PLACEHOLDER
    assert "not read" in (functions.hover or (lambda _: ""))(brief)
    assert functions.of(facts(record(1), whole=True)).text == "ping"
    held = Facts(Row(RowKind.LOADED, "a", None, Summary("a", labels="site=04")), 0.0, 0.0)
    assert column("status.x").of(held) == PLACEHOLDER
    assert column("capabilities.labels.site").of(held).text == "04"  # a summary has its labels
    assert column("capabilities.labels.no").of(held) == NOTHING
    held = Facts(held.row._replace(values={"status.x": 5.0, "status.y": None}), 0.0, 0.0)
    assert column("status.x").of(held).text == "5"
    assert column("status.y").of(held) == NOTHING


def test_the_last_heartbeat_knows_better() -> None:
    assert cell("status.x", 1, heard={"x": 2}).text == "2"
    assert cell("status.x", 1, heard={"y": 2}).text == "1"
    assert cell("status.x", 1, heard={"x": None}) == NOTHING
    assert cell("status.x.deep", {"deep": 1}, heard={"x": {"deep": 2}}).text == "2"


def test_hostile_text_is_drawn_as_text_on_one_line_and_cut() -> None:
    shown = cell("status.x", "<img src='file:///etc/passwd'>\n\u202egnp" + "x" * 100_000)
    assert shown.text.startswith("<img src=")
    assert "\n" not in shown.text
    assert "\u202e" not in shown.text
    assert len(shown.text) < 600
    whole = (column("status.x").hover or (lambda _: ""))(facts(record(1, status={"x": "y" * 100_000})))
    assert len(whole) < LONGEST_TEXT + 300
    title = column("status." + "w" * 200).title
    assert len(title) <= LONGEST_TITLE + 1


def test_a_title_is_as_much_of_the_path_as_tells_it_apart() -> None:
    paths = ["status.zoom", "status.lens.zoom", "identity.lens.zoom", "status.ports.0", "status.location"]
    made = columns_of([(path, False) for path in paths], ["Location"])
    assert [each.title for each in made] == ["zoom", "lens.zoom", "identity.lens.zoom", "ports.0", "status.location"]
    assert [each.key for each in made] == [f"payload:{path}" for path in paths]


def test_no_more_columns_are_made_than_there_may_be_and_none_of_what_is_no_path() -> None:
    assert len(columns_of((f"status.x{number}", False) for number in range(100))) == MOST_COLUMNS
    assert columns_of([("", False), ("status", False), ("a..b", True)]) == []
    assert len(columns_of([("a.b", False), ("a.b", True)])) == 1


def test_figures_stand_at_the_right_and_a_label_has_its_own_name_to_sort_by() -> None:
    figures = column("status.x", figures=True)
    assert (figures.align, figures.look) == (Align.RIGHT, Look.FIGURE)
    assert figures.field == "status.x"
    assert column("capabilities.labels.site").field == "labels.site"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_no_value_breaks_a_cell(value: Any) -> None:
    try:
        body = json.dumps({"device_id": "a", "status": {"x": value}}).encode()
        summarize(body)
    except ValueError:
        return  # no record
    shown = column("status.x").of(facts(body))
    assert isinstance(shown.text, str)
    assert shown.text.isprintable()


# The model


def model_of(fleet: Fleet) -> DeviceTableModel:
    return DeviceTableModel(fleet.state.table, fleet.state.presence, fleet.state.engagements, fleet.clock)


def test_columns_come_and_go_while_rows_do(qapp: QApplication) -> None:
    fleet = Fleet(30)
    model = model_of(fleet)
    with Watched(model):
        model.watch(0, 20)
        model.add_columns([column("status.battery"), column("status.location")])
        for row in range(20):
            for number in range(model.columnCount()):
                model.cell(row, number)
        fleet.read(0, range(40), total=40)
        model.remove_column(len(COLUMNS))
        model.flush()
        model.add_columns([])
        model.add_columns([column("identity.model")])
        fleet.read(0, range(10), total=10)
        model.flush()
        model.remove_column(len(COLUMNS) + 1)
        model.remove_column(len(COLUMNS))
    assert model.columns == COLUMNS


def test_a_column_that_is_added_is_drawn_at_once(qapp: QApplication) -> None:
    fleet = Fleet(10)
    model = model_of(fleet)
    assert model.cell(3, 1).text == device_id(3)
    model.add_columns([column("status.battery", figures=True)])
    number = len(COLUMNS)
    assert model.cell(3, number).text == "3"
    header = model.headerData(number, Qt.Orientation.Horizontal)
    assert header == "battery"
    assert "status.battery" in model.hover(3, number)
    model.mark_orders({"status.battery": "↑"})
    assert model.headerData(number, Qt.Orientation.Horizontal) == "battery ↑"


def test_a_value_that_changed_glows_and_no_column_glows_for_another_that_left(qapp: QApplication) -> None:
    fleet = Fleet(10)
    model = model_of(fleet)
    model.add_columns([column("status.battery"), column("status.location")])
    number = len(COLUMNS)
    model.watch(0, 9)
    model.cell(3, number)
    fleet.clock.advance(1.0)
    fleet.beat(3, battery=77)
    model.flush()
    glowing = model.glowing()
    assert model.cell(3, number).text == "77"
    assert (3, number) in glowing
    model.remove_column(number)
    assert model.glowing() == []

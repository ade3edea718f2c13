"""Saved views: kept for each context apart, shown as they were saved, and never trusted as they are read back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QInputDialog
from pytestqt.qtbot import QtBot

from fleetgui.policy.wanted import Wanted
from fleetgui.widgets.devices.page import DevicesPage
from fleetgui.widgets.devices.views import LONGEST_NAME, MOST_VIEWS, SavedView, view_of
from fleetgui.widgets.look import theme
from fleetgui.wire.query import BY_ID, Order
from tests.models.fleet import Fleet


@pytest.fixture(autouse=True)
def _look(qapp: QApplication) -> None:
    theme.apply(qapp, "dark")


class Opened:
    def __init__(self, qtbot: QtBot) -> None:
        self.place = "noc-eu/acme"
        fleet = Fleet(200)
        self.page = DevicesPage(fleet.state, fleet.clock, place=lambda: self.place)
        self.wanted: list[Wanted] = []
        self.page.wanted.connect(self.wanted.append)
        qtbot.addWidget(self.page)
        self.page.show()

    @property
    def names(self) -> list[str]:
        return [view.name for view in self.page.views.here]

    def menu(self) -> list[str]:
        self.page.views._fill()
        return [action.text() for action in self.page.views._menu.actions() if action.text()]


@pytest.fixture
def opened(qtbot: QtBot) -> Opened:
    return Opened(qtbot)


def number_of(page: DevicesPage, key: str) -> int:
    return [column.key for column in page.model.columns].index(key)


def test_a_view_is_shown_as_it_was_saved(opened: Opened) -> None:
    page = opened.page
    page.filter.set_filter("type:camera battery<20")
    page.sort_by(number_of(page, "battery"))
    page.sort_by(number_of(page, "location"), more=True)
    page.group_by("labels.site")
    page.offline.setChecked(True)
    page.table.horizontalHeader().setSectionHidden(number_of(page, "model"), True)
    assert page.views.save("low cameras")
    page.show_view(SavedView("all"))
    page.columns.reset()
    assert opened.wanted[-1] == Wanted()
    page.show_view(page.views.here[0])
    assert str(opened.wanted[-1].filter) == "type:camera battery<20"
    assert opened.wanted[-1].orders == (Order("battery"), Order("location"))
    assert (opened.wanted[-1].group, opened.wanted[-1].offline) == ("labels.site", True)
    assert page.offline.isChecked()
    assert page.table.horizontalHeader().isSectionHidden(number_of(page, "model"))


def test_views_belong_to_their_context_and_come_back_at_the_next_start(opened: Opened, qtbot: QtBot) -> None:
    opened.page.views.save("b")
    opened.page.sort_by(number_of(opened.page, "battery"))
    opened.page.sort_by(number_of(opened.page, "location"), more=True)
    opened.page.group_by("location")
    opened.page.views.save("A")
    opened.place = "other/acme"
    assert opened.names == []
    opened.page.views.save("c")
    again = Opened(qtbot)
    again.page.restore_state(json.loads(json.dumps(opened.page.save_state())))
    assert again.names == ["A", "b"]
    assert again.page.views.here == [view_of(json.loads(json.dumps(view.state()))) for view in again.page.views.here]
    first = again.page.views.here[0]
    assert (first.orders, first.group) == ((Order("battery"), Order("location")), "location")
    again.place = "other/acme"
    assert again.names == ["c"]


def test_a_name_is_taken_once_and_can_be_removed(opened: Opened) -> None:
    opened.page.views.save("x")
    opened.page.filter.set_filter("dock")
    opened.page.views.save("x")
    assert [(view.name, view.filter) for view in opened.page.views.here] == [("x", "dock")]
    opened.page.views.remove("x")
    assert opened.names == []


def test_without_a_name_or_room_nothing_is_saved(opened: Opened) -> None:
    assert not opened.page.views.save("  ")
    for number in range(MOST_VIEWS):
        assert opened.page.views.save(f"view {number}")
    assert not opened.page.views.save("one more")
    assert opened.page.views.save("view 7")


def test_the_menu_offers_them_with_their_names_as_they_are(opened: Opened) -> None:
    assert opened.menu() == ["Save this view…"]
    opened.page.views.save("R&D <b>")
    assert opened.menu() == ["R&&D <b>", "Save this view…", "Remove"]


def test_the_name_is_asked_for_without_stopping_the_world(opened: Opened) -> None:
    opened.page.views._ask_name()
    [dialog] = opened.page.window().findChildren(QInputDialog)
    dialog.setTextValue("night shift")
    dialog.accept()
    assert opened.names == ["night shift"]


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        (None, None),
        ([], None),
        ({}, None),
        ({"name": 7}, None),
        ({"name": " "}, None),
        ({"name": "x", "filter": 5, "order_by": "no such field", "descending": 1, "columns": {}}, SavedView("x")),
        (
            {"name": "y" * 500, "order_by": "battery", "descending": True},
            SavedView("y" * LONGEST_NAME, "", (Order("battery", descending=True),)),
        ),
        (
            {"name": "z", "orders": [{"by": "battery", "descending": True}, 5, {"by": "x"}, {"by": "location"}]},
            SavedView("z", "", (Order("battery", descending=True), Order("location"))),
        ),
        ({"name": "g", "group": "labels.site", "orders": "x"}, SavedView("g", group="labels.site")),
        ({"name": "g", "group": "no such field", "orders": [{}] * 900}, SavedView("g")),
    ],
)
def test_settings_that_make_no_sense_are_left_out(saved: Any, expected: SavedView | None) -> None:
    assert view_of(saved) == expected


def test_a_view_with_mistakes_and_of_a_field_that_is_no_column_is_shown_all_the_same(opened: Opened) -> None:
    opened.page.show_view(SavedView("odd", "batery<3 dock", (Order("status_ts"),), columns=[{"key": 5}, "x"]))  # type: ignore[list-item]
    assert str(opened.wanted[-1].filter) == "dock"
    assert opened.wanted[-1].order == Order("status_ts")
    opened.page.restore_state({"views": {"noc-eu/acme": ["x", {"name": "z"}], 5: "y"}})
    assert opened.names == ["z"]
    assert opened.page.views.here[0].orders == (BY_ID,)

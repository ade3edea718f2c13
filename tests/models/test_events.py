"""The live events of a device as a table: newest first, bounded, paused and gone on with."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QApplication

from fleetgui.models.events import EventsModel, payload_text
from fleetgui.stores.details import EVENTS_KEPT, Details, SeenEvent
from tests.models.tester import Watched


def details() -> Details:
    store = Details()
    store.open("cam")
    return store


def came(store: Details, *numbers: int) -> Any:
    store.events_came("cam", [SeenEvent(1_795_219_200.0 + n, f"e{n}", {"n": n}) for n in numbers])
    detail = store.get("cam")
    assert detail is not None
    return detail


def names(model: EventsModel) -> list[str]:
    return [str(model.index(row, 1).data()) for row in range(model.rowCount())]


def test_the_newest_event_stands_first(qapp: QApplication) -> None:
    store, model = details(), EventsModel()
    with Watched(model):
        model.take(came(store, 1, 2))
        model.take(came(store, 3))
    assert names(model) == ["e3", "e2", "e1"]
    assert model.index(0, 0).data() == "00:00:03.000Z"
    assert model.index(0, 2).data() == '{"n":3}'


def test_no_more_are_shown_than_the_store_keeps(qapp: QApplication) -> None:
    store, model = details(), EventsModel()
    with Watched(model):
        for start in range(0, 3 * EVENTS_KEPT, 70):
            model.take(came(store, *range(start, start + 70)))
    assert model.rowCount() == EVENTS_KEPT
    detail = store.get("cam")
    assert detail is not None
    assert names(model) == [event.name for event in reversed(detail.events)]


def test_a_burst_larger_than_what_is_kept_shows_the_last_of_it(qapp: QApplication) -> None:
    store, model = details(), EventsModel()
    model.take(came(store, *range(4 * EVENTS_KEPT)))
    assert model.rowCount() == EVENTS_KEPT
    assert names(model)[0] == f"e{4 * EVENTS_KEPT - 1}"


def test_a_paused_list_stands_still_and_goes_on_with_what_was_recorded(qapp: QApplication) -> None:
    store, model = details(), EventsModel()
    model.take(came(store, 1))
    model.pause(True)
    model.take(came(store, 2, 3))
    assert names(model) == ["e1"]
    assert model.behind == 2
    model.pause(False)
    assert names(model) == ["e3", "e2", "e1"]
    assert model.behind == 0


def test_a_detail_that_was_closed_and_opened_again_begins_anew(qapp: QApplication) -> None:
    store, model = details(), EventsModel()
    model.take(came(store, 1, 2))
    store.close("cam")
    store.open("cam")
    model.take(came(store, 7))
    assert names(model) == ["e7"]


def test_hostile_payloads_are_one_line_of_plain_text() -> None:
    evil = SeenEvent(0.0, "x", {"a": "<b>\u202e\n" + "y" * 10_000})
    assert payload_text(evil).isprintable()
    assert len(payload_text(evil)) < 600
    assert payload_text(SeenEvent(0.0, "x", None, "Expected `object`, got `int`")) == "Expected `object`, got `int`"

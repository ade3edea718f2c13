"""What each column of the device table shows of a row, whatever the row is and a device says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fleetgui.models.columns import COLUMNS, KINDS, Cell, Column
from fleetgui.models.facts import Facts, number
from fleetgui.policy.states import State
from fleetgui.stores.roster import NOT_LOADED, Row, RowKind
from fleetgui.wire.records import summarize
from tests.models.fleet import record

BY_KEY = {column.key: column for column in COLUMNS}


def facts(presence: State = State.ONLINE, *, body: bytes = record(7), **fields: Any) -> Facts:
    row = Row(RowKind.LOADED, "camera-000007", body, summarize(body), 1_000.0)
    return Facts(row, 1_010.0, 1_795_219_210.0, presence=presence, **fields)


def cell(key: str, at: Facts) -> Cell:
    return BY_KEY[key].of(at)


def test_keys_are_unique_and_the_first_columns_are_state_and_device() -> None:
    assert len(BY_KEY) == len(COLUMNS)
    assert [column.key for column in COLUMNS[:2]] == ["state", "device_id"]


@pytest.mark.parametrize(
    "presence",
    [State.ONLINE, State.LATE, State.STALE, State.UNKNOWN, State.UNCONFIRMED, State.OFFLINE],
)
def test_a_state_is_shown_by_glyph_word_and_ink(presence: State) -> None:
    shown = cell("state", facts(presence))
    assert (shown.glyph, shown.ink) == (presence.glyph, presence.token)
    assert shown.text.startswith(presence.word)


def test_every_state_and_every_kind_of_row_is_told_apart_by_glyph_and_word() -> None:
    shown = [cell("state", facts(state)) for state in (State.ONLINE, State.LATE, State.STALE, State.UNKNOWN)]
    shown += [cell("state", facts(state)) for state in (State.UNCONFIRMED, State.OFFLINE)]
    shown += [BY_KEY["state"].of(Facts(Row(kind), 0.0, 0.0)) for kind in KINDS]
    assert len({each.spoken for each in shown}) == len(shown)
    assert len(KINDS) == len(RowKind) - 1


def test_unknown_is_louder_than_the_others() -> None:
    assert [state for state in State if cell("state", facts(state)).chip] == [State.UNKNOWN]


def test_stale_and_offline_say_for_how_long() -> None:
    assert cell("state", facts(State.STALE, last_beat=970.0)).text == "stale 40 s"
    assert cell("state", facts(State.OFFLINE, offline_since=983.0)).text == "offline 27 s"


def test_a_device_whose_clock_is_wrong_says_so() -> None:
    beat = next(column for column in COLUMNS if column.key == "last_beat")
    assert beat.hover is not None
    said = beat.hover(facts(State.ONLINE, last_beat=970.0, publisher_ts=1_795_222_800.0, skew_s=3_600.0))
    assert "60 min ahead of this machine's" in said
    said = beat.hover(facts(State.ONLINE, last_beat=970.0, publisher_ts=1_795_219_200.0, skew_s=0.2))
    assert "ahead" not in said


def test_a_row_that_was_not_read_shows_a_placeholder_and_no_values() -> None:
    unread = Facts(NOT_LOADED, 0.0, 0.0)
    assert cell("device_id", unread).text == "· · ·"
    assert all(column.of(unread).text == "" for column in COLUMNS if column.key not in ("state", "device_id"))


def test_a_row_that_failed_says_why_across_the_row() -> None:
    failed = Facts(Row(RowKind.FAILED, note="no answer within 30 s"), 0.0, 0.0)
    note = cell("device_type", failed)
    assert note.text == "no answer within 30 s"
    assert note.wide


def test_the_last_heartbeat_wins_over_the_record() -> None:
    heard = facts(heard={"battery": 12, "location": "roof"})
    assert cell("battery", heard) == Cell("12", "late", fraction=0.12)
    assert cell("location", heard).text == "roof"
    assert cell("battery", facts()).text == "7"


@pytest.mark.parametrize(
    ("value", "text", "fraction"),
    [(0, "0", 0.0), (100, "100", 1.0), (250, "250", 1.0), (-3, "-3", 0.0), (None, "–", None), ("full", "full", None),
     ({"a": 1}, "{1}", None), ([1, 2], "[2]", None), (True, "True", None)],
)  # fmt: skip
def test_a_battery_may_be_anything(value: Any, text: str, fraction: float | None) -> None:
    shown = cell("battery", facts(heard={"battery": value}))
    assert (shown.text, shown.fraction) == (text, fraction)


def test_numbers_are_finite_numbers_only() -> None:
    assert [number(value) for value in (1, 1.5, True, "1", None, float("nan"), float("inf"), 10**400)] == [
        1.0, 1.5, None, None, None, None, None, None,
    ]  # fmt: skip


def test_zero_is_shown_only_when_zero_was_read() -> None:
    nothing = facts(body=b'{"device_id":"x"}')
    assert cell("battery", nothing).text == "–"
    assert cell("last_beat", nothing).text == "not heard"
    assert cell("ttl", nothing).text == "–"


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.key)
def test_no_column_lets_hostile_text_through(column: Column) -> None:
    evil = "<b>x</b>\u202e\x00\x1b[31m\n" + "y" * 5_000
    body = json.dumps(
        {
            "device_id": evil,
            "identity": dict.fromkeys(("device_type", "model", "manufacturer", "serial_number", "arch"), evil),
            "status": {"location": evil, "availability": evil, "error_state": evil},
            "capabilities": {"labels": {evil: evil}},
            "registry": {"registered_at": evil},
        }
    ).encode()
    shown = column.of(facts(body=body, heard={"battery": evil, "busy_score": evil}))
    assert shown.text.isprintable() or shown.text == ""
    assert len(shown.text) < 4_000


def test_tooltips_name_the_absolute_time() -> None:
    hover = BY_KEY["last_beat"].hover
    assert hover is not None
    assert "2026-11-21" in hover(facts(last_beat=1_000.0, publisher_ts=1_795_219_200.0))
    assert hover(facts()) == "no heartbeat heard by this console yet"


def test_the_state_says_on_hover_what_the_row_was_read_from_and_when() -> None:
    hover = BY_KEY["state"].hover
    assert hover is not None
    said = hover(facts(State.ONLINE)).split("\n")
    assert said[0].endswith("online")
    assert said[-1].startswith("record asked for 2026-11-21")
    assert "" not in said

"""One formatter of times, numbers and device text: exact at its edges, and total, whatever somebody publishes."""

from __future__ import annotations

import math
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy import formats
from fleetgui.policy.formats import MAX_TEXT, NOTHING

AT = 1_795_230_727.4567  # 2026-11-21 03:12:07.456 UTC


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, NOTHING),
        (math.nan, NOTHING),
        (math.inf, NOTHING),
        (-5, "0 s"),
        (0, "0 s"),
        (0.999, "0 s"),
        (4, "4 s"),
        (119.9, "119 s"),
        (120, "2 min"),
        (7_199, "119 min"),
        (7_200, "2 h"),
        (7_800, "2 h 10 min"),
        (172_799, "47 h 59 min"),
        (172_800, "2 d"),
        (5 * 86_400 + 1, "5 d"),
    ],
)
def test_ages_change_their_unit_at_these_points(seconds: float | None, shown: str) -> None:
    assert formats.age(seconds) == shown


def test_times_are_utc_with_z_or_local_with_their_offset() -> None:
    assert formats.clock_utc(AT) == "03:12:07Z"
    assert formats.clock_utc(AT, millis=True) == "03:12:07.456Z"
    assert formats.clock_local(AT, timezone(timedelta(hours=5, minutes=30))) == "08:42:07 +05:30"
    assert formats.clock_local(AT, timezone(timedelta(hours=-9))) == "18:12:07 -09:00"
    assert formats.moment_utc(AT) == "2026-11-21 03:12:07Z"
    assert formats.export_time(AT) == "2026-11-21T03:12:07.456Z"


@pytest.mark.parametrize("epoch", [1e18, -1e18, math.nan, math.inf, -math.inf, 10.0**300])
def test_what_no_calendar_shows_is_a_dash_and_no_crash(epoch: float) -> None:
    assert formats.clock_utc(epoch) == NOTHING
    assert formats.clock_local(epoch) == NOTHING
    assert formats.moment_utc(epoch) == NOTHING
    assert formats.export_time(epoch) == ""


def test_the_calendars_very_ends_are_shown_or_a_dash_in_every_zone() -> None:
    for epoch in (-62_135_596_800.0, 253_402_300_799.0):
        for hours in (-14, 0, 14):
            assert formats.clock_local(epoch, timezone(timedelta(hours=hours)))
        assert formats.moment_utc(epoch)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, NOTHING),
        ("2026-11-21T03:12:07", "2026-11-21 03:12:07Z"),
        ("2026-11-21T04:12:07+01:00", "2026-11-21 03:12:07Z"),
        (1_795_230_727, "2026-11-21 03:12:07Z"),
        ("yesterday\n", "yesterday\\x0a"),
        (True, "True"),
        ({"a": 1}, "{'a': 1}"),
        ("x" * 50, "x" * 40 + "…"),
    ],
)
def test_a_time_from_the_wire_is_shown_or_what_came_instead(value: object, shown: str) -> None:
    assert formats.wire_time(value) == shown


def test_numbers() -> None:
    assert [formats.count(value) for value in (None, 0, 1_400, 1_000_000)] == [NOTHING, "0", "1,400", "1,000,000"]
    assert [formats.millis(value) for value in (None, math.nan, 0.0, 0.44, 9.94, 38.2, 999.4, 1_620)] == [
        NOTHING,
        NOTHING,
        "0.0 ms",
        "0.4 ms",
        "9.9 ms",
        "38 ms",
        "999 ms",
        "1.62 s",
    ]
    assert [formats.percent(value) for value in (None, math.inf, 0.0, 87.6)] == [NOTHING, NOTHING, "0", "88"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("camera-0147", "camera-0147"),
        ("日本 é ß", "日本 é ß"),
        ("a\0b", "a\\x00b"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\tb\r\nc", "a\\x09b\\x0d\\x0ac"),
        ("abc\u202egpj", "abc\\u202egpj"),
        ("\u200b\u2066x\u2069", "\\u200b\\u2066x\\u2069"),
        ("half \ud800", "half \\ud800"),
        ("", ""),
        (7, "7"),
        (None, NOTHING),
    ],
)
def test_device_text_neither_moves_nor_hides_anything(raw: object, shown: str) -> None:
    assert formats.text(raw) == shown


def test_long_text_is_cut_with_a_sign_of_it() -> None:
    assert formats.text("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert formats.text("x" * (MAX_TEXT + 1)) == "x" * MAX_TEXT + "…"
    assert len(formats.text("\0" * 10_000_000)) < 5 * MAX_TEXT


def test_markup_is_shown_literally() -> None:
    shown = formats.markup("<b>x</b> & <img src=file:///etc/passwd>\nnext")
    assert "<b>" not in shown
    assert "<img" not in shown
    assert shown.count("<br>") == 1
    assert formats.markup("") == ""


@given(st.text())
def test_shown_text_is_always_one_printable_line(raw: str) -> None:
    shown = formats.text(raw)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1


@given(st.floats())
def test_no_number_breaks_a_formatter(value: float) -> None:
    for shown in (formats.age, formats.clock_utc, formats.clock_local, formats.moment_utc, formats.millis):
        assert shown(value)
    assert formats.percent(value)
    assert isinstance(formats.export_time(value), str)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (9.94, "9.9 ms"),
        (9.96, "10 ms"),
        (999.6, "1.00 s"),
        (9_996, "10.0 s"),
        (60_000, "60.0 s"),
        (99_960, "100 s"),
        (3_600_000, "3,600 s"),
        (1e12, "1e+09 s"),
    ],
)
def test_a_duration_has_three_digits_also_where_rounding_carries(value: float, shown: str) -> None:
    assert formats.millis(value) == shown


@given(st.floats())
def test_no_number_of_a_device_fills_a_cell_with_digits(value: float) -> None:
    assert len(formats.percent(value)) <= 9
    assert len(formats.millis(value)) <= 13 or value < 0


def test_what_is_nested_without_end_is_said_to_be() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert formats.text(deep) == "nested too deeply to be shown"
    while deep:  # taken apart here: freeing it in one go would recurse as well
        deep = deep.pop()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (21.5, "21.5"),
        (1_400.0, "1,400"),
        (64 / 3, "21.3333"),
        (1_234_567.5, "1,234,567.5"),
        (1e300, "1e+300"),
        (-0.0, "0"),
        (2**53 + 1, "9,007,199,254,740,993"),
        (2.0**60, "1,152,921,504,606,846,976"),
        (10**21 + 1, "1,000,000,000,000,000,000,001"),
        (1e21, "1e+21"),
    ],
)
def test_a_number_that_nobody_knows_the_meaning_of(value: float, text: str) -> None:
    assert formats.figure(value) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (999.6, "1.0 kB"),
        (1_640, "1.6 kB"),
        (38e6, "38 MB"),
        (1.64e9, "1.6 GB"),
        (2e12, "2,000 GB"),
    ],
)
def test_sizes_go_by_powers_of_a_thousand(amount: float, text: str) -> None:
    assert formats.size(amount) == text

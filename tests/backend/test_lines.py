"""Log lines: UTC whatever the machine's zone, and a mark that a role puts on and its supervisor takes off."""

from __future__ import annotations

import logging
import time

import pytest

from fleetgui.backend.lines import ForPeople, ForSupervisor, unmarked


def record(level: int, text: str, created: float = 0.0) -> logging.LogRecord:
    made = logging.LogRecord("fleetgui", level, __file__, 1, text, None, None)
    made.created = created
    return made


def test_people_read_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    if hasattr(time, "tzset"):
        time.tzset()
    try:
        line = ForPeople().format(record(logging.WARNING, "late", 1_795_253_400.25))
    finally:
        monkeypatch.undo()
        if hasattr(time, "tzset"):
            time.tzset()
    assert line == "2026-11-21T09:30:00.250Z WARNING late"


@pytest.mark.parametrize(
    ("level", "back"),
    [
        (logging.CRITICAL, logging.ERROR),
        (logging.ERROR, logging.ERROR),
        (logging.WARNING, logging.WARNING),
        (25, logging.INFO),
        (logging.DEBUG, logging.DEBUG),
        (1, logging.DEBUG),
    ],
)
def test_a_level_survives_the_pipe(level: int, back: int) -> None:
    assert unmarked(ForSupervisor().format(record(level, "<3> is text"))) == (back, "<3> is text")


@pytest.mark.parametrize("line", ["", "<", "<9>x", "text", " <3>x"])
def test_a_line_without_a_mark_is_left_as_it_is(line: str) -> None:
    assert unmarked(line) == (None, line)

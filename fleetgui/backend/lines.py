"""What the backend's log lines look like: a role's, which its supervisor reads, and the supervisor's, for people.

A role marks each record with its severity as systemd has it (`<3>` error, `<4>` warning, `<6>` information); lines
without a mark belong to the record before. `fleetgui serve` takes the marks off, and writes

    2026-11-21T09:30:00.123Z WARNING gateway gw-1: text

unless a program reads it, which has clocks of its own.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

_SEVERITIES: Final = {logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}
_LEVELS: Final = {f"<{severity}>": level for level, severity in _SEVERITIES.items()}


class ForPeople(logging.Formatter):
    """Time in UTC, level, text."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        when = datetime.fromtimestamp(record.created, UTC)
        return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ForSupervisor(logging.Formatter):
    """A mark and the text."""

    def __init__(self) -> None:
        super().__init__("%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        level = next((each for each in _SEVERITIES if record.levelno >= each), logging.DEBUG)
        return f"<{_SEVERITIES[level]}>{super().format(record)}"


def unmarked(line: str) -> tuple[int | None, str]:
    """The level that a role's line is marked with, None for none, and the line without the mark."""
    level = _LEVELS.get(line[:3])
    return (level, line[3:]) if level is not None else (None, line)


def use(formatter: logging.Formatter) -> None:
    """Write this process's log, as far as it goes to the console, with `formatter`."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(formatter)

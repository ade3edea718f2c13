"""Numbers, lengths of time, points in time and truths, as they are written after a field.

Each is read into a `Bounds`: what one written value stands for. A number is one point; a day is all of its instants, so
that `registered:2026-11-01` is that whole day and `registered>2026-11-01` what came after it. No zone means UTC.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from fleetgui.policy import formats
from fleetgui.policy.filters.checks import Within
from fleetgui.policy.filters.vocabulary import Field, Reads
from fleetgui.wire.times import to_epoch


class Wrong(ValueError):
    """What was written cannot be read. The text is a sentence that says what would be right; it is safe to show."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """From `start` on, up to but not with `end`; where both are the same, that one point. `text` is how it is written.

    `relative`: it was read against the clock.
    """

    start: float
    end: float
    text: str
    relative: bool = False

    @property
    def is_point(self) -> bool:
        return self.start == self.end


def compared(operator: str, one: Bounds) -> Within:
    """What is `=`, `<`, `<=`, `>` or `>=` than `one`."""
    low: tuple[float | None, bool] = (None, False)
    high: tuple[float | None, bool] = (None, False)
    last = (one.end, not one.is_point)
    match operator:
        case "<":
            high = one.start, True
        case "<=":
            high = last
        case ">":
            low = one.end, one.is_point
        case ">=":
            low = one.start, False
        case _:
            low, high = (one.start, False), last
    return Within(low[0], high[0], low[1], high[1], operator, one.text, "", one.relative)


def between(first: Bounds | None, second: Bounds | None) -> Within:
    """From `first` to `second`, both included; None is an open end. Raises `Wrong` for what runs backwards."""
    if first is not None and second is not None and second.start < first.start:
        raise Wrong(f"The range runs backwards; write {second.text}..{first.text}.")
    return Within(
        None if first is None else first.start,
        None if second is None else second.end,
        high_open=second is not None and not second.is_point,
        operator="..",
        first="" if first is None else first.text,
        second="" if second is None else second.text,
        relative=any(each.relative for each in (first, second) if each is not None),
    )


def aged(check: Within, now: float) -> Within:
    """The times as many seconds before `now` as `check` says; raises `Wrong` for what is in no calendar."""
    return Within(
        None if check.high is None else _in_calendar(now - check.high),
        None if check.low is None else _in_calendar(now - check.low),
        check.high_open,
        check.low_open,
        check.operator,
        check.first,
        check.second,
        relative=True,
    )


def read(field: Field, text: str, now: float | None) -> Bounds:
    """What `text` stands for after `field`; an age in seconds. Raises `Wrong`."""
    if field.reads is Reads.TIME:
        return _time(field, text, now)
    if field.reads is Reads.AGE:
        seconds = _length(text)
        if seconds is None:
            raise Wrong(f"{_shown(text)} is no length of time; write for instance {field.example} (s, min, h, d, w).")
        return Bounds(seconds, seconds, text)
    value = _number(field, text)
    return Bounds(value, value, text)


TRUTHS: Final = {
    "yes": True,
    "true": True,
    "on": True,
    "1": True,
    "no": False,
    "false": False,
    "off": False,
    "0": False,
}


def truth(field: Field, text: str) -> bool:
    """Yes or no; raises `Wrong`."""
    wanted = TRUTHS.get(text.lower())
    if wanted is None:
        raise Wrong(f"{field.word} is yes or no; write {field.word}:yes or {field.word}:no.")
    return wanted


_LONGEST_NUMBER: Final = 64
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_INEXACT: Final = 2.0**53
"""From here on not every integer is a float."""
_NUMBER: Final = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(%|[a-zA-Z]*)")


def number_in(text: str) -> float | None:
    """The number that `text` is, without a unit: an int where no float is that number. None for what is none."""
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    number = float(found[1]) if found is not None and not found[2] else math.inf
    if not math.isfinite(number):
        return None
    if abs(number) >= _INEXACT and _WHOLE.fullmatch(text):
        return number if int(text) == number else int(text)
    return number


def _number(field: Field, text: str) -> float:
    length = _length(text)
    if field.reads is Reads.SECONDS and length is not None:
        return length
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if found is None:
        raise Wrong(f"{_shown(text)} is no number; write for instance {field.example}.")
    value = float(found[1])
    if not math.isfinite(value):
        raise Wrong(f"{_shown(text)} is too large a number.")
    unit = found[2]
    if unit == "%" and field.reads in (Reads.PERCENT, Reads.SHARE):
        return value / 100 if field.reads is Reads.SHARE else value
    if unit:
        raise Wrong(f"{field.word} {_UNITS[field.reads]}, not {_shown(unit)}; write for instance {field.example}.")
    if field.reads is Reads.SHARE and not 0 <= value <= 1:
        raise Wrong(f"{field.word} runs from 0 to 1; write for instance {field.example} or {_as_percent(field)}.")
    return value


_UNITS: Final = {
    Reads.NUMBER: "is a plain number",
    Reads.PERCENT: "is in percent",
    Reads.SHARE: "is a share from 0 to 1, or in percent",
    Reads.SECONDS: "is a length of time (s, min, h, d, w)",
}


def _as_percent(field: Field) -> str:
    return f"{field.word}>=80%"


_LENGTH: Final = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|sec|s|min|m|hours|hour|h|days|day|d|weeks|week|w))+")
_STEP: Final = re.compile(r"([0-9.]+)([a-z]+)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def _length(text: str) -> float | None:
    """Seconds of `90s`, `10min`, `1h30m`, `2d`; None for what is no length of time."""
    lowered = text.lower()
    if len(text) > 64 or not _LENGTH.fullmatch(lowered):
        return None
    total = 0.0
    for step in _STEP.finditer(lowered):
        total += float(step[1]) * _SECONDS["ms" if step[2] == "ms" else step[2][0]]
    return total


_TIME: Final = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?P<fraction>\.\d{1,9})?)?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?)?)?",
    re.ASCII,
)
_AGO: Final = re.compile(r"(?:now)?-(.+)")
_EPOCH: Final = re.compile(r"\d{9,11}(?:\.\d{1,6})?", re.ASCII)
_DAYS: Final = {"today": 0, "yesterday": 1}


def _in_calendar(epoch: float) -> float:
    shown = to_epoch(epoch)
    if shown is None:
        raise Wrong("That time is in no calendar.")
    return shown


def _time(field: Field, text: str, now: float | None) -> Bounds:
    bounds = _any_time(field, text, now)
    _in_calendar(bounds.start)
    _in_calendar(bounds.end)
    return bounds


def _any_time(field: Field, text: str, now: float | None) -> Bounds:
    lowered = text.lower()
    ago = _AGO.fullmatch(lowered)
    length = _length(ago[1]) if ago else None
    if lowered in _DAYS or lowered == "now" or length is not None:
        if now is None:
            raise Wrong("Times that count from now cannot be used here; write a date, such as 2026-11-01.")
        if lowered in _DAYS:
            midnight = now // 86_400 * 86_400 - 86_400 * _DAYS[lowered]
            return Bounds(midnight, midnight + 86_400, lowered, relative=True)
        return Bounds(now - (length or 0.0), now - (length or 0.0), lowered, relative=True)
    if _EPOCH.fullmatch(text):
        return Bounds(float(text), float(text), text)
    found = _TIME.fullmatch(text) if len(text) <= 64 else None
    if found is None:
        if _length(text) is not None:
            raise Wrong(f"{_shown(text)} is a length of time; for that long ago write now-{text}.")
        raise Wrong(f"{_shown(text)} is no time; write a date, such as {field.word}>2026-11-01, or now-2h.")
    try:
        start, end = _instants(found)
    except (ValueError, OverflowError):
        raise Wrong(f"{_shown(text)} is in no calendar.") from None
    return Bounds(start, end, text.upper().replace(" ", "T"))


def _instants(found: re.Match[str]) -> tuple[float, float]:
    """The first instant of a written time, and the first one after it. Raises ValueError, OverflowError."""
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    at = datetime(int(found["year"]), int(found["month"]), int(found["day"] or 1), hour, minute, second, tzinfo=UTC)
    zone = found["zone"]
    if zone and zone not in "zZ":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        at = at.replace(tzinfo=timezone(offset if zone[0] == "+" else -offset))
    start = at.timestamp()
    if found["fraction"]:
        start += float(found["fraction"])
        return start, start
    if found["day"] is None:
        return start, at.replace(year=at.year + at.month // 12, month=at.month % 12 + 1).timestamp()
    for name, seconds in (("second", 1), ("minute", 60), ("day", 86_400)):
        if found[name] is not None:
            return start, start + seconds
    return start, start


def _shown(text: str) -> str:
    return f'"{formats.text(text, 40)}"'

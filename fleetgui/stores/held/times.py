"""Times as they were written, in nine bytes: the seconds, and which of the usual ways of writing they came in.

A record's time is a text or a number. Nearly every text is ISO 8601 with none, three or six digits behind the second
and `Z`, `+00:00` or nothing behind that: then it can be written again from its seconds, and need not be kept. Such
texts of one length are written alike, and are read together, digit by digit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetgui.wire.times import FIRST_EPOCH, LAST_EPOCH, to_epoch

NONE: Final = 0
NUMBER: Final = 1
KEPT: Final = 2
"""Neither a calendar's number nor written in a usual way: what came is kept beside."""
_USUAL: Final = 3

_PATTERN: Final = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(\.\d{3}|\.\d{6})?(Z|\+00:00)?", re.ASCII)
_ZONES: Final = ("Z", "+00:00", None)
_DIGITS: Final = {0: 0, 4: 1, 7: 2}
"""By the length of what stands behind the seconds."""
_LAST_EXACT: Final = 2.0**31
"""Until then a float of seconds tells two microseconds apart."""


def taken_apart(raw: object) -> tuple[float, int]:
    """(epoch seconds or NaN, form) of a record's time."""
    if raw is None:
        return _NAN, NONE
    epoch = to_epoch(raw)
    if epoch is None:
        return _NAN, KEPT
    if not isinstance(raw, str):
        return epoch, NUMBER if epoch == raw else KEPT
    match = _PATTERN.fullmatch(raw)
    if match is None or not 0 <= epoch < _LAST_EXACT:
        return epoch, KEPT
    digits, zone = match.groups()
    return epoch, _USUAL + 3 * _DIGITS[len(digits or "")] + _ZONES.index(zone)


def put_together(epoch: float, form: int) -> str | float | None:
    """What `taken_apart` was given; not for `KEPT`."""
    if form <= NUMBER:
        return epoch if form else None
    digits, zone = divmod(form - _USUAL, 3)
    micros = round(epoch * 1e6)
    text = datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = ("", f".{micros % 1_000_000 // 1_000:03d}", f".{micros % 1_000_000:06d}")[digits]
    return text + fraction + (_ZONES[zone] or "")


_NAN: Final = float("nan")


class Apart(NamedTuple):
    """Of many times what `taken_apart` says of each."""

    seconds: NDArray[np.float64]
    forms: NDArray[np.uint8]


def all_apart(values: Sequence[object]) -> Apart:
    """`taken_apart` of each; a third of the time for those that are written like others, and there are some."""
    kinds = set(map(type, values))
    if len(kinds) == 1 and (kinds != {str} or len(set(map(len, values))) == 1):  # type: ignore[arg-type] # all are texts
        return _alike(values)
    alike: dict[object, list[int]] = {}
    for at, value in enumerate(values):
        alike.setdefault(len(value) if isinstance(value, str) else type(value), []).append(at)
    apart = Apart(np.full(len(values), _NAN), np.full(len(values), NONE, np.uint8))
    for places in alike.values():
        part = _alike([values[at] for at in places])
        apart.seconds[places], apart.forms[places] = part
    return apart


def _alike(values: Sequence[Any]) -> Apart:
    """Of values of one type, and of one length where they are texts."""
    first, count = values[0], len(values)
    if first is None:
        return Apart(np.full(count, _NAN), np.full(count, NONE, np.uint8))
    if type(first) is float:
        seconds = np.array(values, np.float64)
        if ((seconds >= FIRST_EPOCH) & (seconds <= LAST_EPOCH)).all():
            return Apart(seconds, np.full(count, NUMBER, np.uint8))
    elif type(first) is str and count > _FEW and (shape := _SHAPES.get(len(first))) is not None:
        read = shape.seconds("".join(values))
        if read is not None:
            return Apart(read, np.full(count, shape.form, np.uint8))
    each = [taken_apart(value) for value in values]
    return Apart(np.array([seconds for seconds, _ in each]), np.array([form for _, form in each], np.uint8))


_FEW: Final = 16
"""Texts that are sooner read one by one."""


class _Shape:
    """How all texts of a length are written that are written in a usual way."""

    def __init__(self, digits: int, zone: int) -> None:
        fraction = ("", ".000", ".000000")[digits]
        clock = "0000-00-00T00:00:00" + fraction
        whole = (clock + (_ZONES[zone] or "")).encode()
        self.length = len(whole)
        self.form = _USUAL + 3 * digits + zone
        self._digits = np.array([at for at, each in enumerate(clock) if each == "0"])
        self._others = np.setdiff1d(np.arange(len(whole)), self._digits)
        self._between = np.frombuffer(whole, np.uint8)[self._others]
        widths = (4, 2, 2, 2, 2, 2, *([len(fraction) - 1] if fraction else []))
        self._weights = np.zeros((len(self._digits), len(widths)))
        at = 0
        for number, width in enumerate(widths):
            self._weights[at : at + width, number] = 10 ** np.arange(width - 1, -1, -1)
            at += width
        self._micros_each = 10 ** (6 - widths[6]) if fraction else 0

    def seconds(self, joined: str) -> NDArray[np.float64] | None:
        """Of texts of this length in a row; None where any of them is not written so, or is no time of these years."""
        if not joined.isascii():
            return None
        characters = np.frombuffer(joined.encode(), np.uint8).reshape(-1, self.length)
        digits = characters[:, self._digits] - np.uint8(ord("0"))
        if (digits > 9).any() or (characters[:, self._others] != self._between).any():
            return None
        numbers = (digits.astype(np.float64) @ self._weights).astype(np.int64)  # of floats, which numpy does at once
        year, month, day, hour, minute, second, *fraction = numbers.T
        months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
        first = months.astype("datetime64[D]").astype(np.int64)
        behind = (months + 1).astype("datetime64[D]").astype(np.int64)
        is_wrong = (month < 1) | (month > 12) | (day < 1) | (day > behind - first)
        is_wrong |= (hour > 23) | (minute > 59) | (second > 59)
        micros = (((first + day - 1) * 24 + hour) * 60 + minute) * 60 + second
        is_wrong |= (micros < 0) | (micros >= _LAST_EXACT)
        if is_wrong.any():
            return None
        micros *= 1_000_000
        if fraction:
            micros += fraction[0] * self._micros_each
        seconds: NDArray[np.float64] = micros / 1e6  # rounded once, as `datetime.timestamp` does
        return seconds


_SHAPES: Final = {shape.length: shape for shape in (_Shape(digits, zone) for digits in range(3) for zone in range(3))}

"""Times as they were written, in nine bytes: the seconds, and which of the usual ways of writing they came in.

A record's time is a text or a number. Nearly every text is ISO 8601 with none, three or six digits behind the second
and `Z`, `+00:00` or nothing behind that: then it can be written again from its seconds, and need not be kept.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from fleetgui.wire.times import to_epoch

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

"""How times and numbers are written, once for tables, headers, journals and exports.

Ages are relative ("4 s"), absolute times are UTC with `Z` or local with offset, exports are ISO 8601 with `Z`. Numbers
have thousands separators and at most three significant digits where they are measurements.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo
from html import escape
from typing import Final

from fleetgui.wire.times import rfc3339, to_epoch

NOTHING: Final = "–"
"""What stands where a value was never read: a dash, not a zero."""

MAX_TEXT: Final = 512


def age(seconds: float | None) -> str:
    """`4 s`, `3 min`, `2 h 10 min`, `5 d`; a dash for None, `0 s` for what is in the future."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60} min" if whole % 3600 >= 60 else f"{whole // 3600} h"
    return f"{whole // 86_400} d"


def skew(seconds: float | None) -> str:
    """How far a clock is off: `1 h ahead`, `59 min behind`; a dash for None."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    return f"{age(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"


def skew_from_ours(seconds: float | None) -> str:
    """The same within a sentence: `1 h ahead of this machine's`, `59 min behind this machine's`."""
    return f"{skew(seconds)}{' of' if seconds is not None and seconds > 0 else ''} this machine's"


def _moment(epoch: float) -> datetime | None:
    """None for what no calendar shows: a publisher may claim any number."""
    try:
        return datetime.fromtimestamp(epoch, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def clock_utc(epoch: float, *, millis: bool = False) -> str:
    """`03:12:07Z`, or `03:12:07.123Z`; a dash for what is no time."""
    moment = _moment(epoch)
    if moment is None:
        return NOTHING
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}Z" if millis else f"{moment:%H:%M:%S}Z"


def clock_local(epoch: float, zone: tzinfo | None = None) -> str:
    """`04:12:07 +01:00` in `zone`, the machine's own by default; a dash for what is no time."""
    moment = _moment(epoch)
    if moment is None:
        return NOTHING
    try:
        moment = moment.astimezone(zone)
    except (OverflowError, ValueError, OSError):  # within a day of the calendar's ends
        return NOTHING
    offset = f"{moment:%z}"
    return f"{moment:%H:%M:%S} {offset[:3]}:{offset[3:5]}"


def moment_utc(epoch: float) -> str:
    """`2026-11-21 03:12:07Z`: an absolute time on hover or in a detail; a dash for what is no time."""
    moment = _moment(epoch)
    return NOTHING if moment is None else f"{moment:%Y-%m-%d %H:%M:%SZ}"


def wire_time(value: object) -> str:
    """A time from the wire as `moment_utc`; what is no time is shown as it came, cut."""
    epoch = to_epoch(value)
    if epoch is None:
        return NOTHING if value is None else text(value, 40)
    return moment_utc(epoch)


def export_time(epoch: float) -> str:
    """ISO 8601 with milliseconds and `Z`; empty for what is no time."""
    return "" if _moment(epoch) is None else rfc3339(epoch)


def count(value: int | None) -> str:
    """`1,400`; a dash for what was never read."""
    return NOTHING if value is None else f"{value:,}"


def millis(value: float | None) -> str:
    """A measured duration: `0.4 ms`, `38 ms`, `1.62 s`, `16.2 s`, `162 s`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    # Limits are where rounding would carry: 999.6 ms is 1.00 s and not 1000 ms.
    if value < 9.95:
        return f"{value:.1f} ms"
    if value < 999.5:
        return f"{value:.0f} ms"
    seconds = value / 1000
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    return f"{seconds:,.0f} s" if seconds < 1e9 else f"{seconds:.2g} s"


def percent(value: float | None) -> str:
    """`88`: the unit stands in the column's header."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:.0f}" if abs(value) < 1e6 else f"{value:.2g}"


def size(amount: float) -> str:
    """Bytes: `512 B`, `1.6 kB`, `38 MB`, `1.6 GB`, by powers of a thousand."""
    for unit in ("B", "kB", "MB"):
        if amount < 999.5:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 9.95 else f"{amount:.1f} {unit}"
        amount /= 1_000
    return f"{amount:,.0f} GB" if amount >= 9.95 else f"{amount:.1f} GB"


def figure(value: float) -> str:
    """A number that nobody knows the meaning of: `1,400`, `21.3333`, `1,234,567.5`, `1e+300`; whole ones exactly."""
    if isinstance(value, float) and abs(value) >= 1e21:
        return f"{value:.6g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.6g}" if abs(value) < 1e5 else f"{value:,.1f}"


def text(value: object, limit: int = MAX_TEXT) -> str:
    """Device text made safe to draw on one line: cut at `limit`, control and bidi characters escaped.

    Hostile until shown otherwise: what is shown must neither move the text around it nor hide part of itself.
    """
    if value is None:
        return NOTHING
    try:
        raw = value if isinstance(value, str) else str(value)
    except RecursionError:
        raw = "nested too deeply to be shown"
    cut = raw[:limit]
    if not cut.isprintable():  # bidi controls are no printable characters either
        cut = "".join(_shown(char) for char in cut)
    return cut if len(raw) <= limit else cut + "…"


def markup(plain: str) -> str:
    """Plain text for a sink that takes markup, such as a tooltip: shown literally, line for line.

    Such sinks guess from the text whether it is markup, so it is always given as markup, with nothing of its own.
    """
    return f"<span>{'<br>'.join(escape(line) for line in plain.splitlines())}</span>" if plain else ""


def _shown(char: str) -> str:
    code = ord(char)
    if not char.isprintable():
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return char

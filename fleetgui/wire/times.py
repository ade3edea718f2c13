"""Times on the wire: ISO 8601 strings with or without zone, and epoch numbers; no zone means UTC.

Inside FleetGUI a point in time is a float of epoch seconds (UTC) when somebody published it, and a float of the
monotonic `policy.clock` when we saw it. The two are never mixed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

FIRST_EPOCH: Final = -62_135_596_800.0
LAST_EPOCH: Final = 253_402_300_799.0
"""The first and last second that a calendar can show: year 1 to year 9999, UTC."""


def to_epoch(value: object) -> float | None:
    """Epoch seconds of a wire time (ISO 8601 text or number), None for what is no time or outside every calendar."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _shown(value)
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return _shown(moment.timestamp())
    except (OverflowError, ValueError):
        return None


def _shown(epoch: float) -> float | None:
    # Compared as it is: a whole number may be too large for a float, and NaN is in no range.
    return float(epoch) if FIRST_EPOCH <= epoch <= LAST_EPOCH else None


def rfc3339(epoch: float) -> str:
    """Epoch seconds as RFC 3339 in UTC with milliseconds and `Z`, as our gateways publish them."""
    moment = datetime.fromtimestamp(epoch, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def rfc3339_seconds(epoch: float) -> str:
    """Epoch seconds as the registry writes them: whole seconds and `Z`."""
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"

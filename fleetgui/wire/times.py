"""Times on the wire: ISO 8601 strings with or without zone, and epoch numbers; no zone means UTC.

Inside FleetGUI a point in time is a float of epoch seconds (UTC) when somebody published it, and a float of the
monotonic `policy.clock` when we saw it. The two are never mixed.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime


def to_epoch(value: object) -> float | None:
    """Epoch seconds of a wire time (ISO 8601 text or number), None for what is no time."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.timestamp()
    except (OverflowError, ValueError):
        return None


def rfc3339(epoch: float) -> str:
    """Epoch seconds as RFC 3339 in UTC with milliseconds and `Z`, as our gateways publish them."""
    moment = datetime.fromtimestamp(epoch, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def rfc3339_seconds(epoch: float) -> str:
    """Epoch seconds as the registry writes them: whole seconds and `Z`."""
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"

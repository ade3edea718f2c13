"""How patient, how frequent, how spread out: the settings of a simulated fleet, by its size and the environment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LARGE_FLEET: Final = 5_000
"""Devices above which leases are longer and the start is spread wider, unless settings say otherwise."""


@dataclass(frozen=True)
class FleetSettings:
    """`ttl` is a lease in whole seconds (heartbeats come every ttl/3); the others are seconds too.

    `register_jitter` (`DEVICE_CONNECT_REGISTER_JITTER`) spreads a start over so long; 0 is no wait at all.
    `register_timeout` (`DEVICE_CONNECT_REGISTER_TIMEOUT`) is the patience with the registry. `event_every` is the
    mean pause between two events of one device.
    """

    ttl: int = 15
    register_jitter: float = 2.0
    register_timeout: float = 15.0
    event_every: float = 420.0

    @classmethod
    def for_fleet(cls, devices: int, environ: Mapping[str, str], *, ttl: int | None = None) -> FleetSettings:
        large = devices > LARGE_FLEET
        return cls(
            ttl=ttl or (45 if large else 15),
            register_jitter=_seconds(environ, "DEVICE_CONNECT_REGISTER_JITTER", 10.0 if large else 2.0),
            register_timeout=_seconds(environ, "DEVICE_CONNECT_REGISTER_TIMEOUT", 15.0) or 15.0,
        )


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    """Seconds from the environment, 0 included; empty, negative and unreadable mean `default`."""
    try:
        value = float(environ.get(name, "") or default)
    except ValueError:
        return default
    return value if 0 <= value < math.inf else default

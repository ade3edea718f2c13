"""Whether a console listens to the heartbeats of a whole fleet, or only to those of the devices that it shows.

A million devices that beat every 15 s send 66,667 messages a second: no console takes that in and stays quick, and no
network should carry it for each operator. Up to `MOST_BEATS_A_SECOND` everybody is listened to by one wildcard.
"""

from __future__ import annotations

from typing import Final

MOST_BEATS_A_SECOND: Final = 20_000
_LEFT_ABOVE: Final = 1.05
_BACK_BELOW: Final = 0.8
"""Of the most: a fleet at the limit must not make a console go to and fro. Where no record says how often a device
beats, that is observed, and a few of a hundred too many are what observing costs."""


def listens_to_all(devices: int, beats_per_device: float, *, does: bool) -> bool:
    """Whether all of so many devices, each with so many beats a second, are listened to; `does`: they are now."""
    return devices * beats_per_device <= MOST_BEATS_A_SECOND * (_LEFT_ABOVE if does else _BACK_BELOW)

"""Which devices of a fleet live at all, and which of them in this process.

In an ordinary fleet every device lives: it registers, beats, emits events and answers calls. In a computed one
(`registry/computed.py`) most exist as records alone, which the registry makes up when asked, and which no lease ends:
they are never heard of, and calls to them have no responder. An evenly spaced sample of them lives. Each of those is
an ordinary registration that lies over its computed record, with a lease of its own, so that what happens to it
(offline, online, throttled) is as true as in a small fleet; the rest make the fleet long, not lively.

Several processes can carry one fleet: each is given a part of those that live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleetgui.backend.devices.specs import Spec, Specs

SAMPLE: Final = 2_000


@dataclass(frozen=True)
class Cast:
    """`fleet` is all there is on record, `living` what lives in any process, `own` what lives in this one.

    The process that `leads` also does what concerns no single device: it has the first of those that live.
    """

    fleet: Specs
    living: Sequence[Spec]
    own: Sequence[Spec]
    leads: bool


def cast_of(settings: Mapping[str, Any]) -> Cast:
    """The cast that a settings line asks for; raises `ValueError` with what is wrong in it.

    `seed`, and either `devices`, or `computed` with the number of records and `sample` with how many of them live
    (2,000, or all when there are fewer). `from` and `count` give this process a part of those that live: so many,
    beginning at that position; all when they are missing.
    """
    seed = _integer(settings, "seed", 1, least=None)
    if settings.get("computed") is not None:
        fleet = Specs(_integer(settings, "computed", 0), seed)
        living: Sequence[Spec] = _evenly(fleet, _integer(settings, "sample", SAMPLE))
    else:
        living = fleet = Specs(_integer(settings, "devices", 0), seed)
    first = _integer(settings, "from", 0)
    if first > len(living):
        raise ValueError(f"this process is to begin at device {first}, and only {len(living)} live")
    count = _integer(settings, "count", len(living) - first)
    return Cast(fleet, living, living[first : first + count], leads=first == 0)


def _evenly(fleet: Specs, wanted: int) -> list[Spec]:
    """`wanted` devices with the same distance between them, so that every kind has its share."""
    some = min(wanted, len(fleet))
    return [fleet[turn * len(fleet) // some] for turn in range(some)]


def _integer(settings: Mapping[str, Any], name: str, default: int, *, least: int | None = 0) -> int:
    value = settings.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
        raise ValueError(f"{name} must be a whole number{'' if least is None else ', and not below 0'}: {value!r}")
    return value

"""Scenarios: what happens to a simulated fleet, and when. Data, the same for the same seed.

A step says when (`at`, seconds after the fleet's first registration), what (`action`) and how (`params`). A scenario
with a `period` starts over after that many seconds, for ever; its rounds differ, because whom a step picks is drawn
from seed and round. Nothing here touches a signal that an operator sees: steps make devices and clients misbehave, and
the gateway and the registry notice.

To add a scenario, add it to SCENARIOS. `devices/player.py` carries the steps out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class Action(Enum):
    STORM = "storm"
    """`devices` devices reconnect every `every` s, each with a new session, for `seconds`, and obey nobody."""
    FLOOD = "flood"
    """A dashboard keeps the registry busy for about `busy_ms` with requests at once, `times` times, `every` s apart."""
    RESTART = "restart"
    """The devices of one site go down one after another, `every` s apart, each for `leases` times its ttl."""


@dataclass(frozen=True)
class Step:
    at: float
    action: Action
    params: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """`steps` in the order of `at`; `period` seconds until they start over, None for once."""

    name: str
    summary: str
    steps: tuple[Step, ...] = ()
    period: float | None = None


def _storm(at: float, **params: float) -> Step:
    return Step(at, Action.STORM, {"devices": 1, "every": 0.2, "seconds": 8.0} | params)


def _flood(at: float, **params: float) -> Step:
    return Step(at, Action.FLOOD, {"busy_ms": 330.0, "times": 4, "every": 1.0} | params)


def _restart(at: float, **params: float) -> Step:
    return Step(at, Action.RESTART, {"every": 0.5, "leases": 1.4} | params)


SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "demo",
            "calm, then a storm, a lag spike and a rolling restart, again and again",
            # The storm passes the hard ceiling (20 in 10 s) after 4 s, which holds in the gateway's warm-up too.
            (
                _storm(3.0),
                _flood(14.0),
                _restart(25.0),
                _flood(72.0, busy_ms=160.0, times=3),
                _storm(80.0, every=1.1, seconds=14.0),
            ),
            period=120.0,
        ),
        Scenario("calm", "every device registers, beats, and emits an event now and then"),
        Scenario("storm", "one device after another reconnects far too often", (_storm(3.0),), period=20.0),
        Scenario("lag", "a dashboard asks for the whole fleet in bursts", (_flood(3.0),), period=20.0),
        Scenario("restart", "one site after another is restarted, device by device", (_restart(3.0),), period=60.0),
    )
}

NAMES: Final = tuple(SCENARIOS)


def scenario(name: str) -> Scenario:
    """The scenario called `name`; raises `ValueError`, whose text lists the names, when there is none."""
    found = SCENARIOS.get(name)
    if found is None:
        raise ValueError(f"there is no scenario {name!r}; there are {', '.join(NAMES)}")
    return found

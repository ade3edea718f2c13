"""What an agent does next about one deployment: a pure rule of what is wanted and what the agent's own record says.

Nothing else is remembered that a restart would lose. A record does not say of which generation it is; one that was
written before this agent lived is of the present one unless the deployment came later than it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import floor
from typing import Final

from fleetgui.wire.deployments import Deployment, Phase

TICK_S: Final = 0.001
"""Times are written in whole milliseconds: a later one is later by so much at least."""


class Act(Enum):
    """What a device does next about one deployment."""

    NOTHING = "nothing"
    BEGIN = "begin"
    """Write that it is pending, and work on it."""
    FINISH = "finish"
    """Write how it came out, when the time has come."""
    REMOVE = "remove"
    """Take back what it wrote: the deployment is no more, or means it no more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The record that stands. `phase` None: it does not decode. `generation` None: written before this agent lived."""

    phase: Phase | None
    at: float
    revision: int
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """`heard_at` is when this agent first heard of that generation, epoch seconds by its own clock."""

    deployment: Deployment
    heard_at: float


def decide(seen: Seen | None, wanted: Wanted | None) -> Act:
    """`wanted` None: the deployment is gone, or means this device no longer."""
    if wanted is None:
        return Act.NOTHING if seen is None else Act.REMOVE
    if seen is None or not is_current(seen, wanted):
        return Act.BEGIN
    return Act.FINISH if seen.phase is Phase.PENDING else Act.NOTHING


def is_current(seen: Seen, wanted: Wanted) -> bool:
    """Whether the record is about the present generation."""
    if seen.phase is None:
        return False
    if seen.generation is not None:
        return seen.generation == wanted.deployment.generation
    # Whoever deployed may have a clock that is ahead of ours: nothing was deployed later than we heard of it.
    return seen.at >= whole(min(wanted.deployment.created_at, wanted.heard_at))


def next_moment(wall: float, seen: Seen | None) -> float:
    """The time to write now, at `wall`: later than that of the record which stands, whatever the clock says."""
    return max(whole(wall), whole(seen.at) + 2 * TICK_S if seen else 0.0)


def whole(seconds: float) -> float:
    """`seconds` down to the millisecond."""
    return floor(seconds * 1_000) / 1_000

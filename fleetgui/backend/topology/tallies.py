"""How far one deployment is: the states that devices wrote of it, and what they add up to at each site. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from fleetgui.backend.deployments.targets import Group
from fleetgui.wire.deployments import Deployment, Phase
from fleetgui.wire.topology import MutationState


class State(NamedTuple):
    """What a device wrote last, `at` so many epoch seconds; `error` where it failed."""

    phase: Phase
    at: float
    error: str | None


@dataclass(slots=True)
class Tally:
    """One deployment at one site: how many of `targets` members wrote which phase; what was told of it, as which id."""

    targets: int = 0
    phases: Counter[Phase] = field(default_factory=Counter)
    failed: dict[str, None] = field(default_factory=dict)
    told: MutationState | None = None
    told_id: str = ""

    def count(self, device_id: str, state: State | None, by: int) -> None:
        """Count a device's state in (`by` 1) or out (−1); its place among the targets is counted by the caller."""
        if state is None:
            return
        self.phases[state.phase] += by
        if state.phase is Phase.FAILED:
            if by > 0:
                self.failed[device_id] = None
            else:
                self.failed.pop(device_id, None)

    def clear(self) -> None:
        self.targets = 0
        self.phases.clear()
        self.failed.clear()

    def state(self) -> MutationState | None:
        """None when it means nobody here."""
        if not self.targets:
            return None
        if self.phases[Phase.RUNNING] == self.targets:
            return "applied"
        if self.phases[Phase.RUNNING] + self.phases[Phase.FAILED] == self.targets:
            return "failed"
        return "applying" if any(self.phases.values()) else "enqueued"


@dataclass(slots=True)
class Rollout:
    """A deployment, None before it is there, and the states written of it. It means a group, or those listed."""

    deployment: Deployment | None = None
    group: Group | None = None
    listed: frozenset[str] = frozenset()
    states: dict[str, State] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)

    def tally(self, site: str) -> Tally:
        tally = self.tallies.get(site)
        if tally is None:
            tally = self.tallies[site] = Tally()
        return tally

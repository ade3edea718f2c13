"""Which deployments mean whom, how far each is at each site, and what runs on each device.

A deployment is a mutation of every site at which it means a member. How far it is follows from the states of those
members and from nothing else, so a cold start and a running publisher come to the same:

    enqueued   none of them has written a state
    applying   some have
    applied    all of them are Running
    failed     all of them are Running or Failed, and one is Failed

It is told in this order, with no step left out, even where a single device takes it from the first to the last at
once; and as failed when it is withdrawn, or when a later generation takes its place. Of that one the states are still
those of the generation before, until a device says otherwise: a state does not name its generation. What is Running on
a device is a service of it, whoever is meant.

Pure. Facts are counted when they come, at the cost of what they change; `settle` tells what became of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from fleetgui.backend.deployments.targets import Labels, Targets
from fleetgui.backend.topology.sites import Sites
from fleetgui.backend.topology.tallies import Rollout, State, Tally
from fleetgui.wire.deployments import Deployment, DeploymentName, DeviceKey, DeviceState, Phase
from fleetgui.wire.topology import IN_FLIGHT, MAX_ERROR_CHARS, Mutation, MutationState

KIND: Final = "deployment"
MOST_DEPLOYMENTS: Final = 20_000
MOST_LISTED: Final = 5_000_000
"""Devices that deployments name, all together."""
MOST_STATES: Final = 5_000_000
MOST_SERVICES: Final = 1_000
"""Of one device. Each of these bounds is far above what a fleet has; what passes one is counted and left out."""

_STEPS: Final[dict[MutationState, int]] = {"enqueued": 0, "applying": 1, "applied": 2, "failed": 2}
_LADDER: Final[tuple[MutationState, ...]] = ("enqueued", "applying")


class Rollouts:
    """Tells `sites` of mutations and services. `crowded_out` counts what passed a bound."""

    def __init__(self, sites: Sites) -> None:
        self.crowded_out = 0
        self.ignored = 0
        """States that were not later than the one known."""
        self._sites = sites
        self._targets = Targets()
        self._where: dict[Labels, Counter[str]] = {}
        """How many members with these labels are at each site."""
        self._listing: dict[str, set[str]] = {}
        """The deployments that name each device."""
        self._rollouts: dict[str, Rollout] = {}
        self._running: dict[str, set[str]] = {}
        self._listed = self._states = self._deployments = 0
        self._untold: dict[tuple[str, str], None] = {}
        self._untold_services: dict[str, None] = {}

    def services_on(self, device_id: str) -> tuple[str, ...]:
        """The deployments that run on the device, sorted."""
        running = self._running.get(device_id)
        return tuple(sorted(running)) if running else ()

    # Facts

    def set_labels(self, device: DeviceKey, labels: dict[str, str] | None) -> None:
        """The labels that the device is selected by; None: it has written none, and not even {} means it."""
        site = self._sites.site_of(device)
        if site is not None:
            self._leave(device, site)
        left, joined = self._targets.place(device, labels)
        if site is None:
            return
        self._join(device, site)
        for groups, by in ((left, -1), (joined, +1)):
            for group in groups:
                for name in group.deployments:
                    self._count(name, device, site, by)

    def set_deployment(self, name: DeploymentName, deployment: Deployment | None) -> None:
        """A deployment as it is now, None when it is withdrawn."""
        rollout = self._rollouts.get(name)
        before = rollout.deployment if rollout is not None else None
        if before == deployment:
            return
        if before is None and self._deployments >= MOST_DEPLOYMENTS:
            self.crowded_out += 1
            return
        if rollout is None:
            rollout = self._rollouts[name] = Rollout()
        self._deployments += (deployment is not None) - (before is not None)
        rollout.deployment = deployment
        left, rollout.group = rollout.group, None
        if deployment is not None and deployment.target_selector is not None:
            rollout.group = self._targets.enter(name, deployment.target_selector)
        if left is not None and left is not rollout.group:
            self._targets.leave(name, left)
        self._list(name, rollout, deployment.target_devices if deployment is not None else None)
        self._recount(name, rollout)

    def set_state(self, device: DeviceKey, name: DeploymentName, state: DeviceState | None, *, anew: bool) -> None:
        """What the device wrote of the deployment, None when that is gone.

        One that is not later than the one known is ignored, unless it is of a read `anew` of all there is.
        """
        rollout = self._rollouts.get(name)
        before = rollout.states.get(device) if rollout is not None else None
        after = None if state is None else State(state.phase, state.last_event_at, state.last_error)
        if after == before:
            return
        if after is not None and before is not None and after.at <= before.at and not anew:
            self.ignored += 1
            return
        if before is None and self._states >= MOST_STATES:
            self.crowded_out += 1
            return
        if rollout is None:
            rollout = self._rollouts[name] = Rollout()
        if after is None:
            del rollout.states[device]
        else:
            rollout.states[device] = after
        self._states += (after is not None) - (before is not None)
        self._run(device, name, after is not None and after.phase is Phase.RUNNING)
        site = self._sites.site_of(device)
        if site is not None and self._is_meant(rollout, device):
            tally = rollout.tally(site)
            tally.count(device, before, -1)
            tally.count(device, after, +1)
            self._untold[name, site] = None
        self._forget_if_empty(name, rollout)

    def moved(self, device_id: str, before: str | None, after: str | None) -> None:
        """The device is a member of another site than before; `sites` knows it already."""
        names: list[str] = [name for group in self._targets.groups_of(device_id) for name in group.deployments]
        names += self._listing.get(device_id, ())
        if before is not None:
            self._leave(device_id, before)
        if after is not None:
            self._join(device_id, after)
        for name in names:
            for site, by in ((before, -1), (after, +1)):
                if site is not None:
                    self._count(name, device_id, site, by)

    # What became of them

    @property
    def untold(self) -> int:
        """How much `settle` has to tell, about."""
        return len(self._untold) + len(self._untold_services)

    def settle(self) -> None:
        """Tell `sites` of every step and every service since this was last called."""
        untold, self._untold = self._untold, {}
        for name, site in untold:
            self._settle(name, site)
        services, self._untold_services = self._untold_services, {}
        for device_id in services:
            self._sites.set_services(device_id, self.services_on(device_id))

    def _settle(self, name: str, site: str) -> None:
        rollout = self._rollouts.get(name)
        tally = rollout.tallies.get(site) if rollout is not None else None
        if rollout is None or tally is None:
            return
        deployment, state = rollout.deployment, tally.state()
        if deployment is None or state is None:
            del rollout.tallies[site]
            if tally.told in IN_FLIGHT:
                self._tell(site, tally.told_id, "failed", "It was withdrawn: it means nobody here any more.")
            self._forget_if_empty(name, rollout)
            return
        mutation_id = f"{name}.{deployment.generation}"
        if mutation_id != tally.told_id:
            if tally.told in IN_FLIGHT:
                self._tell(site, tally.told_id, "failed", f"Generation {deployment.generation} took its place.")
            tally.told, tally.told_id = None, mutation_id
        if state == tally.told:
            return
        reached = -1 if tally.told is None else _STEPS[tally.told]
        for step in _LADDER:
            if reached < _STEPS[step] < _STEPS[state]:
                self._tell(site, mutation_id, step)
        tally.told = state
        self._tell(site, mutation_id, state, self._error(rollout, tally) if state == "failed" else None)

    def _tell(self, site: str, mutation_id: str, state: MutationState, error: str | None = None) -> None:
        self._sites.set_mutation(site, Mutation(mutation_id=mutation_id, kind=KIND, state=state, error=error))

    def _error(self, rollout: Rollout, tally: Tally) -> str | None:
        """What the device says that failed last, of those that everybody may see."""
        for device_id in reversed(tally.failed):
            if self._sites.is_public(device_id):
                return f"{device_id}: {rollout.states[device_id].error or 'it failed'}"[:MAX_ERROR_CHARS]
        return None

    # Counting

    def _count(self, name: str, device_id: str, site: str, by: int) -> None:
        """The deployment means the device there from now on, or no longer."""
        rollout = self._rollouts[name]
        tally = rollout.tally(site)
        tally.targets += by
        tally.count(device_id, rollout.states.get(device_id), by)
        self._untold[name, site] = None

    def _recount(self, name: str, rollout: Rollout) -> None:
        for tally in rollout.tallies.values():
            tally.clear()
        for site, members in self._meant_at(rollout):
            rollout.tally(site).targets += members
        for device_id, state in rollout.states.items():
            site_of_it = self._sites.site_of(device_id)
            if site_of_it is not None and self._is_meant(rollout, device_id):
                rollout.tally(site_of_it).count(device_id, state, +1)
        for site in rollout.tallies:
            self._untold[name, site] = None

    def _meant_at(self, rollout: Rollout) -> Iterator[tuple[str, int]]:
        if rollout.group is not None:
            for profile in rollout.group.profiles:
                yield from self._where.get(profile.labels, {}).items()
        for device_id in rollout.listed:
            if (site := self._sites.site_of(device_id)) is not None:
                yield site, 1

    def _is_meant(self, rollout: Rollout, device_id: str) -> bool:
        if rollout.group is not None:
            return rollout.group in self._targets.groups_of(device_id)
        return device_id in rollout.listed

    def _list(self, name: str, rollout: Rollout, devices: tuple[DeviceKey, ...] | None) -> None:
        for device_id in rollout.listed:
            listing = self._listing[device_id]
            listing.discard(name)
            if not listing:
                del self._listing[device_id]
        self._listed -= len(rollout.listed)
        wanted: frozenset[str] = frozenset(devices or ())
        if self._listed + len(wanted) > MOST_LISTED:
            self.crowded_out += 1
            wanted = frozenset()
        rollout.listed = wanted
        self._listed += len(wanted)
        for device_id in wanted:
            self._listing.setdefault(device_id, set()).add(name)

    def _leave(self, device_id: str, site: str) -> None:
        labels = self._targets.labels_of(device_id)
        if labels is None:
            return
        where = self._where[labels]
        where[site] -= 1
        if not where[site]:
            del where[site]
        if not where:
            del self._where[labels]

    def _join(self, device_id: str, site: str) -> None:
        labels = self._targets.labels_of(device_id)
        if labels is not None:
            self._where.setdefault(labels, Counter())[site] += 1

    def _run(self, device_id: str, name: str, runs: bool) -> None:
        running = self._running.get(device_id, set())
        if runs == (name in running):
            return
        if runs and len(running) >= MOST_SERVICES:
            self.crowded_out += 1
            return
        if runs:
            self._running.setdefault(device_id, running).add(name)
        else:
            running.discard(name)
            if not running:
                del self._running[device_id]
        self._untold_services[device_id] = None

    def _forget_if_empty(self, name: str, rollout: Rollout) -> None:
        if rollout.deployment is None and not rollout.states and not rollout.tallies:
            self._rollouts.pop(name, None)

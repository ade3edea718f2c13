"""The roll-up of every deployment, kept from changes: infos, states and deployments in, deployments that changed out.

Pure: no I/O, no clock. One state costs one look-up whatever the fleet's size; a device that changes its labels costs
what it gains and loses; a deployment costs the states that it has. No set of targets is kept: whether a device is meant
is asked when it matters (`targets.py`), and pending is what is left of the target, so that no counter can fall below
zero. The rules are those of `wire/deployments.py`.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Final

import msgspec

from fleetgui.backend.deployments.targets import Group, Targets
from fleetgui.wire.deployments import (
    MAX_MESSAGE_CHARS,
    Deployment,
    DeploymentName,
    DeviceKey,
    DeviceState,
    LastError,
    Moment,
    Phase,
)

_SLACK: Final = 64
"""Failures kept beyond twice those that hold, before the others are cleared out."""


class Figures(msgspec.Struct, frozen=True, gc=False):
    """What a status says, without when it was written. `succeeded`, `failed` and `pending` add up to `target`."""

    target: int
    succeeded: int
    failed: int
    pending: int
    last_error: LastError | None = None


class _State(msgspec.Struct, frozen=True, gc=False):
    phase: Phase
    at: Moment
    error: str | None


class _Tally:
    """One deployment's states and counters. `group` and `listed` are both None before the deployment is there."""

    __slots__ = ("deployment", "failed", "failures", "group", "listed", "states", "succeeded")

    def __init__(self) -> None:
        self.deployment: Deployment | None = None
        self.group: Group | None = None
        self.listed: frozenset[DeviceKey] | None = None
        self.states: dict[DeviceKey, _State] = {}
        self.succeeded = 0
        self.failed = 0
        self.failures: list[tuple[float, DeviceKey]] = []
        """A heap of (−at, device) of failures, the latest first; those that hold no longer are cleared out lazily."""


class Rollup:
    """`ignored` counts states that were older than, or as old as, the one known."""

    def __init__(self) -> None:
        self.ignored = 0
        self._targets = Targets()
        self._tallies: dict[DeploymentName, _Tally] = {}
        self._dirty: dict[DeploymentName, None] = {}

    # What comes in

    def put_info(self, device: DeviceKey, labels: Mapping[str, str]) -> None:
        """The device has `labels` from now on."""
        self._place(device, labels)

    def drop_info(self, device: DeviceKey) -> None:
        """Nothing is known of the device any more: no selector means it. Harmless when nothing was."""
        self._place(device, None)

    def put_state(self, state: DeviceState, *, anew: bool = False) -> bool:
        """Whether the state was taken: not if one as late is known already.

        `anew`: it comes from a full read of what there is, and holds whatever was known before.
        """
        device = state.device_id
        tally = self._tallies.get(state.deployment)
        if tally is None:
            tally = self._tallies[state.deployment] = _Tally()
        before = tally.states.get(device)
        if before is not None and not anew and state.last_event_at <= before.at:
            self.ignored += 1
            return False
        after = _State(state.phase, state.last_event_at, state.last_error and state.last_error[:MAX_MESSAGE_CHARS])
        tally.states[device] = after
        if self._is_meant(tally, device):
            if before is not None:
                self._count_out(tally, before)
            self._count_in(tally, device, after)
            self._dirty[state.deployment] = None
        return True

    def drop_state(self, device: DeviceKey, name: DeploymentName) -> None:
        """The state is gone. Harmless when there was none."""
        tally = self._tallies.get(name)
        if tally is None or (before := tally.states.pop(device, None)) is None:
            return
        if self._is_meant(tally, device):
            self._count_out(tally, before)
            self._dirty[name] = None
        self._forget_if_empty(name, tally)

    def put_deployment(self, deployment: Deployment) -> None:
        """The deployment is there, or means others than before."""
        name = deployment.name
        tally = self._tallies.get(name)
        if tally is None:
            tally = self._tallies[name] = _Tally()
        before, tally.deployment = tally.deployment, deployment
        self._dirty[name] = None
        if before is not None and _targets(before) == _targets(deployment):
            return
        left = tally.group
        if deployment.target_selector is not None:
            tally.group, tally.listed = self._targets.enter(name, deployment.target_selector), None
        else:
            tally.group, tally.listed = None, frozenset(deployment.target_devices or ())
        if left is not None and left is not tally.group:
            self._targets.leave(name, left)
        self._recount(tally)

    def drop_deployment(self, name: DeploymentName) -> None:
        """The deployment is gone; states of it are kept, in case that it comes back. Harmless when there was none."""
        tally = self._tallies.get(name)
        if tally is None or tally.deployment is None:
            return
        if tally.group is not None:
            self._targets.leave(name, tally.group)
        tally.deployment = tally.group = tally.listed = None
        self._recount(tally)
        self._dirty[name] = None
        self._forget_if_empty(name, tally)

    # What comes out

    def take_dirty(self) -> list[DeploymentName]:
        """Deployments that changed or went since this was last called, those that changed first first."""
        dirty = list(self._dirty)
        self._dirty.clear()
        return dirty

    def mark(self, name: DeploymentName) -> None:
        """Tell of this one again at the next `take_dirty`."""
        self._dirty[name] = None

    @property
    def has_dirty(self) -> bool:
        return bool(self._dirty)

    def figures(self, name: DeploymentName) -> Figures | None:
        """None when there is no such deployment."""
        tally = self._tallies.get(name)
        if tally is None or tally.deployment is None:
            return None
        target = tally.group.size if tally.group is not None else len(tally.listed or ())
        pending = target - tally.succeeded - tally.failed
        return Figures(target, tally.succeeded, tally.failed, pending, self._last_error(tally))

    @property
    def deployments(self) -> list[DeploymentName]:
        return [name for name, tally in self._tallies.items() if tally.deployment is not None]

    @property
    def devices(self) -> int:
        """Of how many devices the labels are known."""
        return self._targets.devices

    @property
    def states(self) -> int:
        return sum(len(tally.states) for tally in self._tallies.values())

    # Counting

    def _place(self, device: DeviceKey, labels: Mapping[str, str] | None) -> None:
        left, joined = self._targets.place(device, labels)
        for group in left:
            for name in group.deployments:
                tally = self._tallies[name]
                if (state := tally.states.get(device)) is not None:
                    self._count_out(tally, state)
                self._dirty[name] = None
        for group in joined:
            for name in group.deployments:
                tally = self._tallies[name]
                if (state := tally.states.get(device)) is not None:
                    self._count_in(tally, device, state)
                self._dirty[name] = None

    def _is_meant(self, tally: _Tally, device: DeviceKey) -> bool:
        if tally.group is not None:
            return self._targets.means(tally.group, device)
        return tally.listed is not None and device in tally.listed

    def _count_in(self, tally: _Tally, device: DeviceKey, state: _State) -> None:
        if state.phase is Phase.RUNNING:
            tally.succeeded += 1
        elif state.phase is Phase.FAILED:
            tally.failed += 1
            heapq.heappush(tally.failures, (-state.at, device))
            if len(tally.failures) > 2 * tally.failed + _SLACK:
                tally.failures = [each for each in set(tally.failures) if self._holds(tally, each)]
                heapq.heapify(tally.failures)

    def _count_out(self, tally: _Tally, state: _State) -> None:
        if state.phase is Phase.RUNNING:
            tally.succeeded -= 1
        elif state.phase is Phase.FAILED:
            tally.failed -= 1

    def _recount(self, tally: _Tally) -> None:
        tally.succeeded = tally.failed = 0
        tally.failures.clear()
        for device, state in tally.states.items():
            if self._is_meant(tally, device):
                self._count_in(tally, device, state)

    def _holds(self, tally: _Tally, failure: tuple[float, DeviceKey]) -> bool:
        at, device = failure
        state = tally.states.get(device)
        return state is not None and state.phase is Phase.FAILED and state.at == -at and self._is_meant(tally, device)

    def _last_error(self, tally: _Tally) -> LastError | None:
        while tally.failures:
            if self._holds(tally, tally.failures[0]):
                device = tally.failures[0][1]
                state = tally.states[device]
                return LastError(device_id=device, message=state.error or "", at=state.at)
            heapq.heappop(tally.failures)
        return None

    def _forget_if_empty(self, name: DeploymentName, tally: _Tally) -> None:
        if tally.deployment is None and not tally.states:
            del self._tallies[name]


def _targets(deployment: Deployment) -> tuple[object, object]:
    return deployment.target_selector, deployment.target_devices

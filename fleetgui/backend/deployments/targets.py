"""Whom a selector means, kept up as labels and selectors change: pure, and cheap where many devices look alike.

Devices with the same labels share a profile, deployments with the same selector share a group. Which profiles a group
means is worked out once, when either of them is new; after that a device that changes its labels moves from one
profile to another, and a group's size is a sum that is kept. A new profile is held against the groups alone that ask
for a label which it has, a new group against the profiles alone that have its rarest label.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, cast

from fleetgui.wire.deployments import DeploymentName, DeviceKey

Pair = tuple[str, str]
Labels = frozenset[Pair]


class Profile:
    """Devices that have the same labels. `groups` are those that mean them."""

    __slots__ = ("groups", "labels", "size")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.size = 0
        self.groups: set[Group] = set()


class Group:
    """Deployments that have the same selector. `size` is how many devices they mean."""

    __slots__ = ("deployments", "profiles", "selector", "size")

    def __init__(self, selector: Labels) -> None:
        self.selector = selector
        self.size = 0
        self.profiles: set[Profile] = set()
        self.deployments: set[DeploymentName] = set()


class Moved(NamedTuple):
    """What a device's new labels changed: the groups that no longer mean it, and those that do now."""

    left: set[Group]
    joined: set[Group]


class Targets:
    """Which devices there are, by their labels, and which groups mean them."""

    def __init__(self) -> None:
        self._devices: dict[DeviceKey, Profile] = {}
        self._profiles: dict[Labels, Profile] = {}
        self._having: defaultdict[Pair, set[Profile]] = defaultdict(set)
        self._groups: dict[Labels, Group] = {}
        self._asking: defaultdict[Pair | None, set[Group]] = defaultdict(set)
        """Groups by one of the labels that they ask for; under None the group that asks for none."""

    @property
    def devices(self) -> int:
        return len(self._devices)

    def means(self, group: Group, device: DeviceKey) -> bool:
        profile = self._devices.get(device)
        return profile is not None and group in profile.groups

    def labels_of(self, device: str) -> Labels | None:
        """The device's labels, one object for all that have the same; None when nothing is known of it."""
        profile = self._devices.get(cast(DeviceKey, device))
        return None if profile is None else profile.labels

    def groups_of(self, device: str) -> Collection[Group]:
        """The groups that mean the device."""
        profile = self._devices.get(cast(DeviceKey, device))
        return () if profile is None else profile.groups

    def place(self, device: DeviceKey, labels: Mapping[str, str] | None) -> Moved:
        """The device has `labels` now; None: it is gone."""
        before = self._devices.get(device)
        wanted = None if labels is None else frozenset(labels.items())
        if (before.labels if before else None) == wanted:
            return Moved(set(), set())
        left = before.groups if before else set[Group]()
        joined = set[Group]()
        if wanted is None:
            del self._devices[device]
        else:
            profile = self._devices[device] = self._profile(wanted)
            profile.size += 1
            joined = profile.groups
        moved = Moved(left - joined, joined - left)
        for group in moved.left:
            group.size -= 1
        for group in moved.joined:
            group.size += 1
        if before is not None:
            before.size -= 1
            if before.size == 0:
                self._forget(before)
        return moved

    def enter(self, name: DeploymentName, selector: Mapping[str, str]) -> Group:
        """The group of a deployment that selects by `selector` from now on. `leave` ends that."""
        wanted = frozenset(selector.items())
        group = self._groups.get(wanted)
        if group is None:
            group = self._groups[wanted] = Group(wanted)
            self._asking[self._rarest(wanted)].add(group)
            for profile in self._candidates(wanted):
                if wanted <= profile.labels:
                    profile.groups.add(group)
                    group.profiles.add(profile)
                    group.size += profile.size
        group.deployments.add(name)
        return group

    def leave(self, name: DeploymentName, group: Group) -> None:
        """The deployment is no more, or means others: `group` goes with its last one."""
        group.deployments.discard(name)
        if group.deployments:
            return
        del self._groups[group.selector]
        for pair in group.selector or (None,):
            asking = self._asking.get(pair)
            if asking is not None and group in asking:
                asking.remove(group)
                if not asking:
                    del self._asking[pair]
        for profile in group.profiles:
            profile.groups.discard(group)

    def _rarest(self, selector: Labels) -> Pair | None:
        """The label of `selector` that the fewest profiles have; sorted, so that the same history is the same work."""
        return min(sorted(selector), key=lambda pair: len(self._having.get(pair, ())), default=None)

    def _candidates(self, selector: Labels) -> Iterable[Profile]:
        rarest = self._rarest(selector)
        return self._profiles.values() if rarest is None else self._having.get(rarest, ())

    def _profile(self, labels: Labels) -> Profile:
        profile = self._profiles.get(labels)
        if profile is None:
            profile = self._profiles[labels] = Profile(labels)
            for pair in (None, *labels):
                for group in self._asking.get(pair, ()):
                    if group.selector <= labels:
                        profile.groups.add(group)
                        group.profiles.add(profile)
            for pair in labels:
                self._having[pair].add(profile)
        return profile

    def _forget(self, profile: Profile) -> None:
        del self._profiles[profile.labels]
        for pair in profile.labels:
            having = self._having[pair]
            having.discard(profile)
            if not having:
                del self._having[pair]
        for group in profile.groups:
            group.profiles.discard(profile)

"""Where each device is, by what is found of it and heard from it: at a topology, or registered and at none. Pure.

A member that goes offline stays one for `OFFLINE_KEPT_S`. A device whose record names no place, or one that can be no
topology, is at none; it is remembered, because a heartbeat may tell a place later. Time is passed in.
"""

from __future__ import annotations

from typing import Final

from fleetgui.backend.topology.picture import Picture
from fleetgui.backend.topology.walk import Found
from fleetgui.policy.clock import Clock
from fleetgui.wire.topology import topology_id_of

MOST_NOWHERE: Final = 100_000
OFFLINE_KEPT_S: Final = 3_600.0


class Whereabouts:
    """Puts devices into `picture`. `nowhere` has those that are registered and at no topology."""

    def __init__(self, picture: Picture, clock: Clock) -> None:
        self.nowhere: dict[str, None] = {}
        self._picture = picture
        self._clock = clock
        self._offline: dict[str, float] = {}
        """When each member that is offline went so (`Clock.now()`), the earliest first."""

    @property
    def count(self) -> int:
        """How many devices the registry should count as there."""
        return sum(each.online for each in self._picture.sites) + len(self.nowhere)

    def knows(self, device_id: str) -> bool:
        return device_id in self.nowhere or self._picture.sites.member(device_id) is not None

    def place(self, found: Found) -> None:
        """The device is where its record says, or what stands for it: at that site, or at none."""
        site = None if found.location is None else topology_id_of(found.location)
        if found.gone_since is not None and found.gone_since < self._clock.wall() - OFFLINE_KEPT_S:
            site = None
        self._picture.place(found.device_id, site, online=found.online)
        if site is None:
            self._offline.pop(found.device_id, None)
            if found.online and len(self.nowhere) < MOST_NOWHERE:
                self.nowhere[found.device_id] = None
            return
        self.nowhere.pop(found.device_id, None)
        self.set_online(found.device_id, found.online)

    def move(self, device_id: str, location: str | None) -> None:
        """The device says where it is now; whether it is online stays as it was."""
        member = self._picture.sites.member(device_id)
        self.place(Found(device_id, location, online=member is None or member.online))

    def set_online(self, device_id: str, online: bool) -> None:
        """A member came or went; of whoever is none, nothing changes."""
        if not self._picture.sites.set_online(device_id, online):
            return
        if online:
            self._offline.pop(device_id, None)
        else:
            self._offline.setdefault(device_id, self._clock.now())

    def let_go(self) -> None:
        """Members that have been offline for too long are none any more."""
        too_long = self._clock.now() - OFFLINE_KEPT_S
        while self._offline:
            device_id = next(iter(self._offline))
            if self._offline[device_id] > too_long:
                return
            del self._offline[device_id]
            self._picture.place(device_id, None, online=False)

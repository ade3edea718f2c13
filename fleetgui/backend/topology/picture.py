"""All that the publisher knows: sites with their members, and the deployments that are rolled out to them.

Members come from one side and deployments from the other, in any order; here they meet. Pure.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from fleetgui.backend.topology.rollouts import Rollouts
from fleetgui.backend.topology.sites import Event, Sites
from fleetgui.policy.clock import Clock

MOST_AT_ONCE: Final = 2_000
"""Where more than so many steps wait to be told, a new epoch tells them: every reader asks for one snapshot instead."""


def new_epoch() -> str:
    return secrets.token_hex(8)


class Picture:
    """`public` says which devices everybody may see, None: all.

    While `loading`, deployments are counted and not told: a full read is under way, and half of it is no state.
    """

    def __init__(self, clock: Clock, *, public: Callable[[str], bool] | None = None) -> None:
        self.loading = False
        self.sites = Sites(new_epoch(), clock, public=public)
        self.rollouts = Rollouts(self.sites)

    def place(self, device_id: str, topology_id: str | None, *, online: bool) -> None:
        """The device is a member there from now on, None: nowhere."""
        before = self.sites.site_of(device_id)
        self.sites.place(device_id, topology_id, online=online, services=self.rollouts.services_on(device_id))
        after = self.sites.site_of(device_id)
        if before != after:
            self.rollouts.moved(device_id, before, after)

    def settle(self) -> list[Event]:
        """The events that tell everything up to now, to be published in this order. None where the epoch changed."""
        if not self.loading:
            if self.rollouts.untold > MOST_AT_ONCE:
                self.renew()
                return []
            self.rollouts.settle()
        self.sites.flush()
        return self.sites.take()

    def renew(self) -> None:
        """Another epoch: whatever has not been told is told by the snapshots that readers will ask for."""
        self.sites.mute()
        if not self.loading:
            self.rollouts.settle()
        self.sites.flush()
        self.sites.renew(new_epoch())

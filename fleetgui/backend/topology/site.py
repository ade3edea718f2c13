"""One site: its members, what is being done to it, and the one word for how it is.

    pending    no members
    failed     fewer than half of the members are online
    deploying  a mutation is applying, and moved on within the last `STALLED_S`
    degraded   some members are offline
    active     all members are online

The first that holds. So a rollout shows although somebody is always offline in a large fleet, and one that waits for
a device which never comes back does not hide for ever that it is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sortedcontainers import SortedDict

from fleetgui.wire.topology import Mutation, Status

STALLED_S: Final = 600.0
"""A mutation without a step for so long is in flight still, and no longer what the site is about."""


class Member(NamedTuple):
    """What is known of a device."""

    online: bool
    services: tuple[str, ...] = ()


_PLAIN: Final = {online: Member(online) for online in (True, False)}


def member_of(online: bool, services: tuple[str, ...]) -> Member:
    """A member; those on which nothing runs, most of a large fleet, are one object."""
    return Member(online, services) if services else _PLAIN[online]


class InFlight(NamedTuple):
    """A mutation, and the clock's time of its last step."""

    mutation: Mutation
    moved_at: float


@dataclass(slots=True)
class Topology:
    """`seq` is the number of its last event, at `changed_at`; `status` the last one told.

    `members` are in order of id; of them `online` are so, and everybody may see `public`. `untold` are ids of those
    that changed since the last flush.
    """

    topology_id: str
    seq: int
    status: Status = "pending"
    online: int = 0
    public: int = 0
    changed_at: float = float("-inf")
    members: Any = field(default_factory=SortedDict)
    in_flight: dict[str, InFlight] = field(default_factory=dict)
    untold: dict[str, None] = field(default_factory=dict)

    def mutations(self) -> tuple[Mutation, ...]:
        """Those in flight, in the order in which they began."""
        return tuple(each.mutation for each in self.in_flight.values())

    def status_at(self, now: float) -> Status:
        """What the facts make of it at `now`."""
        members = len(self.members)
        if not members:
            return "pending"
        if 2 * self.online < members:
            return "failed"
        if any(self._moves(each, now) for each in self.in_flight.values()):
            return "deploying"
        return "active" if self.online == members else "degraded"

    @staticmethod
    def _moves(each: InFlight, now: float) -> bool:
        return each.mutation.state == "applying" and now - each.moved_at < STALLED_S

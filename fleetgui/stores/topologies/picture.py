"""What a topology looks like: its status, members and mutations, from a snapshot and from events that follow it. Pure.

Whether an event may be applied is for `following` to know: it has to have the next number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fleetgui.stores.topologies.told import Member
from fleetgui.wire.topology import (
    IN_FLIGHT,
    Event,
    MembersEvent,
    Mutation,
    MutationEvent,
    ServiceEvent,
    Snapshot,
    StatusEvent,
)

FAILURES_KEPT: Final = 100


class Picture:
    """`members` and `in_flight` are replaced or changed in place, and not to be changed by others.

    `touched` collects the ids of members that came, left or look another way, for whoever shows them.
    """

    def __init__(self) -> None:
        self.status: str | None = None
        self.members: dict[str, Member] = {}
        self.online = 0
        self.in_flight: dict[str, Mutation] = {}
        self.failures: dict[str, Mutation] = {}
        """Mutations that were seen to fail, the latest last."""
        self.cut_after: str | None = None
        """The last member read, where there are more than are held."""
        self.touched: set[str] = set()

    def replace(self, head: Snapshot, members: Mapping[str, Member], cut_after: str | None) -> None:
        """All of it is as a snapshot says; what was seen to fail stays, unless it is under way again."""
        self.status = head.status
        self.members, self.cut_after = dict(members), cut_after
        self.online = sum(member.online for member in self.members.values())
        self.in_flight = {each.mutation_id: each for each in head.in_flight}
        for name in self.in_flight:
            self.failures.pop(name, None)

    def clear(self) -> None:
        """There is nothing of it any more."""
        self.touched |= self.members.keys()
        self.status, self.members, self.in_flight, self.online = None, {}, {}, 0

    def apply(self, event: Event) -> None:
        """The event that comes next."""
        match event:
            case StatusEvent():
                self.status = event.status
            case MembersEvent():
                for each in event.changed:
                    self._put(each.device_id, Member(each.online, each.services))
                for device_id in event.left:
                    self._put(device_id, None)
            case ServiceEvent() if (before := self.members.get(event.device_id)) is not None:
                self._put(event.device_id, Member(before.online, event.services))
            case MutationEvent():
                self._mutate(event.mutation)

    def _put(self, device_id: str, member: Member | None) -> None:
        before = self.members.get(device_id)
        if before is None and self.cut_after is not None and device_id > self.cut_after:
            return  # of more members than are held
        self.online += (member is not None and member.online) - (before is not None and before.online)
        if member is None:
            self.members.pop(device_id, None)
        else:
            self.members[device_id] = member
        self.touched.add(device_id)

    def _mutate(self, mutation: Mutation) -> None:
        name = mutation.mutation_id
        self.failures.pop(name, None)
        if mutation.state in IN_FLIGHT:
            self.in_flight[name] = mutation
            return
        self.in_flight.pop(name, None)
        if mutation.state == "failed":
            self.failures[name] = mutation
            if len(self.failures) > FAILURES_KEPT:
                del self.failures[next(iter(self.failures))]

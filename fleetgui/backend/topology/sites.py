"""All sites as their readers see them: facts in, numbered events out, and snapshots that agree with the numbers.

Pure: no network, and time comes from a clock that is passed in. Mutations and services are told when they are set,
because every step of them counts. Members and the status are told by `flush`, so that a herd that comes online is one
event and not a thousand; whoever takes a snapshot flushes first, or it would be ahead of its `seq`. Of devices that
not everybody may see (`public`), no event says anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from sortedcontainers import SortedDict

from fleetgui.backend.topology.site import InFlight, Member, Topology, member_of
from fleetgui.policy.clock import Clock
from fleetgui.wire import topology as wire
from fleetgui.wire.times import rfc3339
from fleetgui.wire.topology import IN_FLIGHT, MembersEvent, Mutation, MutationEvent, ServiceEvent, StatusEvent

MOST_TOPOLOGIES: Final = 10_000
MOST_MEMBERS: Final = 2_000_000
MEMBERS_AN_EVENT: Final = 200
EMPTY_KEPT_S: Final = 600.0
"""A topology without members is pending for so long, so that its keepalives reach who lost its last events."""

Event = StatusEvent | MembersEvent | MutationEvent | ServiceEvent


class Sites:
    """`epoch` goes with every event until `renew`. `crowded_out` counts places refused because a bound was reached."""

    def __init__(
        self,
        epoch: str,
        clock: Clock,
        *,
        public: Callable[[str], bool] | None = None,
        most_topologies: int = MOST_TOPOLOGIES,
        most_members: int = MOST_MEMBERS,
    ) -> None:
        self.epoch = epoch
        self.crowded_out = 0
        self._clock = clock
        self._public = public
        self._most_topologies = most_topologies
        self._most_members = most_members
        self._topologies = SortedDict()
        self._where: dict[str, Topology] = {}
        self._dirty: dict[str, None] = {}
        self._empty: dict[str, float] = {}
        """When each topology without members was left by the last, the longest empty first."""
        self._muted = False
        self._floor = 0
        """What the numbers of topologies that are gone had come to: one that comes back goes on from there."""
        self._events: list[Event] = []

    # What is known

    def __iter__(self) -> Iterator[Topology]:
        """Every topology, in order of id."""
        return iter(self._topologies.values())

    def __len__(self) -> int:
        return len(self._topologies)

    def get(self, topology_id: str) -> Topology | None:
        topology: Topology | None = self._topologies.get(topology_id)
        return topology

    def site_of(self, device_id: str) -> str | None:
        """The topology of which the device is a member."""
        topology = self._where.get(device_id)
        return None if topology is None else topology.topology_id

    def member(self, device_id: str) -> Member | None:
        topology = self._where.get(device_id)
        member: Member | None = None if topology is None else topology.members[device_id]
        return member

    @property
    def member_ids(self) -> list[str]:
        return list(self._where)

    # Facts

    def place(self, device_id: str, topology_id: str | None, *, online: bool, services: tuple[str, ...] = ()) -> bool:
        """The device is a member there, None: nowhere. False when there is no room for it; it is nowhere then.

        `services` are those of a device that is new there; one that stays keeps its own.
        """
        before = self._where.get(device_id)
        if topology_id is None:
            self._take_out(device_id, before)
            return True
        if before is not None and before.topology_id == topology_id:
            return self.set_online(device_id, online)
        self._take_out(device_id, before)
        topology = self._topology(topology_id)
        if topology is None or len(self._where) >= self._most_members:
            self.crowded_out += 1
            return False
        topology.members[device_id] = member_of(online, services)
        topology.online += online
        topology.public += self.is_public(device_id)
        self._where[device_id] = topology
        self._member_changed(topology, device_id)
        return True

    def set_online(self, device_id: str, online: bool) -> bool:
        """Whether it is a member."""
        topology = self._where.get(device_id)
        if topology is None:
            return False
        self._replace(topology, device_id, member_of(online, topology.members[device_id].services))
        return True

    def set_services(self, device_id: str, services: tuple[str, ...]) -> None:
        """All deployments that run on the device, sorted; nothing happens when it is no member."""
        topology = self._where.get(device_id)
        if topology is None:
            return
        before: Member = topology.members[device_id]
        if before.services == services:
            return
        topology.members[device_id] = member_of(before.online, services)
        if device_id in topology.untold or not self.is_public(device_id):
            return  # its readers learn of it together with its services, or not at all
        now_running = set(before.services)
        for name in sorted(set(before.services) ^ set(services)):
            now_running ^= {name}
            running = tuple(sorted(now_running))
            self._tell(topology, ServiceEvent, device_id=device_id, service_name=name, services=running)

    def set_mutation(self, topology_id: str, mutation: Mutation) -> None:
        """A step of a mutation; whether it is one is for the caller to know. Nothing happens at an unknown site."""
        topology = self.get(topology_id)
        if topology is None:
            return
        if mutation.state in IN_FLIGHT:
            topology.in_flight[mutation.mutation_id] = InFlight(mutation, self._clock.now())
        else:
            topology.in_flight.pop(mutation.mutation_id, None)
        self._dirty[topology_id] = None
        if self._is_shown(topology):
            self._tell(topology, MutationEvent, **mutation.model_dump())

    # Events

    def flush(self) -> None:
        """Tell what changed of members and statuses, and let go of sites that nobody is at any more."""
        for topology_id in list(self._dirty):
            self._flush(self._topologies[topology_id])
        long_ago = self._clock.now() - EMPTY_KEPT_S
        while self._empty and next(iter(self._empty.values())) < long_ago:
            self._let_go()

    def take(self) -> list[Event]:
        """The events since the last call, in order. Whoever takes them has to publish them."""
        events, self._events = self._events, []
        return events

    def mute(self) -> None:
        """Tell nothing until `renew`: so much is going to change that asking again is cheaper for every reader."""
        self._muted = True

    def renew(self, epoch: str) -> None:
        """Begin to count anew, with nothing untold."""
        now = self._clock.now()
        self.epoch = epoch
        self._muted = False
        self._events.clear()
        self._dirty.clear()
        while self._empty:
            self._let_go()
        self._floor = 0  # of this epoch no number was given yet
        for topology in self:
            topology.untold.clear()
            topology.seq = 0
            topology.changed_at = now
            topology.status = topology.status_at(now)
            self._watch_the_time(topology)

    def last_seqs(self, since: float) -> dict[str, int]:
        """The last number of each topology that had an event since then."""
        return {each.topology_id: each.seq for each in self if each.changed_at >= since}

    # Within

    def is_public(self, device_id: str) -> bool:
        """Whether everybody may see the device."""
        return self._public is None or self._public(device_id)

    def _topology(self, topology_id: str) -> Topology | None:
        topology = self.get(topology_id)
        if topology is not None:
            return topology
        if len(self._topologies) >= self._most_topologies and self._empty:
            self._let_go()
        if len(self._topologies) >= self._most_topologies:
            return None
        topology = self._topologies[topology_id] = Topology(topology_id, self._floor)
        return topology

    def _let_go(self) -> None:
        """Of the topology that has been empty for longest, unless something is there again since the last flush."""
        topology_id = next(iter(self._empty))
        del self._empty[topology_id]
        topology = self._topologies[topology_id]
        if not topology.members and not topology.in_flight:
            del self._topologies[topology_id]
            self._dirty.pop(topology_id, None)
            self._floor = max(self._floor, topology.seq)

    def _take_out(self, device_id: str, topology: Topology | None) -> None:
        if topology is None:
            return
        member: Member = topology.members.pop(device_id)
        topology.online -= member.online
        self._member_changed(topology, device_id)
        topology.public -= self.is_public(device_id)
        del self._where[device_id]

    def _replace(self, topology: Topology, device_id: str, member: Member) -> None:
        before: Member = topology.members[device_id]
        if before != member:
            topology.members[device_id] = member
            topology.online += member.online - before.online
            self._member_changed(topology, device_id)

    def _member_changed(self, topology: Topology, device_id: str) -> None:
        self._dirty[topology.topology_id] = None
        if self.is_public(device_id):
            topology.untold[device_id] = None

    def _flush(self, topology: Topology) -> None:
        self._dirty.pop(topology.topology_id, None)
        untold = list(topology.untold)
        topology.untold.clear()
        for start in range(0, len(untold), MEMBERS_AN_EVENT):
            self._tell_members(topology, untold[start : start + MEMBERS_AN_EVENT])
        status = topology.status_at(self._clock.now())
        if status != topology.status:
            topology.status = status
            if self._is_shown(topology):
                self._tell(topology, StatusEvent, status=status)
        self._watch_the_time(topology)
        if topology.members:
            self._empty.pop(topology.topology_id, None)
        else:
            self._empty.setdefault(topology.topology_id, self._clock.now())

    def _tell_members(self, topology: Topology, ids: list[str]) -> None:
        changed = tuple(
            wire.Member(device_id=each, online=member.online, services=member.services)
            for each in ids
            if (member := topology.members.get(each)) is not None
        )
        left = tuple(each for each in ids if each not in topology.members)
        self._tell(topology, MembersEvent, changed=changed, left=left)

    def _watch_the_time(self, topology: Topology) -> None:
        """A deployment that stalls is no change: what is deploying is looked at in every flush."""
        if topology.status == "deploying":
            self._dirty[topology.topology_id] = None

    def _is_shown(self, topology: Topology) -> bool:
        """Whether everybody may know that there is such a topology."""
        return self._public is None or topology.public > 0

    def _tell(self, topology: Topology, make: Callable[..., Event], /, **facts: Any) -> None:
        """Add the topology's next event."""
        if self._muted:
            return
        topology.seq += 1
        topology.changed_at = self._clock.now()
        event = make(
            topology_id=topology.topology_id,
            epoch=self.epoch,
            seq=topology.seq,
            ts=rfc3339(self._clock.wall()),
            **facts,
        )
        self._events.append(event)

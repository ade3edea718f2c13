"""A console, as far as the contract goes: it subscribes, asks for the snapshot, applies what is above its number.

And the same picture taken from inside the service, to hold the reader's against.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetgui.backend.topology.picture import Picture
from fleetgui.wire.topology import (
    IN_FLIGHT,
    Event,
    MembersEvent,
    MutationEvent,
    ServiceEvent,
    Snapshot,
    StatusEvent,
)


@dataclass
class View:
    """What somebody takes a topology for."""

    status: str = "pending"
    members: dict[str, tuple[bool, tuple[str, ...]]] = field(default_factory=dict)
    in_flight: dict[str, str] = field(default_factory=dict)


def inside(picture: Picture, topology_id: str) -> View:
    """The service's own state."""
    topology = picture.sites.get(topology_id)
    if topology is None:
        return View()
    return View(
        topology.status,
        {device_id: (member.online, member.services) for device_id, member in topology.members.items()},
        {each.mutation_id: each.state for each in topology.mutations()},
    )


def of_snapshots(pages: list[Snapshot]) -> View:
    return View(
        pages[0].status,
        {each.device_id: (each.online, each.services) for page in pages for each in page.members},
        {each.mutation_id: each.state for each in pages[0].in_flight},
    )


class Reader:
    """One stream. `lost` counts the numbers that never came; `wants_snapshot` until `took_snapshot`."""

    def __init__(self, topology_id: str) -> None:
        self.topology_id = topology_id
        self.view = View()
        self.lost = 0
        self.wants_snapshot = True
        self.epoch = ""
        self.seq = -1
        self._meanwhile: list[Event] = []

    def heard(self, event: Event) -> None:
        if event.topology_id != self.topology_id:
            return
        if self.wants_snapshot:
            self._meanwhile.append(event)
        else:
            self._apply(event)

    def heard_last(self, epoch: str, last: dict[str, int]) -> None:
        """A keepalive came: it shows a lost tail, and another epoch."""
        if epoch != self.epoch:
            self.wants_snapshot = True
        elif last.get(self.topology_id, self.seq) > self.seq:
            self.lost += last[self.topology_id] - self.seq
            self.wants_snapshot = True

    def took_snapshot(self, pages: list[Snapshot] | None) -> None:
        """The pages of a snapshot; None: there is no such topology."""
        meanwhile, self._meanwhile = self._meanwhile, []
        self.wants_snapshot = False
        self.view = View()
        if pages is not None:
            self.view, self.epoch, self.seq = of_snapshots(pages), pages[0].epoch, pages[0].seq
        for event in meanwhile:
            if not self.wants_snapshot:
                self._apply(event)

    def _apply(self, event: Event) -> None:
        if event.epoch != self.epoch:
            self.wants_snapshot = True
            return
        if event.seq <= self.seq:
            return
        if event.seq > self.seq + 1:
            self.lost += event.seq - self.seq - 1
            self.wants_snapshot = True
            return
        self.seq = event.seq
        view = self.view
        match event:
            case StatusEvent():
                view.status = event.status
            case MembersEvent():
                view.members |= {each.device_id: (each.online, each.services) for each in event.changed}
                for device_id in event.left:
                    view.members.pop(device_id, None)
            case MutationEvent() if event.state in IN_FLIGHT:
                view.in_flight[event.mutation_id] = event.state
            case MutationEvent():
                view.in_flight.pop(event.mutation_id, None)
            case ServiceEvent() if event.device_id in view.members:
                view.members[event.device_id] = (view.members[event.device_id][0], event.services)

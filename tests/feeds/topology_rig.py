"""A console's topology feed on a real broker, told of the link as the console's fabric tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fleetgui.backend.topology.picture import Picture
from fleetgui.feeds.topologies import TopologiesFeed
from fleetgui.link.credentials import Credentials
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import LinkPhase, LinkState, State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.topologies.following import Following, Phase
from fleetgui.stores.topologies.store import Topologies
from fleetgui.wire.topology import TopologySubjects
from tests.backend.links import Party, party
from tests.backend.topology.reader import View, inside
from tests.waiting import until


@dataclass
class Watching:
    """A console that looks at topologies."""

    party: Party
    state: ConsoleState
    topologies: Topologies
    feed: TopologiesFeed

    def open(self, topology_id: str) -> Following:
        self.feed.open(topology_id)
        following = self.topologies.get(topology_id)
        assert following is not None
        return following

    async def followed(self, topology_id: str) -> Following:
        """Opened, and its snapshot taken."""
        following = self.open(topology_id)
        await until(lambda: following.phase is Phase.FOLLOWED, following.changed)
        return following

    def freshness(self, following: Following) -> State:
        return following.state(self.party.clock.now())

    async def sees(self, topology_id: str, picture: Picture) -> None:
        """Wait until the console's picture is the publisher's, in every respect, and the console says so."""
        following = self.topologies.get(topology_id)
        assert following is not None

        def agrees() -> bool:
            return following.phase is Phase.FOLLOWED and view_of(following) == inside(picture, topology_id)

        await until(agrees, following.changed)


def view_of(following: Following) -> View:
    return View(
        following.status or "",
        {device_id: (member.online, member.services) for device_id, member in following.members.items()},
        {name: each.state for name, each in following.in_flight.items()},
    )


@asynccontextmanager
async def watching(
    url: str, *, tenant: str = "default", clock: Clock | None = None, credentials: Credentials | None = None
) -> AsyncIterator[Watching]:
    """A console with its own link; nothing may fail in its tasks."""
    async with party(url, "console", clock=clock, credentials=credentials) as here:
        state = ConsoleState()
        state.link.set_state(here.link.state)
        state.sources.link_came_up(here.clock.now())
        feed = TopologiesFeed(
            here.link, TopologySubjects(tenant), state.topologies, state.journal, here.clock, here.tasks
        )

        def changed(link: LinkState) -> None:
            came_up = link.phase is LinkPhase.UP and state.link.state.phase is not LinkPhase.UP
            if came_up:
                state.sources.link_came_up(here.clock.now())
            state.link.set_state(link)
            if came_up:
                feed.link_came_up()

        here.link.state_changed.connect(changed)
        try:
            yield Watching(here, state, state.topologies, feed)
        finally:
            feed.close()

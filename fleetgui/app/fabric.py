"""The link and the feeds of one context: made together once the context is known, started and ended together."""

from __future__ import annotations

import os
import platform
from collections import deque
from typing import Final

from fleetgui import __version__
from fleetgui.app.table import TableFeed
from fleetgui.feeds.calls import CallsFeed
from fleetgui.feeds.deployments import DeploymentsFeed
from fleetgui.feeds.details import DetailsFeed
from fleetgui.feeds.export import ExportFeed
from fleetgui.feeds.feed import Feed
from fleetgui.feeds.gateway import GatewayFeed
from fleetgui.feeds.pager import Pager
from fleetgui.feeds.presence import PresenceFeed
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.topologies import TopologiesFeed
from fleetgui.feeds.vigil import Vigil
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.pages import PageSizer
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.link import Cost
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.topology import TopologySubjects

RATE_OVER_S: Final = 10.0
"""Rates in the status line are means over so many seconds."""


class Fabric:
    """One context, connected. The feeds are attributes, so that an intent goes straight to the one concerned."""

    def __init__(self, context: Context, state: ConsoleState, clock: Clock, tasks: Tasks) -> None:
        self._state = state
        self._clock = clock
        self._costs: deque[tuple[float, int, int]] = deque()
        subjects = Subjects(context.tenant)
        self.link = Link(context, clock=clock, name="fleetgui", tasks=tasks)
        self.registry = RegistryClient(self.link, subjects, clock, PageSizer(os.environ))
        self.pager = Pager(self.registry, state.roster, state.presence, clock, tasks)
        self.table = TableFeed(self.registry, self.pager, state, clock, tasks)
        self.presence = PresenceFeed(self.link, subjects, state, clock, tasks)
        self.gateway = GatewayFeed(self.link, subjects, state, clock, tasks)
        self.details = DetailsFeed(
            self.registry,
            subjects,
            state.details,
            state.presence,
            clock,
            tasks,
            protection=context.protection,
            roster=state.roster,
        )
        self.calls = CallsFeed(
            self.link,
            subjects,
            state.calls,
            state.journal,
            clock,
            tasks,
            protection=context.protection,
            source=f"fleetgui-{__version__}@{platform.node() or 'console'}",
        )
        self.export = ExportFeed(
            self.registry, state.presence, state.export, state.journal, clock, tasks, ledger=state.ledger
        )
        self.deployments = DeploymentsFeed(self.link, context.tenant, state.deployments, state.ledger, clock, tasks)
        self.vigil = Vigil(self.link, state, clock, tasks)
        self.topologies = TopologiesFeed(
            self.link, TopologySubjects(context.tenant), state.topologies, state.journal, clock, tasks
        )
        self._feeds: tuple[Feed, ...] = (
            self.vigil,
            self.presence,
            self.pager,
            self.table,
            self.gateway,
            self.details,
            self.deployments,
            self.topologies,
        )
        self.link.state_changed.connect(self._link_changed)

    def start(self) -> None:
        """Subscribe first, then connect: what is there at once is not missed."""
        for feed in self._feeds:
            feed.start()
        self.link.start()

    def view_moved(self, first: int, last: int) -> None:
        """Rows first … last of the table are on the screen now."""
        self.table.view_moved(first, last)
        self.presence.view_moved(first, last)

    async def give_back(self) -> None:
        """Take back what the broker keeps for us, while there are tasks and a link to do so; half a second at most."""
        for feed in self._feeds:
            await feed.give_back()

    async def close(self) -> None:
        """Feeds first, then the link, within two seconds."""
        for feed in self._feeds:
            feed.close()
        await self.link.close()

    def _link_changed(self, link: LinkState) -> None:
        state, before = self._state, self._state.link.state
        went_up = link.phase is LinkPhase.UP and before.phase is not LinkPhase.UP
        if went_up:
            state.sources.link_came_up(self._clock.now())
        state.link.set_state(link)
        self.vigil.link_changed()
        if link.phase is not before.phase:
            self._write(link, before)
        if went_up:
            for feed in self._feeds:
                feed.link_came_up()
        elif before.phase is LinkPhase.UP and link.phase is not LinkPhase.UP:
            for feed in self._feeds:
                feed.link_went_down()

    def _write(self, link: LinkState, before: LinkState) -> None:
        sentence = f"{link.phase.value}: {link.error}" if link.error else link.phase.value
        if link.phase is LinkPhase.UP:
            sentence = f"connected to {link.server_name or link.server}"
            if before.lost_at is not None:
                sentence += f" after a gap of {self._clock.now() - before.lost_at:.1f} s"
        self._state.journal.write(self._clock.wall(), link.state, "link", sentence)

    @property
    def events_seen(self) -> int:
        return self.presence.events_seen

    @property
    def malformed(self) -> dict[str, int]:
        """What could not be read, by who found so: the link reads frames, the feeds what is in them."""
        return {
            "frames, by the link": self.link.counters.malformed,
            "heartbeats and events of devices": self.presence.malformed,
            "messages of gateways": self.gateway.malformed,
            "messages of topologies": self.topologies.malformed,
            "entries of deployments": self.deployments.malformed,
        }

    def cost(self, own_lag_p99_ms: float | None) -> Cost:
        """What this console costs the fabric now; rates over the last `RATE_OVER_S`, of this connection alone.

        Without a connection it holds and costs nothing: what the broker may keep of the last one, nobody knows.
        """
        footprint, now = self.link.footprint, self._clock.now()
        if not footprint.connections:
            self._costs.clear()
        self._costs.append((now, footprint.messages_in, footprint.requests))
        while len(self._costs) > 2 and now - self._costs[0][0] > RATE_OVER_S:
            self._costs.popleft()
        since, messages, requests = self._costs[0]
        span = max(1.0, now - since)
        return Cost(
            connections=footprint.connections,
            subscriptions=footprint.subscriptions,
            consumers=footprint.consumers,
            requests_per_min=(footprint.requests - requests) / span * 60,
            messages_per_s=(footprint.messages_in - messages) / span,
            messages_in=footprint.messages_in,
            bytes_in=footprint.bytes_in,
            messages_out=footprint.messages_out,
            reconnects=footprint.reconnects,
            dropped=footprint.dropped + self.presence.dropped + self.gateway.dropped + self.topologies.dropped,
            malformed=sum(self.malformed.values()),
            own_lag_p99_ms=own_lag_p99_ms,
        )

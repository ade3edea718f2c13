"""Roll-ups that nobody counts any more are not live, also where none is open; where nothing happened, they hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fleetgui.feeds.counting import Counting
from fleetgui.policy.states import State
from fleetgui.stores.deployments.rollups import Rollups
from fleetgui.widgets.deployments import words
from fleetgui.wire.deployments import Phase
from tests.backend.deployments import rig
from tests.backend.deployments.rig import Side, side
from tests.feeds.test_deployments import Console, console, fabric, fleet, write


@dataclass
class Counted:
    """A console that sees roll-ups of an aggregator, which can be stopped."""

    client: Side
    service: Side
    seen: Console
    counting: Counting

    @property
    def rollups(self) -> Rollups:
        return self.seen.deployments.rollups

    def state(self) -> State:
        return self.rollups.statuses.state(self.seen.side.link.clock.now())

    async def stop(self) -> None:
        """No aggregator runs any more."""
        await self.service.tasks.cancel()

    async def rounds(self) -> None:
        """Two of them: what is seen in one is judged in the next."""
        await self.counting.ask()
        await self.counting.ask()


@asynccontextmanager
async def counted() -> AsyncIterator[Counted]:
    async with fabric() as (broker, client), side(broker.url) as service, console(broker.url) as seen:
        service.aggregator()
        await fleet(client)
        await write(client, "c-1", "d", Phase.PENDING, 5.0)
        await write(client, "c-3", "d", Phase.RUNNING, 5.0)
        await rig.converged(client.link, client.buckets)
        await seen.agrees()
        counting = seen.feed._counting
        assert counting is not None
        yield Counted(client, service, seen, counting)


async def test_where_devices_speak_and_nobody_counts_roll_ups_are_late_until_somebody_does() -> None:
    async with counted() as bench:
        await bench.rounds()
        assert bench.state() is State.LIVE
        await bench.stop()
        await bench.rounds()
        assert bench.state() is State.LIVE, "nothing was said since: they hold, whoever is there"
        await write(bench.client, "c-1", "d", Phase.FAILED, 9.0, "no room")
        await bench.counting.ask()
        assert bench.state() is State.LIVE, "an aggregator has its second to count"
        await bench.counting.ask()
        assert bench.state() is State.LATE
        now = bench.seen.side.link.clock.now()
        said = words.rollups_line(bench.rollups, shown=2, now=now, wall=0.0)
        assert said.sentence.startswith(State.LATE.label)
        assert "no roll-up was written since" in said.sentence
        bench.client.aggregator()
        await bench.seen.sees(lambda: bench.state() is State.LIVE, "what is counted again is live again")


async def test_where_nobody_may_ask_nothing_is_claimed() -> None:
    async with counted() as bench:
        await bench.stop()
        await write(bench.client, "c-1", "d", Phase.FAILED, 9.0, "no room")
        await bench.rounds()
        assert bench.state() is State.LATE
        bench.counting._bucket = "no-such-bucket"
        await bench.counting.ask()
        assert bench.rollups.statuses.behind == ""

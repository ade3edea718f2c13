"""A walk is cancelled and paused at once, whatever it is doing then: counted in turns of the loop, not by a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fleetgui.app.table import TableFeed
from fleetgui.feeds.walk import PARTS
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.filters import parse
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.hold import HoldPhase
from tests.feeds.scripted_registry import Bench, Params, fleet, paging, scripted
from tests.nats_server import NatsServer
from tests.waiting import until

TURNS = 20
"""A turn of a loop that nothing holds takes well below a millisecond."""
OF_A_WALK = {"walk of the fleet", "a page of the registry"}
SEARCH = Wanted(parse("/./").filter)
"""A regular expression, which no registry knows: the fleet is read."""


class Walk:
    """A walk of the table's, of a registry that answers by `answer`."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.hold = bench.state.hold
        self.table = TableFeed(bench.client, bench.pager, bench.state, SystemClock(), bench.tasks)

    async def read(self, devices: int = 1) -> None:
        """Begin, and wait until so many were read."""
        self.table.show(SEARCH)
        await until(lambda: self.hold.state.coverage.seen >= devices, self.hold.changed)

    async def turns(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    @property
    def running(self) -> set[str]:
        return OF_A_WALK & set(self.bench.tasks.names)


def silent_from(offset: int, count: int = 5_000) -> Callable[[Params], dict[str, Any] | None]:
    answer = paging(fleet(count))
    return lambda params: None if params["offset"] >= offset else answer(params)


@pytest.mark.parametrize("paused", [False, True], ids=["walking", "paused"])
async def test_cancelled_while_the_registry_keeps_quiet(shared_nats_server: NatsServer, paused: bool) -> None:
    """Its patience of half a minute is not waited for."""
    async with scripted(shared_nats_server.url, f"stop-silent-{paused}", silent_from(100)) as bench:
        walk = Walk(bench)
        await walk.read(100)
        if paused:
            walk.table.walk("pause")
        walk.table.walk("cancel")
        assert walk.hold.state.phase is HoldPhase.CANCELLED
        await walk.turns()
        assert walk.running == set()
        await until(lambda: bench.state.table.total == 100, bench.state.table.resized)  # what was read is shown
        assert not walk.hold.state.coverage.complete
        walk.table.close()


@pytest.mark.parametrize("pages", [1, 2, 7])
async def test_cancelled_while_pages_come_and_are_taken_in(shared_nats_server: NatsServer, pages: int) -> None:
    async with scripted(shared_nats_server.url, f"stop-{pages}", paging(fleet(20_000))) as bench:
        walk = Walk(bench)
        await walk.read(100 * pages)
        walk.table.walk("cancel")
        await walk.turns()
        assert walk.running == set()
        asked, seen = len(bench.asked), walk.hold.state.coverage.seen
        await bench.link.flush()
        await walk.turns()
        assert len(bench.asked) <= asked + 1  # one may have been on its way
        assert walk.hold.state.coverage.seen == seen < 20_000
        await until(lambda: bench.state.table.total >= seen, bench.state.table.resized)
        walk.table.close()


async def test_cancelled_in_its_first_turn(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "stop-first", paging(fleet(500))) as bench:
        walk = Walk(bench)
        walk.table.show(SEARCH)
        walk.table.walk("cancel")
        await walk.turns()
        assert walk.running == set()
        assert walk.hold.state.phase is HoldPhase.CANCELLED
        walk.table.close()


async def test_a_paused_walk_asks_for_nothing_and_goes_on_to_its_end(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "pause", paging(fleet(5_000))) as bench:
        walk = Walk(bench)
        await walk.read(300)
        walk.table.walk("pause")
        asked = len(bench.asked)
        for _ in range(10):
            await bench.link.flush()
            await walk.turns()
        assert len(bench.asked) <= asked + PARTS
        assert walk.hold.state.phase is HoldPhase.PAUSED
        seen = walk.hold.state.coverage.seen
        assert seen < 5_000
        walk.table.walk("go on")
        await until(lambda: walk.hold.state.phase is HoldPhase.DONE, walk.hold.changed)
        assert walk.hold.state.coverage.complete
        walk.table.close()

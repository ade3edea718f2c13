"""A registry that is not there yet, as after a restart of broker and gateways together: asked soon, and in no haste."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from fleetgui.feeds.pager import ABSENT_S, JITTER, Pager
from fleetgui.feeds.registry import RegistryClient
from fleetgui.link.connection import Link
from fleetgui.link.messages import Message
from fleetgui.link.services import Service
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.pages import PageSizer
from fleetgui.stores.roster import Roster, RosterPhase
from fleetgui.wire.subjects import Subjects
from tests.feeds.scripted_registry import fleet, paging, scripted
from tests.nats_server import NatsServer


def answer(message: Message) -> bytes:
    request = json.loads(message.data)
    return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": paging(fleet(150))(request["params"])}).encode()


@dataclass
class Bench:
    """A pager by a clock that stands still; `serve` begins a registry that can be closed."""

    client: RegistryClient
    pager: Pager
    roster: Roster
    link: Link
    subjects: Subjects
    clock: ManualClock

    async def serve(self) -> Service:
        service = self.link.serve(self.subjects.discovery, "registry", answer)
        await self.link.flush()
        return service

    async def settled(self) -> None:
        """Many round trips: a pager that had anything to ask would have asked by then."""
        for _ in range(30):
            await self.link.flush()

    async def requests_after(self, seconds: float) -> int:
        """How many requests `seconds` bring. A nudge stands for the timer, which runs by the loop's own clock."""
        before = self.client.requests
        self.clock.advance(seconds)
        self.pager._wake.set()
        await self.settled()
        return self.client.requests - before


@asynccontextmanager
async def deserted(url: str, tenant: str, *, only_counts: bool, jitter: float = 0.0) -> AsyncIterator[Bench]:
    """The registry was there before a reconnect, and is not any more."""
    async with scripted(url, f"{tenant}-other", paging([])) as rig:
        clock, subjects, roster = ManualClock(), Subjects(tenant), rig.state.roster
        client = RegistryClient(rig.link, subjects, clock, PageSizer({}))
        pager = Pager(client, roster, rig.state.presence, clock, rig.tasks, jitter=lambda: jitter)
        bench = Bench(client, pager, roster, rig.link, subjects, clock)
        service = await bench.serve()
        if only_counts:
            pager.only_count()
        pager.start()
        pager.link_came_up()
        await bench.settled()
        assert roster.registered == 150
        clock.advance(3.0)
        pager.link_went_down()
        service.close()
        await rig.link.flush()
        pager.link_came_up()
        await bench.settled()
        assert roster.status.phase is RosterPhase.FAILED
        yield bench


@pytest.mark.parametrize("only_counts", [False, True], ids=["rows", "the fleet's number"])
async def test_a_registry_that_comes_back_seconds_later_is_read_within_seconds(
    shared_nats_server: NatsServer, only_counts: bool
) -> None:
    async with deserted(shared_nats_server.url, f"seconds-{only_counts}", only_counts=only_counts) as bench:
        for _ in range(8):
            await bench.requests_after(1.0)
        there_from = bench.clock.now()
        service = await bench.serve()
        for _ in range(2):
            await bench.requests_after(1.0)
        assert (bench.roster.registered_at or 0.0) >= there_from
        service.close()


@pytest.mark.parametrize("only_counts", [False, True], ids=["rows", "the fleet's number"])
async def test_a_fabric_without_a_registry_is_asked_ever_less(
    shared_nats_server: NatsServer, only_counts: bool
) -> None:
    async with deserted(shared_nats_server.url, f"less-{only_counts}", only_counts=only_counts) as bench:
        for pause in (*ABSENT_S, ABSENT_S[-1]):
            assert await bench.requests_after(pause - 0.01) == 0
            assert await bench.requests_after(0.02) == 1


async def test_consoles_that_wait_for_one_registry_do_not_ask_together(shared_nats_server: NatsServer) -> None:
    async with deserted(shared_nats_server.url, "apart", only_counts=True, jitter=1.0) as bench:
        assert await bench.requests_after(ABSENT_S[0]) == 0
        assert await bench.requests_after(ABSENT_S[0] * JITTER) == 1

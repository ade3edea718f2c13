"""Numbered publications: received + recorded = published, exactly, whatever happens to broker, link and intake."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from fleetgui.feeds.gateway import GatewayFeed
from fleetgui.feeds.presence import PresenceFeed
from fleetgui.feeds.vigil import Vigil
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.ledger import Cause
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.times import rfc3339
from tests.link.conftest import QUICK, until
from tests.nats_server import NatsServer
from tests.waiting import carried

TENANT = "sums"
NODE = "gw-1"
ROOM = 300
"""Messages that the console's intakes hold here, so that a flood overflows them."""


@dataclass
class Sums:
    """A console without a window, and somebody who publishes lag windows and heartbeats under numbers."""

    server: NatsServer
    console: Link
    publisher: Link
    state: ConsoleState
    clock: SystemClock
    random: random.Random
    published: int = 0
    beats: int = 0
    done: list[str] = field(default_factory=list)
    subjects: Subjects = field(default_factory=lambda: Subjects(TENANT))

    def publish(self, many: int = 1) -> None:
        """The next numbers. Where there is no broker, they are published all the same: nobody will ever have them."""
        for _ in range(many):
            self.published += 1
            self._send(self.subjects.gateway_node(NODE, "lag"), _lag(self.published, self.clock.wall()))

    def _send(self, subject: str, data: bytes) -> None:
        with suppress(LinkError):
            self.publisher.send(subject, data)

    # What happens

    async def calm(self) -> None:
        self.publish(self.random.randrange(1, 30))
        await asyncio.sleep(0)

    async def killed(self) -> None:
        self.publish(5)
        self.server.kill()
        self.publish(self.random.randrange(1, 20))
        await until(lambda: not self.console.is_up, self.console)
        self.publish(self.random.randrange(1, 20))
        self.server.start()
        await carried(self.console, self.publisher)

    async def stopped(self) -> None:
        """For a moment, or until everybody gives it up."""
        self.server.suspend()
        self.publish(self.random.randrange(1, 50))
        if self.random.random() < 0.5:
            await until(lambda: not self.console.is_up, self.console)
            self.publish(self.random.randrange(1, 50))
        self.server.resume()
        await carried(self.console, self.publisher)

    async def flooded(self) -> None:
        self.publish(self.random.randrange(ROOM, 5 * ROOM))
        await carried(self.console, self.publisher)

    async def reconnected(self) -> None:
        self.publish(3)
        self.console.reconnect_now()
        self.publish(self.random.randrange(1, 30))
        await carried(self.console, self.publisher)

    async def corrupted(self) -> None:
        for data in (b"", b"{", b"\xff\xfe", b'{"method": "gateway/lag", "params": {"seq": -1}}'):
            self._send(self.subjects.gateway_node(NODE, "lag"), data)
        self.publish(2)
        await carried(self.console, self.publisher)

    async def run(self, faults: int) -> None:
        """Begin, go through so many faults, and end with everything taken in."""
        self.publish()
        await self.until_taken()
        for _ in range(faults):
            fault: Callable[[], Awaitable[None]] = self.random.choice(
                [self.calm, self.killed, self.stopped, self.flooded, self.reconnected, self.corrupted]
            )
            self.done.append(fault.__name__)
            await fault()
        await carried(self.console, self.publisher)
        self.publish()
        await self.until_taken()

    async def until_taken(self) -> None:
        """Return once the number published last has come."""
        nodes = self.state.lag.nodes
        await until(lambda: (node := nodes.get(NODE)) and node.latest is not None and node.latest.seq == self.published)


@asynccontextmanager
async def sums(seed: int) -> AsyncIterator[Sums]:
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    clock, state = SystemClock(), ConsoleState()
    with NatsServer() as server:
        context = Context(servers=(server.url,), tenant=TENANT)
        console, publisher = (
            Link(context, clock=clock, name=name, tasks=tasks, settings=QUICK) for name in ("console", "publisher")
        )
        vigil = Vigil(console, state, clock, tasks)

        def changed(link: object) -> None:
            state.link.set_state(console.state)
            vigil.link_changed()

        console.state_changed.connect(changed)
        gateway = GatewayFeed(console, Subjects(TENANT), state, clock, tasks)
        presence = PresenceFeed(console, Subjects(TENANT), state, clock, tasks)
        vigil.start()
        for feed in (gateway, presence):
            feed.start()
            for intake in feed.intakes.values():
                intake._max_messages = ROOM
        console.start()
        publisher.start()
        here = Sums(server, console, publisher, state, clock, random.Random(seed))
        await carried(here.console, here.publisher)
        try:
            yield here
        finally:
            for feed in (gateway, presence):
                feed.close()
            assert await tasks.cancel() == []
            await console.close()
            await publisher.close()
    assert failures == []


def _lag(seq: int, wall: float) -> bytes:
    params = {
        "node": NODE,
        "epoch": "e1",
        "seq": seq,
        "ts": rfc3339(wall),
        "window_ms": 1000,
        "samples": 100,
        "mean_ms": 1.0,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
        "max_ms": 3.0,
        "band": "normal",
    }
    return json.dumps({"jsonrpc": "2.0", "method": "gateway/lag", "params": params}).encode()


async def _adds_up(seed: int, faults: int) -> None:
    async with sums(seed) as here:
        await here.run(faults)
        ledger, source = here.state.ledger, f"gateway {NODE}"
        recorded = ledger.count(source, Cause.SEQUENCE)
        told = f"seed {seed}: {here.done}"
        assert here.state.lag.samples + recorded == here.published, told
        assert recorded > 0 or not {"killed", "flooded"} & set(here.done), told
        assert sum(span.count or 0 for span in ledger.spans(source)) == recorded, told
        assert ledger.total - recorded == ledger.count("gateway", Cause.MALFORMED), told
        assert ledger.count("gateway", Cause.MALFORMED) <= 4 * here.done.count("corrupted"), told
        dropped = {"killed", "reconnected"} & set(here.done)
        assert bool(ledger.spans("link")) >= bool(dropped), told


@pytest.mark.parametrize("seed", range(6))
async def test_received_and_recorded_are_what_was_published(seed: int) -> None:
    await _adds_up(seed, 12)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 200))
async def test_received_and_recorded_are_what_was_published_in_a_hundred_runs(seed: int) -> None:
    await _adds_up(seed, 20)


async def test_a_flood_of_heartbeats_is_received_or_counted_one_by_one() -> None:
    async with sums(1) as here:
        many = 20 * ROOM
        for number in range(many):
            here.publisher.send(here.subjects.heartbeat(f"cam-{number % 7}"), b'{"device_id":"cam-%d"}' % (number % 7))
        await carried(here.console, here.publisher)
        presence, ledger = here.state.presence, here.state.ledger
        await until(lambda: presence.beats + ledger.count("heartbeat", Cause.OVERFLOW) == many)
        assert ledger.count("heartbeat", Cause.OVERFLOW) > 0
        (span,) = ledger.spans("heartbeat")
        assert span.count == many - presence.beats


async def test_a_gap_without_a_broker_is_in_the_ledger_while_it_lasts_and_one_gap_afterwards() -> None:
    async with sums(2) as here:
        here.server.kill()
        await until(lambda: not here.console.is_up, here.console)
        (during,) = here.state.ledger.spans("link")
        assert (during.cause, during.count) == (Cause.RECONNECT, None)
        here.server.start()
        await carried(here.console, here.publisher)
        (after,) = here.state.ledger.spans("link")
        assert after.begins <= during.begins + 0.001
        assert after.ends >= during.ends
        lines = [entry.text for entry in here.state.journal.entries if "gap" in entry.text]
        assert lines == [], "the link's own lines tell it"

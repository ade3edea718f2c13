"""Never false green, on a clock that the test moves: brokers are killed, stopped, flooded and restarted, publishers
fall silent, clocks jump, and nothing on the screen says "live" that was not heard within its limit and a second.

Ages go by a clock that the test moves; the processes, the connection and what runs over it are real. What the screen's
models say is held against what was in fact published, after each fault.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from PySide6.QtWidgets import QApplication

from fleetgui.feeds.errors import RegistryError
from fleetgui.feeds.gateway import GatewayFeed
from fleetgui.feeds.presence import PresenceFeed
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.vigil import Vigil
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.errors import LinkError
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.models.devices import DeviceTableModel
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.pages import PageSizer
from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.sources import REGISTRY_INTERVAL_S
from fleetgui.widgets.window.header import ContextFacts, Header
from fleetgui.wire import rpc
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.times import rfc3339
from tests.link.conftest import QUICK, until
from tests.nats_server import NatsServer
from tests.waiting import carried

TTL = 15.0
DEVICES = [f"cam-{number}" for number in range(4)]
GATEWAYS = ["gw-1", "gw-2"]
SECOND = 1.0
LINK_LIMIT = 2 * QUICK.ping_interval
NEVER = float("-inf")


@dataclass
class World:
    """What is published, and when (`clock.now()`): the truth that the screen is held against."""

    server: NatsServer
    console: Link
    publisher: Link
    state: ConsoleState
    clock: ManualClock
    vigil: Vigil
    registry: RegistryClient
    random: random.Random
    header: Header
    model: DeviceTableModel
    subjects: Subjects = field(default_factory=lambda: Subjects("green"))
    spoke: dict[str, float] = field(default_factory=dict)
    """When each source was last heard of: not later than the console took it in."""
    offline: set[str] = field(default_factory=set)
    read_at: float = NEVER
    up_since: float = NEVER
    hung_at: float | None = None
    """When the broker was stopped."""
    seq: int = 0
    done: list[str] = field(default_factory=list)
    greens: int = 0
    feeds: tuple[GatewayFeed, PresenceFeed] = field(init=False)

    # What publishers do

    async def speak(self, *names: str) -> None:
        """Devices beat, gateways close a window; returns once it was taken in."""
        if not self.console.is_up or not self.publisher.is_up or self.hung_at is not None:
            return
        self.clock.advance(0.001)  # what is said in the same moment as something else is not newer than that
        for name in names:
            self.seq += 1
            with suppress(LinkError):
                if name in GATEWAYS:
                    self.publisher.send(self.subjects.gateway_node(name, "lag"), _lag(name, self.seq, self.clock))
                else:
                    self.publisher.send(self.subjects.heartbeat(name), json.dumps({"device_id": name}).encode())
                    self.offline.discard(name)
            self.spoke[name] = self.clock.now()
        await self.taken_in()

    async def taken_in(self) -> None:
        with suppress(LinkError):
            await self.publisher.flush()
            await self.console.flush()
        for feed in self.feeds:
            for intake in feed.intakes.values():
                intake.drain()

    async def read(self) -> None:
        """The registry is asked, as while its table is open."""
        asked_at = self.clock.now()
        try:
            page = await self.registry.list_page(0, 100, patience_s=0.5)
        except RegistryError:
            return
        summaries = self.state.roster.page_read(
            0, page.as_they_came(), next_offset=page.next_offset, total=page.total, read_at=page.asked_at
        )
        self.state.presence.listed([(each.device_id, each.ttl) for each in summaries], page.asked_at)
        self.read_at = asked_at

    # What happens to them

    async def heal(self) -> None:
        if self.hung_at is not None:
            self.hung_at = None
            self.server.resume()
        if not self.server.running:
            self.server.start()
        await carried(self.console, self.publisher)
        await self.taken_in()

    async def kill(self) -> None:
        await self.heal()
        self.server.kill()
        await until(lambda: not self.console.is_up, self.console)

    async def restart(self) -> None:
        await self.kill()
        await self.heal()

    async def stop(self) -> None:
        if self.hung_at is None and self.server.running and self.console.is_up:
            await self.taken_in()
            self.hung_at = self.clock.now()
            self.server.suspend()

    async def reconnect(self) -> None:
        await self.heal()
        self.console.reconnect_now()
        await carried(self.console, self.publisher)

    async def flood(self) -> None:
        await self.heal()
        self.clock.advance(0.001)
        for _ in range(2_000):
            self.publisher.send(self.subjects.heartbeat(DEVICES[0]), b'{"device_id":"cam-0"}')
        self.spoke[DEVICES[0]] = self.clock.now()
        self.offline.discard(DEVICES[0])
        await self.taken_in()

    async def corrupt(self) -> None:
        """Whatever this is, it is no sign of life of anybody but the broker."""
        await self.heal()
        for name in DEVICES:
            for data in (b"", b"{", b'{"device_id":"somebody else"}', b'{"device_id":"%b","ts":1e999}' % name.encode()):
                self.publisher.send(self.subjects.heartbeat(name), data)
        for name in GATEWAYS:
            self.publisher.send(self.subjects.gateway_node(name, "lag"), b'{"method":"gateway/lag","params":{}}')
        await self.taken_in()

    async def time_passes(self) -> None:
        self.clock.advance(self.random.choice([0.1, 0.5, 1.0, 2.0, 4.0, 6.5, 16.0, 32.0, 100.0]))
        if self.console.is_up and self.hung_at is None:
            with suppress(LinkError):
                await self.console.flush()  # the pings of that time

    async def sleep(self) -> None:
        self.clock.suspend(self.random.choice([5.0, 60.0, 3_600.0]))

    async def wall_clock_jumps(self) -> None:
        self.clock.epoch += self.random.choice([-86_400.0, 86_400.0, 3_600.0])

    async def some_speak(self) -> None:
        await self.speak(*self.random.sample([*DEVICES, *GATEWAYS], self.random.randrange(1, 5)))

    async def registry_is_read(self) -> None:
        if self.console.is_up and self.hung_at is None:
            await self.read()

    async def one_goes_offline(self) -> None:
        if not self.console.is_up or not self.publisher.is_up or self.hung_at is not None:
            return
        self.clock.advance(0.001)
        name = self.random.choice(DEVICES)
        with suppress(LinkError):
            params = {"device_id": name, "ts": rfc3339(self.clock.wall())}
            self.publisher.send(self.subjects.offline, rpc.notification("device/offline", params))
        self.offline.add(name)
        await self.taken_in()

    # What the screen may say

    def check(self) -> None:
        now, wall = self.clock.now(), self.clock.wall()
        self.vigil.look()
        self.model.flush()
        self.header.show_state(self.state, now=now, wall=wall)
        up = self.console.is_up
        link_is_heard = up and (self.hung_at is None or now - self.hung_at <= LINK_LIMIT + SECOND)
        up_since = self.up_since
        story = f"{self.done[-12:]} at {now}"

        def may_be_live(name: str, limit: float) -> bool:
            heard = self.spoke.get(name, NEVER)
            return link_is_heard and heard >= up_since and now - heard <= limit + SECOND

        if self.state.sources.link_state(now) is State.LIVE or self.header.link.text.startswith("●"):
            assert link_is_heard, story
            self.greens += 1
        for row in range(self.model.rowCount()):
            name = self.state.roster.row(row).device_id or ""
            said = self.model.cell(row, self.state_column)
            if State.ONLINE.word in said.text.split():
                assert may_be_live(name, TTL / 3), (name, story)
                assert name not in self.offline, (name, story)
                self.greens += 1
        for name, text in zip(sorted(self.state.lag.nodes), self.header.gateways.texts, strict=True):
            if "normal" in text and "was normal" not in text:
                assert may_be_live(name, 2.0), (name, story)
                self.greens += 1
        if self.header.registered.text == f"registered {len(DEVICES)}":
            assert link_is_heard, story
            assert self.read_at >= up_since, story
            assert now - self.read_at <= REGISTRY_INTERVAL_S + SECOND, story
            self.greens += 1
        if self.header.online.text.split()[2:] == []:
            fresh = {name for name in DEVICES if now - self.spoke.get(name, NEVER) < TTL} - self.offline
            assert link_is_heard, story
            assert self.header.online.text == f"online {len(fresh)}", story
            assert all(self.spoke[name] >= up_since for name in fresh), story
            self.greens += 1

    @property
    def state_column(self) -> int:
        return next(number for number, column in enumerate(self.model.columns) if column.key == "state")

    async def everybody_speaks_and_all_is_green(self) -> None:
        """Or a screen that is never green would pass."""
        await self.heal()
        await self.speak(*DEVICES, *GATEWAYS)
        await self.read()
        before = self.greens
        self.check()
        assert self.greens - before == 1 + len(DEVICES) + len(GATEWAYS) + 2, self.done[-12:]

    async def run(self, faults: int) -> None:
        everything = [
            *(self.kill, self.restart, self.stop, self.heal, self.reconnect, self.flood, self.corrupt, self.sleep),
            *(self.wall_clock_jumps, self.one_goes_offline),
            *[self.time_passes, self.some_speak] * 4,
            *[self.registry_is_read] * 2,
        ]
        for number in range(faults):
            fault = self.random.choice(everything)
            self.done.append(fault.__name__)
            await fault()
            self.check()
            if number % 20 == 19:
                await self.everybody_speaks_and_all_is_green()


@asynccontextmanager
async def world(seed: int) -> AsyncIterator[World]:
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    clock, state, subjects = ManualClock(), ConsoleState(), Subjects("green")
    with NatsServer() as server:
        context = Context(servers=(server.url,), tenant="green")
        console, publisher = (
            Link(context, clock=clock, name=name, tasks=tasks, settings=QUICK) for name in ("console", "publisher")
        )
        vigil = Vigil(console, state, clock, tasks)

        def changed(_: object) -> None:
            if console.is_up and state.link.state.phase is not console.state.phase:
                here.up_since = clock.now()
                state.sources.link_came_up(clock.now())
            state.link.set_state(console.state)
            vigil.link_changed()

        console.state_changed.connect(changed)
        feeds = (
            GatewayFeed(console, subjects, state, clock, tasks),
            PresenceFeed(console, subjects, state, clock, tasks),
        )
        for feed in feeds:
            feed.start()
        publisher.serve(subjects.discovery, "registry", _answer)
        header = Header(ContextFacts("test", "green"))
        model = DeviceTableModel(state.table, state.presence, state.engagements, clock, state.link)
        console.start()
        publisher.start()
        registry = RegistryClient(console, subjects, clock, PageSizer({}))
        here = World(
            server, console, publisher, state, clock, vigil, registry, random.Random(seed), header, model, subjects
        )
        here.feeds = feeds
        await carried(here.console, here.publisher)
        try:
            yield here
        finally:
            if here.hung_at is not None:
                server.resume()
            for feed in feeds:
                feed.close()
            assert await tasks.cancel() == []
            await console.close()
            await publisher.close()
            model.deleteLater()
            header.deleteLater()
    assert failures == []


def _answer(message: Message) -> bytes:
    request = json.loads(message.data)
    devices = [{"device_id": name, "device_ttl": TTL, "status": {}, "identity": {}} for name in DEVICES]
    return rpc.result(request["id"], {"devices": devices, "next_offset": None, "total_matched": len(devices)})


def _lag(node: str, seq: int, clock: ManualClock) -> bytes:
    numbers = {"window_ms": 1000, "samples": 100, "mean_ms": 1, "p50_ms": 1, "p99_ms": 2, "max_ms": 3}
    params = {"node": node, "epoch": "e1", "seq": seq, "ts": rfc3339(clock.wall()), "band": "normal", **numbers}
    return rpc.notification("gateway/lag", params)


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_green_that_is_not(qapp: QApplication, seed: int) -> None:
    async with world(seed) as here:
        await here.everybody_speaks_and_all_is_green()
        await here.run(40)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
async def test_nothing_is_green_that_is_not_in_a_thousand_faults(qapp: QApplication, seed: int) -> None:
    async with world(seed) as here:
        await here.everybody_speaks_and_all_is_green()
        await here.run(60)

"""Of a fleet that beats too often only what is shown is listened to; the rest says "not watched", and never stale."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fleetgui.feeds.presence import PresenceFeed
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.figures import fleet_figures
from fleetgui.stores.presence import Edge
from fleetgui.wire.subjects import Subjects
from tests.nats_server import NatsServer
from tests.waiting import until

LARGE = 1_000_000
TTL = 45.0


@dataclass
class Rig:
    link: Link
    feed: PresenceFeed
    state: ConsoleState
    subjects: Subjects
    clock: SystemClock

    def read(self, first: int, last: int, total: int = LARGE) -> None:
        """A page of the registry with devices first … last."""
        records = [
            json.dumps({"device_id": f"d-{number}", "device_ttl": TTL}).encode() for number in range(first, last + 1)
        ]
        now = self.clock.now()
        self.state.presence.listed([(f"d-{number}", TTL) for number in range(first, last + 1)], now)
        self.state.roster.page_read(first, records, next_offset=last + 1, total=total, read_at=now)

    async def looked(self) -> None:
        """Return once it was looked at again who is to be listened to."""
        assert self.feed._watchers is not None
        looks: list[None] = []
        disconnect = self.feed._watchers.changed.connect(lambda: looks.append(None))
        await until(lambda: looks, self.feed._watchers.changed)
        disconnect()

    def beat(self, *ids: str) -> None:
        for device_id in ids:
            self.link.send(self.subjects.heartbeat(device_id), json.dumps({"device_id": device_id}).encode())

    def is_in(self, device_id: str) -> State:
        return self.state.presence.state(device_id, self.clock.now())


@asynccontextmanager
async def rig(url: str, tenant: str) -> AsyncIterator[Rig]:
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    clock, state, subjects = SystemClock(), ConsoleState(), Subjects(tenant)
    link = Link(Context(servers=(url,), tenant=tenant), clock=clock, name="test", tasks=tasks)
    link.state_changed.connect(state.link.set_state)
    feed = PresenceFeed(link, subjects, state, clock, tasks)
    feed.start()
    link.start()
    await link.up()
    try:
        yield Rig(link, feed, state, subjects, clock)
    finally:
        feed.close()
        await tasks.cancel()
        await link.close()
    assert failures == []


async def test_a_large_fleet_is_listened_to_in_view_and_in_open_details_only(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "large") as here:
        presence = here.state.presence
        here.read(0, 99)
        here.feed.view_moved(10, 12)
        here.state.details.open("elsewhere")
        await here.looked()
        assert presence.watched == frozenset({"d-10", "d-11", "d-12", "elsewhere"})
        heartbeats = [each.subject for each in here.link.subscriptions if each.subject.endswith(".heartbeat")]
        assert sorted(heartbeats) == sorted(here.subjects.heartbeat(each) for each in presence.watched)
        here.beat("d-50", "d-11", "elsewhere")
        await until(lambda: presence.beats == 2, presence.changed)
        assert [here.is_in(each) for each in ("d-11", "elsewhere", "d-50")] == [
            State.ONLINE,
            State.ONLINE,
            State.NOT_WATCHED,
        ]
        presence.apply_edges([Edge("d-50", False, here.clock.now() + 1, None)])
        assert here.is_in("d-50") is State.OFFLINE, "the registry's edges tell of those that are not watched"
        online = fleet_figures(here.state, now=here.clock.now(), wall=here.clock.wall()).online
        assert (online.value, online.state) == (None, State.NOT_WATCHED)
        assert any("not watched" in entry.text for entry in here.state.journal.entries)


async def test_the_view_moves_on_and_who_comes_back_into_it_is_not_stale(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "moving") as here:
        presence = here.state.presence
        here.read(0, 99)
        here.feed.view_moved(0, 0)
        await here.looked()
        here.beat("d-0")
        await until(lambda: here.is_in("d-0") is State.ONLINE, presence.changed)
        here.feed.view_moved(50, 50)
        await here.looked()
        assert (here.is_in("d-0"), here.is_in("d-50")) == (State.NOT_WATCHED, State.UNCONFIRMED)
        here.feed.view_moved(0, 0)
        await here.looked()
        assert here.is_in("d-0") is State.UNCONFIRMED, "its last beat was before nobody listened"


async def test_a_fleet_that_shrinks_is_listened_to_as_a_whole_again(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "shrinking") as here:
        here.read(0, 9)
        await here.looked()
        assert here.is_in("d-7") is State.NOT_WATCHED
        here.read(0, 9, total=10)
        await here.looked()
        assert here.is_in("d-7") is State.UNCONFIRMED
        here.beat("d-7")
        await until(lambda: here.is_in("d-7") is State.ONLINE, here.state.presence.changed)

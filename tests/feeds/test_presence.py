"""Heartbeats and edges over a real broker: what the journal says, what is counted, and what is not believed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fleetgui.feeds.presence import EDGE_LINES_A_SECOND, PresenceFeed
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.wire.subjects import Subjects
from tests.nats_server import NatsServer
from tests.waiting import until


class Rig:
    """The feed of one tenant, and a device (or anybody else) that publishes there."""

    def __init__(self, link: Link, tasks: Tasks, tenant: str) -> None:
        self.state = ConsoleState()
        self.clock = SystemClock()
        self.link = link
        self.subjects = Subjects(tenant)
        self.feed = PresenceFeed(link, self.subjects, self.state, self.clock, tasks)

    def edge(self, device_id: str, *, online: bool) -> None:
        method = "device/online" if online else "device/offline"
        body = {"jsonrpc": "2.0", "method": method, "params": {"device_id": device_id, "ts": "2026-11-21T03:12:07Z"}}
        self.link.send(self.subjects.online if online else self.subjects.offline, json.dumps(body).encode())

    def beat(self, device_id: str, data: bytes | None = None) -> None:
        self.link.send(self.subjects.heartbeat(device_id), data or json.dumps({"device_id": device_id}).encode())

    @property
    def lines(self) -> list[str]:
        return [entry.text for entry in self.state.journal.entries]

    async def until_journal_says(self, text: str) -> None:
        await until(lambda: text in self.lines, self.state.journal.appended)


@asynccontextmanager
async def rig(url: str, tenant: str) -> AsyncIterator[Rig]:
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    link = Link(Context(servers=(url,), tenant=tenant), clock=SystemClock(), name="test", tasks=tasks)
    here = Rig(link, tasks, tenant)
    link.state_changed.connect(here.state.link.set_state)
    here.feed.start()
    link.start()
    await link.up()
    try:
        yield here
    finally:
        here.feed.close()
        await tasks.cancel()
        await link.close()
    assert failures == []


async def test_a_device_that_goes_and_comes_back_in_one_batch_is_said_to_be_back(
    shared_nats_server: NatsServer,
) -> None:
    """The last line on a device is what holds: "went offline" alone would be a false alarm for the whole shift."""
    async with rig(shared_nats_server.url, "flap") as here:
        here.edge("cam-1", online=True)
        await here.until_journal_says("cam-1 came online")
        here.edge("cam-1", online=False)
        here.edge("cam-1", online=True)
        here.edge("cam-1", online=True)  # registries say so again whenever a device registers
        here.edge("end", online=True)
        await here.until_journal_says("end came online")
        assert here.lines[1:-1] == ["cam-1 went offline", "cam-1 came online"]
        assert here.state.presence.offline_ids() == []


async def test_an_offline_edge_is_shown_until_the_device_beats_again(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "off") as here:
        presence = here.state.presence
        here.beat("cam-1")
        await until(lambda: presence.state("cam-1", here.clock.now()) is State.ONLINE, presence.changed)
        here.edge("cam-1", online=False)
        await until(lambda: presence.state("cam-1", here.clock.now()) is State.OFFLINE, presence.changed)
        assert presence.online_count(here.clock.now()) == 0
        here.beat("cam-1")
        await until(lambda: presence.state("cam-1", here.clock.now()) is State.ONLINE, presence.changed)
        assert len(presence.offline_ids()) == 0


async def test_an_announcement_that_a_beat_was_quicker_than_is_news_all_the_same(
    shared_nats_server: NatsServer,
) -> None:
    """Else the registry is not counted again: 1,399 registered stood beside 1,400 online for ten seconds."""
    async with rig(shared_nats_server.url, "late") as here:
        presence, roster = here.state.presence, here.state.roster
        here.edge("cam-1", online=True)
        here.edge("cam-1", online=False)
        await here.until_journal_says("cam-1 went offline")
        here.beat("cam-1")
        await until(lambda: presence.state("cam-1", here.clock.now()) is State.ONLINE, presence.changed)
        before = roster.memberships
        here.edge("cam-1", online=True)
        await until(lambda: len(here.lines) == 3, here.state.journal.appended)
        assert here.lines[-1] == "cam-1 came online"
        assert roster.memberships == before + 1
        here.edge("cam-1", online=True)
        here.edge("end", online=True)
        await here.until_journal_says("end came online")
        assert len(here.lines) == 4


async def test_a_site_that_drops_is_a_few_lines_and_a_count(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "site") as here:
        edges = [
            Message(here.subjects.offline, _edge(f"cam-{number}", "device/offline"), received=here.clock.now())
            for number in range(300)
        ]
        here.feed._edges(edges, here.clock.now())
        assert len(here.lines) == EDGE_LINES_A_SECOND + 1
        assert here.lines[-1] == f"{300 - EDGE_LINES_A_SECOND} more devices went offline"
        assert len(here.state.presence.offline_ids()) == 300


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'{"device_id": 7}', b'{"device_id": "other"}', b'{"device_id": null}', b'{"ts": 1}', b"\xff"],
)
async def test_a_heartbeat_that_is_not_to_be_believed_is_counted(shared_nats_server: NatsServer, data: bytes) -> None:
    async with rig(shared_nats_server.url, f"bad{abs(hash(data))}") as here:
        presence = here.state.presence
        here.link.send(here.subjects.heartbeat("cam-1"), data)
        here.beat("cam-2")
        await until(lambda: presence.last_beat("cam-2") is not None, presence.changed)
        assert here.feed.malformed == 1
        assert presence.state("cam-1", here.clock.now()) is State.UNKNOWN


async def test_an_edge_that_is_none_is_counted_and_the_others_hold(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "badedge") as here:
        for data in (b"{", _edge("x", "device/maybe"), b'{"method": "device/online", "params": []}', _edge(7, "x")):
            here.link.send(here.subjects.online, data)
        here.edge("cam-1", online=True)
        await here.until_journal_says("cam-1 came online")
        assert here.feed.malformed == 4
        assert len(here.lines) == 1


def _edge(device_id: object, method: str) -> bytes:
    return json.dumps({"method": method, "params": {"device_id": device_id}}).encode()

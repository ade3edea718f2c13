"""Calls on a real broker: every outcome told apart, nothing repeated, nothing carried out after it was given up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from fleetgui.feeds.calls import MOST_AT_ONCE, CallsFeed
from fleetgui.link.connection import Link
from fleetgui.link.context import Context, Protection
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.states import LinkPhase
from fleetgui.stores.calls import Call, Calls, Outcome
from fleetgui.stores.journal import Journal
from fleetgui.wire import rpc
from fleetgui.wire.subjects import Subjects
from tests.nats_server import NatsServer
from tests.waiting import until

TENANT = "calls"


@dataclass
class Rig:
    calls: Calls
    feed: CallsFeed
    link: Link
    journal: Journal
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def call(self, device_id: str, function: str = "ping", *, timeout: float = 20.0, **params: Any) -> Call:
        return await self.outcome(self.feed.invoke(device_id, function, params, timeout))

    async def outcome(self, call_id: str) -> Call:
        await until(
            lambda: (call := self.calls.get(call_id)) and call.outcome is not Outcome.RUNNING, self.calls.changed
        )
        call = self.calls.get(call_id)
        assert call is not None
        return call


@asynccontextmanager
async def rig(server: NatsServer, protection: Protection = Protection.OPEN) -> AsyncIterator[Rig]:
    """A console's calls, and devices `echo` (answers), `odd` (answers nonsense) and `mute` (listens, never answers)."""
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    clock, subjects = SystemClock(), Subjects(TENANT)
    device = Link(Context(servers=(server.url,)), clock=clock, name="device", tasks=tasks)
    link = Link(Context(servers=(server.url,)), clock=clock, name="console", tasks=tasks)
    calls, journal = Calls(), Journal()
    feed = CallsFeed(link, subjects, calls, journal, clock, tasks, protection=protection, source="noc-1")
    here = Rig(calls, feed, link, journal)

    def echo(message: Message) -> bytes:
        request = json.loads(message.data)
        here.heard.append(request)
        if request["method"] == "boom":
            return rpc.error(request["id"], rpc.FAILED, "sensor failed: code 7")
        return rpc.result(request["id"], request["params"])

    device.serve(subjects.cmd("echo"), "", echo)
    device.serve(subjects.cmd("odd"), "", lambda _: b'{"result": ')
    device.subscribe(subjects.cmd("mute"), lambda message: here.heard.append(json.loads(message.data)))
    for each in (device, link):
        each.start()
        await each.up()
    await device.flush()
    try:
        yield here
    finally:
        assert await tasks.cancel() == []
        await link.close()
        await device.close()
        assert failures == []


async def test_success_carries_the_result_and_its_time_in_parts(nats_server: NatsServer) -> None:
    async with rig(nats_server) as here:
        done = await here.call("echo", a=1, b=[2, {"c": None}])
        assert done.outcome is Outcome.SUCCEEDED
        assert done.result == {"a": 1, "b": [2, {"c": None}], "_dc_meta": {"source_device": "noc-1"}}
        assert done.timing is not None
        assert done.timing.total_ms == pytest.approx(done.timing.queue_ms + done.timing.wire_ms + done.timing.decode_ms)
        assert min(done.timing.queue_ms, done.timing.wire_ms, done.timing.decode_ms) >= 0
        assert here.journal.entries[-1].device_id == "echo"


async def test_the_outcomes_are_told_apart(nats_server: NatsServer) -> None:
    async with rig(nats_server) as here:
        failed = await here.call("echo", "boom")
        assert (failed.outcome, failed.error, failed.code) == (Outcome.FAILED, "sensor failed: code 7", rpc.FAILED)
        assert (await here.call("nobody")).outcome is Outcome.NO_DEVICE
        assert (await here.call("mute", timeout=0.1)).outcome is Outcome.NO_ANSWER
        odd = await here.call("odd")
        assert odd.outcome is Outcome.FAILED
        assert "does not decode" in str(odd.error)
        for unaddressable in ("a.b", "a b", "*", "", "a\n"):
            assert (await here.call(unaddressable)).outcome is Outcome.NOT_SENT
        assert (await here.call("echo", number=float("nan"))).outcome is Outcome.NOT_SENT


async def test_while_the_link_is_down_a_call_fails_at_once_and_is_never_carried_out(nats_server: NatsServer) -> None:
    async with rig(nats_server) as here:
        nats_server.kill()
        await until(lambda: here.link.state.phase is LinkPhase.RECONNECTING, here.link.state_changed)
        done = await here.call("echo", "ghost")
        assert done.outcome is Outcome.NOT_SENT
        nats_server.start()
        await here.link.up()
        assert (await asyncio.wait_for(_answered(here), 20)).outcome is Outcome.SUCCEEDED
        assert "ghost" not in [request["method"] for request in here.heard]


async def _answered(here: Rig) -> Call:
    """The device's own link comes back in its own time; until then nobody listens."""
    while (done := await here.call("echo", "after")).outcome is Outcome.NO_DEVICE:
        pass
    return done


async def test_a_call_under_way_when_the_broker_dies_has_an_unknown_outcome_and_is_not_repeated(
    nats_server: NatsServer,
) -> None:
    async with rig(nats_server) as here:
        call_id = here.feed.invoke("mute", "open_valve", {}, 60.0)
        await asyncio.wait_for(_heard(here, 1), 20)
        nats_server.kill()
        assert (await here.outcome(call_id)).outcome is Outcome.UNKNOWN
        nats_server.start()
        await here.link.up()
        await here.link.flush()
        assert [request["method"] for request in here.heard] == ["open_valve"]


async def _heard(here: Rig, count: int) -> None:
    while len(here.heard) < count:
        await here.link.flush()


async def test_cancelling_stops_waiting_and_says_that_the_device_may_still_do_it(nats_server: NatsServer) -> None:
    async with rig(nats_server) as here:
        call_id = here.feed.invoke("mute", "ping", {}, 60.0)
        await asyncio.sleep(0)
        here.feed.cancel(call_id)
        assert (await here.outcome(call_id)).outcome is Outcome.CANCELLED
        here.feed.cancel(call_id)
        here.feed.cancel("unheard-of")


async def test_calls_are_capped(nats_server: NatsServer) -> None:
    async with rig(nats_server) as here:
        ids = [here.feed.invoke("mute", "ping", {}, 60.0) for _ in range(MOST_AT_ONCE)]
        one_too_many = await here.call("mute")
        assert one_too_many.outcome is Outcome.NOT_SENT
        assert here.calls.running == MOST_AT_ONCE
        for call_id in ids:
            here.feed.cancel(call_id)
        assert here.calls.running == 0


async def test_a_read_only_context_calls_nothing(nats_server: NatsServer) -> None:
    async with rig(nats_server, Protection.READ_ONLY) as here:
        done = await here.call("echo")
        assert (done.outcome, here.heard) == (Outcome.NOT_SENT, [])
        assert "read-only" in str(done.error)


def test_a_settled_call_stays_as_it_is() -> None:
    calls = Calls()
    calls.begin(Call("1", "d", "ping", {}, 0.0, 1.0))
    calls.end("1", Outcome.CANCELLED)
    calls.end("1", Outcome.SUCCEEDED, result="late")
    settled = calls.get("1")
    assert settled is not None
    assert (settled.outcome, settled.result) == (Outcome.CANCELLED, None)

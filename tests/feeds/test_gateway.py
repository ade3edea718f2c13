"""The gateway feed on a real broker: subscribe, history, merge; keepalives; fabrics without a gateway; nonsense."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from fleetgui.feeds.gateway import GatewayFeed
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.widgets.overview.words import nothing_to_draw
from fleetgui.wire import rpc
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.times import rfc3339
from tests.nats_server import NatsServer
from tests.waiting import until


@dataclass
class Rig:
    state: ConsoleState
    feed: GatewayFeed
    link: Link
    subjects: Subjects
    start: float

    def lag(self, seq: int) -> dict[str, Any]:
        return {
            "node": "gw-1",
            "epoch": "e1",
            "seq": seq,
            "ts": rfc3339(self.start + seq),
            "window_ms": 1000,
            "samples": 100,
            "mean_ms": 1,
            "p50_ms": 1,
            "p99_ms": 2,
            "max_ms": 3,
            "band": "normal",
        }

    async def publish(self, family: str, params: dict[str, Any]) -> None:
        subject = self.subjects.gateway_node("gw-1", family)
        await self.link.publish(subject, rpc.notification(f"gateway/{family}", params))


@asynccontextmanager
async def rig(url: str, tenant: str) -> AsyncIterator[Rig]:
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    clock = SystemClock()
    link = Link(Context(servers=(url,), tenant=tenant), clock=clock, name="test", tasks=tasks)
    state, subjects = ConsoleState(), Subjects(tenant)
    link.state_changed.connect(state.link.set_state)
    feed = GatewayFeed(link, subjects, state, clock, tasks)
    feed.start()
    link.start()
    await link.up()
    try:
        yield Rig(state, feed, link, subjects, float(int(clock.wall()) - 100))
    finally:
        feed.close()
        assert await tasks.cancel() == []
        await link.close()
        assert failures == []


def history_of(here: Rig, seqs: range, page: int) -> Any:
    """A gateway's answers, `page` samples at a time."""

    def answer(message: Message) -> bytes:
        request = json.loads(message.data)
        method, params = request["method"], request["params"]
        if method == "gateway/describe":
            node = {"node": "gw-1", "epoch": "e1", "started_at": rfc3339(0), "warmup_until": rfc3339(30)}
            settings = {"LAG_ELEVATED_MS": 80}
            return rpc.result(request["id"], {"nodes": [node | {"band": "elevated", "settings": settings}]})
        if method == "gateway/throttleHistory":
            return rpc.result(request["id"], {"engagements": [], "next_since": None})
        first = int(params["since"].removeprefix("s:")) if params["since"].startswith("s:") else seqs.start
        part = range(first, min(first + page, seqs.stop))
        following = f"s:{part.stop}" if part.stop < seqs.stop else None
        return rpc.result(request["id"], {"samples": [here.lag(seq) for seq in part], "next_since": following})

    return answer


async def test_history_and_live_meet_without_gap_or_double(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "seam") as here:
        service = here.link.serve(here.subjects.gateway, "gateway", history_of(here, range(1, 41), 7))
        for seq in range(38, 46):  # live overlaps what history will bring
            await here.publish("lag", here.lag(seq))
        here.feed.link_came_up()
        await until(lambda: here.state.lag.samples == 45, here.state.lag.changed)
        curves = here.state.lag.curves("gw-1")
        assert [round(ts - here.start) for ts in curves.ts] == list(range(1, 46))
        assert curves.gaps == []
        assert here.state.ledger.total == 0
        assert here.state.lag.node("gw-1").settings == {"LAG_ELEVATED_MS": 80}
        assert here.state.lag.availability is State.LIVE
        service.close()


async def test_a_keepalive_tells_of_a_tail_that_was_lost(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "tail") as here:
        await here.publish("lag", here.lag(1))
        alive = {"node": "gw-1", "epoch": "e1", "ts": rfc3339(here.start), "last": {"lag": 4, "band": 0, "throttle": 0}}
        await here.publish("keepalive", alive)
        await until(lambda: here.state.ledger.total, here.state.ledger.changed)
        assert here.state.ledger.count("gateway gw-1", "sequence gap") == 3
        await here.publish("keepalive", alive)
        await here.publish("lag", here.lag(5))
        await until(lambda: here.state.lag.samples == 2, here.state.lag.changed)
        assert here.state.ledger.total == 3


async def test_a_fabric_without_a_gateway_is_said_once_and_found_out_when_one_is_heard(
    shared_nats_server: NatsServer,
) -> None:
    async with rig(shared_nats_server.url, "without") as here:
        here.feed.link_came_up()
        await until(lambda: here.state.lag.availability is State.OFFLINE, here.state.lag.changed)
        await here.publish("lag", here.lag(1))
        await until(lambda: here.state.lag.samples == 1, here.state.lag.changed)
        assert here.state.lag.availability is State.LIVE


NONSENSE: list[bytes] = [
    b"",
    b"{",
    b"[]",
    b'{"method": "gateway/unheard-of", "params": {}}',
    b'{"method": "gateway/lag", "params": null}',
    b'{"method": "gateway/lag", "params": {"node": "gw-1"}}',
    b'{"method": "gateway/keepalive", "params": {"node": 1}}',
    b"\xff\xfe",
]


async def test_nonsense_is_counted_and_the_feed_goes_on(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "nonsense") as here:
        good = here.lag(1)
        wrongs: tuple[Any, ...] = ({}, [], None)
        bad = [{**good, name: wrong} for name in good for wrong in wrongs if name != "node"]
        for data in NONSENSE:
            await here.link.publish(here.subjects.gateway_node("gw-1", "lag"), data)
        for params in bad:
            await here.publish("lag", params)
        await here.publish("lag", good)
        await until(lambda: here.state.lag.samples == 1, here.state.lag.changed)
        assert here.feed.malformed == len(NONSENSE) + len(bad)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "Observed 6 in 10 s, allowed 5"),
        (
            {"reason": "hard-ceiling", "observed": 21, "allowed": 20},
            "Observed 21 in 10 s, hard ceiling 20",
        ),
        ({"reason": "in-backoff"}, "Tried again before its block was over"),
    ],
)
async def test_a_refusal_is_a_sentence_in_the_journal(
    shared_nats_server: NatsServer, change: dict[str, Any], expected: str
) -> None:
    refusal = {
        "node": "gw-1",
        "epoch": "e1",
        "seq": 1,
        "device_id": "camera-0147",
        "reason": "rate",
        "band": "critical",
        "observed": 6,
        "allowed": 5,
        "window_ms": 10_000,
        "backoff_ms": 16_000,
        "level": 3,
        "warmup": False,
    }
    async with rig(shared_nats_server.url, "sentence") as here:
        await here.publish("throttle", refusal | change | {"ts": rfc3339(here.start)})
        journal = here.state.journal
        await until(lambda: journal.entries, journal.appended)
        entry = journal.entries[-1]
        assert entry.device_id == "camera-0147"
        assert entry.text.startswith("camera-0147 refused. ")
        assert expected in entry.text
        assert "16 s" in entry.text


@pytest.mark.parametrize(("off_s", "said"), [(3_600.0, "60 min ahead"), (-3_600.0, "60 min behind")])
async def test_a_gateways_clock_that_is_wrong_is_said_once_and_makes_nothing_fresh(
    shared_nats_server: NatsServer, off_s: float, said: str
) -> None:
    async with rig(shared_nats_server.url, f"skew{off_s:.0f}".replace("-", "m")) as here:
        clock = SystemClock()
        for seq in range(1, 4):
            await here.publish("lag", here.lag(seq) | {"ts": rfc3339(clock.wall() + off_s)})
            await until(lambda seq=seq: here.state.lag.samples == seq, here.state.lag.changed)  # type: ignore[misc]  # bound late otherwise
        node = here.state.lag.nodes["gw-1"]
        assert node.skew_s == pytest.approx(off_s, abs=5)
        lines = [entry.text for entry in here.state.journal.entries if "clock" in entry.text]
        assert len(lines) == 1
        assert said.split()[-1] in lines[0]
        assert node.heard is not None
        assert node.source.state(node.heard + 31.0) is State.STALE, "as old as it is by our clock"
        await here.publish("lag", here.lag(4) | {"ts": rfc3339(clock.wall())})
        await until(lambda: not node.is_skewed, here.state.lag.changed)
        assert "agrees with this machine's again" in here.state.journal.entries[-1].text


async def test_a_user_that_may_not_hear_gateways_is_told_which_right_is_missing() -> None:
    denies = 'permissions: {subscribe: {deny: "device-connect.closed.gateway.>"}}'
    with NatsServer(f"authorization {{ users: [{{user: u, {denies}}}] }}\nno_auth_user: u") as server:
        async with rig(server.url, "closed") as it:
            await until(lambda: it.state.lag.denied, it.state.lag.changed)
            assert "device-connect.closed.gateway" in it.state.lag.denied
            it.state.link.set_state(it.link.state)
            said = nothing_to_draw(it.state, it.link.clock.now())
            assert said == f"Gateways cannot be heard. {it.state.lag.denied}"

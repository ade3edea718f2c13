"""A gateway on a real broker: what it lets in, what it refuses, and what it says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from fleetgui.backend.gateway.nodes import checked_node
from fleetgui.backend.gateway.notices import Notices
from fleetgui.link.errors import NoResponders, RequestTimeout
from fleetgui.policy.clock import ManualClock
from fleetgui.wire import rpc
from fleetgui.wire.codec import encode
from fleetgui.wire.gateway import BandChange, Describe, Engagement, Keepalive, Lag, gateway_message, validate
from tests.backend.gateway.rig import GATEWAY, ask, gateway, try_to_register
from tests.backend.links import Inbox, Party, party
from tests.backend.processes import until
from tests.backend.registry.samples import error, register
from tests.nats_server import NatsServer


def read(inbox: Inbox) -> list[Any]:
    """The messages in an inbox as the wire's own reader has them."""
    return [gateway_message(encode(body)) for _, body in inbox.messages]


def block_the_loop(seconds: float) -> None:
    """Compute, as a careless handler would."""
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        number += 1


# --- lag and band


async def test_lag_is_published_window_by_window_to_the_tenant(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as client:
        inbox = Inbox(client.link, "device-connect.*.gateway.*.lag")
        await client.link.flush()
        async with gateway(nats_server.url):
            await inbox.until(3)
    first, second, third, *_ = read(inbox)
    assert all(isinstance(each, Lag) for each in (first, second, third))
    assert [each.seq for each in (first, second, third)] == [1, 2, 3]
    assert (first.node, first.samples, first.window_ms, first.band) == ("gw-1", 10, 100, "normal")
    assert first.epoch == third.epoch
    assert 0 <= first.mean_ms <= first.max_ms
    assert {subject for subject, _ in inbox.messages} == {"device-connect.t.gateway.gw-1.lag"}


async def test_a_blocked_loop_raises_the_band_at_once_and_calm_lowers_it_by_one(nats_server: NatsServer) -> None:
    environ = {
        "LAG_SAMPLE_INTERVAL_MS": "500",
        "LAG_ELEVATED_MS": "700",
        "LAG_CRITICAL_MS": "1000",
        "LAG_RELEASE_SAMPLES": "3",
    }
    async with party(nats_server.url) as client, gateway(nats_server.url, environ=environ):
        changes = Inbox(client.link, "device-connect.t.gateway.gw-1.band")
        lag = Inbox(client.link, "device-connect.t.gateway.gw-1.lag")
        await client.link.flush()
        await lag.until(1)
        block_the_loop(2.0)
        await changes.until(2)
        rise, fall, *_ = read(changes)
        assert isinstance(rise, BandChange)
        assert (rise.from_band, rise.to_band, rise.seq) == ("normal", "critical", 1)
        assert rise.p99_ms >= 1000
        assert (fall.from_band, fall.to_band, fall.seq) == ("critical", "elevated", 2)
        # every window that was blocked shows it
        await until(lambda: len([each for each in read(lag) if each.max_ms >= 450]) >= 3, "three windows show it")


# --- the throttle over a real broker


async def test_in_warm_up_a_fleet_that_reconnects_twice_in_a_row_is_all_registered(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as client, gateway(nats_server.url) as running:
        refused = Inbox(client.link, "device-connect.*.gateway.*.throttle")
        for _ in range(3):
            data = await asyncio.gather(*(try_to_register(client, f"d{number:03}") for number in range(300)))
            assert data == [None] * 300
        await client.link.flush()
        assert len(running.gateway.registry.store) == 300
        assert refused.messages == []


async def test_twelve_tries_at_a_ceiling_of_eight_are_partly_refused_and_the_neighbour_gets_in(
    nats_server: NatsServer,
) -> None:
    async with (
        party(nats_server.url) as client,
        gateway(nats_server.url, environ={"RECONNECT_HARD_CEILING": "8"}, clock=ManualClock()) as running,
    ):
        mine = Inbox(client.link, "device-connect.t.gateway.gw-1.throttle")
        others = Inbox(client.link, "device-connect.other.gateway.>")
        await client.link.flush()
        outcomes = [await try_to_register(client, "storm") for _ in range(12)]
        assert outcomes[:8] == [None] * 8
        assert [data and data["reason"] for data in outcomes[8:]] == ["hard-ceiling"] + ["in-backoff"] * 3
        assert [data and (data["retry_after_ms"], data["level"]) for data in outcomes[8:]] == [
            (1000, 1),
            (2000, 2),
            (4000, 3),
            (8000, 4),
        ]
        assert await try_to_register(client, "neighbour") is None
        await mine.until(4)
        engagements = read(mine)
        assert all(isinstance(each, Engagement) for each in engagements)
        assert [each.seq for each in engagements] == [1, 2, 3, 4]
        assert [(each.observed, each.allowed) for each in engagements] == [(9, 8), (9, 5), (9, 5), (9, 5)]
        first = engagements[0]
        assert (first.device_id, first.warmup, first.band, first.window_ms, first.count) == (
            "storm",
            True,
            "normal",
            10_000,
            1,
        )
        assert [subject for subject, _ in others.messages if subject.endswith("throttle")] == []
        assert running.gateway.registry.counters.refused == 4


async def test_a_refused_registration_leaves_the_record_of_the_last_one_alone(nats_server: NatsServer) -> None:
    async with (
        party(nats_server.url) as client,
        gateway(nats_server.url, environ={"RECONNECT_HARD_CEILING": "1"}) as running,
    ):
        assert await try_to_register(client, "cam", device_ttl=100) is None
        assert await try_to_register(client, "cam", device_ttl=200) is not None
        record = running.gateway.registry.store.get("t", "cam")
        assert record is not None
        assert record.ttl == 100


async def test_refreshes_on_one_session_are_never_refused(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as client, gateway(nats_server.url, environ={"RECONNECT_HARD_CEILING": "2"}):
        assert {await try_to_register(client, "cam", session="s1") for _ in range(20)} == {None}


async def test_after_warm_up_the_rate_holds_and_the_backoff_ends(nats_server: NatsServer) -> None:
    clock = ManualClock()
    async with party(nats_server.url) as client, gateway(nats_server.url, clock=clock):
        clock.advance(30)
        outcomes = [await try_to_register(client, "cam") for _ in range(6)]
        assert outcomes[:5] == [None] * 5
        assert outcomes[5] is not None
        assert outcomes[5]["reason"] == "rate"
        clock.advance(10.5)
        assert await try_to_register(client, "cam") is None


async def test_a_storm_of_rejects_is_merged_and_every_one_is_counted(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as client, gateway(nats_server.url, environ={"RECONNECT_HARD_CEILING": "1"}):
        inbox = Inbox(client.link, "device-connect.t.gateway.gw-1.throttle")
        await client.link.flush()
        data = await asyncio.gather(*(try_to_register(client, "storm") for _ in range(401)))
        assert len([each for each in data if each is not None]) == 400
        await until(lambda: sum(each.count for each in read(inbox)) >= 400, "every reject is published")
        engagements = read(inbox)
        assert sum(each.count for each in engagements) == 400
        assert len(engagements) < 400
        assert [each.seq for each in engagements] == list(range(1, len(engagements) + 1))


# --- numbers, epochs, keepalives


async def test_a_keepalive_carries_the_last_numbers_of_the_tenant_it_goes_to(nats_server: NatsServer) -> None:
    async with (
        party(nats_server.url) as client,
        gateway(nats_server.url, environ={"RECONNECT_HARD_CEILING": "1"}) as running,
    ):
        mine = Inbox(client.link, "device-connect.t.gateway.gw-1.keepalive")
        theirs = Inbox(client.link, "device-connect.u.gateway.gw-1.keepalive")
        lag = Inbox(client.link, "device-connect.t.gateway.gw-1.lag")
        for _ in range(4):
            await try_to_register(client, "storm")
        assert running.gateway.notices.serve("u")
        await lag.until(1)
        running.gateway.notices.keepalive()
        await mine.until(1)
        await theirs.until(1)
        [one], [other] = read(mine), read(theirs)
        assert isinstance(one, Keepalive)
        assert (one.last.throttle, other.last.throttle, one.last.band) == (3, 0, 0)
        assert one.last.lag == other.last.lag >= 1
        assert one.epoch == running.gateway.notices.epoch


async def test_a_restart_changes_the_epoch_and_starts_the_numbers_anew(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as client:
        inbox = Inbox(client.link, "device-connect.t.gateway.gw-1.lag")
        await client.link.flush()
        for _ in range(2):
            async with gateway(nats_server.url):
                await inbox.until(len(inbox.messages) + 2)
    by_epoch: dict[str, list[int]] = {}
    for lag in read(inbox):
        by_epoch.setdefault(lag.epoch, []).append(lag.seq)
    assert len(by_epoch) == 2
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_epoch.values())


async def test_what_is_lost_with_the_link_leaves_a_gap_in_the_numbers(nats_server: NatsServer) -> None:
    async with gateway(nats_server.url) as running:
        nats_server.kill()
        await until(lambda: running.gateway.notices.unpublished > 0, "a message is lost")
        nats_server.start()
        async with party(nats_server.url) as client:
            inbox = Inbox(client.link, "device-connect.t.gateway.gw-1.lag")
            await inbox.until(1)
            assert read(inbox)[0].seq > 1


async def test_tenants_with_devices_are_told_too_and_stay_so(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as client, gateway(nats_server.url) as running:
        inbox = Inbox(client.link, "device-connect.newcomer.gateway.gw-1.lag")
        await client.ask("device-connect.newcomer.registry", register())
        await inbox.until(1)
        assert running.gateway.notices.tenants == ["newcomer", "t"]


async def test_tenants_that_cannot_be_addressed_or_are_too_many_are_not_told(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleetgui.backend.gateway.notices.MOST_TENANTS", 2)
    async with gateway(nats_server.url) as running:
        notices: Notices = running.gateway.notices
        assert not notices.serve("a b")
        assert notices.serve("u")
        assert not notices.serve("v")
        assert notices.serve("t")


# --- requests


async def test_describe_knows_every_replica_and_forgets_one_that_leaves() -> None:
    with NatsServer(jetstream=True) as broker:
        async with party(broker.url) as client, gateway(broker.url, "gw-1") as first:
            async with gateway(broker.url, "gw-2", {"RECONNECT_BASE_MAX": "7"}) as second:
                await until(lambda: second.gateway.notices.latest_lag is not None, "a window is closed")
                await second.gateway.nodes.refresh()
                await first.gateway.nodes.refresh()
                await second.gateway.nodes.refresh()
                for _ in range(6):  # whichever answers
                    described = validate(Describe, await ask(client, "describe"))
                    assert [node.node for node in described.nodes] == ["gw-1", "gw-2"]
                settings = described.nodes[1].settings
                assert (settings["RECONNECT_BASE_MAX"], settings["LAG_SAMPLE_INTERVAL_MS"]) == (7, 100)
                assert described.nodes[1].lag is not None
                assert described.nodes[1].epoch == second.gateway.notices.epoch
                await second.gateway.leave()
            await first.gateway.nodes.refresh()
            assert [node.node for node in first.gateway.nodes.all()] == ["gw-1"]


async def test_describe_answers_without_jetstream_from_what_it_knows_itself(nats_server: NatsServer) -> None:
    clock = ManualClock()
    async with party(nats_server.url) as client, gateway(nats_server.url, clock=clock):
        [node] = validate(Describe, await ask(client, "describe")).nodes
        assert (node.node, node.band) == ("gw-1", "normal")
        assert (node.started_at, node.warmup_until) == ("2026-11-21T00:00:00.000Z", "2026-11-21T00:00:30.000Z")


async def test_without_jetstream_history_is_an_error_and_everything_else_goes_on(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as client, gateway(nats_server.url):
        for method in ("lagHistory", "throttleHistory"):
            with pytest.raises(rpc.RpcError) as caught:
                await ask(client, method)
            assert caught.value.code == -32000
        assert await try_to_register(client, "cam") is None


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"", -32602),
        (b"{", -32602),
        (b"[]", -32602),
        (b"\xff", -32602),
        (b"[" * 50_000, -32602),
        (b'{"id":1}', -32601),
        (b'{"id":1,"method":"gateway/nope"}', -32601),
        (b'{"id":1,"method":"gateway/describe","params":[]}', -32602),
        (b'{"id":1,"method":"gateway/lagHistory","params":{"limit":0}}', -32602),
        (b'{"id":1,"method":"gateway/lagHistory","params":{"limit":-1}}', -32602),
        (b'{"id":1,"method":"gateway/lagHistory","params":{"limit":true}}', -32602),
        (b'{"id":1,"method":"gateway/lagHistory","params":{"limit":"5"}}', -32602),
        (b'{"id":1,"method":"gateway/lagHistory","params":{"limit":2.5}}', -32602),
        (b'{"id":1,"method":"gateway/lagHistory","params":{"since":5}}', -32602),
        (b'{"id":1,"method":"gateway/lagHistory","params":{"since":"yesterday"}}', -32602),
        (b'{"id":1,"method":"gateway/lagHistory","params":{"since":"@x"}}', -32602),
        (b'{"id":1,"method":"gateway/lagHistory","params":{"since":"@99999999999999999999999999"}}', -32602),
        (b'{"id":1,"method":"gateway/lagHistory","params":{"node":"*"}}', -32602),
        (b'{"id":1,"method":"gateway/lagHistory","params":{"node":5}}', -32602),
        (b'{"id":1,"method":"gateway/throttleHistory","params":{"device_id":5}}', -32602),
        (b'{"id":1,"method":"gateway/throttleHistory","params":{"device_id":""}}', -32602),
    ],
)
async def test_malformed_requests_are_answered_and_end_nothing(
    shared_nats_server: NatsServer, request_: bytes, code: int
) -> None:
    async with party(shared_nats_server.url) as client, gateway(shared_nats_server.url):
        assert error(await client.ask(GATEWAY, request_))[1] == code
        assert (await ask(client, "describe"))["nodes"]


async def test_nobody_answers_once_the_gateway_is_gone(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as client:
        async with gateway(nats_server.url):
            await ask(client, "describe")
        with pytest.raises(NoResponders):
            await _ask_for_ever(client)


async def _ask_for_ever(client: Party) -> None:
    """Until the broker, too, has heard that nobody listens any more; what it still delivered is never answered."""
    while True:
        with contextlib.suppress(RequestTimeout):
            await client.link.request("device-connect.t.gateway", rpc.request("gateway/describe", {}, "1"), timeout=0.5)


@pytest.mark.parametrize("node", ["", "a.b", "*", "gw 1", "cmd", "event", "heartbeat", "presence", "x" * 65, 5, None])
def test_a_gateway_cannot_be_called_anything(node: Any) -> None:
    with pytest.raises(ValueError, match="name"):
        checked_node(node)

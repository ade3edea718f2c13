"""History in JetStream: bounded, paged, cut to the broker's limit, and still there after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from fleetgui.backend.gateway.history import LAG_STREAM, THROTTLE_STREAM, Since, parse_since
from fleetgui.link.connection import Link
from fleetgui.policy.band import Band
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.throttle import Reject
from fleetgui.wire.gateway import LagHistory, ThrottleHistory, validate
from fleetgui.wire.times import rfc3339
from tests.backend.gateway.rig import Running, ask, gateway, try_to_register
from tests.backend.links import LIMIT_S, Party, party
from tests.backend.processes import until
from tests.nats_server import NatsServer


@pytest.fixture
def broker() -> Iterator[NatsServer]:
    with NatsServer(jetstream=True) as server:
        yield server


def engage(running: Running, device_id: str, count: int = 1, tenant: str = "t") -> None:
    """Let the gateway say that it refused the device `count` times, each a level higher."""
    for level in range(1, count + 1):
        reject = Reject("rate", 6, 5, 1000.0, level, 0.0, Band.NORMAL, False)
        running.gateway.notices.engagement(tenant, device_id, reject, 10_000, 1)


async def all_stored(running: Running) -> None:
    async with asyncio.timeout(LIMIT_S):
        await running.gateway.history.ready.wait()
        await running.gateway.history.stored()
    assert running.gateway.history.not_stored == 0


async def engagements(client: Party, **arguments: Any) -> ThrottleHistory:
    return validate(ThrottleHistory, await ask(client, "throttleHistory", arguments))


async def state(link: Link, stream: str) -> Any:
    return (await link.jetstream().stream_info(stream)).state


async def test_history_survives_a_restart_of_the_gateway_and_of_the_broker(broker: NatsServer) -> None:
    async with party(broker.url) as client:
        async with gateway(broker.url, environ={"RECONNECT_HARD_CEILING": "1"}) as first:
            for _ in range(3):
                await try_to_register(client, "storm")
            await until(lambda: first.gateway.notices.latest_lag is not None, "a window is closed")
            await all_stored(first)
            epoch = first.gateway.notices.epoch
        broker.stop()
        await until(lambda: not client.link.is_up, "the loss is noticed")
        broker.start()
        async with asyncio.timeout(LIMIT_S):
            await client.link.up()
        async with gateway(broker.url) as second:
            await all_stored(second)
            page = await engagements(client)
            assert [(each.epoch, each.seq, each.device_id) for each in page.engagements] == [
                (epoch, 1, "storm"),
                (epoch, 2, "storm"),
            ]
            assert page.next_since is None
            lag = validate(LagHistory, await ask(client, "lagHistory"))
            assert (lag.samples[0].epoch, lag.samples[0].seq) == (epoch, 1)
            assert second.gateway.notices.epoch != epoch


async def test_pages_follow_their_cursor_without_gap_or_repeat(broker: NatsServer) -> None:
    async with party(broker.url) as client, gateway(broker.url) as running:
        engage(running, "cam", 23)
        await all_stored(running)
        seen: list[int] = []
        since, sizes = None, []
        while True:
            page = await engagements(client, limit=10, since=since)
            seen += [each.seq for each in page.engagements]
            sizes.append(len(page.engagements))
            if (since := page.next_since) is None:
                break
        assert (seen, sizes) == (list(range(1, 24)), [10, 10, 3])
        exactly = await engagements(client, limit=23)
        assert (len(exactly.engagements), exactly.next_since) == (23, None)


async def test_filters_by_device_node_and_tenant(broker: NatsServer) -> None:
    async with (
        party(broker.url) as client,
        gateway(broker.url, "gw-1") as first,
        gateway(broker.url, "gw-2") as second,
    ):
        engage(first, "cam")
        engage(first, "a b/ö.*")
        engage(second, "cam")
        engage(first, "secret", tenant="other")
        await all_stored(first)
        await all_stored(second)

        async def found(**arguments: Any) -> list[tuple[str, str]]:
            return sorted((each.node, each.device_id) for each in (await engagements(client, **arguments)).engagements)

        assert await found() == [("gw-1", "a b/ö.*"), ("gw-1", "cam"), ("gw-2", "cam")]
        assert await found(device_id="cam") == [("gw-1", "cam"), ("gw-2", "cam")]
        assert await found(device_id="a b/ö.*") == [("gw-1", "a b/ö.*")]
        assert await found(node="gw-2") == [("gw-2", "cam")]
        assert await found(node="gw-3") == await found(device_id="secret") == []
        assert len((await ask(client, "throttleHistory", tenant="other"))["engagements"]) == 1


async def test_since_a_time_is_by_the_messages_own_time(broker: NatsServer) -> None:
    clock = ManualClock()
    async with party(broker.url) as client, gateway(broker.url, clock=clock) as running:
        clock.epoch = 1_000_000_000.0  # the broker's clock is years ahead of this
        for _ in range(5):
            engage(running, "cam")
            clock.epoch += 10
        await all_stored(running)
        page = await engagements(client, since=rfc3339(1_000_000_020.0), limit=2)
        assert [each.seq for each in page.engagements] == [3, 4]
        rest = await engagements(client, since=page.next_since)
        assert [each.seq for each in rest.engagements] == [5]
        assert (await engagements(client, since=rfc3339(1_000_000_040.001))).engagements == []
        assert (await engagements(client, since="2099-01-01T00:00:00Z")).engagements == []


async def test_replies_stay_under_the_brokers_limit() -> None:
    with NatsServer("max_payload: 4096", jetstream=True) as small:
        async with party(small.url) as client, gateway(small.url) as running:
            engage(running, "cam", 60)
            await all_stored(running)
            seen: list[int] = []
            since = None
            while True:
                page = await engagements(client, since=since)
                seen += [each.seq for each in page.engagements]
                assert 1 <= len(page.engagements) < 20
                if (since := page.next_since) is None:
                    break
            assert seen == list(range(1, 61))


async def test_the_streams_are_bounded_by_bytes(broker: NatsServer) -> None:
    environ = {"THROTTLE_HISTORY_MAX_BYTES": "30000", "LAG_HISTORY_MAX_BYTES": "30000"}
    async with party(broker.url) as client, gateway(broker.url, environ=environ) as running:
        await all_stored(running)
        engage(running, "cam", 500)
        await all_stored(running)
        throttle = await state(client.link, THROTTLE_STREAM)
        assert throttle.last_seq == 500
        assert 0 < throttle.messages < 500
        assert throttle.bytes <= 30_000
        page = await engagements(client, limit=5000)
        assert page.engagements[-1].seq == 500
        config = (await client.link.jetstream().stream_info(LAG_STREAM)).config
        assert (config.max_bytes, config.max_age) == (30_000, 3 * 86_400)


async def test_the_streams_are_bounded_by_age_which_may_be_a_fraction_of_a_day(broker: NatsServer) -> None:
    async with party(broker.url) as client:
        async with gateway(broker.url, environ={"LAG_TELEMETRY_RETENTION_DAYS": "0.00001"}) as running:
            engage(running, "cam", 10)
            await all_stored(running)

            async def pruned() -> None:
                while (await state(client.link, THROTTLE_STREAM)).messages:  # noqa: ASYNC110 - the broker tells nobody
                    await asyncio.sleep(0.05)

            async with asyncio.timeout(LIMIT_S):
                await pruned()
            assert (await engagements(client)).engagements == []
        # the next gateway may keep it for longer
        async with gateway(broker.url) as running:
            await all_stored(running)
            config = (await client.link.jetstream().stream_info(THROTTLE_STREAM)).config
            assert config.max_age == 3 * 86_400


async def test_a_broker_with_little_storage_gets_smaller_streams(caplog: pytest.LogCaptureFixture) -> None:
    limit = "jetstream { max_file_store: 40M }"
    with NatsServer(limit) as broker:
        async with party(broker.url) as client, gateway(broker.url) as running:
            await all_stored(running)
            sizes = [
                (await client.link.jetstream().stream_info(name)).config.max_bytes
                for name in (LAG_STREAM, THROTTLE_STREAM)
            ]
            assert all(size is not None and 0 < size < 128 * 1024 * 1024 for size in sizes)
            assert sum(size or 0 for size in sizes) <= 40 * 1024 * 1024
        await client.link.close()
    assert "trying half" in caplog.text


async def test_what_comes_while_the_broker_is_away_is_stored_once_it_is_back(broker: NatsServer) -> None:
    async with gateway(broker.url) as running:
        await all_stored(running)
        broker.kill()
        await until(lambda: not running.server.link.is_up, "the loss is noticed")
        engage(running, "cam", 20)
        broker.start()
        async with asyncio.timeout(LIMIT_S):
            await running.gateway.history.ready.wait()
            await running.gateway.history.stored()
        async with party(broker.url) as client:
            assert [each.seq for each in (await engagements(client)).engagements] == list(range(1, 21))


async def test_a_full_queue_counts_what_it_cannot_take(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleetgui.backend.gateway.history.MOST_WAITING", 5)
    async with gateway(nats_server.url) as running:  # a broker without JetStream
        engage(running, "cam", 50)
        assert running.gateway.history.not_stored >= 45


async def test_streams_deleted_behind_its_back_are_made_again(broker: NatsServer) -> None:
    async with party(broker.url) as client, gateway(broker.url) as running:
        await all_stored(running)
        engage(running, "cam")
        await all_stored(running)
        await client.link.jetstream().delete_stream(THROTTLE_STREAM)
        engage(running, "cam")
        await until(lambda: running.gateway.history.not_stored > 0, "the loss is counted")
        async with asyncio.timeout(LIMIT_S):
            await running.gateway.history.ready.wait()
        engage(running, "cam")
        await running.gateway.history.stored()
        assert [each.seq for each in (await engagements(client)).engagements] == [3]


@pytest.mark.parametrize(
    ("text", "since"),
    [
        (None, Since()),
        ("@7", Since(sequence=7)),
        ("@0", Since(sequence=1)),
        ("2026-11-21T00:00:00Z", Since(epoch=1_795_219_200.0)),
        ("2026-11-21T01:00:00+01:00", Since(epoch=1_795_219_200.0)),
        ("2026-11-21T00:00:00", Since(epoch=1_795_219_200.0)),
    ],
)
def test_since_is_a_time_or_a_cursor(text: str | None, since: Since) -> None:
    assert parse_since(text) == since

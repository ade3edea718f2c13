"""Who lives among the gateways: names are taken once, devices have one owner, and the dead are noticed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fleetgui.backend.gateway.replicas import DEAD_AFTER_S, NAMES, PULSES, NameTaken, Replicas
from fleetgui.policy.clock import ManualClock
from fleetgui.wire.codec import encode
from tests.backend.links import LIMIT_S, Party, party
from tests.backend.processes import until
from tests.nats_server import NatsServer

DEVICES = [f"device-{number:04}" for number in range(1_000)]


@asynccontextmanager
async def replica(url: str, node: str, started_at: float = 1.0) -> AsyncIterator[tuple[Replicas, Party, ManualClock]]:
    """One that hears and tells, by a clock of its own that stands still."""
    clock = ManualClock()
    async with party(url, node) as server:
        replicas = Replicas(server.link, clock, node, f"epoch of {node} from {started_at}", started_at)
        replicas.start()
        await server.link.flush()
        server.tasks.spawn(replicas.run(), name="pulse")
        yield replicas, server, clock


def shares(*replicas: Replicas) -> Counter[int]:
    """How many devices each owns; fails when one has two owners or none."""
    owners: Counter[int] = Counter()
    for device in DEVICES:
        [owner] = [number for number, each in enumerate(replicas) if each.owns("t", device)]
        owners[owner] += 1
    return owners


async def test_alone_it_owns_every_device(nats_server: NatsServer) -> None:
    async with replica(nats_server.url, "gw-1") as (one, _, _):
        assert one.live() == ["gw-1"]
        assert shares(one) == {0: len(DEVICES)}


async def test_every_device_has_one_owner_and_a_departure_moves_only_the_share_of_who_left(
    nats_server: NatsServer,
) -> None:
    url = nats_server.url
    async with replica(url, "gw-1") as (one, _, _), replica(url, "gw-2") as (two, _, _):
        async with replica(url, "gw-3") as (three, _, _):
            everybody = (one, two, three)
            await until(lambda: all(len(each.live()) == 3 for each in everybody), "all know all")
            before = shares(*everybody)
            assert all(250 < before[number] < 420 for number in range(3))
            kept = [device for device in DEVICES if one.owns("t", device)]
            three.leave()
            await until(lambda: len(one.live()) == len(two.live()) == 2, "the third has left")
        assert sum(shares(one, two).values()) == len(DEVICES)
        assert all(one.owns("t", device) for device in kept)


async def test_tenants_are_spread_apart(nats_server: NatsServer) -> None:
    async with replica(nats_server.url, "gw-1") as (one, _, _), replica(nats_server.url, "gw-2") as (two, _, _):
        await until(lambda: len(one.live()) == len(two.live()) == 2, "both know each other")
        assert [one.owns("t", each) for each in DEVICES] != [one.owns("u", each) for each in DEVICES]


async def test_one_that_falls_silent_is_dead_after_three_missing_pulses(nats_server: NatsServer) -> None:
    async with replica(nats_server.url, "gw-1") as (one, _, clock):
        async with replica(nats_server.url, "gw-2"):
            await until(lambda: one.live() == ["gw-1", "gw-2"], "it is heard")
        clock.advance(DEAD_AFTER_S)
        assert one.live() == ["gw-1", "gw-2"]
        clock.advance(0.001)
        assert one.live() == ["gw-1"]


async def test_a_late_farewell_of_a_dead_process_does_not_end_its_successor(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as other, replica(nats_server.url, "gw-1") as (one, _, _):
        pulse = {"node": "gw-2", "epoch": "new", "started_at": 2.0}
        other.link.send(f"{PULSES}.gw-2", encode(pulse))
        await until(lambda: one.live() == ["gw-1", "gw-2"], "it is heard")
        other.link.send(f"{PULSES}.gw-2", encode({**pulse, "epoch": "old", "leaving": True}))
        other.link.send(f"{PULSES}.gw-3", encode({**pulse, "node": "gw-3"}))
        await until(lambda: "gw-3" in one.live(), "what came after it is heard")
        assert one.live() == ["gw-1", "gw-2", "gw-3"]


async def test_a_name_that_is_free_may_be_had_and_one_that_is_taken_may_not(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as newcomer:
        mine = Replicas(newcomer.link, ManualClock(), "gw-1", "mine", 2.0)
        await mine.claim()
        async with replica(nats_server.url, "gw-1"):
            with pytest.raises(NameTaken, match=r"gw-1 runs here since 1970-01-01T00:00:01.000Z; .* --node"):
                await mine.claim()
        await until_free(mine)


async def until_free(replicas: Replicas) -> None:
    """Until the broker, too, has heard that the holder of the name is gone."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                return await replicas.claim()
            except NameTaken:
                await asyncio.sleep(0.02)


async def test_one_that_hangs_does_not_keep_its_name(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fleetgui.backend.gateway.replicas.CLAIM_WITHIN_S", 0.1)
    async with party(nats_server.url) as hung, party(nats_server.url) as newcomer:
        hung.link.subscribe(f"{NAMES}.gw-1", lambda _: None)
        await hung.link.flush()
        await Replicas(newcomer.link, ManualClock(), "gw-1", "mine", 2.0).claim()
    assert "does not answer" in caplog.text


async def test_nonsense_for_an_answer_is_no_free_name(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as odd, party(nats_server.url) as newcomer:
        odd.link.serve(f"{NAMES}.gw-1", "", lambda _: b"nonsense")
        await odd.link.flush()
        with pytest.raises(NameTaken, match="Something else answers"):
            await Replicas(newcomer.link, ManualClock(), "gw-1", "mine", 2.0).claim()


async def test_of_two_with_one_name_that_find_out_later_the_younger_ends(nats_server: NatsServer) -> None:
    async with (
        replica(nats_server.url, "gw-1", started_at=1.0) as (older, server, _),
        replica(nats_server.url, "gw-1", started_at=2.0) as (younger, _, _),
    ):
        async with asyncio.timeout(LIMIT_S):
            assert "gw-1 runs here since" in str(await younger.lost())
        await server.link.flush()
        assert not older._lost.done()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        b"[]",
        b"\xff",
        encode({"node": "a.b", "epoch": "e", "started_at": 1.0}),
        encode({"node": "x" * 65, "epoch": "e", "started_at": 1.0}),
        encode({"node": "gw-2", "epoch": "", "started_at": 1.0}),
        encode({"node": "gw-2", "epoch": "e", "started_at": "now"}),
        encode({"node": "gw-2", "epoch": "e"}),
        b'{"node":"gw-2","epoch":"e","started_at":1e999}',
    ],
)
async def test_pulses_that_are_none_are_counted(nats_server: NatsServer, data: bytes) -> None:
    async with party(nats_server.url) as other, replica(nats_server.url, "gw-1") as (one, _, _):
        other.link.send(f"{PULSES}.gw-2", data)
        await until(lambda: one.malformed == 1, "it is counted")
        assert one.live() == ["gw-1"]


async def test_a_start_outside_every_calendar_is_survived(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as other, replica(nats_server.url, "gw-1") as (one, _, _):
        other.link.send(f"{PULSES}.gw-1", encode({"node": "gw-1", "epoch": "e", "started_at": -1e300}))
        async with asyncio.timeout(LIMIT_S):
            assert "gw-1 runs here;" in str(await one.lost())


async def test_the_list_is_bounded(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleetgui.backend.gateway.replicas.MOST_REPLICAS", 2)
    async with party(nats_server.url) as other, replica(nats_server.url, "gw-1") as (one, _, _):
        for number in range(2, 6):
            name = f"gw-{number}"
            other.link.send(f"{PULSES}.{name}", encode({"node": name, "epoch": "e", "started_at": 1.0}))
        other.link.send(f"{PULSES}.x", b"")
        await until(lambda: one.malformed == 1, "all of it was heard")
        assert one.live() == ["gw-1", "gw-2", "gw-3"]

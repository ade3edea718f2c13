"""Who publishes: one at a time, the next one soon, and of two the one that began later."""

from __future__ import annotations

import asyncio

import pytest

from fleetgui.backend.topology import leader as module
from fleetgui.backend.topology.leader import ANSWERS, CLAIMS, Leadership
from fleetgui.policy.clock import ManualClock
from tests.backend.links import LIMIT_S, Party, party
from tests.backend.processes import until
from tests.nats_server import NatsServer


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_EVERY_S", 0.05)
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", 0.2)


async def elected(one: Party, since: float = 0.0) -> Leadership:
    """One that publishes from now on, by a clock of its own."""
    clock = ManualClock()
    clock.advance(since)
    leadership = Leadership(one.link, clock)
    async with asyncio.timeout(LIMIT_S):
        await leadership.won()
    await one.link.flush()
    return leadership


async def test_the_first_publishes_and_the_next_stands_by_until_it_is_gone(nats_server: NatsServer) -> None:
    async with party(nats_server.url, "second") as second:
        async with party(nats_server.url, "first") as first:
            await elected(first)
            waiting = Leadership(second.link, ManualClock())
            turn = second.tasks.spawn(waiting.won(), name="turn")
            async with asyncio.timeout(LIMIT_S):
                await waiting.waiting.wait()
            assert not turn.done()
        async with asyncio.timeout(LIMIT_S):
            await turn


async def test_one_that_resigns_makes_room_at_once(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as first, party(nats_server.url) as second:
        leadership = await elected(first)
        waiting = Leadership(second.link, ManualClock())
        turn = second.tasks.spawn(waiting.won(), name="turn")
        await asyncio.wait_for(waiting.waiting.wait(), LIMIT_S)
        leadership.resign()
        leadership.resign()
        await asyncio.wait_for(turn, LIMIT_S)


async def test_tenants_have_publishers_of_their_own(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as first, party(nats_server.url) as second:
        await elected(first)
        second.link.context = second.link.context.model_copy(update={"tenant": "other"})
        other = await elected(second)
        assert not other.waiting.is_set()


async def test_of_two_the_one_that_began_earlier_stops(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as first, party(nats_server.url) as second:
        one, two = Leadership(first.link, ManualClock()), Leadership(second.link, ManualClock(epoch=2e9))
        two._begin()  # as after a time in which the network had parted them
        one._begin()
        await asyncio.wait_for(one.lost(), LIMIT_S)
        one.resign()
        await second.link.flush()
        assert not two._lost.is_set()
        turn = first.tasks.spawn(one.won(), name="turn")
        await until(one.waiting.is_set, "it stands by")
        assert not turn.done()


async def test_the_earlier_one_learns_of_the_later_one_from_either(nats_server: NatsServer) -> None:
    """The later one hears a claim of the earlier one and answers it, without waiting for its own turn."""
    async with party(nats_server.url) as first, party(nats_server.url) as second:
        two = Leadership(second.link, ManualClock(epoch=2e9))
        two._begin()
        await second.link.flush()
        one = Leadership(first.link, ManualClock())
        one._begin()
        await asyncio.wait_for(one.lost(), LIMIT_S)


async def test_one_that_hangs_is_replaced(nats_server: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    async with party(nats_server.url) as hung, party(nats_server.url) as second:
        hung.link.subscribe(f"{ANSWERS}.default", lambda _: None)
        await hung.link.flush()
        await elected(second)
    assert "takes over" in caplog.text


@pytest.mark.parametrize("data", [b"", b"nonsense", b"{}", b'{"id":"","since":1}', b'{"id":"x","since":1e999}'])
async def test_claims_that_are_none_are_counted(nats_server: NatsServer, data: bytes) -> None:
    async with party(nats_server.url) as first, party(nats_server.url) as odd:
        leadership = await elected(first)
        odd.link.send(f"{CLAIMS}.default", data)
        await until(lambda: leadership.malformed == 1, "it is counted")
        assert not leadership._lost.is_set()


async def test_after_a_restart_of_the_broker_one_is_left(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLAIM_EVERY_S", 0.1)
    async with party(nats_server.url) as first, party(nats_server.url) as second:
        publishing: set[str] = set()

        async def hold(name: str, one: Party, since: float) -> None:
            leadership = Leadership(one.link, ManualClock(epoch=since))
            one.tasks.spawn(leadership.keep(), name="claim")
            while True:
                await leadership.won()
                publishing.add(name)
                await leadership.lost()
                publishing.discard(name)
                leadership.resign()

        first.tasks.spawn(hold("first", first, 1e9), name="first")
        await until(lambda: publishing == {"first"}, "the first publishes")
        second.tasks.spawn(hold("second", second, 2e9), name="second")
        for restarts in range(1, 4):
            nats_server.restart()
            await until_back(first, restarts)
            await until_back(second, restarts)
            await until(lambda: len(publishing) == 1, "one publishes")
            assert await first.ask(f"{ANSWERS}.default", b"{}")


async def until_back(one: Party, reconnects: int) -> None:
    await until(lambda: one.link.state.reconnects == reconnects, "it is back")

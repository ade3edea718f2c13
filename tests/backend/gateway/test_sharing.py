"""Several gateways on one broker hold a device to one throttle; what they tell each other cannot hurt them."""

from __future__ import annotations

from typing import Any

import pytest

from fleetgui.backend.gateway.sharing import SUBJECT, Sharing
from fleetgui.policy.band import Band
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.settings import ThrottleSettings
from fleetgui.policy.throttle import Key, Outcome, Throttle
from fleetgui.wire.codec import encode
from tests.backend.gateway.rig import gateway, try_to_register
from tests.backend.links import Inbox, Party, party
from tests.backend.processes import until
from tests.nats_server import NatsServer

CAM: Key = ("t", "cam")

TOLD = {"epoch": "e", "tenant": "t", "device_id": "cam", "hit": True, "observed": 1, "level": 0}


async def test_a_ceiling_of_eight_is_eight_whichever_gateway_answers(nats_server: NatsServer) -> None:
    ceiling = {"RECONNECT_HARD_CEILING": "8"}
    async with (
        party(nats_server.url) as client,
        gateway(nats_server.url, "gw-1", ceiling) as one,
        gateway(nats_server.url, "gw-2", ceiling) as two,
        gateway(nats_server.url, "gw-3", ceiling) as three,
    ):
        running = [one.gateway, two.gateway, three.gateway]
        outcomes = [await try_to_register(client, "storm") for _ in range(60)]
        assert outcomes[:8] == [None] * 8
        assert [data and data["reason"] for data in outcomes[8:]] == ["hard-ceiling"] + ["in-backoff"] * 51
        # as one gateway would have: the level rises with every try, whoever refuses it
        assert [data and data["level"] for data in outcomes[8:]] == [*range(1, 11), *[10] * 42]
        assert await try_to_register(client, "neighbour") is None
        told = [each.sharing.counters.told for each in running]
        assert sum(told) == 61
        assert min(told) > 0, "the broker has spread the tries over all of them"
        for party_ in (one, two, three):
            await party_.server.link.flush()
        assert [each.sharing.counters.adopted for each in running] == [61 - mine for mine in told]
        assert {each.throttle.level(CAM[:1] + ("storm",)) for each in running} == {10}


async def test_a_gateway_that_joins_has_its_own_warm_up_and_learns_of_blocks_with_the_next_try(
    nats_server: NatsServer,
) -> None:
    clock = ManualClock()
    async with party(nats_server.url) as client, gateway(nats_server.url, "gw-1", clock=clock) as old:
        clock.advance(30)
        for _ in range(9):
            await try_to_register(client, "storm")
        assert old.gateway.throttle.level(("t", "storm")) == 4
        async with gateway(nats_server.url, "gw-2", clock=clock) as new:
            assert new.gateway.throttle.warmup_until_ms == (clock.now() + 30) * 1000
            assert len(new.gateway.throttle) == 0
            outcomes = [await try_to_register(client, "storm") for _ in range(40)]
            assert outcomes[-1] is not None
            assert outcomes[-1]["reason"] == "in-backoff"
            await new.server.link.flush()
            assert new.gateway.throttle.blocked(("t", "storm"), clock.now() * 1000)


async def test_a_device_blocked_by_one_gateway_is_pulled_by_none(nats_server: NatsServer) -> None:
    once = {"RECONNECT_HARD_CEILING": "1"}
    async with (
        party(nats_server.url) as client,
        gateway(nats_server.url, "gw-1", once) as one,
        gateway(nats_server.url, "gw-2", once) as two,
    ):
        for _ in range(3):
            await try_to_register(client, "storm")
        for running in (one, two):
            await running.server.link.flush()
            assert not running.gateway._gate.may_pull("t", "storm")


async def test_it_is_told_outside_every_tenant_and_before_the_answer(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as client, gateway(nats_server.url):
        told = Inbox(client.link, SUBJECT)
        await client.link.flush()
        assert await try_to_register(client, "cam", session="s1") is None
        # in the order in which the broker passes messages to one client
        assert [body for _, body in told.messages if body["device_id"] == "cam"]
        assert not SUBJECT.startswith("device-connect.")


async def test_a_refresh_is_told_to_nobody(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as client, gateway(nats_server.url) as running:
        for _ in range(5):
            assert await try_to_register(client, "cam", session="s1") is None
        assert running.gateway.sharing.counters.told == 1


class Rig:
    """One side of the sharing, and somebody else who may say anything on its subject."""

    def __init__(self, server: Party) -> None:
        self.clock = ManualClock()
        self.throttle = Throttle(ThrottleSettings(), self.clock.now() * 1000)
        self.sharing = Sharing(server.link, self.throttle, self.clock, "mine")
        self.sharing.start()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 50_000,
        b"{}",
        encode({**TOLD, "level": -1}),
        encode({**TOLD, "level": "5"}),
        encode({**TOLD, "observed": 1.5}),
        encode({**TOLD, "hit": 1}),
        encode({**TOLD, "blocked_ms": -5}),
        encode({**TOLD, "calm_ms": "long"}),
        encode({**TOLD, "device_id": ""}),
        encode({**TOLD, "device_id": 7}),
        encode({**TOLD, "tenant": "t" * 300}),
        encode({**TOLD, "session": "s" * 300}),
        encode({**TOLD})[:-1] + b',"blocked_ms":1e999}',
        encode({**TOLD})[:-1] + b',"blocked_ms":NaN}',
        encode({**TOLD})[:-1] + b',"level":99999999999999999999999}',
    ],
)
async def test_what_does_not_fit_is_counted_and_changes_nothing(shared_nats_server: NatsServer, data: bytes) -> None:
    async with party(shared_nats_server.url) as server, party(shared_nats_server.url) as other:
        rig = Rig(server)
        await server.link.flush()
        other.link.send(SUBJECT, data)
        other.link.send(SUBJECT, encode({**TOLD, "device_id": "after", "a field of the future": 1}))
        await until(lambda: rig.sharing.counters.adopted == 1, "what came after it is taken in")
        assert rig.sharing.counters.malformed == 1
        assert len(rig.throttle) == 1


async def test_the_worst_that_can_be_told_blocks_no_longer_than_this_gateway_would(
    shared_nats_server: NatsServer,
) -> None:
    worst: dict[str, Any] = {**TOLD, "level": 2**53, "observed": 2**53, "blocked_ms": 1e300, "calm_ms": 1e300}
    async with party(shared_nats_server.url) as server, party(shared_nats_server.url) as other:
        rig = Rig(server)
        await server.link.flush()
        other.link.send(SUBJECT, encode(worst))
        await until(lambda: rig.sharing.counters.adopted == 1, "it is taken in")
        now = rig.clock.now() * 1000
        assert rig.throttle.blocked(CAM, now + 59_999)
        assert not rig.throttle.blocked(CAM, now + 60_000)
        assert rig.throttle.level(CAM) == 10


async def test_its_own_words_are_not_heard_again(shared_nats_server: NatsServer) -> None:
    async with party(shared_nats_server.url) as server:
        rig = Rig(server)
        now = rig.clock.now() * 1000
        rig.sharing.decided(CAM, rig.throttle.check(CAM, now, Band.NORMAL), now)
        await server.link.flush()
        assert (rig.sharing.counters.told, rig.sharing.counters.adopted) == (1, 0)
        assert rig.throttle.outcome(CAM, rig.throttle.check(CAM, now, Band.NORMAL), now) == Outcome(
            True, 2, 0, 0.0, None, None
        )


async def test_without_a_broker_it_is_counted_and_the_decision_stands(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as server:
        rig = Rig(server)
        nats_server.kill()
        await until(lambda: not server.link.is_up, "the link is down")
        now = rig.clock.now() * 1000
        rig.sharing.decided(CAM, rig.throttle.check(CAM, now, Band.NORMAL), now)
        assert (rig.sharing.counters.told, rig.sharing.counters.untold) == (0, 1)

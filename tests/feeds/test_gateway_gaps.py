"""A gap in what gateways publish is read again from their history, and only what is not there either is lost."""

from __future__ import annotations

import json

from fleetgui.link.messages import Message
from fleetgui.wire import rpc
from tests.feeds.test_gateway import history_of, rig
from tests.nats_server import NatsServer
from tests.waiting import until


async def test_history_closes_a_gap_among_live_samples(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "healed") as here:
        service = here.link.serve(here.subjects.gateway, "gateway", history_of(here, range(1, 21), 6))
        await here.publish("lag", here.lag(10))
        await here.publish("lag", here.lag(20))
        await until(lambda: here.state.lag.samples == 20, here.state.lag.changed)
        assert here.state.ledger.total == 0
        assert here.state.lag.node("gw-1").lost == 0
        assert here.state.lag.curves("gw-1").gaps == []
        service.close()


async def test_what_history_does_not_have_either_stays_lost(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "half-healed") as here:
        service = here.link.serve(here.subjects.gateway, "gateway", history_of(here, range(1, 16), 6))
        await here.publish("lag", here.lag(10))
        await here.publish("lag", here.lag(20))
        await until(lambda: here.state.lag.samples == 16, here.state.lag.changed)
        assert here.state.ledger.count("gateway gw-1", "sequence gap") == 4
        service.close()


async def test_a_second_reading_starts_at_what_is_known(shared_nats_server: NatsServer) -> None:
    asked: list[dict[str, object]] = []
    async with rig(shared_nats_server.url, "since") as here:
        answer = history_of(here, range(1, 41), 100)

        def spy(message: Message) -> bytes:
            asked.append(json.loads(message.data))
            reply: bytes = answer(message)
            return reply

        service = here.link.serve(here.subjects.gateway, "gateway", spy)
        here.feed.link_came_up()
        await until(lambda: here.state.lag.samples == 40, here.state.lag.changed)
        await here.publish("lag", here.lag(41))
        await until(lambda: here.state.lag.samples == 41, here.state.lag.changed)
        first = [each["params"] for each in asked if each["method"] == "gateway/lagHistory"]
        known_until = here.feed._known_until()
        assert known_until == here.start + 41 - 10
        assert first[0]["since"] < here.lag(1)["ts"]  # type: ignore[index]  # decoded JSON
        service.close()


async def test_a_pointer_that_comes_again_ends_the_reading(shared_nats_server: NatsServer) -> None:
    pages = 0

    async with rig(shared_nats_server.url, "loop") as here:

        def stuck(message: Message) -> bytes:
            nonlocal pages
            request = json.loads(message.data)
            if request["method"] == "gateway/describe":
                return rpc.result(request["id"], {"nodes": []})
            if request["method"] == "gateway/throttleHistory":
                return rpc.result(request["id"], {"engagements": [], "next_since": None})
            pages += 1
            return rpc.result(request["id"], {"samples": [here.lag(pages)], "next_since": "@7"})

        service = here.link.serve(here.subjects.gateway, "gateway", stuck)
        here.feed.link_came_up()
        await until(lambda: here.state.lag.samples == 2, here.state.lag.changed)
        await here.publish("lag", here.lag(3))
        await until(lambda: here.state.lag.samples == 3, here.state.lag.changed)
        assert pages == 2
        service.close()


async def test_a_message_on_another_gateways_subject_is_malformed(shared_nats_server: NatsServer) -> None:
    async with rig(shared_nats_server.url, "impostor") as here:
        subject = here.subjects.gateway_node("gw-9", "lag")
        await here.link.publish(subject, rpc.notification("gateway/lag", here.lag(1)))
        await here.publish("lag", here.lag(1))
        await until(lambda: here.state.lag.samples == 1, here.state.lag.changed)
        assert here.feed.malformed == 1
        assert set(here.state.lag.nodes) == {"gw-1"}


async def test_a_gateway_whose_history_is_not_there_yet_is_asked_again(shared_nats_server: NatsServer) -> None:
    """After a broker's restart the console may be back before the gateway has found its streams."""
    refusals = 0

    async with rig(shared_nats_server.url, "notyet") as here:
        answer = history_of(here, range(1, 21), 100)

        def later(message: Message) -> bytes:
            nonlocal refusals
            request = json.loads(message.data)
            if request["method"] == "gateway/lagHistory" and refusals == 0:
                refusals += 1
                return rpc.error(request["id"], rpc.FAILED, "history cannot be read now: no stream")
            reply: bytes = answer(message)
            return reply

        service = here.link.serve(here.subjects.gateway, "gateway", later)
        here.feed.link_came_up()
        await until(lambda: here.state.lag.samples == 20, here.state.lag.changed)
        assert refusals == 1
        assert [entry.text for entry in here.state.journal.entries] == []
        service.close()


async def test_history_that_is_stored_after_it_was_read_is_read_again(shared_nats_server: NatsServer) -> None:
    """A gateway stores what it publishes a moment later: a gap is looked for once more before it stays lost."""
    reads = 0

    async with rig(shared_nats_server.url, "stored-late") as here:

        def growing(message: Message) -> bytes:
            nonlocal reads
            reads += json.loads(message.data)["method"] == "gateway/lagHistory"
            reply: bytes = history_of(here, range(1, 11) if reads < 2 else range(1, 21), 100)(message)
            return reply

        service = here.link.serve(here.subjects.gateway, "gateway", growing)
        await here.publish("lag", here.lag(10))
        await here.publish("lag", here.lag(20))
        await until(lambda: here.state.lag.samples == 20, here.state.lag.changed)
        assert here.state.ledger.total == 0
        service.close()

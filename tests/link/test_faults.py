"""Brokers that die, hang, come late, say no, or are many: what the link does then (C1 to C6 and C8)."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace

import psutil
import pytest
from pydantic import SecretStr

from fleetgui.link.context import Context
from fleetgui.link.credentials import Token, UserPassword
from fleetgui.link.errors import NoResponders, OutcomeUnknown
from fleetgui.link.retries import Retries
from fleetgui.link.settings import LinkSettings
from fleetgui.policy.freshness import link_limits
from fleetgui.policy.states import LinkPhase, State
from tests.link.conftest import QUICK, Links, asking, phase, until, within
from tests.link.fake_server import FakeServer
from tests.nats_server import NatsServer


async def test_c1_a_killed_broker_that_comes_back(links: Links, nats_server: NatsServer) -> None:
    unpinged = replace(QUICK, ping_interval=3_600)  # so that nothing but the connection's own end tells
    link = await links.up(nats_server.url, settings=unpinged)
    up = link.state
    assert (up.server, up.server_name, up.reconnects, up.lost_at) == (nats_server.url, "test", 0, None)
    links.clock.advance(10)
    nats_server.kill()
    down = await phase(link, LinkPhase.RECONNECTING)
    assert (down.since, down.lost_at, down.rtt_ms) == (links.clock.now(), links.clock.now(), None)
    assert down.error is not None
    assert nats_server.where in down.error
    assert down.state is State.STALE
    await until(lambda: link.state.attempt >= 2, link)
    links.clock.advance(3)
    nats_server.start()
    back = await phase(link, LinkPhase.UP)
    assert (back.reconnects, back.attempt, back.error, back.lost_at) == (1, 0, None, None)
    assert back.since == links.clock.now()
    assert link.footprint.connections == 1
    assert [each["name"] for each in nats_server.connections()] == [link._supervisor._name]


async def test_c2_a_broker_that_hangs_is_noticed_by_its_silence(links: Links, nats_server: NatsServer) -> None:
    link = await links.up(nats_server.url)
    link.subscribe("c2", lambda message: None)
    waiting = asking(link, "c2")
    nats_server.suspend()
    state = await phase(link, LinkPhase.RECONNECTING)
    assert state.error is not None
    assert "pings unanswered" in state.error
    with pytest.raises(OutcomeUnknown):
        await within(waiting)
    nats_server.resume()
    await within(link.up())
    await until(lambda: len(nats_server.connections()) == 1)


def test_c2_the_defaults_give_a_silent_broker_three_pings() -> None:
    settings = LinkSettings()
    assert settings.ping_interval * (settings.max_outstanding_pings + 1) <= 3 * settings.ping_interval
    assert settings.ping_interval <= 5


def test_c1_c4_the_defaults_are_back_within_three_seconds_of_the_broker() -> None:
    settings = LinkSettings()
    longest_pause = settings.max_backoff * 1.2  # with its jitter
    assert longest_pause + 0.5 <= 3.0
    retries = Retries(settings)
    pauses = [retries.pause(float(number), refused=False, lived=0.0, servers=1) for number in range(50)]
    assert max(pauses) <= settings.max_backoff


def test_c8_the_other_server_is_tried_at_once() -> None:
    retries = Retries(LinkSettings())
    assert retries.pause(0.0, refused=False, lived=0.0, servers=2) == 0.0


def test_c2_a_hung_broker_is_late_on_the_screen_before_it_is_given_up() -> None:
    settings = LinkSettings()
    limits = link_limits(settings.ping_interval)
    given_up_after = settings.ping_interval * (settings.max_outstanding_pings + 1)
    assert limits.late < given_up_after <= limits.stale <= 3 * settings.ping_interval + 1


async def test_c3_many_reconnects_leave_nothing_behind(links: Links, nats_server: NatsServer) -> None:
    link = await links.up(nats_server.url)
    for number in range(5):
        link.subscribe(f"c3.{number}", lambda message: None)
    await within(link.flush())
    process = psutil.Process()
    tasks, descriptors = sorted(links.tasks.names), process.num_fds()
    gc.collect()
    memory = process.memory_info().rss
    for number in range(1, 51):
        link.reconnect_now()
        await until(lambda number=number: link.state.reconnects == number, link)  # type: ignore[misc]  # bound late otherwise
        await within(link.up())
    await within(link.flush())
    await until(lambda: sorted(links.tasks.names) == tasks)
    assert process.num_fds() == descriptors
    gc.collect()
    assert process.memory_info().rss - memory < 20 * 2**20
    (connection,) = nats_server.connections()
    assert connection["subscriptions"] == 6


async def test_c4_no_broker_at_the_start(links: Links, nats_server: NatsServer) -> None:
    nats_server.kill()
    link = links.make(nats_server.url)
    link.start()
    assert link.state.phase is LinkPhase.CONNECTING
    await until(lambda: link.state.attempt >= 2, link)
    assert link.state.phase is LinkPhase.CONNECTING
    assert link.state.error == f"Nothing listens at {nats_server.where}."
    assert link.state.state is State.UNKNOWN
    nats_server.start()
    await within(link.up())
    assert link.state.reconnects == 0


async def test_c4_an_unknown_name_is_said_to_be_one(links: Links) -> None:
    link = links.make("nats://nowhere.invalid:4222")
    link.start()
    await until(lambda: link.state.error, link)
    assert "nowhere.invalid:4222 cannot be resolved" in str(link.state.error)


USERS = 'authorization { users = [ {user: "a", password: "right"} ] }'


async def test_c5_wrong_credentials_are_refused_with_a_reason_and_tried_slowly(links: Links) -> None:
    with NatsServer(USERS) as server:
        wrong = Context(servers=(server.url,), credentials=UserPassword(user="a", password=SecretStr("wrong-secret")))
        at_once = replace(QUICK, refused_pause=3_600, first_backoff=0.0, max_backoff=0.0, stable_after=5.0)
        link = links.make(wrong, settings=at_once)
        link.start()
        state = await phase(link, LinkPhase.REFUSED)
        right = Context(servers=(server.url,), credentials=UserPassword(user="a", password=SecretStr("right")))
        for _ in range(20):  # time in which it would have come again
            await within((await links.up(right)).flush())
        assert "Authorization Violation" in str(state.error)
        assert "check the user, token or credentials" in str(state.error)
        assert "wrong-secret" not in repr(links.history)
        assert state.state is State.FAILED
        assert link.state.attempt == 1
        link.reconnect_now()
        await until(lambda: link.state.attempt == 2, link)
        assert link.state.phase is LinkPhase.REFUSED


async def test_c5_revoked_while_connected_then_granted_again(links: Links) -> None:
    with NatsServer(USERS) as server:
        right = Context(servers=(server.url,), credentials=UserPassword(user="a", password=SecretStr("right")))
        link = await links.up(right)
        server.config = USERS.replace("right", "changed")
        server.reload()
        state = await phase(link, LinkPhase.REFUSED)
        assert "refused us" in str(state.error)
        assert not link.is_up
        server.config = USERS
        server.reload()
        await phase(link, LinkPhase.UP)


async def test_c5_a_token_and_no_credentials_where_some_are_needed(links: Links) -> None:
    with NatsServer('authorization { token: "tok" }') as server:
        link = await links.up(Context(servers=(server.url,), credentials=Token(token=SecretStr("tok"))))
        assert link.is_up
        bare = links.make(server.url)
        bare.start()
        await phase(bare, LinkPhase.REFUSED)


async def test_c6_an_error_that_ends_the_connection_is_shown_and_survived(links: Links) -> None:
    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.welcome(reader, writer)
        if server.connections <= 3:
            await server.read_until(reader, b"PING\r\n")
            writer.write(b"-ERR 'maximum subscriptions exceeded'\r\n")

    async with FakeServer(talk) as server:
        link = await links.up(f"nats://{server.where}")
        await until(lambda: link.state.reconnects == 3, link)
        reasons = {state.error for state in links.history if state.phase is LinkPhase.RECONNECTING}
        assert reasons == {f"The broker at {server.where} ended the connection: maximum subscriptions exceeded."}
        assert server.connections == 4
        await link.close()


async def test_c6_the_real_brokers_limit_of_subscriptions(links: Links) -> None:
    with NatsServer("max_subscriptions: 3") as server:
        link = await links.up(server.url)
        made = [link.subscribe(f"c6.{number}", lambda message: None) for number in range(5)]
        state = await phase(link, LinkPhase.RECONNECTING)
        assert "maximum subscriptions" in str(state.error).lower()
        for subscription in made[1:]:
            subscription.close()
        await within(link.up())
        assert await within(link.flush()) > 0


async def test_c8_two_servers_and_the_first_dies(links: Links, nats_server: NatsServer) -> None:
    with NatsServer() as second:
        link = await links.up(Context(servers=(nats_server.url, second.url)), settings=replace(QUICK, max_backoff=60.0))
        seen: list[bytes] = []
        link.subscribe("c8", lambda message: seen.append(message.data))
        assert link.state.server == nats_server.url
        nats_server.kill()
        await until(lambda: link.state.server == second.url and link.is_up, link)
        link.send("c8", b"here")
        await within(link.flush())
        assert seen == [b"here"]
        second.kill()
        nats_server.start()
        await until(lambda: link.state.server == nats_server.url and link.is_up, link)
        assert link.state.reconnects == 2


async def test_c8_the_others_of_a_cluster_are_learnt(links: Links) -> None:
    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"connect_urls":["%b"]}\r\n' % other.where.encode())
        await server.read_until(reader, b"PING\r\n")
        writer.write(b"PONG\r\n")
        await server.read_until(reader, b"PING\r\n")
        if server.connections > 0:
            writer.close()

    with NatsServer() as other:
        async with FakeServer(talk) as server:
            link = await links.up(f"nats://{server.where}")
            await until(lambda: link.state.server == other.url and link.is_up, link)
            await link.close()


async def test_a_connection_asked_to_be_made_anew_is(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    link.reconnect_now()
    assert link.state.phase is LinkPhase.RECONNECTING
    assert "somebody asked" in str(link.state.error)
    await until(lambda: link.state.reconnects == 1, link)


async def test_hurry_ends_a_pause(links: Links, nats_server: NatsServer) -> None:
    nats_server.kill()
    link = links.make(nats_server.url, settings=replace(QUICK, first_backoff=3_600, max_backoff=3_600))
    link.start()
    await until(lambda: link.state.attempt == 1, link)
    nats_server.start()
    link.reconnect_now()
    await within(link.up())


async def test_a_reading_task_that_somebody_kills_is_a_lost_connection(
    links: Links, shared_nats_server: NatsServer
) -> None:
    link = await links.up(shared_nats_server.url)
    live = link._live
    assert live is not None
    reading = live.client._reading_task
    assert reading is not None
    reading.cancel()
    await until(lambda: link.state.reconnects == 1, link)
    await within(link.flush())


async def test_round_trips_are_measured_again_and_again(links: Links, shared_nats_server: NatsServer) -> None:
    link = await links.up(shared_nats_server.url)
    await until(lambda: len({state.rtt_ms for state in links.history}) >= 4, link)
    assert link.state.rtt_ms is not None
    assert 0 < link.state.rtt_ms < 20_000


# Closing, in every state


async def test_close_before_the_start_and_twice(links: Links) -> None:
    link = links.make("nats://127.0.0.1:1")
    await link.close()
    await link.close()
    assert link.state.phase is LinkPhase.CLOSED
    link.start()
    assert links.tasks.names == []


async def test_close_while_up_sends_what_was_published(links: Links, shared_nats_server: NatsServer) -> None:
    other = await links.up(shared_nats_server.url)
    seen: list[bytes] = []
    other.subscribe("close.last", lambda message: seen.append(message.data))
    await within(other.flush())
    link = await links.up(shared_nats_server.url)
    link.send("close.last", b"words")
    await within(link.close())
    await until(lambda: seen)
    assert seen == [b"words"]


async def test_after_a_close_the_broker_knows_that_nobody_answers(links: Links, nats_server: NatsServer) -> None:
    asking = await links.up(nats_server.url)
    for _ in range(20):
        service = await links.up(nats_server.url)
        service.serve("gone.service", "q", lambda message: b"here")
        await within(service.flush())
        assert await within(asking.request("gone.service", b"", timeout=10)) == b"here"
        await within(service.close())
        with pytest.raises(NoResponders):
            await within(asking.request("gone.service", b"", timeout=10))


async def test_close_at_every_moment_of_connecting(links: Links, shared_nats_server: NatsServer) -> None:
    for turns in range(60):
        link = links.make(shared_nats_server.url)
        link.start()
        for _ in range(turns):
            await asyncio.sleep(0.0002 if turns % 2 else 0)
        await within(link.close())
        assert link.state.phase is LinkPhase.CLOSED
    await until(lambda: links.tasks.names == [])


async def test_close_while_a_broker_greets_nobody(links: Links) -> None:
    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pass

    async with FakeServer(talk) as server:
        link = links.make(f"nats://{server.where}", settings=replace(QUICK, connect_timeout=3_600))
        link.start()
        await until(lambda: server.connections)
        await within(link.close())


async def test_close_with_a_hung_broker_and_unsent_bytes(links: Links, nats_server: NatsServer) -> None:
    link = await links.up(nats_server.url, settings=replace(QUICK, close_within=0.1))
    nats_server.suspend()
    for _ in range(10):
        link.send("unsent", bytes(1_000_000))
    await within(link.close())
    nats_server.resume()


async def test_close_while_reconnecting_and_while_refused(links: Links, nats_server: NatsServer) -> None:
    link = await links.up(nats_server.url)
    nats_server.kill()
    await phase(link, LinkPhase.RECONNECTING)
    await within(link.close())
    with NatsServer(USERS) as server:
        refused = links.make(server.url, settings=replace(QUICK, refused_pause=3_600))
        refused.start()
        await phase(refused, LinkPhase.REFUSED)
        await within(refused.close())
        assert refused.state.phase is LinkPhase.CLOSED


async def test_a_broker_that_does_not_greet_is_given_up_and_said(links: Links) -> None:
    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pass

    async with FakeServer(talk) as server:
        link = links.make(f"nats://{server.where}", settings=replace(QUICK, connect_timeout=0.05))
        link.start()
        await until(lambda: link.state.attempt >= 2, link)
        assert link.state.error == f"The broker at {server.where} does not answer."
        await link.close()

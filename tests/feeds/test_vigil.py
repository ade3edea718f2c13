"""What only time tells: silence, a held loop, a suspend. On a clock that stands still, over a real broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fleetgui.feeds.vigil import CONSOLE, FROZEN_S, LOOK_S, MACHINE, Vigil
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.freshness import GRACE_S
from fleetgui.policy.states import LinkPhase, State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.ledger import Cause
from fleetgui.stores.sources import LINK
from tests.link.conftest import QUICK, until
from tests.nats_server import NatsServer

SILENT = QUICK.ping_interval * 2 + GRACE_S


@dataclass
class Rig:
    link: Link
    state: ConsoleState
    clock: ManualClock
    vigil: Vigil

    @property
    def lines(self) -> list[str]:
        return [f"{entry.source}: {entry.text}" for entry in self.state.journal.entries]


@asynccontextmanager
async def rig(server: NatsServer) -> AsyncIterator[Rig]:
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    clock, state = ManualClock(), ConsoleState()
    link = Link(Context(servers=(server.url,)), clock=clock, name="test", tasks=tasks, settings=QUICK)
    vigil = Vigil(link, state, clock, tasks)

    def changed(_: object) -> None:
        state.link.set_state(link.state)
        vigil.link_changed()

    link.state_changed.connect(changed)
    link.start()
    await link.up()
    try:
        yield Rig(link, state, clock, vigil)
    finally:
        assert await tasks.cancel() == []
        await link.close()
    assert failures == []


async def test_a_broker_that_hangs_is_late_before_anybody_gives_it_up(nats_server: NatsServer) -> None:
    async with rig(nats_server) as here:
        await here.link.flush()
        nats_server.suspend()
        here.clock.advance(SILENT + 0.01)
        here.vigil.look()
        assert here.link.state.phase is LinkPhase.UP
        assert here.state.sources.log[-1].source == LINK
        assert here.state.sources.log[-1].state in (State.LATE, State.STALE)
        nats_server.resume()
        await here.link.flush()
        here.vigil.look()
        assert here.state.sources.link_state(here.clock.now()) is State.LIVE


async def test_a_suspend_reconnects_at_once_and_is_a_gap(nats_server: NatsServer) -> None:
    async with rig(nats_server) as here:
        await here.link.flush()
        before = here.clock.wall()
        here.clock.suspend(3_600)
        assert here.state.sources.link_state(here.clock.now()) is State.STALE, "before anybody looked"
        here.vigil.look()
        assert here.link.state.phase is LinkPhase.RECONNECTING
        assert "slept for 60 min" in str(here.link.state.error)
        (span,) = here.state.ledger.spans(MACHINE)
        assert (span.cause, span.begins, span.ends, span.count) == (Cause.SUSPEND, before, before + 3_600, None)
        await until(lambda: here.link.state.reconnects == 1, here.link)
        (gap,) = here.state.ledger.spans(LINK)
        assert gap.begins == before, "from when the broker was last heard"
        assert f"{MACHINE}: suspend in 60 min" in here.lines
        assert here.state.sources.confirmed_from <= here.clock.now()


async def test_a_loop_that_was_held_is_a_gap_of_this_console(nats_server: NatsServer) -> None:
    async with rig(nats_server) as here:
        here.clock.advance(LOOK_S)
        here.vigil.look()
        here.clock.advance(FROZEN_S)
        here.vigil.look()
        assert here.state.ledger.spans(CONSOLE) == []
        here.clock.advance(12.0)
        here.vigil.look()
        (span,) = here.state.ledger.spans(CONSOLE)
        assert (span.cause, span.ends - span.begins) == (Cause.FREEZE, 12.0)
        assert f"{CONSOLE}: freeze in 12 s" in here.lines


async def test_what_the_link_cannot_read_is_in_the_ledger(nats_server: NatsServer) -> None:
    async with rig(nats_server) as here:
        here.link.counters.malformed += 3
        here.vigil.look()
        here.vigil.look()
        assert here.state.ledger.count(LINK, Cause.MALFORMED) == 3
        assert f"{LINK}: malformed: 3 lost" in here.lines


async def test_a_broker_that_calls_us_slow_is_said_to_have(nats_server: NatsServer) -> None:
    async with rig(nats_server) as here:
        live = here.link._live
        assert live is not None
        live.client.error("Slow Consumer")
        await until(lambda: here.link.state.reconnects == 1, here.link)
        (gap,) = here.state.ledger.spans(LINK)
        assert gap.cause == Cause.SLOW_CONSUMER


async def test_what_a_user_may_not_hear_is_in_the_journal_once_however_often_the_link_comes_back() -> None:
    with NatsServer(
        'authorization { users: [{user: u, permissions: {subscribe: {deny: "closed.>"}}}] }\nno_auth_user: u'
    ) as server:
        async with rig(server) as it:
            it.link.subscribe("closed.to.us", lambda message: None)
            it.link.subscribe("open.to.us", lambda message: None)
            await until(lambda: any("closed.to.us" in line for line in it.lines))
            denials: list[object] = []
            it.link.denied.connect(denials.append)
            it.link.reconnect_now()
            await until(lambda: denials)
            told = [line for line in it.lines if "not heard" in line]
            assert told == [f"{LINK}: not heard: This user may not subscribe to closed.to.us; ask for that permission."]


async def test_the_journals_losses_add_up_to_the_ledgers_when_history_brings_some_of_them(
    nats_server: NatsServer,
) -> None:
    async with rig(nats_server) as it:
        it.state.ledger.lose("gateway gw-1", Cause.SEQUENCE, 3, it.clock.wall())
        for _ in range(2):
            it.state.ledger.recover("gateway gw-1", Cause.SEQUENCE, 1)
        it.state.ledger.recover("gateway gw-2", Cause.SEQUENCE, 1)
        it.vigil.look()
        it.vigil.look()
        assert it.state.ledger.total == 1
        assert sorted(line for line in it.lines if line.startswith("gateway")) == [
            "gateway gw-1: sequence gap: 2 of those counted as lost came after all",
            "gateway gw-1: sequence gap: 3 lost",
        ]


async def test_the_line_that_ends_an_episode_is_not_added_to_the_one_that_began_it(nats_server: NatsServer) -> None:
    async with rig(nats_server) as it:
        for count in (149, 151):
            it.state.ledger.lose("heartbeat", Cause.MALFORMED, count, it.clock.wall())
        it.state.ledger.settle(it.clock.wall() + 3_600)
        assert [line for line in it.lines if line.startswith("heartbeat")] == [
            "heartbeat: malformed: 149 lost",
            "heartbeat: malformed: 300 lost in all",
        ]

"""The gateway feed on the project's own gateway, with its history in JetStream: nothing lost, nothing twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from fleetgui.feeds.gateway import GatewayFeed
from fleetgui.policy.states import LinkPhase, LinkState, State
from fleetgui.stores.console import ConsoleState
from fleetgui.wire.subjects import Subjects
from tests.backend.gateway.rig import gateway, try_to_register
from tests.backend.links import party
from tests.nats_server import NatsServer
from tests.waiting import until

STORMY = {"RECONNECT_HARD_CEILING": "1"}


@pytest.fixture
def broker() -> Iterator[NatsServer]:
    with NatsServer(jetstream=True) as server:
        yield server


@asynccontextmanager
async def console(url: str) -> AsyncIterator[ConsoleState]:
    async with console_feed(url) as (state, _):
        yield state


@asynccontextmanager
async def console_feed(url: str) -> AsyncIterator[tuple[ConsoleState, GatewayFeed]]:
    """The feed alone, told of the link as a console's fabric tells it."""
    async with party(url, "console") as here:
        state = ConsoleState()
        feed = GatewayFeed(here.link, Subjects("t"), state, here.clock, here.tasks)
        was = here.link.state.phase

        def changed(link: LinkState) -> None:
            nonlocal was
            came_up = link.phase is LinkPhase.UP and was is not LinkPhase.UP
            was = link.phase
            if came_up:
                feed.link_came_up()

        here.link.state_changed.connect(changed)
        feed.start()
        feed.link_came_up()
        try:
            yield state, feed
        finally:
            feed.close()
            assert feed.malformed == 0


def whole(state: ConsoleState, at_least: int) -> bool:
    """Every sample that the gateway ever numbered is there, once; `at_least` so many."""
    node = state.lag.nodes.get("gw-1")
    return (
        node is not None
        and node.latest is not None
        and node.latest.seq >= at_least
        and state.lag.samples == node.latest.seq == len(state.lag._series["gw-1"])
    )


def reached(state: ConsoleState, samples: int) -> bool:
    return state.lag.samples >= samples


async def test_a_console_that_comes_late_has_it_all_and_goes_on_live(broker: NatsServer) -> None:
    async with party(broker.url) as client, gateway(broker.url, environ=STORMY) as running:
        for _ in range(4):
            await try_to_register(client, "storm")
        published = running.gateway.notices
        async with console(broker.url) as state:
            await until(lambda: whole(state, 5), state.lag.changed)
            await until(lambda: state.engagements.total == 3, state.engagements.changed)
            seen = state.lag.samples
            await try_to_register(client, "storm")
            await until(lambda: state.engagements.total == 4, state.engagements.changed)
            await until(lambda: whole(state, seen + 5), state.lag.changed)
            assert [refusal.seq for refusal in state.engagements.refusals] == [1, 2, 3, 4]
            assert state.lag.nodes["gw-1"].settings["LAG_SAMPLE_INTERVAL_MS"] == 100
            assert state.ledger.total == 0
            assert state.lag.availability is State.LIVE
            assert published.epoch == state.engagements.refusals[0].epoch


async def test_what_was_published_while_the_broker_was_away_comes_from_history(broker: NatsServer) -> None:
    """Received and lost make what was published, exactly; lost is no more than what died with the broker unstored."""
    async with gateway(broker.url) as running, console(broker.url) as state:
        await until(lambda: whole(state, 5), state.lag.changed)
        node, seen = state.lag.nodes["gw-1"], state.lag.samples
        broker.restart()

        def accounted() -> bool:
            last = 0 if node.latest is None else node.latest.seq
            unstored = running.gateway.history.not_stored
            return last >= seen + 10 and state.lag.samples + node.lost == last and node.lost <= unstored

        await until(accounted, state.lag.changed)
        assert state.ledger.count("gateway gw-1", "sequence gap") == node.lost


async def test_a_gateway_that_starts_again_is_a_new_count_and_no_loss(broker: NatsServer) -> None:
    async with console(broker.url) as state:
        await until(lambda: state.lag.availability is State.OFFLINE, state.lag.changed)
        epochs = []
        for _ in range(2):
            async with gateway(broker.url):
                await until(partial(reached, state, state.lag.samples + 4), state.lag.changed)
                latest = state.lag.nodes["gw-1"].latest
                assert latest is not None
                epochs.append(latest.epoch)
        assert epochs[0] != epochs[1]
        assert state.lag.availability is State.LIVE
        assert state.ledger.total == 0

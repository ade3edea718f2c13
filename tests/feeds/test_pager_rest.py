"""How often the pager asks: what a registry answers must not make it ask in haste, and time alone is injected."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from fleetgui.feeds.pager import BACKOFF_S, COUNT_EVERY_S, MEMBERSHIP_S, REREAD_S, REST, Pager
from fleetgui.feeds.registry import RegistryClient
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.pages import PageSizer
from fleetgui.stores.roster import RosterPhase, RowKind
from fleetgui.wire.question import Question
from fleetgui.wire.subjects import Subjects
from tests.feeds.scripted_registry import Answer, Bench, Params, Refuse, fleet, paging, scripted
from tests.nats_server import NatsServer
from tests.waiting import until


@asynccontextmanager
async def at_rest(
    url: str, tenant: str, answer: Answer, *, patience_s: float = 30.0
) -> AsyncIterator[tuple[Bench, ManualClock]]:
    """A pager by a clock that stands still, with rows 80 … 130 in view, after its first round."""
    async with scripted(url, tenant, answer) as bench:
        clock = ManualClock()
        by_clock(bench, tenant, clock, patience_s)
        bench.pager.view_moved(80, 130)
        bench.pager.start()
        bench.pager.link_came_up()
        await until(lambda: bench.asked, bench.state.roster.status_changed)
        await settled(bench)
        yield bench, clock


def by_clock(bench: Bench, tenant: str, clock: ManualClock, patience_s: float = 30.0) -> None:
    """Its client and its pager made anew, on this clock; patience alone goes by the loop's."""
    bench.client = RegistryClient(bench.link, Subjects(tenant), clock, PageSizer({}), patience_s=patience_s)
    bench.pager = Pager(bench.client, bench.state.roster, bench.state.presence, clock, bench.tasks, jitter=lambda: 0.0)


async def settled(bench: Bench) -> None:
    """Many round trips: a pager that had anything to ask would have asked by then."""
    for _ in range(15):
        await bench.all_asked()


async def asks_after(bench: Bench, clock: ManualClock, seconds: float) -> int:
    """How many requests `seconds` bring. A nudge stands for the timer, which runs by the loop's own clock."""
    before = len(bench.asked)
    clock.advance(seconds)
    bench.pager._wake.set()
    await settled(bench)
    return len(bench.asked) - before


async def test_a_page_in_view_is_read_again_after_ten_seconds_and_not_before(shared_nats_server: NatsServer) -> None:
    async with at_rest(shared_nats_server.url, "ten", paging(fleet(150))) as (bench, clock):
        assert {params["offset"] for params in bench.asked} == {0, 100}
        assert await asks_after(bench, clock, REREAD_S - 0.1) == 0
        assert await asks_after(bench, clock, 0.2) == 2


async def test_a_change_of_membership_is_read_within_two_seconds_and_not_more_often(
    shared_nats_server: NatsServer,
) -> None:
    async with at_rest(shared_nats_server.url, "members", paging(fleet(150))) as (bench, clock):
        clock.advance(0.5)
        for _ in range(1_000):
            bench.state.roster.membership_changed()
        assert await asks_after(bench, clock, 1.0) == 0
        assert await asks_after(bench, clock, MEMBERSHIP_S - 1.5) == 2
        assert await asks_after(bench, clock, MEMBERSHIP_S) == 0


async def test_where_rows_come_from_elsewhere_the_fleet_is_counted_and_not_read(shared_nats_server: NatsServer) -> None:
    async with at_rest(shared_nats_server.url, "counted-only", paging(fleet(150))) as (bench, clock):
        bench.pager.only_count()
        bench.state.roster.membership_changed()
        assert await asks_after(bench, clock, COUNT_EVERY_S - 0.1) == 0
        assert await asks_after(bench, clock, 0.1) == 1
        assert bench.asked[-1]["limit"] == 1
        assert bench.state.roster.registered == 150
        assert await asks_after(bench, clock, 0.1) == 0
        bench.pager.ask(Question())
        bench.pager.view_moved(80, 130)
        assert await asks_after(bench, clock, 0.0) == 2


async def test_the_same_devices_on_every_page_do_not_make_it_ask_in_haste(shared_nats_server: NatsServer) -> None:
    """Each block in view takes its devices from the other, which then is not loaded."""

    def repeated(params: Params) -> dict[str, object]:
        following = params["offset"] + 100
        return {"devices": fleet(100), "next_offset": following if following < 1_000 else None, "total_matched": 1_000}

    async with at_rest(shared_nats_server.url, "repeated", repeated) as (bench, clock):
        first = len(bench.asked)
        assert first <= 3
        assert await asks_after(bench, clock, 1.0) == 0
        assert 1 <= await asks_after(bench, clock, MEMBERSHIP_S) <= 3


async def test_crumbs_cost_a_tenth_of_the_time(shared_nats_server: NatsServer) -> None:
    """A registry that takes a second for a row takes 150 s for what is in view: then it is left alone for long."""
    clocks: list[Callable[[], None]] = []

    def crumbs(params: Params) -> dict[str, object]:
        for tick in clocks:
            tick()
        return paging(fleet(150), cap=10)(params)

    async with scripted(shared_nats_server.url, "crumbs", crumbs) as bench:
        clock = ManualClock()
        clocks.append(lambda: clock.advance(1.0))
        by_clock(bench, "crumbs", clock)
        bench.pager.view_moved(0, 40)
        bench.pager.start()
        bench.pager.link_came_up()
        await until(
            lambda: bench.state.roster.row(149).kind is RowKind.LOADED, bench.state.roster.rows_changed, timeout=30
        )
        await settled(bench)
        took = 10.0
        bench.state.roster.membership_changed()
        assert await asks_after(bench, clock, REST * took - 30) == 0
        assert await asks_after(bench, clock, 40) > 0


async def test_scrolling_does_not_cut_a_failures_pause_short(shared_nats_server: NatsServer) -> None:
    def fail(_params: Params) -> object:
        raise Refuse(-32000, "")

    async with at_rest(shared_nats_server.url, "pause", fail) as (bench, clock):
        assert bench.state.roster.status.phase is RosterPhase.FAILED
        assert len(bench.asked) == 1
        for failures, pause in enumerate((*BACKOFF_S, BACKOFF_S[-1])):
            bench.pager.view_moved(200 * failures, 200 * failures + 40)
            assert await asks_after(bench, clock, pause - 0.01) == 0
            assert await asks_after(bench, clock, 0.02) == 1
        bench.pager.refresh()
        assert await asks_after(bench, clock, 0.0) == 1, "a person who asks is not kept waiting"


@pytest.mark.parametrize("lost", [1, 2], ids=["the page", "the page, and the question whether it was too large"])
async def test_a_request_that_got_lost_is_not_what_reading_takes(shared_nats_server: NatsServer, lost: int) -> None:
    """One of several registries stood with a request of ours: the others are asked again after a failure's pause."""
    silences: list[ManualClock] = []

    def answer(params: Params) -> object:
        if silences:
            silences.pop().advance(30.0)  # so long it is waited for
            return None
        return paging(fleet(24))(params)

    url, tenant = shared_nats_server.url, f"lost-{lost}"
    async with at_rest(url, tenant, answer, patience_s=0.2) as (bench, clock):
        roster, client = bench.state.roster, bench.client
        silences.extend([clock] * lost)
        asked_before, before = client.requests, roster.registered_at
        clock.advance(REREAD_S)
        bench.pager._wake.set()
        await until(lambda: not silences and roster.status.waiting_since is None, roster.status_changed)
        assert client.requests - asked_before >= lost
        await asks_after(bench, clock, BACKOFF_S[0])
        await asks_after(bench, clock, MEMBERSHIP_S + REREAD_S)
        assert roster.status.phase is RosterPhase.READY
        assert (roster.registered_at, bench.state.roster.registered) != (before, None)
        assert clock.now() - (roster.registered_at or 0.0) < REREAD_S


async def test_a_claim_of_millions_of_rows_costs_nothing(shared_nats_server: NatsServer) -> None:
    def boasting(_params: Params) -> dict[str, object]:
        return {"devices": [], "next_offset": None, "total_matched": 50_000_000}

    async with at_rest(shared_nats_server.url, "boast", boasting) as (bench, _clock):
        roster = bench.state.roster
        assert roster.total == 50_000_000
        assert len(roster._blocks) < 40
        assert roster.row(49_999_999).kind is RowKind.NOT_LOADED
        bench.pager.view_moved(49_999_950, 49_999_990)
        await until(lambda: roster.row(49_999_990).kind is RowKind.HIDDEN, roster.rows_changed)


@pytest.mark.parametrize("quick", [True, False])
async def test_whoever_wishes_anew_does_not_wait_for_what_a_quick_registry_leaves_unanswered(
    shared_nats_server: NatsServer, quick: bool
) -> None:
    """A gateway that died with the request would be waited for 30 s, and so would be all that is asked meanwhile.

    One that scans is at work for as long: it is never asked twice at once.
    """
    tenant = f"silent-{quick}"
    async with at_rest(shared_nats_server.url, tenant, paging(fleet(150))) as (bench, clock):
        bench.client.quick = quick
        good, bench.answer = bench.answer, lambda _params: None
        assert await asks_after(bench, clock, REREAD_S) == 1
        bench.answer = good
        before = len(bench.asked)
        bench.pager.ask(Question(device_type="camera"))
        assert bench.state.roster.status.waiting_since == clock.now()  # said from the first moment on
        await settled(bench)
        assert (len(bench.asked) > before) is quick
        assert (bench.state.roster.total == 150) is quick


async def test_asking_by_hand_asks_a_quick_registry_that_has_not_answered(shared_nats_server: NatsServer) -> None:
    async with at_rest(shared_nats_server.url, "by-hand", paging(fleet(150))) as (bench, clock):
        bench.client.quick = True
        good, bench.answer = bench.answer, lambda _params: None
        assert await asks_after(bench, clock, REREAD_S) == 1
        bench.answer = good
        clock.advance(5)
        bench.pager.refresh()
        await settled(bench)
        assert bench.state.roster.status.waiting_since is None
        assert bench.state.roster.status.read_at == clock.now()

"""What the pager reads for whom is looking: in which direction, what it drops, beside whom, and in pages that fit."""

from __future__ import annotations

import asyncio
from typing import Any

from fleetgui.feeds.pager import JITTER, REREAD_S, Pager
from fleetgui.feeds.walk import walk
from fleetgui.policy.clock import ManualClock
from fleetgui.stores.export import Coverage
from fleetgui.stores.roster import BLOCK, RowKind
from tests.feeds.scripted_registry import Bench, Params, Refuse, fleet, paging, scripted
from tests.feeds.test_pager_rest import asks_after, settled
from tests.nats_server import NatsServer
from tests.waiting import until


async def reads(bench: Bench, first: int, last: int) -> None:
    """Look at these rows, and wait until they are there."""
    roster = bench.state.roster
    bench.pager.view_moved(first, last)
    await until(
        lambda: all(roster.row(row).kind is RowKind.LOADED for row in range(first, last + 1)), roster.rows_changed
    )


async def test_reading_again_comes_later_by_a_part_that_differs_from_console_to_console(
    shared_nats_server: NatsServer,
) -> None:
    async with scripted(shared_nats_server.url, "jitter", paging(fleet(50))) as bench:
        clock = ManualClock()
        bench.pager = Pager(
            bench.client, bench.state.roster, bench.state.presence, clock, bench.tasks, jitter=lambda: 1.0
        )
        bench.pager.start()
        bench.pager.link_came_up()
        await until(lambda: bench.asked, bench.state.roster.status_changed)
        await settled(bench)
        assert await asks_after(bench, clock, REREAD_S * (1 + JITTER) - 0.1) == 0
        assert await asks_after(bench, clock, 0.2) == 1


async def test_ahead_is_where_one_scrolls_to(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "ahead", paging(fleet(100_000))) as bench:
        bench.pager.start()
        bench.pager.link_came_up()
        await reads(bench, 50_010, 50_050)
        await settled(bench)
        assert bench.state.roster.row(50_000 + BLOCK).kind is RowKind.LOADED
        assert bench.state.roster.row(50_000 - 1).kind is RowKind.NOT_LOADED
        await reads(bench, 40_010, 40_050)
        await settled(bench)
        assert bench.state.roster.row(40_000 - 1).kind is RowKind.LOADED
        assert bench.state.roster.row(40_000 + BLOCK).kind is RowKind.NOT_LOADED


async def test_a_block_that_comes_in_small_pages_is_given_up_when_it_scrolls_away(
    shared_nats_server: NatsServer,
) -> None:
    """Each page of ten rows may cost a scan: what is left of a hundred is not followed for nobody."""
    async with scripted(shared_nats_server.url, "given-up", paging(fleet(100_000), cap=10)) as bench:
        answer = bench.answer

        def scrolled_away(params: Params) -> Any:
            if params["offset"] == 20_000:
                bench.pager.view_moved(70_010, 70_050)
            return answer(params)

        bench.pager.start()
        bench.pager.link_came_up()
        await reads(bench, 0, 40)
        await settled(bench)
        bench.answer = scrolled_away
        bench.pager.view_moved(20_010, 20_050)
        await until(
            lambda: bench.state.roster.row(70_050).kind is RowKind.LOADED, bench.state.roster.rows_changed, timeout=20
        )
        there = [params["offset"] for params in bench.asked if 20_000 <= params["offset"] < 30_000]
        assert there == [20_000]
        assert bench.state.roster.row(20_050).kind is RowKind.NOT_LOADED  # and not "loading" for ever


async def test_the_table_halves_its_pages_until_a_reply_fits(shared_nats_server: NatsServer) -> None:
    devices = fleet(500)

    def answer(params: Params) -> dict[str, Any]:
        if params["limit"] > 30:
            raise Refuse(-32000, "Failed to publish: nats: maximum payload exceeded")
        return paging(devices)(params)

    async with scripted(shared_nats_server.url, "halved", answer) as bench:
        bench.pager.start()
        bench.pager.link_came_up()
        await reads(bench, 0, 150)
        limits = [params["limit"] for params in bench.asked]
        assert limits[:3] == [100, 50, 25]
        assert sum(limit > 30 for limit in limits) == 2  # what did not fit once is not tried again
        assert bench.state.roster.status.error is None


async def test_on_a_registry_that_scans_table_walk_and_questions_wait_for_one_another(
    shared_nats_server: NatsServer,
) -> None:
    async with scripted(shared_nats_server.url, "in-turn", paging(fleet(3_000))) as bench:
        bench.pager.start()
        bench.pager.link_came_up()

        async def walked() -> Coverage:
            coverage = Coverage()
            async for page in walk(bench.client, listed=True):
                bench.pager.view_moved(page.coverage.seen - 50, page.coverage.seen - 10)
                coverage = page.coverage
            return coverage

        one, other = await asyncio.gather(walked(), walked())
        assert one.complete
        assert other.complete
        await settled(bench)
        assert bench.client.max_at_once == 1
        assert bench.state.roster.status.error is None


async def test_while_a_page_is_waited_for_the_table_can_say_since_when(shared_nats_server: NatsServer) -> None:
    waiting: list[float | None] = []

    async with scripted(shared_nats_server.url, "waited", paging(fleet(300))) as bench:
        roster, answer = bench.state.roster, bench.answer

        def seen(params: Params) -> Any:
            waiting.append(roster.status.waiting_since)
            return answer(params)

        bench.answer = seen
        bench.pager.start()
        bench.pager.link_came_up()
        await reads(bench, 0, 40)
        await settled(bench)
        assert waiting
        assert None not in waiting
        assert roster.status.waiting_since is None

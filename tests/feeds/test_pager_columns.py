"""What the pager asks for where fields are shown that a summary leaves out, and that it asks for no more otherwise."""

from __future__ import annotations

from fleetgui.stores.roster import RowKind
from fleetgui.wire.question import EVERYTHING
from tests.feeds.scripted_registry import Answer, Page, Params, fleet, paging, scripted
from tests.nats_server import NatsServer
from tests.waiting import until


def ours(count: int) -> Answer:
    """A registry that knows projections."""
    whole = paging(fleet(count))

    def answer(params: Params) -> Page:
        return whole(params) | {"applied": ["projection"] if "projection" in params else []}

    return answer


async def test_records_are_read_whole_while_a_field_is_shown_that_no_summary_has(
    shared_nats_server: NatsServer,
) -> None:
    async with scripted(shared_nats_server.url, "columns", ours(150)) as bench:
        roster, pager = bench.state.roster, bench.pager
        pager.view_moved(0, 149)
        pager.start()
        pager.link_came_up()
        await until(lambda: roster.loaded == 150, roster.rows_changed)
        assert all(params.get("projection") == "summary" for params in bench.asked)
        assert not roster.row(0).whole

        before = len(bench.asked)
        pager.columns_wanted({"status.battery", "capabilities.labels.site"})  # summaries have them
        for _ in range(10):
            assert len(await bench.all_asked()) == before

        pager.columns_wanted({"capabilities.functions.0.name"})
        assert roster.row(0).kind is RowKind.LOADED  # what was read is shown until it is read again
        await until(lambda: roster.row(0).whole and roster.row(149).whole, roster.rows_changed)
        assert not any("projection" in params for params in bench.asked[before:])

        before = len(bench.asked)
        pager.ask_again(EVERYTHING)
        await until(
            lambda: len(bench.asked) >= before + 2 and roster.status.waiting_since is None, roster.status_changed
        )
        assert not any("projection" in params for params in bench.asked[before:])

        before = len(bench.asked)
        pager.columns_wanted(())
        await until(lambda: not roster.row(149).whole, roster.rows_changed)
        assert all(params.get("projection") == "summary" for params in bench.asked[before:])


async def test_a_registry_without_projections_sends_everything_at_once(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "plain", paging(fleet(50))) as bench:
        bench.pager.start()
        bench.pager.link_came_up()
        await until(lambda: bench.state.roster.loaded == 50, bench.state.roster.rows_changed)
        assert bench.state.roster.row(0).whole

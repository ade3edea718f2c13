"""The paging contract against a registry that keeps it, bends it, and breaks it: read by the pager and by the walk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.walk import walk
from fleetgui.stores.export import Coverage
from fleetgui.stores.roster import RosterPhase, RosterStatus, RowKind
from fleetgui.wire.question import Question
from tests.feeds.scripted_registry import Bench, Params, Refuse, fleet, paging, record, scripted
from tests.nats_server import NatsServer
from tests.waiting import until

TOO_LARGE = Refuse(-32000, "Failed to publish: nats: maximum payload exceeded")


async def walked(bench: Bench) -> tuple[list[str | None], Coverage]:
    ids: list[str | None] = []
    coverage = Coverage()
    async for page in walk(bench.client):
        ids += [device.device_id for device in page.devices]
        coverage = page.coverage
    return ids, coverage


async def table_is(bench: Bench, phase: RosterPhase) -> RosterStatus:
    roster = bench.state.roster
    await until(lambda: roster.status.phase is phase and roster.status.waiting_since is None, roster.status_changed)
    return roster.status


async def open_table(bench: Bench, phase: RosterPhase = RosterPhase.READY) -> RosterStatus:
    bench.pager.start()
    bench.pager.link_came_up()
    return await table_is(bench, phase)


async def loaded(bench: Bench, first: int, last: int) -> None:
    roster = bench.state.roster
    await until(
        lambda: all(roster.row(row).kind is RowKind.LOADED for row in range(first, last + 1)),
        roster.rows_changed,
        roster.status_changed,
    )


def kinds(bench: Bench, first: int, last: int) -> list[RowKind]:
    return [bench.state.roster.row(row).kind for row in range(first, last + 1)]


# A registry that keeps the contract


@pytest.mark.parametrize("cap", [1_000, 200, 60, 7])
async def test_a_walk_follows_the_servers_pages_whatever_its_cap(shared_nats_server: NatsServer, cap: int) -> None:
    devices = fleet(333)
    async with scripted(shared_nats_server.url, f"cap{cap}", paging(devices, cap=cap)) as bench:
        ids, coverage = await walked(bench)
    assert ids == [device["device_id"] for device in devices]
    assert coverage == Coverage(seen=333, expected=333)
    assert coverage.complete
    assert coverage.sentence == "333 of 333 devices, complete"


async def test_the_table_reads_what_is_in_view_and_one_block_ahead(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "view", paging(fleet(5_000))) as bench:
        assert (await open_table(bench)).total == 5_000
        await loaded(bench, 0, 199)
        bench.pager.view_moved(2_950, 2_990)
        await loaded(bench, 2_900, 3_099)
        offsets = {params["offset"] for params in bench.asked}
        assert offsets == {0, 100, 2_900, 3_000}
        assert bench.state.roster.row(1_000).kind is RowKind.NOT_LOADED
        assert bench.client.max_at_once == 1


async def test_what_scrolled_away_before_its_turn_is_not_read(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "away", paging(fleet(100_000))) as bench:
        await open_table(bench)
        await loaded(bench, 0, 199)
        asked = len(bench.asked)
        for first in range(10_000, 90_000, 1_000):  # a drag over the whole table within one turn of the loop
            bench.pager.view_moved(first, first + 40)
        await loaded(bench, 89_000, 89_040)
        assert len(bench.asked) - asked <= 3


async def test_a_clamped_page_is_followed_to_the_end_of_the_view(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "clamped", paging(fleet(250), cap=30)) as bench:
        await open_table(bench)
        await loaded(bench, 0, 199)
        assert [params["offset"] for params in bench.asked[:4]] == [0, 30, 60, 90]


async def test_after_a_reconnect_the_view_is_read_again(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "again", paging(fleet(50))) as bench:
        await open_table(bench)
        await loaded(bench, 0, 49)
        before = len(bench.asked)
        bench.answer = paging(fleet(60))
        bench.pager.link_came_up()
        await loaded(bench, 0, 59)
        assert len(bench.asked) == before + 1


async def test_a_filter_is_sent_and_starts_over(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "filter", paging(fleet(50))) as bench:
        await open_table(bench)
        await loaded(bench, 0, 49)
        bench.answer = paging(fleet(3))
        bench.pager.ask(Question("cam"))
        await until(lambda: bench.state.roster.total == 3, bench.state.roster.resized)
        assert bench.asked[-1]["device_type"] == "cam"
        assert "location" not in bench.asked[-1]
        await table_is(bench, RosterPhase.READY)


async def test_while_a_part_is_shown_the_whole_fleet_is_counted_all_the_same(shared_nats_server: NatsServer) -> None:
    """What is registered is the registry's total, never the number of matches."""
    some, all_of_them = paging(fleet(3)), paging(fleet(250))
    async with scripted(
        shared_nats_server.url, "counted", lambda params: (some if "device_type" in params else all_of_them)(params)
    ) as bench:
        roster = bench.state.roster
        await open_table(bench)
        assert (roster.total, roster.registered) == (250, 250)
        bench.answer = lambda params: (some if "device_type" in params else paging(fleet(260)))(params)
        bench.pager.ask(Question("cam"))
        await until(lambda: roster.total == 3, roster.resized)
        await table_is(bench, RosterPhase.READY)
        assert roster.registered == 260


async def test_an_empty_fleet_is_an_empty_table_and_a_complete_walk(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "empty", paging([])) as bench:
        assert (await open_table(bench)).total == 0
        assert (await walked(bench)) == ([], Coverage(expected=0))


# A registry that bends it: all of this is allowed


async def test_an_old_server_sends_everything_at_once(shared_nats_server: NatsServer) -> None:
    def answer(_params: Params) -> dict[str, Any]:
        return {"devices": fleet(321)}

    async with scripted(shared_nats_server.url, "old", answer) as bench:
        status = await open_table(bench)
        assert (status.total, status.paging) == (321, False)
        bench.pager.view_moved(300, 320)
        await loaded(bench, 0, 320)
        ids, coverage = await walked(bench)
    assert len(ids) == 321
    assert coverage.complete


async def test_access_control_leaves_holes_and_empty_pages(shared_nats_server: NatsServer) -> None:
    devices = fleet(300)

    def answer(params: Params) -> dict[str, Any]:
        page = paging(devices)(params)
        page["devices"] = [one for one in page["devices"] if not 90 <= int(one["device_id"][-5:]) < 210]
        return page

    async with scripted(shared_nats_server.url, "holes", answer) as bench:
        assert (await open_table(bench)).total == 300
        bench.pager.view_moved(0, 299)
        await loaded(bench, 200, 289)
        assert kinds(bench, 0, 89) == [RowKind.LOADED] * 90
        assert kinds(bench, 90, 199) == [RowKind.HIDDEN] * 110
        assert kinds(bench, 290, 299) == [RowKind.HIDDEN] * 10
        ids, coverage = await walked(bench)
    assert len(ids) == 180
    assert (coverage.hidden, coverage.complete) == (120, False)
    assert "120 not visible to you" in coverage.sentence


async def test_a_device_that_is_listed_twice_is_given_out_once(shared_nats_server: NatsServer) -> None:
    """A registration during the walk shifts the rest by one: the device at the seam comes again."""
    devices = fleet(300)

    def answer(params: Params) -> dict[str, Any]:
        shifted = devices if params["offset"] == 0 else [record("aaa-new"), *devices]
        return paging(shifted)(params)

    async with scripted(shared_nats_server.url, "twice", answer) as bench:
        ids, coverage = await walked(bench)
    assert len(ids) == len(set(ids)) == 300
    assert (coverage.repeated, coverage.overtaken, coverage.complete) == (1, True, False)


async def test_the_table_never_shows_a_device_twice(shared_nats_server: NatsServer) -> None:
    devices = fleet(300)
    async with scripted(shared_nats_server.url, "shift", paging(devices)) as bench:
        await open_table(bench)
        await loaded(bench, 0, 199)
        bench.answer = paging([record("aaa-new"), *devices])
        bench.pager.view_moved(100, 140)
        await until(lambda: bench.state.roster.total == 301, bench.state.roster.resized)
        await table_is(bench, RosterPhase.READY)
        shown = [bench.state.roster.row(row).device_id for row in range(301)]
        known = [device_id for device_id in shown if device_id is not None]
        assert len(known) == len(set(known))


async def test_pages_that_do_not_fit_are_halved_until_they_do(shared_nats_server: NatsServer) -> None:
    devices = fleet(150)

    def answer(params: Params) -> dict[str, Any]:
        if params["limit"] > 20:
            raise TOO_LARGE
        return paging(devices)(params)

    async with scripted(shared_nats_server.url, "large", answer) as bench:
        ids, coverage = await walked(bench)
    assert len(ids) == 150
    assert coverage.complete
    refused = [params["limit"] for params in bench.asked if params["limit"] > 20]
    assert refused[:3] == [100, 50, 25]


async def test_one_record_that_does_not_fit_by_itself_is_counted_and_passed(shared_nats_server: NatsServer) -> None:
    devices = fleet(40)

    def answer(params: Params) -> dict[str, Any]:
        offset, limit = params["offset"], params["limit"]
        if offset <= 17 < offset + limit:
            raise TOO_LARGE
        return paging(devices)(params)

    async with scripted(shared_nats_server.url, "giant", answer) as bench:
        ids, coverage = await walked(bench)
        assert len(ids) == 39
        assert "camera-00017" not in ids
        assert (coverage.unreadable, coverage.hidden, coverage.complete) == (1, 0, False)
        await open_table(bench)
        await loaded(bench, 18, 39)
        assert bench.state.roster.row(17).kind is RowKind.UNREADABLE


# A registry that breaks it


@pytest.mark.parametrize("stuck_at", [0, 100, -5])
async def test_a_pointer_that_does_not_advance_ends_the_walk_with_an_error(
    shared_nats_server: NatsServer, stuck_at: int
) -> None:
    def answer(params: Params) -> dict[str, Any]:
        page = paging(fleet(500))(params)
        return page | {"next_offset": min(stuck_at, params["offset"])}

    async with scripted(shared_nats_server.url, f"stuck{stuck_at + 10}", answer) as bench:
        with pytest.raises(RegistryError, match="at fault") as caught:
            await walked(bench)
        assert caught.value.fault is Fault.NOT_ADVANCING
        assert len(bench.asked) <= 2
        assert "at fault" in str((await open_table(bench, RosterPhase.FAILED)).error)


BROKEN: dict[str, Any] = {
    "no JSON": b"{",
    "no object": b"[]",
    "no result": json.dumps({"jsonrpc": "2.0", "id": 1}).encode(),
    "deep": b'{"result":' + b"[" * 100_000,
    "devices missing": {},
    "devices no list": {"devices": {}},
    "next_offset text": {"devices": [], "next_offset": "2", "total_matched": 1},
    "next_offset fraction": {"devices": [], "next_offset": 2.5, "total_matched": 1},
    "next_offset huge": {"devices": [], "next_offset": 10**15, "total_matched": 1},
    "total negative": {"devices": [], "next_offset": None, "total_matched": -1},
    "total huge": {"devices": [], "next_offset": None, "total_matched": 10**15},
    "a part passed off as the whole": {"devices": fleet(2), "total_matched": 500},
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_answer_is_an_error_and_never_a_fleet(shared_nats_server: NatsServer, name: str) -> None:
    tenant = "broken-" + name.replace(" ", "-").replace(".", "")
    async with scripted(shared_nats_server.url, tenant, lambda _: BROKEN[name]) as bench:
        with pytest.raises(RegistryError) as caught:
            await walked(bench)
        assert caught.value.fault is Fault.MALFORMED
        status = await open_table(bench, RosterPhase.FAILED)
        assert status.error
        assert bench.state.roster.total == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"device_id": 7},
        {"device_id": None},
        {"no_id": True},
        "text",
        None,
        [],
        record("odd", identity="text"),
        record("odd", status=[1]),
        record("odd", capabilities=7),
        record("odd", device_ttl="soon"),
        record("odd", status={"battery": "full"}),
        record("odd", identity={"device_type": {}}),
        record("odd", capabilities={"functions": [{"name": 1}]}),
    ],
    ids=lambda bad: json.dumps(bad)[:60],
)
async def test_one_malformed_record_is_one_malformed_row(shared_nats_server: NatsServer, bad: Any) -> None:
    devices = [*fleet(3), bad, record("zebra")]
    tenant = f"row{abs(hash(json.dumps(bad)))}"
    async with scripted(shared_nats_server.url, tenant, paging(devices)) as bench:
        await open_table(bench)
        assert kinds(bench, 0, 4) == [RowKind.LOADED] * 3 + [RowKind.MALFORMED, RowKind.LOADED]
        row = bench.state.roster.row(3)
        assert row.note
        assert row.record is not None
        _, coverage = await walked(bench)
    assert (coverage.seen, coverage.malformed) == (5, 1)


async def test_a_record_that_is_not_utf8_is_one_malformed_row(shared_nats_server: NatsServer) -> None:
    bad = b'{"result": {"devices": [{"device_id": "a\xff"}], "next_offset": null, "total_matched": 1}}'
    async with scripted(shared_nats_server.url, "utf8", lambda _: bad) as bench:
        await open_table(bench)
        assert kinds(bench, 0, 0) == [RowKind.MALFORMED]


async def test_nobody_listens(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "nobody", paging([])) as bench:
        bench.client._subjects = type(bench.client._subjects)("elsewhere")
        with pytest.raises(RegistryError, match="No registry is listening on tenant elsewhere") as caught:
            await walked(bench)
    assert caught.value.fault is Fault.NO_REGISTRY


async def test_a_silent_registry_is_asked_once_and_said_to_be_silent(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "silent", lambda _: None, patience_s=0.2) as bench:
        with pytest.raises(RegistryError, match="did not answer within"):
            await walked(bench)
        assert len(bench.asked) <= 3  # the page, and an empty one that tells silence from "too large"


async def test_a_failing_registry_keeps_what_was_read_and_is_not_hammered(shared_nats_server: NatsServer) -> None:
    def fail(_params: Params) -> dict[str, Any]:
        raise Refuse(-32000, "")

    async with scripted(shared_nats_server.url, "failing", paging(fleet(50))) as bench:
        await open_table(bench)
        await loaded(bench, 0, 49)
        before = len(bench.asked)
        bench.answer = fail
        bench.pager.refresh()
        status = await table_is(bench, RosterPhase.FAILED)
        assert "its database may be down" in str(status.error)
        assert kinds(bench, 0, 49) == [RowKind.LOADED] * 50
        assert len(bench.asked) == before + 1
        bench.answer = paging(fleet(51))
        bench.pager.refresh()
        await loaded(bench, 0, 50)


async def test_a_refused_request_says_what_the_registry_said(shared_nats_server: NatsServer) -> None:
    def refuse(_params: Params) -> dict[str, Any]:
        raise Refuse(-32602, "limit must be positive, got 100")

    async with scripted(shared_nats_server.url, "refused", refuse) as bench:
        with pytest.raises(RegistryError, match="limit must be positive") as caught:
            await walked(bench)
    assert caught.value.fault is Fault.REFUSED

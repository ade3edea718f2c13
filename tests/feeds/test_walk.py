"""A walk claims no more than it saw: revisions, servers without totals, fleets that shrink under it."""

from __future__ import annotations

from typing import Any

from fleetgui.feeds.walk import walk
from fleetgui.stores.export import Coverage
from tests.feeds.scripted_registry import Bench, Params, fleet, paging, record, scripted
from tests.nats_server import NatsServer


async def walked(bench: Bench) -> tuple[list[str | None], Coverage]:
    ids: list[str | None] = []
    coverage = Coverage()
    async for page in walk(bench.client):
        ids += [device.device_id for device in page.devices]
        coverage = page.coverage
    return ids, coverage


async def test_a_change_of_revision_is_a_walk_that_was_overtaken(shared_nats_server: NatsServer) -> None:
    """One device left and another came between two pages: the total is the same, and the walk still no snapshot."""

    def answer(params: Params) -> dict[str, Any]:
        return paging(fleet(250))(params) | {"revision": 7 if params["offset"] == 0 else 8}

    async with scripted(shared_nats_server.url, "revised", answer) as bench:
        ids, coverage = await walked(bench)
    assert len(ids) == 250
    assert (coverage.overtaken, coverage.complete) == (True, False)
    assert "the fleet changed meanwhile" in coverage.sentence


async def test_one_revision_is_a_walk_that_stood_still(shared_nats_server: NatsServer) -> None:
    async with scripted(
        shared_nats_server.url, "still", lambda params: paging(fleet(250))(params) | {"revision": 7}
    ) as bench:
        _, coverage = await walked(bench)
    assert coverage.complete


async def test_a_server_that_pages_without_a_total_is_walked_to_its_end(shared_nats_server: NatsServer) -> None:
    def answer(params: Params) -> dict[str, Any]:
        page = paging(fleet(250))(params)
        del page["total_matched"]
        return page

    async with scripted(shared_nats_server.url, "totalless", answer) as bench:
        ids, coverage = await walked(bench)
    assert len(ids) == 250
    assert (coverage.expected, coverage.complete) == (250, True)


async def test_until_the_end_such_a_server_leaves_the_total_open(shared_nats_server: NatsServer) -> None:
    def answer(params: Params) -> dict[str, Any]:
        page = paging(fleet(250))(params)
        del page["total_matched"]
        return page

    async with scripted(shared_nats_server.url, "openended", answer) as bench:
        pages = [page.coverage async for page in walk(bench.client)]
    assert pages[0].expected is None
    assert not pages[0].complete
    assert pages[0].sentence.startswith("100 of ? devices")


async def test_a_fleet_that_shrinks_under_the_walk_is_not_called_complete(shared_nats_server: NatsServer) -> None:
    def answer(params: Params) -> dict[str, Any]:
        return paging(fleet(300 if params["offset"] == 0 else 120))(params)

    async with scripted(shared_nats_server.url, "shrunk", answer) as bench:
        ids, coverage = await walked(bench)
    assert len(ids) == 120
    assert (coverage.expected, coverage.overtaken, coverage.complete) == (120, True, False)


async def test_more_records_than_asked_for_are_written_once(shared_nats_server: NatsServer) -> None:
    """The pointer still says 100 further, so the surplus comes again with the next page."""
    devices = fleet(300)

    def answer(params: Params) -> dict[str, Any]:
        page = paging(devices, cap=100)(params)
        page["devices"] = devices[params["offset"] : params["offset"] + 150]
        return page

    async with scripted(shared_nats_server.url, "surplus", answer) as bench:
        ids, coverage = await walked(bench)
    assert ids == [device["device_id"] for device in devices]
    assert (coverage.seen, coverage.repeated, coverage.hidden) == (300, 100, 0)


async def test_one_device_on_every_offset_is_one_device(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "same", paging([record("same")] * 250)) as bench:
        ids, coverage = await walked(bench)
    assert ids == ["same"]
    assert (coverage.repeated, coverage.complete) == (249, False)
    assert "249 listed twice" in coverage.sentence


async def test_empty_pages_that_lead_on_are_followed_and_counted(shared_nats_server: NatsServer) -> None:
    """Everything is kept back by access control, and the registry still walks past it."""

    def answer(params: Params) -> dict[str, Any]:
        return paging(fleet(1_000))(params) | {"devices": []}

    async with scripted(shared_nats_server.url, "blind", answer) as bench:
        ids, coverage = await walked(bench)
        assert len(bench.asked) == 10
    assert ids == []
    assert (coverage.seen, coverage.hidden, coverage.complete) == (0, 1_000, False)

"""Walks over our own registry, which pages by id: what comes and goes meanwhile shifts nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from fleetgui.backend.registry.records import record_of, registration_of
from fleetgui.backend.registry.service import RegistryService
from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.walk import PARTS, WORTH_PARTING, walk, walk_in_parts
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.pages import PageSizer
from fleetgui.wire.question import EVERY_ROW, Behind, Question
from fleetgui.wire.subjects import Subjects
from tests.backend.links import party
from tests.backend.registry.samples import params
from tests.feeds.scripted_registry import Params, fleet, paging, record, scripted
from tests.nats_server import NatsServer


@dataclass
class Bench:
    client: RegistryClient
    service: RegistryService

    def put(self, *device_ids: str) -> None:
        for device_id in device_ids:
            registration = registration_of(params(device_id))
            self.service.store.put(
                "t", record_of(registration, registration_id="r", registered_at="2026-11-21T00:00:00Z")
            )

    def remove(self, *device_ids: str) -> None:
        for device_id in device_ids:
            self.service.store.remove("t", device_id)


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[Bench]:
    async with party(url, "registry") as server, party(url, "console") as console:
        service = RegistryService(server.link, clock=server.clock, tasks=server.tasks)
        await service.start()
        await server.link.flush()
        yield Bench(RegistryClient(console.link, Subjects("t"), SystemClock(), PageSizer({})), service)


def ids(first: int, last: int) -> list[str]:
    return [f"cam-{number:04}" for number in range(first, last)]


@pytest.mark.parametrize(
    "question", [Question(), EVERY_ROW, Question(query="CAM-0", where={"battery": {"gt": 1}})], ids=str
)
async def test_a_fleet_that_stands_still_is_complete(nats_server: NatsServer, question: Question) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 450))
        pages = [page async for page in walk(bench.client, question)]
        assert [device.device_id for page in pages for device in page.devices] == ids(0, 450)
        assert pages[-1].coverage.complete
        assert all(device.summary is not None for page in pages for device in page.devices)


async def test_what_comes_and_goes_meanwhile_repeats_and_skips_nobody(nats_server: NatsServer) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 450))
        seen: list[str | None] = []
        async for page in walk(bench.client):
            if not seen:
                bench.remove(*ids(10, 60))  # by offset, the next page would begin fifty devices further on
                bench.put(*(f"cam-0001-{number}" for number in range(30)))
            seen += [device.device_id for device in page.devices]
            coverage = page.coverage
        assert seen == ids(0, 450)
        assert (coverage.repeated, coverage.hidden, coverage.overtaken) == (0, 0, True)
        assert not coverage.complete


async def test_a_registry_that_leads_nowhere_is_at_fault(shared_nats_server: NatsServer) -> None:
    def answer(params: Params) -> dict[str, Any]:
        return {"devices": fleet(1), "next_after": "a", "total_matched": 5, "applied": ["after"]}

    async with scripted(shared_nats_server.url, "circle", answer) as bench:
        with pytest.raises(RegistryError, match="would never end") as caught:
            async for _ in walk(bench.client):
                pass
        assert caught.value.fault is Fault.NOT_ADVANCING


async def test_a_registry_that_pages_by_id_no_more_does_not_begin_again(shared_nats_server: NatsServer) -> None:
    """Another one of its queue group answered, an older one: its first page is not the page that was asked for."""

    def answer(params: Params) -> dict[str, Any]:
        if "offset" in params:
            return {"devices": fleet(2), "next_after": "b", "total_matched": 5, "applied": ["after"]}
        return {"devices": fleet(2), "next_offset": None, "total_matched": 2}

    async with scripted(shared_nats_server.url, "mixed", answer) as bench:
        with pytest.raises(RegistryError, match="does not know after") as caught:
            async for _ in walk(bench.client):
                pass
        assert caught.value.fault is Fault.UNABLE
        with pytest.raises(RegistryError):
            await bench.client.list_page(Behind("b"), 10)


async def test_what_a_page_seems_to_lead_on_to_is_held_against_the_page(shared_nats_server: NatsServer) -> None:
    """Its last bytes are a record's, which says something else than the page does: that page is not used."""
    lie = record("camera-00001", status={"next_after": "camera-00150"})

    def answer(params: Params) -> dict[str, Any] | bytes:
        if params.get("after") is None:
            page = {"next_after": "camera-00001", "total_matched": 3, "applied": ["after"]}
            return json.dumps({"result": page | {"devices": [record("camera-00000"), lie]}}).encode()
        return {"devices": [record("camera-00002")], "next_after": None, "total_matched": 3, "applied": ["after"]}

    async with scripted(shared_nats_server.url, "liar", answer) as bench:
        pages = [page async for page in walk(bench.client)]
        assert [each.device_id for page in pages for each in page.devices] == [f"camera-{n:05}" for n in range(3)]
        assert pages[-1].coverage.complete
        assert [params["after"] for params in bench.asked] == [None, "camera-00150", "camera-00001"]


async def test_a_walk_that_nobody_takes_from_is_ahead_by_a_page(nats_server: NatsServer) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 2_000))
        pages = walk(bench.client, EVERY_ROW, listed=True)
        await anext(pages)
        asked = bench.client.requests
        for _ in range(5):
            await bench.client._link.flush()  # whatever is asked for now is answered by the next time
        assert bench.client.requests <= asked + 1
        assert bench.client.requests <= 3
        await pages.aclose()


@pytest.mark.parametrize("way", [walk, walk_in_parts])
async def test_summaries_alone_are_those_of_the_records(nats_server: NatsServer, way: Any) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, LARGE))
        whole = [each.summary async for page in way(bench.client, EVERY_ROW) for each in page.devices]
        listed = [each async for page in way(bench.client, EVERY_ROW, listed=True) for each in page.summaries]
    assert sorted(whole, key=lambda each: each.device_id) == sorted(listed, key=lambda each: each.device_id)
    assert len(listed) == LARGE


async def test_pages_by_id_that_are_not_in_order_are_at_fault(shared_nats_server: NatsServer) -> None:
    """Where order tells that no device comes twice, it has to be kept."""

    def answer(params: Params) -> dict[str, Any]:
        return {"devices": fleet(3)[::-1], "next_after": None, "total_matched": 3, "applied": ["after"]}

    async with scripted(shared_nats_server.url, "disorder", answer) as bench:
        with pytest.raises(RegistryError, match="not in the order of ids") as caught:
            async for _ in walk(bench.client):
                pass
        assert caught.value.fault is Fault.MALFORMED


async def test_a_walk_that_is_given_up_leaves_nothing_under_way(nats_server: NatsServer) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 450))
        pages = walk(bench.client)
        await anext(pages)
        await pages.aclose()
        assert "a page of the registry" not in bench.client._link.tasks.names


LARGE = WORTH_PARTING + 450


@pytest.mark.parametrize("question", [EVERY_ROW, Question(query="CAM-", where={"battery": {"gt": 1}})], ids=str)
async def test_in_parts_a_fleet_that_stands_still_is_given_out_once_and_complete(
    nats_server: NatsServer, question: Question
) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, LARGE))
        pages = [page async for page in walk_in_parts(bench.client, question)]
    given = [device.device_id for page in pages for device in page.devices]
    assert sorted(filter(None, given)) == ids(0, LARGE)
    assert given != ids(0, LARGE)  # so it was parted
    assert pages[-1].coverage.complete
    assert not any(page.coverage.complete for page in pages[:-1])
    assert bench.client.max_at_once == PARTS


async def test_in_parts_what_comes_and_goes_meanwhile_repeats_and_skips_nobody(nats_server: NatsServer) -> None:
    """Whoever parts it may be gone, with all around, by the time that its part is read."""
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, LARGE))
        seen: list[str] = []
        turn = 0
        async for page in walk_in_parts(bench.client):
            seen += [device.device_id or "" for device in page.devices]
            for part in range(1, PARTS):
                middle = LARGE * part // PARTS
                bench.remove(*ids(middle - turn, middle + turn))
                bench.put(*(f"cam-{middle:04}-{turn}-{number}" for number in range(5)))
            turn += 1
            coverage = page.coverage
    stayed = set(ids(0, LARGE))
    for part in range(1, PARTS):
        stayed -= set(ids(LARGE * part // PARTS - turn, LARGE * part // PARTS + turn))
    assert len(seen) == len(set(seen))
    assert stayed <= set(seen)
    assert (coverage.repeated, coverage.overtaken, coverage.complete) == (0, True, False)


async def test_a_small_fleet_is_not_parted(nats_server: NatsServer) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 450))
        given = [device.device_id async for page in walk_in_parts(bench.client) for device in page.devices]
        assert given == ids(0, 450)
        assert bench.client.max_at_once == 1


async def test_in_parts_a_registry_that_does_not_page_by_id_is_walked_in_order(shared_nats_server: NatsServer) -> None:
    devices = fleet(WORTH_PARTING + 1)
    async with scripted(shared_nats_server.url, "plain-parts", paging(devices)) as bench:
        pages = [page async for page in walk_in_parts(bench.client)]
        assert [each.device_id for page in pages for each in page.devices] == [each["device_id"] for each in devices]
        assert pages[-1].coverage.complete
        assert bench.client.max_at_once == 1


async def test_in_parts_a_walk_that_is_given_up_leaves_nothing_under_way(nats_server: NatsServer) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, LARGE))
        pages = walk_in_parts(bench.client)
        await anext(pages)
        under_way = bench.client._link.tasks.names.count("a page of the registry")
        assert under_way in (PARTS - 1, PARTS)  # the first part's next page may be there already
        await pages.aclose()
        assert "a page of the registry" not in bench.client._link.tasks.names

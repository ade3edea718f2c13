"""Walks over registries that lead on for ever, slowly or by the same devices: they end, and say why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fleetgui.feeds.course import MOST_CRUMBS
from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.walk import walk
from tests.feeds.scripted_registry import Params, fleet, paging, record, scripted
from tests.nats_server import NatsServer


async def test_empty_pages_that_lead_on_by_one_do_not_go_on_for_ever(shared_nats_server: NatsServer) -> None:
    def crumbs(params: Params) -> dict[str, object]:
        return {"devices": [], "next_offset": params["offset"] + 1, "total_matched": 50_000_000}

    async with scripted(shared_nats_server.url, "walk-crumbs", crumbs) as bench:
        with pytest.raises(RegistryError, match="at fault") as caught:
            async for _ in walk(bench.client):
                pass
        assert caught.value.fault is Fault.NOT_ADVANCING
        assert MOST_CRUMBS < len(bench.asked) <= MOST_CRUMBS + 2  # one more was under way


async def test_the_same_devices_for_ever_are_written_once_and_end_it_too(shared_nats_server: NatsServer) -> None:
    def repeated(params: Params) -> dict[str, object]:
        return {"devices": fleet(2), "next_offset": params["offset"] + 2, "total_matched": 50_000_000}

    async with scripted(shared_nats_server.url, "walk-repeated", repeated) as bench:
        seen: list[str | None] = []

        async def read_on() -> None:
            async for page in walk(bench.client):
                seen.extend(device.device_id for device in page.devices)

        with pytest.raises(RegistryError, match="at fault"):
            await read_on()
        assert seen == ["camera-00000", "camera-00001"]


async def test_a_registry_that_sends_one_device_a_page_is_read_to_its_end(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "walk-ones", paging(fleet(MOST_CRUMBS + 50), cap=1)) as bench:
        coverage = None
        async for page in walk(bench.client):
            coverage = page.coverage
        assert coverage is not None
        assert coverage.complete
        assert coverage.seen == MOST_CRUMBS + 50


@pytest.mark.parametrize("listed", [False, True], ids=["records", "summaries alone"])
@pytest.mark.parametrize(
    "bad",
    [
        {"device_id": 7},
        {"no_id": True},
        "text",
        None,
        record("odd", status=[1]),
        record("odd", device_ttl="soon"),
        record("odd", identity={"device_type": {}}),
        record("odd", capabilities={"functions": [{"name": 1}]}),
    ],
    ids=lambda bad: json.dumps(bad)[:50],
)
async def test_one_malformed_record_is_counted_and_given_out_as_it_came(
    shared_nats_server: NatsServer, bad: Any, listed: bool
) -> None:
    tenant = f"walk-bad-{abs(hash(json.dumps(bad)))}-{listed}"
    async with scripted(shared_nats_server.url, tenant, paging([*fleet(3), bad, record("zebra")])) as bench:
        pages = [page async for page in walk(bench.client, listed=listed)]
    (page,) = pages
    assert [each.device_id for each in page.summaries] == [f"camera-{number:05}" for number in range(3)] + ["zebra"]
    assert (page.malformed, page.coverage.malformed, page.coverage.seen) == (1, 1, 5)
    assert [json.loads(each.record) for each in page.devices if each.summary is None] == [bad]
    assert len(page.devices) == (1 if listed else 5)

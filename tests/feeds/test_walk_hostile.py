"""Walks over registries that lead on for ever, slowly or by the same devices: they end, and say why."""

from __future__ import annotations

import pytest

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.course import MOST_CRUMBS
from fleetgui.feeds.walk import walk
from tests.feeds.scripted_registry import Params, fleet, paging, scripted
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

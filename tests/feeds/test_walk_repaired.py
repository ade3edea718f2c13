"""A walk that was overtaken is read again where it was, until it is complete; or says what it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fleetgui.feeds.course import WalkedPage
from fleetgui.feeds.repair import FEW_PAGES, PART, walk_repaired
from fleetgui.stores.export import Coverage
from fleetgui.wire.question import EVERY_ROW
from tests.feeds.scripted_registry import Bench as Scripted
from tests.feeds.scripted_registry import Params, fleet, paging, record, scripted
from tests.feeds.test_walk_by_id import Bench, ids, ours
from tests.nats_server import NatsServer


async def held(
    bench: Bench | Scripted, meanwhile: Callable[[int], object] = lambda _page: None, changes: Callable[[], int] = int
) -> tuple[list[str], Coverage]:
    """What somebody holds who takes in every page and lets go of what is gone; `meanwhile` happens after each page."""
    devices: set[str] = set()
    coverage, number = Coverage(), 0
    async for page in walk_repaired(bench.client, EVERY_ROW, listed=True, changes=changes):
        devices |= {each.device_id for each in page.summaries}
        devices -= set(page.gone)
        coverage = page.coverage
        meanwhile(number)
        number += 1
    return sorted(devices), coverage


async def test_a_fleet_that_stands_still_is_not_read_again(nats_server: NatsServer) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 450))
        devices, coverage = await held(bench)
        assert devices == ids(0, 450)
        assert coverage == Coverage(seen=450, expected=450)


async def test_who_came_and_went_behind_the_walk_is_found_by_reading_again(nats_server: NatsServer) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 900))

        def changed(page: int) -> None:
            if page == 2:
                bench.remove(*ids(10, 30))  # of pages that were read
                bench.put(*(f"cam-0002-{number}" for number in range(7)))

        devices, coverage = await held(bench, changed)
        assert devices == sorted([*ids(0, 10), *ids(30, 900), *(f"cam-0002-{number}" for number in range(7))])
        assert coverage.complete
        assert (coverage.seen, coverage.expected, coverage.reread > 0) == (887, 887, True)
        assert "pages read again, complete" in coverage.sentence


async def test_a_page_that_has_become_two_is_read_as_two(nats_server: NatsServer) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 450))
        came = [f"cam-0002-{number:03}" for number in range(500)]
        devices, coverage = await held(bench, lambda page: bench.put(*came) if page == 1 else None)
        assert devices == sorted([*ids(0, 450), *came])
        assert coverage.complete


async def test_a_fleet_that_never_stands_still_is_not_read_for_ever_nor_called_complete(
    nats_server: NatsServer,
) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 900))
        devices, coverage = await held(bench, lambda page: bench.put(f"new-{page:04}"))
        assert (coverage.overtaken, coverage.complete) == (True, False)
        assert "the fleet changed meanwhile" in coverage.sentence
        assert set(ids(0, 900)) <= set(devices)
        assert coverage.reread <= 2 * FEW_PAGES


async def test_of_a_large_fleet_no_more_than_a_part_is_read_again(nats_server: NatsServer) -> None:
    """A change at its end makes every page a stale one: reading a part of them would prove nothing."""
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 9_000))
        pages = 46
        late = pages - 3
        _, coverage = await held(bench, lambda page: bench.put("new") if page == late else None)
        assert late > max(FEW_PAGES, pages * PART)
        assert (coverage.overtaken, coverage.complete, coverage.reread) == (True, False, 0)


async def test_of_a_large_fleet_what_changed_early_is_read_again(nats_server: NatsServer) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 9_000))
        devices, coverage = await held(bench, lambda page: bench.remove("cam-0005") if page == 1 else None)
        assert devices == [each for each in ids(0, 9_000) if each != "cam-0005"]
        assert coverage.complete
        assert 0 < coverage.reread <= FEW_PAGES


# By offset: a change shifts who stands where


def shifting(devices: list[dict[str, Any]], at: int, change: Callable[[list[dict[str, Any]]], object]) -> Any:
    """A registry whose fleet `change`s before the request number `at` is answered."""
    asked = 0

    def answer(params: Params) -> dict[str, Any]:
        nonlocal asked
        if asked == at:
            change(devices)
        asked += 1
        return paging(devices)(params)

    return answer


async def test_by_offset_a_small_fleet_that_changed_is_read_once_more(shared_nats_server: NatsServer) -> None:
    def gone(devices: list[dict[str, Any]]) -> None:
        del devices[:3]  # three of the first page: three others slip from the second to the first

    async with scripted(shared_nats_server.url, "repair-small", shifting(fleet(450), 1, gone)) as bench:
        devices, coverage = await held(bench)
    assert devices == [each["device_id"] for each in fleet(450)[3:]]
    assert coverage.complete
    assert coverage.reread == 3


async def test_by_offset_what_somebody_else_heard_tells_of_a_change_that_the_total_hides(
    shared_nats_server: NatsServer,
) -> None:
    heard = 0

    def swapped(devices: list[dict[str, Any]]) -> None:
        nonlocal heard
        heard += 2
        del devices[0]
        devices.append(record("zebra"))

    async with scripted(shared_nats_server.url, "repair-swap", shifting(fleet(450), 1, swapped)) as bench:
        devices, coverage = await held(bench, changes=lambda: heard)
    assert devices == sorted([each["device_id"] for each in fleet(450)[1:]] + ["zebra"])
    assert coverage.complete


async def test_by_offset_of_a_large_fleet_the_seam_is_read_again(shared_nats_server: NatsServer) -> None:
    """What slipped across it is found; that the fleet stood still cannot be said."""

    def gone(devices: list[dict[str, Any]]) -> None:
        del devices[:40]

    everyone = fleet(10_000)
    async with scripted(shared_nats_server.url, "repair-large", shifting(everyone.copy(), 20, gone)) as bench:
        devices, coverage = await held(bench)
        assert len(bench.asked) < 60
    assert set(devices) >= {each["device_id"] for each in everyone[40:]}
    assert (coverage.overtaken, coverage.complete) == (True, False)
    assert 0 < coverage.reread <= 51 * PART


async def test_what_may_not_be_seen_stays_hidden(shared_nats_server: NatsServer) -> None:
    def answer(params: Params) -> dict[str, Any]:
        page = paging(fleet(450))(params)
        page["devices"] = page["devices"][1:]
        return page

    async with scripted(shared_nats_server.url, "repair-hidden", answer) as bench:
        devices, coverage = await held(bench)
    assert len(devices) + coverage.hidden == 450
    assert (coverage.hidden > 0, coverage.complete, coverage.reread) == (True, False, 0)


@pytest.mark.parametrize("count", [1, 450])
async def test_a_malformed_record_that_is_read_again_is_counted_once(
    shared_nats_server: NatsServer, count: int
) -> None:
    def gone(devices: list[dict[str, Any]]) -> None:
        del devices[0]

    devices = [*fleet(450)[:count], record("zzz", status=[1])]
    async with scripted(shared_nats_server.url, f"repair-malformed-{count}", shifting(devices, 1, gone)) as bench:
        found, coverage = await held(bench)
    assert coverage.malformed == 1
    assert len(found) + coverage.malformed == coverage.seen


async def test_giving_it_up_while_it_reads_again_leaves_nothing_under_way(nats_server: NatsServer) -> None:
    async with ours(nats_server.url) as bench:
        bench.put(*ids(0, 900))
        pages = walk_repaired(bench.client, EVERY_ROW, listed=True)
        async for page in pages:
            bench.put(f"new-{bench.client.requests:04}")
            if isinstance(page, WalkedPage) and page.coverage.reread:
                break
        await pages.aclose()
        assert "a page of the registry" not in bench.client._link.tasks.names

"""The registry's client: what it believes of single devices, what it never sends, and one request at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.policy.pages import PageSizer
from tests.feeds.scripted_registry import Params, Refuse, fleet, paging, record, scripted
from tests.nats_server import NatsServer


async def test_the_record_of_another_device_is_not_shown(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "swap", lambda _: {"device": record("b")}) as bench:
        with pytest.raises(RegistryError, match="asked for a it sent the record of b") as caught:
            await bench.client.get_device("a")
    assert caught.value.fault is Fault.MALFORMED


@pytest.mark.parametrize("result", [{}, {"device": []}, {"device": "a"}, [], b"{", b'{"result": 1}'])
async def test_a_broken_answer_for_one_device_is_an_error(shared_nats_server: NatsServer, result: Any) -> None:
    async with scripted(shared_nats_server.url, "brokendevice", lambda _: result) as bench:
        with pytest.raises(RegistryError) as caught:
            await bench.client.get_device("a")
    assert caught.value.fault is Fault.MALFORMED


async def test_an_id_that_json_cannot_carry_is_not_asked_for(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "halfpair", lambda _: {"device": None}) as bench:
        with pytest.raises(RegistryError) as caught:
            await bench.client.get_device("half \ud800")
        assert caught.value.fault is Fault.REFUSED
        assert bench.asked == []


async def test_pages_are_read_one_at_a_time_however_many_are_wanted(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "single", paging(fleet(900))) as bench:
        pages = await asyncio.gather(*(bench.client.list_page(100 * n, 100) for n in range(9)))
        assert [page.offset for page in pages] == [100 * n for n in range(9)]
        assert bench.client.max_at_once == 1


async def test_a_failure_that_is_not_about_size_is_not_asked_again(shared_nats_server: NatsServer) -> None:
    def fail(_params: Params) -> dict[str, Any]:
        raise Refuse(-32000, "etcd: request timed out")

    async with scripted(shared_nats_server.url, "fails", fail) as bench:
        with pytest.raises(RegistryError, match="etcd: request timed out") as caught:
            await bench.client.read_from(0, 100)
        assert caught.value.fault is Fault.FAILED
        assert len(bench.asked) == 1


async def test_silence_on_size_is_halved_when_an_empty_page_is_answered(shared_nats_server: NatsServer) -> None:
    """A server that sends nothing at all where a reply would be too large."""

    def answer(params: Params) -> dict[str, Any] | None:
        return None if params["limit"] > 30 else paging(fleet(80))(params)

    async with scripted(shared_nats_server.url, "mute", answer, patience_s=0.2) as bench:
        page = await bench.client.read_from(0, 100)
        assert (len(page.records), page.next_offset) == (25, 25)
        # The whole page, the empty one that tells silence from "too large", and the halves.
        assert [params["limit"] for params in bench.asked] == [100, 1, 50, 25]


async def test_silence_on_a_size_that_came_before_is_not_about_size(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "hung", paging(fleet(500)), patience_s=0.2) as bench:
        await bench.client.read_from(0, 100)
        bench.answer = lambda _: None
        with pytest.raises(RegistryError) as caught:
            await bench.client.read_from(100, 100)
        assert caught.value.fault is Fault.SILENT
        assert len(bench.asked) == 2


async def test_an_old_server_that_outgrew_its_messages_is_named_as_such(shared_nats_server: NatsServer) -> None:
    """It ignores offset and limit, so that no page of it fits."""

    def answer(_params: Params) -> dict[str, Any]:
        raise Refuse(-32000, "nats: maximum payload exceeded")

    async with scripted(shared_nats_server.url, "outgrown", answer) as bench:
        with pytest.raises(RegistryError, match="too old to send pages") as caught:
            await bench.client.read_from(0, 100)
        assert caught.value.fault is Fault.TOO_LARGE
        assert len(bench.asked) <= 9


async def test_a_down_link_says_so_and_asks_nothing(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "down", paging(fleet(1))) as bench:
        await bench.link.close()
        with pytest.raises(RegistryError) as caught:
            await bench.client.read_from(0, 100)
        assert caught.value.fault is Fault.LINK_DOWN
        assert bench.asked == []


async def test_records_that_are_large_make_pages_small_before_one_fails(shared_nats_server: NatsServer) -> None:
    """13 KB a record times a hundred is over 1 MB: once a few are known, no page is asked for that cannot come."""
    devices = [record(f"big-{n:03}", blob="x" * 13_000) for n in range(120)]
    async with scripted(shared_nats_server.url, "large-records", paging(devices)) as bench:
        bench.client.sizer = PageSizer({}, None)
        await bench.client.read_from(0, 10)
        await bench.client.read_from(10, 100)
        assert bench.asked[-1]["limit"] * 13_000 < 1024 * 1024

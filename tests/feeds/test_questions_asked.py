"""Questions that only some registries can answer: an answer to something else is none."""

from __future__ import annotations

from typing import Any

import pytest

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.wire.question import EVERY_ROW, Question
from tests.feeds.scripted_registry import Params, fleet, paging, scripted
from tests.nats_server import NatsServer

LOW = Question(query="cam", where={"battery": {"lt": 20}}, order_by="battery", descending=True, summary=True)


async def test_a_registry_that_does_not_know_the_question_is_no_answer(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "plain", paging(fleet(10))) as bench:
        with pytest.raises(RegistryError, match="does not know query, where") as caught:
            await bench.client.list_page(0, 5, LOW)
        assert caught.value.fault is Fault.UNABLE
        page = await bench.client.list_page(0, 5, EVERY_ROW)
        assert (len(page.records), page.applied) == (5, frozenset())


async def test_what_was_honoured_comes_with_the_page(shared_nats_server: NatsServer) -> None:
    def answer(params: Params) -> dict[str, Any]:
        return {"devices": [], "next_offset": None, "total_matched": 0, "applied": sorted(params), "revision": 7}

    async with scripted(shared_nats_server.url, "ours", answer) as bench:
        page = await bench.client.list_page(0, 5, LOW)
        assert page.applied >= {"query", "where", "order_by", "descending", "projection"}
        assert page.revision == 7

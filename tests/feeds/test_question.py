"""What is asked of a registry: the params it becomes, and that an answer to something else is none."""

from __future__ import annotations

from typing import Any

import pytest

from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.question import EVERY_ROW, EVERYTHING, Question
from tests.feeds.scripted_registry import Params, fleet, paging, scripted
from tests.nats_server import NatsServer

LOW = Question(query="cam", where={"battery": {"lt": 20}}, order_by="battery", descending=True, summary=True)


def test_what_is_not_asked_for_is_not_sent() -> None:
    assert EVERYTHING.params() == {}
    assert EVERY_ROW.params() == {"projection": "summary"}
    assert Question(device_type="cam", location="hall").params() == {"device_type": "cam", "location": "hall"}
    assert LOW.params() == {
        "query": "cam",
        "where": {"battery": {"lt": 20}},
        "order_by": "battery",
        "descending": True,
        "projection": "summary",
    }


def test_a_summary_that_is_not_honoured_is_an_answer_and_a_search_is_none() -> None:
    assert EVERY_ROW.unmet([]) == ()
    assert LOW.unmet(["projection", "query"]) == ("where", "order_by", "descending")
    assert LOW.unmet(["query", "where", "order_by", "descending"]) == ()


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

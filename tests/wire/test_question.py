"""What is asked of a registry: the params it becomes, and what an answer must honour to be one."""

from __future__ import annotations

from fleetgui.wire.question import EVERY_ROW, EVERYTHING, Behind, Question, params_of

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


def test_a_place_is_an_offset_or_behind_a_device() -> None:
    assert params_of(7) == {"offset": 7}
    assert params_of(Behind("cam")) == {"after": "cam"}
    assert params_of(Behind()) == {"offset": 0, "after": None}

"""What a registry is asked for: every match, and with `exact` nothing but matches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from fleetgui.policy.filters import Expression, Pushed, parse, pushed
from fleetgui.wire.codec import decode, encode
from fleetgui.wire.query import MOST_CONDITIONS, Filter, conditions_of, text_of, value_of
from fleetgui.wire.records import Summary
from tests.policy.filters import strategies
from tests.policy.filters.strategies import NOW


def registry(asked: Pushed, device: Summary) -> bool:
    """What a registry answers to a question that went over the wire, where what is no query is refused."""
    where = None if asked.where is None else decode(encode(asked.where), dict[str, Any])
    return Filter(text_of(asked.query), conditions_of(where)).matches(lambda name: value_of(device, name))


@given(strategies.parsed(), strategies.summaries)
def test_no_match_is_withheld_and_an_exact_question_finds_nothing_else(filter_: Expression, device: Summary) -> None:
    meets(filter_, device)


@given(strategies.crowded, strategies.crowd)
def test_nor_where_terms_are_about_the_same_fields(text: str, device: Summary) -> None:
    filter_ = parse(text, now=NOW).filter
    assert filter_ is not None
    meets(filter_, device)


def meets(filter_: Expression, device: Summary) -> None:
    asked = pushed(filter_)
    found = registry(asked, device)
    if filter_.holds(device):
        assert found
    elif asked.exact:
        assert not found


def asked(text: str) -> Pushed:
    read = parse(text, now=NOW)
    assert not read.mistakes
    return pushed(read.filter)


@pytest.mark.parametrize(
    ("text", "query", "where"),
    [
        ("dock", "dock", None),
        ('"Hall 3"', "hall 3", None),
        ("cam camera-7", "camera-7", None),
        ("type:camera", None, {"device_type": {"contains": "camera"}}),
        ("type:cam type:camera", None, {"device_type": {"contains": "camera"}}),
        ("type=Camera", None, {"device_type": {"eq": "Camera"}}),
        ("id=b,a", None, {"device_id": {"in": ["a", "b"]}}),
        ("id=a or id=b", None, {"device_id": {"in": ["a", "b"]}}),
        ("-type=a", None, {"device_type": {"ne": "a"}}),
        ("battery:20..40 battery<30", None, {"battery": {"ge": 20, "lt": 30}}),
        ("battery<20 or battery<=20", None, {"battery": {"le": 20}}),
        ("battery=20 or battery<30", None, {"battery": {"lt": 30}}),
        ("no:battery", None, {"battery": {"exists": False}}),
        ("-online", None, {"online": {"ne": True}}),
        ("offline", None, {"online": {"eq": False}}),
        ("online:yes,no", None, {"online": {"exists": True}}),
        ("age<1h", None, {"registered_at": {"gt": NOW - 3600}}),
        ("registered=2026-11-20", None, {"registered_at": {"ge": NOW - 86_400, "lt": NOW}}),
        ("-(-type=a or -battery<5)", None, {"device_type": {"eq": "a"}, "battery": {"lt": 5}}),
        ("cam or type:camera", "cam", None),
        ("*", None, None),
        ("battery>0 no:battery", None, {"battery": {"in": [], "gt": 0, "exists": False}}),
        ("(battery>0 no:battery) or (battery>0 no:battery)", None, {"battery": {"in": [], "gt": 0}}),
        (
            'type:camera battery<20 -online "hall 3"',
            "hall 3",
            {"device_type": {"contains": "camera"}, "battery": {"lt": 20}, "online": {"ne": True}},
        ),
    ],
)
def test_what_the_registry_can_do_whole(text: str, query: str | None, where: dict[str, Any] | None) -> None:
    assert asked(text) == Pushed(query, where, exact=True)


@pytest.mark.parametrize(
    ("text", "query", "where"),
    [
        ("cam-*-07", "cam-", None),
        ("id:cam-*-07", "-07", {"device_id": {"contains": "cam-"}}),
        ("/^cam-0[0-9]+$/", "cam-0", None),
        ("location:/hall-[12]/", None, {"location": {"contains": "hall-"}}),
        ("label.safety:critical", "safety=", {"labels": {"contains": "critical"}}),
        ("a or b", None, None),
        ("-dock", None, None),
        ("-battery<20", None, None),
        ("(type:lamp battery<20) or (type:lamp online)", "lamp", {"device_type": {"contains": "lamp"}}),
        ("battery<20 or -online", None, None),
        ("fw<2.4", None, {"firmware": {"exists": True}}),
        ("dock hall", "dock", None),
        ("location:dock location:hall", "hall", {"location": {"contains": "dock"}}),
        ("battery:10,30 or battery:15..20", None, {"battery": {"ge": 10, "le": 30}}),
        ("battery:10,15..20,30", None, {"battery": {"ge": 10, "le": 30}}),
        ("-id=a,b", None, {"device_id": {"ne": "a"}}),
    ],
)
def test_what_the_registry_can_do_a_part_of(text: str, query: str | None, where: dict[str, Any] | None) -> None:
    assert asked(text) == Pushed(query, where, exact=False)


def test_no_filter_asks_for_every_device() -> None:
    assert pushed(None) == Pushed(None, None, exact=True)


def test_more_than_a_registry_takes_is_left_out() -> None:
    names = ["id", "type", "site", "fw", "label", "avail", "error", "model", "maker", "serial", "arch"]
    text = " ".join(f"{name}:x {name}!=y" for name in names)
    found = asked(text)
    assert not found.exact
    assert sum(map(len, (found.where or {}).values())) == MOST_CONDITIONS
    assert len(conditions_of(found.where)) == MOST_CONDITIONS


def test_a_long_list_is_split_between_the_registry_and_here() -> None:
    ids = ",".join(f"d{n}" for n in range(900))
    found = asked(f"id={ids} or id={ids.replace('d', 'e')}")
    assert not found.exact
    assert found.where == {"device_id": {"exists": True}}
    assert asked(f"id={ids}").exact

"""The language of searches: what each operator means, what is missing, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.wire.query import (
    FIELDS,
    MOST_CHARACTERS,
    MOST_CONDITIONS,
    MOST_OPTIONS,
    BadQuery,
    Filter,
    Kind,
    Order,
    arranged,
    comparable,
    condition,
    conditions_of,
    contains,
    order_of,
    shown,
    text_of,
    value_of,
)
from fleetgui.wire.records import Summary

ONE = Summary(
    device_id="camera-0007",
    ttl=45,
    device_type="Camera",
    location="site-01/Dock",
    battery=19.5,
    online=True,
    functions=3,
    labels="category=Optics location=site-01/dock",
    registered_at="2026-11-21T00:00:00Z",
)


def meets(where: dict[str, Any], one: Summary = ONE) -> bool:
    return Filter(conditions=conditions_of(where)).matches(lambda name: value_of(one, name))


@pytest.mark.parametrize(
    "where",
    [
        {"device_type": {"eq": "Camera"}},
        {"device_type": {"ne": "camera"}},
        {"device_type": {"contains": "AMER"}},
        {"device_type": {"in": ["x", "Camera"]}},
        {"device_id": {"gt": "camera-0006", "lt": "camera-0008"}},
        {"battery": {"lt": 20, "ge": 19.5}},
        {"battery": {"in": [1, 19.5]}},
        {"online": {"eq": True}},
        {"functions": {"le": 3}},
        {"labels": {"contains": "category=optics"}},
        {"registered_at": {"eq": "2026-11-21T01:00:00+01:00"}},
        {"registered_at": {"lt": 1_795_219_201}},
        {"model": {"exists": False}, "battery": {"exists": True}},
        {"model": {"ne": "C-1"}},
        {"offline_since": {"exists": False}},
        {},
    ],
)
def test_what_holds(where: dict[str, Any]) -> None:
    assert meets(where)


@pytest.mark.parametrize(
    "where",
    [
        {"device_type": {"eq": "camera"}},
        {"battery": {"lt": 20, "gt": 19.5}},
        {"online": {"eq": False}},
        {"model": {"eq": "C-1"}},
        {"model": {"lt": "zzz"}},
        {"model": {"contains": ""}},
        {"model": {"in": [""]}},
        {"model": {"exists": True}},
        {"battery": {"exists": False}},
        {"battery": {"lt": 20}, "functions": {"gt": 3}},
    ],
)
def test_what_does_not_hold(where: dict[str, Any]) -> None:
    assert not meets(where)


def test_empty_text_and_the_wrong_kind_are_missing() -> None:
    odd = Summary(device_id="x", model="", registered_at="yesterday", labels="")
    for name in ("model", "registered_at", "labels"):
        assert value_of(odd, name) is None
        assert meets({name: {"exists": False}}, odd)
    assert comparable(Kind.NUMBER, True) is None
    assert comparable(Kind.TRUTH, 1) is None
    assert comparable(Kind.TEXT, 5) is None


@pytest.mark.parametrize("text", ["RA-0007", "camera", "site-01/d", "OPTICS", ""])
def test_a_query_looks_into_id_type_location_and_labels(text: str) -> None:
    assert Filter(text_of(text)).matches(lambda name: value_of(ONE, name))


def test_a_query_looks_nowhere_else_and_not_across_fields() -> None:
    for text in ("45", "2026", "0007camera"):
        assert not Filter(text_of(text)).matches(lambda name: value_of(ONE, name))


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ([], "where must be an object"),
        ("battery<20", "where must be an object"),
        (7, "where must be an object"),
        ({"colour": {"eq": 1}}, "there is no field 'colour'; there are device_id, ttl"),
        ({"battery": 20}, "where.battery must be an object"),
        ({"battery": {}}, "where.battery must be an object"),
        ({"battery": {"like": 20}}, "battery takes eq, ne, lt, le, gt, ge, in, exists, not 'like'"),
        ({"battery": {"contains": "2"}}, "battery takes eq"),
        ({"online": {"lt": True}}, "online takes eq, ne, exists"),
        ({"battery": {"lt": "20"}}, "where.battery.lt must be a number, got '20'"),
        ({"battery": {"lt": True}}, "where.battery.lt must be a number, got True"),
        ({"battery": {"eq": None}}, "where.battery.eq must be a number, got None"),
        ({"battery": {"in": 5}}, "where.battery.in must be a list, got 5"),
        ({"battery": {"in": [5, "x"]}}, "where.battery.in must be a number, got 'x'"),
        ({"battery": {"in": [0] * (MOST_OPTIONS + 1)}}, "where.battery.in has more values than the 1000 allowed"),
        (
            {"battery": {"in": [0] * MOST_OPTIONS}, "ttl": {"in": [1]}},
            "where.ttl.in has more values than the 1000 allowed in all",
        ),
        ({"battery": {"exists": "yes"}}, "where.battery.exists must be true or false, got 'yes'"),
        ({"online": {"eq": 1}}, "where.online.eq must be true or false, got 1"),
        ({"model": {"eq": 5}}, "where.model.eq must be a text, got 5"),
        ({"model": {"eq": ["a"]}}, "where.model.eq must be a text"),
        ({"model": {"eq": "x" * (MOST_CHARACTERS + 1)}}, "where.model.eq has 257 characters, 256 are allowed"),
        ({"registered_at": {"lt": "soon"}}, "where.registered_at.lt must be a time"),
        ({"registered_at": {"lt": 1e300}}, "where.registered_at.lt must be a time"),
        ({str(number): {"eq": 1} for number in range(10_000)}, "where has 10000 fields, 16 conditions are allowed"),
        ({"battery": {str(number): 1 for number in range(10_000)}}, "where has more than the 16 conditions allowed"),
    ],
)
def test_what_is_not_in_the_language_is_refused(where: Any, says: str) -> None:
    with pytest.raises(BadQuery) as refused:
        conditions_of(where)
    assert str(refused.value).startswith(says)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("query", [5, True, ["a"], {"a": 1}, "x" * 1_000_000])
def test_a_query_that_is_no_short_text_is_refused(query: Any) -> None:
    with pytest.raises(BadQuery):
        text_of(query)


@pytest.mark.parametrize(
    ("order_by", "descending"), [("colour", None), (5, None), ([], None), ("battery", "yes"), ("battery", 1)]
)
def test_an_order_that_there_is_not_is_refused(order_by: Any, descending: Any) -> None:
    with pytest.raises(BadQuery):
        order_of(order_by, descending)


def test_nothing_asked_is_nothing_filtered() -> None:
    assert text_of(None) == ""
    assert conditions_of(None) == ()
    assert order_of(None, None) == Order()
    assert order_of(None, None).is_by_id
    assert Filter(text_of(None), conditions_of({})).is_open
    assert order_of(None, True) == Order("device_id", True)


def test_what_is_asked_alike_is_equal_and_hashes_alike() -> None:
    def asked() -> Filter:
        return Filter("x", conditions_of({"battery": {"lt": 20, "in": [1, 2]}, "model": {"contains": "AB"}}))

    assert asked() == asked()
    assert hash(asked()) == hash(asked())
    assert asked() != Filter("x", conditions_of({"battery": {"lt": 21, "in": [1, 2]}, "model": {"contains": "AB"}}))


def test_as_many_conditions_as_are_allowed() -> None:
    where = {name: {"exists": True} for name in list(FIELDS)[:MOST_CONDITIONS]}
    assert len(conditions_of(where)) == MOST_CONDITIONS
    assert contains("location", "X" * 1_000).operand == "x" * 1_000
    assert condition("battery", "in", []).holds(3) is False


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 3), st.integers()), max_size=30),
    st.booleans(),
)
def test_sorted_with_ties_by_id_and_what_is_missing_last(drawn: list[tuple[int | None, int]], descending: bool) -> None:
    items = [(value, position) for position, (value, _) in enumerate(drawn)]
    sign = -1 if descending else 1
    wanted = sorted(items, key=lambda item: (item[0] is None, sign * (item[0] or 0), item[1]))
    assert arranged(items, Order("battery", descending)) == [position for _, position in wanted]


@pytest.mark.parametrize("value", ["x" * 1_000_000, [[0] * 1_000] * 1_000, {"a": {"b": {"c": 1}}}, 10**4_000])
def test_what_is_shown_of_a_callers_value_is_short(value: Any) -> None:
    assert len(shown(value)) <= 80


def test_every_field_is_one_of_a_summary() -> None:
    assert set(FIELDS) == set(Summary.__struct_fields__)

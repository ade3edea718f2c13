"""Fields beyond the summary in the held fleet: found, sorted and grouped as one record after the other would be."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetgui.policy.filters import parse
from fleetgui.policy.filters.records import reader_of
from fleetgui.stores.held.fleet import HeldFleet
from fleetgui.stores.whole import MOST_PATHS
from fleetgui.wire.payload import path_of, value_at
from fleetgui.wire.query import Order, Value
from fleetgui.wire.records import summarize

PATH = "status.x"
MANY = 700
"""More than are asked one by one."""

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, -0.5, 1e300, 2**60, 2**60 + 1, 2**60 - 1, 1e15]),
    st.sampled_from(["", "a", "A", "b", "3", "-0.5", "1e3", "yes", "true", "ſ", "3 m"]),
    st.lists(st.integers(0, 2), max_size=2),
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 2), max_size=1),
)


def record(number: int, value: Any) -> bytes:
    return json.dumps({"device_id": f"d{number:04d}", "status": {"x": value, "battery": number % 7}}).encode()


def held(records: list[bytes]) -> HeldFleet:
    fleet = HeldFleet()
    rows = fleet.take([summarize(each) for each in records])
    fleet.hold_paths([PATH])
    fleet.put(PATH, rows, [value_at(each, ("status", "x")) for each in records])
    return fleet


def in_order(one: Value, other: Value) -> int:
    """Numbers before truths before texts, each by size; missing last."""

    def place(value: Value) -> tuple[int, Any]:
        if value is None:
            return 3, 0
        kind = 1 if isinstance(value, bool) else 2 if isinstance(value, str) else 0
        return kind, value

    a, b = place(one), place(other)
    return (a > b) - (a < b)


FILTERS = [
    "status.x>0",
    "status.x>=3",
    "status.x<a",
    "status.x:3",
    "status.x:a",
    "status.x=3",
    "status.x=a,b",
    "status.x!=a",
    "-status.x<1",
    "status.x:*",
    "no:status.x",
    "status.x:-1..2",
    "status.x:a..",
    "status.x:yes",
    "status.x:no",
    "status.x:/^a|b$/",
    "status.x:a*",
    "status.x:1152921504606846976",
    "status.x:1152921504606846977",
    "status.x=1152921504606846977,3",
    "status.x>1152921504606846976",
    "status.x<=1152921504606846976",
    "status.x:1152921504606846977..",
    "status.x>1 battery<3",
    "status.x>1 or status.x:b",
    "other.path>1",
    "-other.path:a",
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(values, min_size=1, max_size=60), st.sampled_from(FILTERS), st.booleans(), st.booleans())
async def test_what_is_found_is_what_each_record_says(some: list[Any], text: str, many: bool, down: bool) -> None:
    count = MANY if many else len(some)
    records = [record(number, some[number % len(some)]) for number in range(count)]
    fleet = held(records)
    try:
        parsed = parse(text)
        assert parsed.filter is not None
        assert not parsed.mistakes
        wanted = [number for number, each in enumerate(records) if parsed.filter.matches(reader_of(each))]
        found = await fleet.search(parsed.filter)
        assert found.rows.tolist() == wanted

        keys = [Order(PATH, down)]
        there = [number for number in wanted if reader_of(records[number])(PATH) is not None]

        def compared(one: int, other: int) -> int:
            order = in_order(reader_of(records[one])(PATH), reader_of(records[other])(PATH))
            return (-order if down else order) or one - other

        expected = sorted(there, key=functools.cmp_to_key(compared))
        expected += [number for number in wanted if number not in set(there)]
        layout = await fleet.lay_out(parsed.filter, keys)
        assert layout.rows.tolist() == expected
    finally:
        fleet.close()


async def test_groups_have_the_values_that_devices_have() -> None:
    some: list[Any] = [1, "a", True, None, 1, "b", "a", {}]
    fleet = held([record(number, each) for number, each in enumerate(some)])
    try:
        groups = await fleet.group(PATH)
        assert [(each.value, each.rows) for each in groups.counts] == [
            (1.0, 2),
            (True, 1),
            ("a", 2),
            ("b", 1),
            (None, 2),
        ]
        layout = await fleet.lay_out(None, (), PATH)
        assert layout.groups is not None
        assert layout.groups.values == ("1", "yes", "a", "b", None)
    finally:
        fleet.close()


async def test_a_value_that_changed_is_found_by_what_it_is_now() -> None:
    fleet = held([record(number, number) for number in range(MANY)])
    try:
        wanted = parse("status.x>690").filter
        assert wanted is not None
        assert len((await fleet.search(wanted)).rows) == 9
        before = (await fleet.order([Order(PATH, descending=True)])).rows
        fleet.put(PATH, before[:1], ["now a text"])
        assert len((await fleet.search(wanted)).rows) == 8
        assert (await fleet.order([Order(PATH)])).rows[-1] == before[0]
        assert fleet.payload(int(before[0])) == {PATH: "now a text"}
    finally:
        fleet.close()


async def test_devices_whose_field_was_not_read_have_none() -> None:
    fleet = held([record(0, 5)])
    try:
        fleet.take([summarize(record(number, 5)) for number in range(1, 10_000)])
        present = parse("status.x:*").filter
        assert present is not None
        assert (await fleet.search(present)).rows.tolist() == [0]
        assert fleet.payload(9_000) == {PATH: None}
        assert (await fleet.order([Order(PATH)])).rows[0] == 0
        fleet.clear()
        assert fleet.paths == frozenset()
        assert (await fleet.search(present)).rows.tolist() == []
    finally:
        fleet.close()


def test_no_more_fields_are_held_than_there_is_memory_for() -> None:
    fleet = HeldFleet()
    fleet.hold_paths(f"status.x{number}" for number in range(MOST_PATHS + 3))
    assert len(fleet.paths) == MOST_PATHS
    assert "status.x0" not in fleet.paths
    fleet.put("status.x0", fleet.take([summarize(record(0, 1))]), [1.0])
    fleet.hold_paths(["battery"])
    assert "battery" not in fleet.paths
    fleet.close()


@pytest.mark.parametrize("value", [1, "a", True, [1, "b"], {"a": 1}, None])
def test_a_row_gives_back_what_was_put_in(value: Any) -> None:
    data = record(0, value)
    fleet = held([data])
    path = path_of(PATH)
    assert path is not None
    assert fleet.payload(0) == {PATH: value_at(data, path)}
    fleet.close()

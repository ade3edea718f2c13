"""Whatever is held: rows give back what was put in, and questions have the answers that a plain list gives."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetgui.policy.filters.syntax import parse
from fleetgui.stores.held.fleet import HeldFleet
from fleetgui.stores.held.plan import All, Each, Either, Leaf, Not, Plan, plan_of_condition
from fleetgui.wire import query
from fleetgui.wire.query import FIELDS, Filter, Kind, Order, value_of
from fleetgui.wire.records import Summary
from tests.stores.held import fleets

pytestmark = pytest.mark.usefixtures("small_limits")

FILTERS = (
    "camera", '"a"', "id:camera-00*", "id:*1", "id:/0[0-3]$/", "/s+e/", "type:camera", "location=site-01", "site*",
    "location:site-01,site-02", "battery<20", "battery:5..20", "battery>=1e300", "functions>=5", "functions=2",
    "online:yes", "online:no", "fw<2.4", "fw>=1", "label.a:b", "label.a:c", "label.A=B", "has:error", "no:location",
    "registered>2026-11-01", "age<2h", "reported>2020-01-01", "gone>2001-01-01", "-type:x", "model:é", "serial:σ",
    "maker:i*l", "label:/d,E/",
)  # fmt: skip
drawn = st.lists(fleets.summaries(), max_size=40)


def held(summaries: list[Summary]) -> tuple[HeldFleet, dict[str, Summary]]:
    """The fleet, taken in in batches, and what it should hold."""
    fleet = HeldFleet()
    for start in range(0, len(summaries), 7):
        fleet.take(summaries[start : start + 7])
    return fleet, {summary.device_id: summary for summary in summaries}


def same(one: Summary, other: Summary) -> bool:
    """Equal in every field and in what each is compared as; `45` and `45.0` are the same number."""
    return one == other and all(value_of(one, name) == value_of(other, name) for name in FIELDS)


@given(drawn)
def test_every_row_gives_back_what_was_put_in(summaries: list[Summary]) -> None:
    fleet, wanted = held(summaries)
    assert len(fleet) == fleet.size == len(wanted)
    for device_id, summary in wanted.items():
        row = fleet.index_of(device_id)
        assert row is not None
        assert same(fleet.summary(row), summary)
        assert fleet.device_id(row) == device_id
        for name in FIELDS:
            assert fleet.value(row, name) == value_of(summary, name)
    assert fleet.index_of("nobody") is None
    fleet.close()


plans: st.SearchStrategy[Plan] = st.recursive(
    st.builds(plan_of_condition, fleets.conditions())
    | st.builds(
        lambda name, text: Leaf(name, lambda value: re.search(re.escape(text[:3]) + "$", str(value)) is not None),
        fleets.fields,
        fleets.texts,
    )
    | st.builds(
        lambda name, text: Leaf(
            name, lambda value: isinstance(value, str) and value.lower().startswith(text), needs=(text,) if text else ()
        ),
        st.sampled_from([name for name, kind in FIELDS.items() if kind is Kind.TEXT]),
        fleets.texts.map(str.lower),
    )
    | st.builds(lambda number: Each(lambda summary: len(summary.device_id) > number), st.integers(0, 12)),
    lambda parts: (
        st.builds(All, st.lists(parts, max_size=3).map(tuple))
        | st.builds(Either, st.lists(parts, max_size=3).map(tuple))
        | st.builds(Not, parts)
    ),
    max_leaves=5,
)


def holds(plan: Plan, summary: Summary) -> bool:
    """The plan of one record, by the meaning of each leaf."""
    match plan:
        case Leaf():
            return bool(plan.holds(value_of(summary, plan.field)))
        case Each():
            return plan.holds(summary)
        case Not():
            return not holds(plan.part, summary)
        case All():
            return all(holds(part, summary) for part in plan.parts)
        case Either():
            return any(holds(part, summary) for part in plan.parts)


@settings(max_examples=120, deadline=None)
@given(drawn, plans)
def test_a_search_finds_what_holds(summaries: list[Summary], plan: Plan) -> None:
    fleet, wanted = held(summaries)
    found = asyncio.run(fleet.search(plan))
    fleet.close()
    assert [fleet.device_id(row) for row in found.rows.tolist()] == [
        device_id for device_id, summary in wanted.items() if holds(plan, summary)
    ]
    assert found.generation == fleet.generation


@settings(max_examples=80, deadline=None)
@given(drawn, st.lists(fleets.conditions(), max_size=3), fleets.texts)
def test_a_search_in_the_registrys_language_finds_what_the_registry_would(
    summaries: list[Summary], conditions: list[query.Condition], text: str
) -> None:
    fleet, wanted = held(summaries)
    asked = Filter(text.lower(), tuple(conditions))
    found = asyncio.run(fleet.search(asked))
    fleet.close()
    assert [fleet.device_id(row) for row in found.rows.tolist()] == [
        device_id for device_id, summary in wanted.items() if asked.matches(fleets.field_of(summary))
    ]


@settings(max_examples=120, deadline=None)
@given(drawn, fleets.orders, st.data())
def test_an_order_is_that_of_the_language(summaries: list[Summary], keys: list[Order], data: st.DataObject) -> None:
    fleet, wanted = held(summaries)
    among = data.draw(st.none() | st.lists(st.integers(0, 45), unique=True))
    rows = range(fleet.size) if among is None else [row for row in among if row < fleet.size]
    found = asyncio.run(fleet.order(keys, None if among is None else np.array(among, np.int32)))
    fleet.close()
    order = fleets.ordered(rows, keys, lambda row, name: value_of(wanted[fleet.device_id(row)], name), fleet.device_id)
    assert found.rows.tolist() == order


@settings(max_examples=80, deadline=None)
@given(drawn, fleets.fields, st.integers(1, 50))
def test_groups_are_the_values_with_their_counts(summaries: list[Summary], name: str, most: int) -> None:
    fleet, wanted = held(summaries)
    groups = asyncio.run(fleet.group(name, most=most))
    fleet.close()
    counted: Counter[Any] = Counter(value_of(summary, name) for summary in wanted.values())
    assert groups.distinct == len(counted)
    assert all(counted[each.value] == each.rows for each in groups.counts)
    values = [each.value for each in groups.counts]
    present: list[Any] = [value for value in values if value is not None]
    assert present == sorted(set(present))
    assert values == present + [None] * (None in counted)
    assert len(values) == min(len(counted), most)
    left_out = [rows for value, rows in counted.items() if value not in values]
    assert max(left_out, default=0) <= min((each.rows for each in groups.counts if each.value is not None), default=999)


@settings(max_examples=80, deadline=None)
@given(drawn, st.sampled_from([name for name, kind in FIELDS.items() if kind is Kind.TEXT]), fleets.texts)
def test_completion_offers_the_texts_that_begin_alike(summaries: list[Summary], name: str, prefix: str) -> None:
    fleet, wanted = held(summaries)
    groups = asyncio.run(fleet.values(name, prefix, most=1_000))
    fleet.close()
    values = [value_of(summary, name) for summary in wanted.values()]
    expected = Counter(value for value in values if isinstance(value, str) and value.lower().startswith(prefix.lower()))
    assert {each.value: each.rows for each in groups.counts if each.value is not None} == expected


@settings(max_examples=120, deadline=None)
@given(drawn, st.lists(st.sampled_from(FILTERS), min_size=1, max_size=3), st.sampled_from([" ", " or ", " -"]))
def test_a_search_in_the_filter_language_finds_what_its_expression_holds_for(
    summaries: list[Summary], written: list[str], joined: str
) -> None:
    fleet, wanted = held(summaries)
    parsed = parse(joined.join(written), now=1_795_219_200.0)
    assert parsed.filter is not None
    assert not parsed.mistakes
    found = asyncio.run(fleet.search(parsed.filter))
    fleet.close()
    assert [fleet.device_id(row) for row in found.rows.tolist()] == [
        device_id for device_id, summary in wanted.items() if parsed.filter.holds(summary)
    ]

"""The same wish finds the same devices, whether a registry answers it or it is searched for here, in what is held."""

from __future__ import annotations

import asyncio
import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleetgui.policy.filters import Expression, parse
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.held.fleet import HeldFleet
from fleetgui.stores.held.heard import FIELDS, Heard
from fleetgui.stores.presence import Beat, Edge, Presence
from fleetgui.wire.query import Order, arranged, value_of
from fleetgui.wire.question import Question
from fleetgui.wire.records import Summary
from tests.policy.filters import strategies
from tests.policy.filters.strategies import NOW

SOON = 1_000.0

fleets = st.lists(strategies.summaries, max_size=8, unique_by=lambda each: each.device_id)
orders = st.lists(
    st.builds(Order, st.sampled_from(["device_id", "battery", "firmware", "online", "labels"]), st.booleans()),
    max_size=2,
)


def as_listed(devices: list[Summary], question: Question) -> list[str]:
    """What a registry of ours lists."""
    found = sorted((each for each in devices if question.takes(each)), key=lambda each: each.device_id)
    if question.order_by:
        order = Order(question.order_by, question.descending)
        found = arranged([(value_of(each, order.field), each) for each in found], order)
    elif question.descending:
        found.reverse()
    return [each.device_id for each in found]


def as_held(devices: list[Summary], wanted: Wanted, happened: Presence) -> list[str]:
    """What is found here, where the whole fleet is held and `happened` was heard."""

    async def found() -> list[str]:
        fleet = HeldFleet()
        heard = Heard(fleet, happened)
        heard.taken(fleet.take(devices), devices)
        await heard.lay_over(FIELDS, SOON)
        layout = await fleet.lay_out(wanted.filter, wanted.keys, wanted.group)
        fleet.close()
        return [fleet.device_id(int(row)) for row in layout.rows]

    return asyncio.run(found())


@given(strategies.parsed(), orders, fleets, st.lists(st.tuples(st.integers(0, 7), st.sampled_from("bof")), max_size=6))
@example(parse("online").filter, [], [Summary("a", online=False), Summary("b", online=True)], [(0, "b"), (1, "o")])
@settings(deadline=None)
def test_both_ways_find_the_same(
    filter_: Expression, keys: list[Order], devices: list[Summary], happened: list[tuple[int, str]]
) -> None:
    presence = Presence()
    for number, what in happened:  # beats, edges to online and to offline of any of them, a second apart
        if number < len(devices):
            device_id = devices[number].device_id
            if what == "b":
                presence.apply_beats([Beat(device_id, json.dumps({"device_id": device_id}).encode(), SOON - 1)])
            else:
                presence.apply_edges([Edge(device_id, what == "o", SOON - 1, None)])
    wanted = Wanted(filter_, tuple(keys))
    found = as_held(devices, wanted, presence)
    asked = wanted.asked()
    listed = as_listed(devices, asked.question)
    if asked.exact:
        assert listed == found
    assert set(found) <= set(listed)
    for extended in (True, False):
        assert set(found) <= set(as_listed(devices, wanted.scope(extended=extended)))


@given(strategies.parsed(), fleets)
@settings(deadline=None)
def test_a_wish_as_of_now_is_the_wish(filter_: Expression, devices: list[Summary]) -> None:
    wanted = Wanted(filter_)
    assert as_held(devices, wanted.as_of(NOW), Presence()) == as_held(devices, wanted, Presence())
    assert wanted.as_of(NOW + 5).scope(extended=True) == wanted.scope(extended=True)

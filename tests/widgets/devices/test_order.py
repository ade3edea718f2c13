"""What clicks on headers make of the orders in force."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.wanted import Wanted
from fleetgui.widgets.devices.order import MOST_KEYS, clicked, clicked_too, in_words, marks
from fleetgui.wire.query import BY_ID, Order

FIELDS = ("device_id", "device_type", "location", "battery", "firmware", "model", "status.temperature")


def test_a_click_sorts_by_one_field_turns_it_and_ends_it() -> None:
    once = clicked((BY_ID,), "battery")
    twice = clicked(once, "battery")
    assert (once, twice) == ((Order("battery"),), (Order("battery", descending=True),))
    assert clicked(twice, "battery") == (BY_ID,)
    assert clicked((Order("battery"), Order("location")), "battery") == (Order("battery"),)
    assert clicked((BY_ID,), "device_id") == (Order("device_id", descending=True),)


def test_with_shift_a_field_is_added_turned_where_it_stands_and_taken_away() -> None:
    both = clicked_too((Order("location"),), "battery")
    assert both == (Order("location"), Order("battery"))
    turned = clicked_too(both, "location")
    assert turned == (Order("location", descending=True), Order("battery"))
    assert clicked_too(turned, "location") == (Order("battery"),)
    assert clicked_too((Order("battery", descending=True),), "battery") == (BY_ID,)


@given(st.lists(st.tuples(st.sampled_from(FIELDS), st.booleans()), max_size=20))
def test_whatever_is_clicked_each_order_counts_and_is_marked(clicks: list[tuple[str, bool]]) -> None:
    orders: tuple[Order, ...] = (BY_ID,)
    for field, more in clicks:
        orders = (clicked_too if more else clicked)(orders, field)
        keys = [order for order in orders if not order.is_by_id]
        assert orders == (tuple(keys) or (BY_ID,))
        assert len({order.field for order in keys}) == len(keys) <= MOST_KEYS
        assert list(marks(orders)) == [order.field for order in keys]
        assert bool(in_words(orders)) is bool(keys)
        assert set(Wanted(orders=orders).keys) <= set(keys)


def test_one_order_is_an_arrow_and_several_are_counted() -> None:
    assert marks((Order("battery"),)) == {"battery": "↑"}
    assert marks((Order("type"), Order("battery", descending=True))) == {"type": "↑1", "battery": "↓2"}
    assert in_words((Order("type"), Order("battery", descending=True))) == "type, then battery descending"

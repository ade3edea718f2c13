"""What of a wish a registry is asked for: as much as it can, never less than what is wanted."""

from __future__ import annotations

import pytest

from fleetgui.policy.filters import parse
from fleetgui.policy.wanted import Wanted
from fleetgui.wire.query import BY_ID, Order
from fleetgui.wire.question import EVERYTHING, Question


def wanted(text: str, order: Order | None = None) -> Wanted:
    return Wanted(parse(text).filter, (order or Order(),))


def test_everything_is_every_registrys() -> None:
    assert wanted("").asked().question == EVERYTHING
    assert wanted("").asked().exact


def test_type_and_location_are_asked_of_every_registry() -> None:
    asked = wanted("type:cam site:hall").asked()
    assert (asked.question, asked.exact) == (Question("cam", "hall"), True)
    assert asked.question.extensions == ()


def test_the_rest_is_asked_of_those_that_know_it() -> None:
    asked = wanted("type:cam battery<20 dock", Order("battery", descending=True)).asked()
    assert asked.exact
    assert asked.question.query == "dock"
    assert asked.question.where is not None
    assert set(asked.question.where) == {"device_type", "battery"}
    assert (asked.question.order_by, asked.question.descending) == ("battery", True)


@pytest.mark.parametrize("text", ["/cam-[0-9]/", "type:cam or site:hall", "-dock"])
def test_what_no_registry_can_do_whole_is_not_exact(text: str) -> None:
    assert not wanted(text).asked().exact


@pytest.mark.parametrize("text", ["online", "-online", "type:cam offline", "battery<20 or online", "no:online"])
def test_whether_a_device_is_online_is_not_asked_of_a_registry(text: str) -> None:
    """It says what the device registered; here its heartbeats are heard."""
    wish = wanted(text)
    assert not wish.asked().exact
    for question in (wish.asked().question, wish.scope(extended=True), wish.scope(extended=False)):
        assert "online" not in (question.where or {})
    by_it = Wanted(orders=(Order("online"),)).asked()
    assert (by_it.exact, by_it.question.order_by) == (False, None)


def test_the_scope_is_what_can_be_narrowed_down_without_an_order() -> None:
    wish = wanted("type:cam battery<20", Order("battery"))
    assert wish.scope(extended=False) == Question("cam")
    extended = wish.scope(extended=True)
    assert (extended.order_by, set(extended.where or {})) == (None, {"device_type", "battery"})
    assert wanted("/x/").scope(extended=False) == EVERYTHING


def test_several_orders_and_groups_are_no_registrys() -> None:
    battery, place = Order("battery", descending=True), Order("location")
    assert not Wanted(orders=(battery, place)).asked().exact
    assert not Wanted(group="location").asked().exact
    assert Wanted(orders=(battery, place)).asked().question.order_by == "battery"


@pytest.mark.parametrize(
    ("orders", "keys"),
    [
        ((), ()),
        ((BY_ID,), ()),
        ((Order("battery"), BY_ID, Order("model")), (Order("battery"),)),
        ((Order("battery"), Order("battery", True)), (Order("battery"),)),
        ((Order("device_id", True), Order("battery")), (Order("device_id", True),)),
        ((Order("battery"), Order("model")), (Order("battery"), Order("model"))),
    ],
)
def test_orders_that_change_nothing_are_left_out(orders: tuple[Order, ...], keys: tuple[Order, ...]) -> None:
    assert Wanted(orders=orders).keys == keys
    assert Wanted(orders=orders).asked().exact is (len(keys) <= 1)


def test_what_no_summary_has_is_no_registrys() -> None:
    wish = Wanted(parse("status.x>1 battery<20").filter, (Order("status.y"), Order("model")), group="identity.z")
    assert wish.payload == {"status.x", "status.y", "identity.z"}
    assert not Wanted(orders=(Order("status.y"),)).asked().exact
    assert Wanted(orders=(Order("status.y"),)).asked().question == EVERYTHING
    assert Wanted(parse("battery<20").filter, (Order("model"),), group="labels.site").payload == frozenset()
    assert Wanted(orders=(Order("labels.site"),)).payload == frozenset()
    assert not Wanted(orders=(Order("labels.site"),)).asked().exact

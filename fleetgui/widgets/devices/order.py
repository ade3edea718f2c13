"""Sorting by the header: what a click on a column makes of the orders in force. No Qt.

A click sorts by that column alone; again: the other way round; once more: as devices stand in the registry. With
Shift a column is added behind the others; again: it is turned round; once more: it goes.
"""

from __future__ import annotations

from typing import Final

from fleetgui.models.groups import title_of
from fleetgui.wire.query import BY_ID, Order

MOST_KEYS: Final = 4
"""More keys than this decide between hardly any two devices."""

Orders = tuple[Order, ...]


def clicked(orders: Orders, field: str) -> Orders:
    """Sorted by this field alone, the other way round, or by nothing but the id."""
    if orders == (Order(field),):
        return (Order(field, descending=True),)
    return (BY_ID,) if orders == (Order(field, descending=True),) else (Order(field),)


def clicked_too(orders: Orders, field: str) -> Orders:
    """Sorted by this field too, the other way round, or not by it any more. Beyond `MOST_KEYS` nothing is added."""
    keys = [order for order in orders if not order.is_by_id]
    at = next((number for number, order in enumerate(keys) if order.field == field), None)
    if at is not None:
        turned = keys.pop(at)
        if not turned.descending:
            keys.insert(at, Order(field, descending=True))
    elif len(keys) < MOST_KEYS:
        # ties are by id anyway: only the other way round is an order of its own
        keys.append(Order(field, descending=field == BY_ID.field))
    return tuple(keys) or (BY_ID,)


def marks(orders: Orders) -> dict[str, str]:
    """Field → what the header says of it: which way, and with several keys which of them it is."""
    keys = [order for order in orders if not order.is_by_id]
    several = len(keys) > 1
    return {
        order.field: ("↓" if order.descending else "↑") + (str(number) if several else "")
        for number, order in enumerate(keys, 1)
    }


def in_words(orders: Orders) -> str:
    """The orders as part of a sentence; "" where devices stand as in the registry."""
    keys = [order for order in orders if not order.is_by_id]
    return ", then ".join(title_of(key.field) + (" descending" if key.descending else "") for key in keys)

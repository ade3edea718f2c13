"""The fleet as it is held, behind a console's table: laid out at once, in order and under heads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from fleetgui.policy.filters import Expression
from fleetgui.stores.held.fleet import HeldFleet
from fleetgui.stores.held.rows import HeldRows
from fleetgui.wire.query import BY_ID, Order
from fleetgui.wire.records import Summary
from tests.models.fleet import Fleet


class Held:
    """`close()` it, since what searches and sorts runs in a thread."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.devices = HeldFleet()
        self.rows = HeldRows(self.devices)
        fleet.state.table.show(self.rows)

    def take(self, summaries: Iterable[Summary]) -> None:
        self.rows.taken(self.devices.take(list(summaries)), self.fleet.clock.now())

    def arrange(
        self, *, asked: Expression | None = None, orders: tuple[Order, ...] = (BY_ID,), group: str | None = None
    ) -> None:
        self.rows.show(asyncio.run(self.devices.lay_out(asked, orders, group)))

    def close(self) -> None:
        self.devices.close()

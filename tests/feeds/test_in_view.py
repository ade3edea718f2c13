"""Held rows that somebody looks at are read again: those on the screen, in one request, and never in a storm."""

from __future__ import annotations

from fleetgui.feeds.in_view import FAILED_S
from fleetgui.feeds.pager import JITTER, REREAD_S
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.hold import HoldPhase
from fleetgui.wire.query import Order
from tests.feeds.test_abreast import Bench, Registry, holding
from tests.nats_server import NatsServer

DUE_S = REREAD_S * (1 + JITTER) + 0.1
BY_PLACE = (Order("location"), Order("battery"))


async def later(bench: Bench, seconds: float) -> list[str]:
    """The devices that are read again when so much time has passed."""
    before = len(bench.registry.looked_up)
    await bench.passes(seconds)
    hold = bench.table._hold
    assert hold is not None
    if (reading := hold._in_view._reading) is not None and not reading.cancelled():
        await reading
    return sorted(bench.registry.looked_up[before:])


async def test_what_is_on_the_screen_is_read_again_and_what_decides_its_place_moves_it(
    shared_nats_server: NatsServer,
) -> None:
    registry = Registry(extended=True)
    async with holding(shared_nats_server, "view-again", registry) as bench:
        assert (await bench.wants("", *BY_PLACE))[:3] == ["cam-0", "cam-2", "cam-4"]
        bench.table.view_moved(0, 1)
        assert await later(bench, REREAD_S - 1) == []
        registry.put("cam-0", battery=99, location="hall-0")
        registry.put("cam-5", battery=1, location="hall-0")
        lists = registry.lists
        told: list[tuple[int, int]] = []
        disconnect = bench.state.table.rows_changed.connect(lambda *rows: told.append(rows))
        assert await later(bench, DUE_S) == ["cam-0", "cam-2"]  # and not cam-5, which nobody looks at
        disconnect()
        assert registry.lists == lists + 1
        assert told == [(0, 1)]
        row = bench.state.table.row(0)
        assert row.summary is not None
        assert row.summary.battery == 99
        assert row.read_at == bench.clock.now()
        assert await later(bench, 1.0) == []
        assert bench.ids()[:3] == ["cam-2", "cam-4", "cam-0"]


async def test_nothing_is_read_again_where_nobody_looks_or_a_walk_does_it(shared_nats_server: NatsServer) -> None:
    registry = Registry(extended=True)
    async with holding(shared_nats_server, "view-left", registry) as bench:
        await bench.wants("", *BY_PLACE)
        assert await later(bench, DUE_S) == []  # nothing was ever said to be on the screen
        bench.table.view_moved(0, 1)
        bench.table.view_left()
        assert await later(bench, DUE_S) == []
        bench.table.view_moved(0, 1)
        bench.table.refresh()
        bench.table.walk("pause")
        assert bench.state.hold.state.phase is HoldPhase.PAUSED
        assert await later(bench, DUE_S) == []
        bench.table.walk("cancel")
        assert await later(bench, DUE_S) == ["cam-0", "cam-2"]
        bench.table.view_moved(0, 1_000_000)
        assert len(await later(bench, DUE_S)) == 6
        bench.table.show(Wanted())  # which the registry is asked for by pages
        assert await later(bench, DUE_S) == []


async def test_a_registry_that_fails_is_let_be_and_one_that_picks_nobody_by_id_is_not_asked(
    shared_nats_server: NatsServer,
) -> None:
    registry = Registry(extended=True)
    async with holding(shared_nats_server, "view-fails", registry) as bench:
        await bench.wants("", *BY_PLACE)
        bench.table.view_moved(0, 1)
        registry.refuses_ids = True
        assert await later(bench, DUE_S) == ["cam-0", "cam-0", "cam-2", "cam-2"]  # once more before it is believed
        assert await later(bench, FAILED_S - 1) == []
        registry.refuses_ids = False
        assert await later(bench, 1.1) == ["cam-0", "cam-2"]
        del registry.devices["cam-2"]
        before = bench.state.table.status
        assert await later(bench, DUE_S) == ["cam-0", "cam-2"]
        assert (before.stale_total, bench.state.table.status.stale_total) == (False, True)
    async with holding(shared_nats_server, "view-plain", Registry()) as bench:
        await bench.wants("", *BY_PLACE)
        bench.table.view_moved(0, 1)
        assert await later(bench, DUE_S) == []

"""The table's feed: by the registry's pages where it can, by walking the fleet where it cannot; the same rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fleetgui.app.table import TableFeed
from fleetgui.feeds.errors import Fault, RegistryError
from fleetgui.feeds.pager import Pager
from fleetgui.feeds.registry import RegistryClient
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.filters import parse
from fleetgui.policy.pages import PageSizer
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.hold import HoldPhase, Offered
from fleetgui.stores.presence import Edge
from fleetgui.stores.roster import RosterPhase, RowKind
from fleetgui.wire.query import BY_ID, Order
from fleetgui.wire.question import Question
from fleetgui.wire.subjects import Subjects
from tests.backend.links import party
from tests.backend.roles import Role
from tests.feeds.scripted_registry import Answer, Params, Refuse, paging, record, scripted
from tests.feeds.scripted_registry import Bench as Scripted
from tests.nats_server import NatsServer
from tests.waiting import until

DEVICES = 700


class Bench:
    def __init__(self, state: ConsoleState, pager: Pager, table: TableFeed) -> None:
        self.state = state
        self.pager = pager
        self.table = table

    async def shows(self, count: int | None = None) -> None:
        """Wait until nothing is under way any more, and there are so many rows."""
        state = self.state
        await until(
            lambda: (
                state.table.total == (state.table.total if count is None else count)
                and state.table.status.phase is RosterPhase.READY
                and not state.hold.state.phase.is_under_way
                and not state.hold.state.arranging
            ),
            state.table.status_changed,
            state.hold.changed,
            state.table.resized,
        )

    def ids(self) -> list[str | None]:
        return [self.state.table.row(row).device_id for row in range(self.state.table.total)]

    @property
    def is_held(self) -> bool:
        return self.state.table.source is not self.state.roster


@asynccontextmanager
async def plain(url: str, tenant: str) -> AsyncIterator[tuple[Bench, Scripted]]:
    """A registry that knows the contract and nothing else."""
    devices = [
        record(
            f"cam-{number:04}",
            identity={"device_type": "camera" if number % 2 else "lock"},
            status={"location": f"hall-{number % 7}", "battery": number % 101},
            capabilities={"labels": {"rack": f"r{1 + (number % 3 > 0)}"}},
        )
        for number in range(DEVICES)
    ]

    def answer(params: Params) -> dict[str, Any]:
        kind, offset, limit = params.get("device_type", "").lower(), params["offset"], params["limit"]
        found = [each for each in devices if kind in each["identity"]["device_type"]]
        end = offset + min(limit, 200)
        return {
            "devices": found[offset:end],
            "next_offset": end if end < len(found) else None,
            "total_matched": len(found),
        }

    async with scripted(url, tenant, answer) as bench:
        table = TableFeed(bench.client, bench.pager, bench.state, SystemClock(), bench.tasks)
        bench.pager.start()
        bench.pager.link_came_up()
        yield Bench(bench.state, bench.pager, table), bench
        table.close()


@asynccontextmanager
async def ours() -> AsyncIterator[Bench]:
    """A gateway of ours with a computed fleet, which knows every extension."""
    settings = {"computed": {"devices": DEVICES, "seed": 1, "ttl": 600}, "environ": {"REGISTRY_STORAGE": "none"}}
    with NatsServer() as nats, Role("fleetgui.backend.gateway", {"url": nats.url, **settings}):
        async with party(nats.url) as on:
            state, clock = ConsoleState(), SystemClock()
            client = RegistryClient(on.link, Subjects("default"), clock, PageSizer({}))
            pager = Pager(client, state.roster, state.presence, clock, on.tasks)
            table = TableFeed(client, pager, state, clock, on.tasks)
            pager.start()
            pager.link_came_up()
            yield Bench(state, pager, table)
            table.close()


def wanted(text: str, order: Order = BY_ID) -> Wanted:
    parsed = parse(text)
    assert not parsed.mistakes
    return Wanted(parsed.filter, (order,))


async def test_what_every_registry_knows_is_asked_of_it(shared_nats_server: NatsServer) -> None:
    async with plain(shared_nats_server.url, "table-plain") as (bench, _):
        bench.table.show(wanted("type:camera"))
        await bench.shows(DEVICES // 2)
        assert not bench.is_held
        assert bench.state.roster.registered == DEVICES


async def test_what_a_plain_registry_cannot_do_is_done_here(shared_nats_server: NatsServer) -> None:
    async with plain(shared_nats_server.url, "table-held") as (bench, registry):
        bench.table.show(wanted("battery<10 type:camera", Order("battery", descending=True)))
        expected = [n for n in range(DEVICES) if n % 2 and n % 101 < 10]
        expected.sort(key=lambda n: (-(n % 101), n))
        await bench.shows(len(expected))
        assert bench.is_held
        assert bench.ids() == [f"cam-{n:04}" for n in expected]
        assert bench.state.hold.state.coverage.complete
        assert bench.state.table.status.waiting_since is None
        assert bench.state.hold.state.coverage.seen == DEVICES // 2  # of the cameras alone
        assert all(bench.state.table.row(row).kind is RowKind.LOADED for row in range(bench.state.table.total))
        hold = bench.state.hold
        for field, prefix, values in (("location", "HALL-3", ("hall-3",)), ("labels.rack", "r", ("r2", "r1"))):
            bench.table.values_wanted(field, prefix)
            due = Offered((field, prefix), values)
            await until(lambda due=due: hold.state.offered == due, hold.changed)  # type: ignore[misc] # its default
        before = await walked(registry)
        assert before
        bench.table.show(wanted("type:camera battery<5"))
        await bench.shows(len([n for n in expected if n % 101 < 5]))
        assert await walked(registry) == before  # what is held was searched, nothing was read again
        bench.table.show(wanted(""))
        await bench.shows(DEVICES)
        assert not bench.is_held


@pytest.mark.parametrize("text", ["battery<20", "site-01 -type:camera", "type:camera or battery>90", "/^[a-z]+-0{2}/"])
async def test_the_rows_are_the_same_whoever_searches(text: str) -> None:
    """Whole, by the registry or here: by another order, which the one can do and the other has to."""
    order = Order("location", descending=True)
    async with ours() as bench:
        exact = wanted(text).asked().exact
        bench.table.show(wanted(text, order))
        await bench.shows()
        assert bench.state.table.total > 0
        assert bench.is_held is not exact
        bench.pager.view_moved(0, bench.state.table.total - 1)
        if not bench.is_held:
            await until(lambda: bench.state.roster.loaded == bench.state.roster.total, bench.state.roster.rows_changed)
        first = bench.ids()
        bench.state.registry_searches = False  # as if it had said that it cannot
        bench.table.show(wanted(text + " "))
        bench.table._unable(RegistryError(Fault.UNABLE, "it cannot"))
        bench.table.show(wanted(text, order))
        await bench.shows(len(first))
        assert bench.is_held
        assert bench.ids() == first


async def test_who_comes_and_goes_does_so_where_the_table_is_searched_here() -> None:
    """On our registry, which is asked by id for those who came."""
    async with ours() as bench:
        state = bench.state
        await until(lambda: state.roster.total == DEVICES, state.roster.resized)
        bench.table.show(wanted("/camera/", Order("location", descending=True)))
        await bench.shows()
        before, coverage = bench.ids(), state.hold.state.coverage
        device_id = before[len(before) // 2]
        assert device_id is not None
        now = SystemClock().now()
        state.presence.apply_edges([Edge(device_id, False, now, None)])
        await until(lambda: state.table.offset_of(device_id) is None, state.table.rows_changed)
        assert bench.ids() == [each for each in before if each != device_id]
        state.presence.apply_edges([Edge(device_id, True, now + 1, None)])
        await until(lambda: state.table.offset_of(device_id) is not None, state.table.rows_changed)
        assert bench.ids() == before
        assert state.hold.state.coverage == coverage
        assert not state.table.status.stale_total


async def test_a_walk_is_paused_goes_on_and_is_stopped(shared_nats_server: NatsServer) -> None:
    async with plain(shared_nats_server.url, "table-walk") as (bench, _):
        hold = bench.state.hold

        def once_under_way(what: str) -> None:
            """Whoever waits for a turn of the loop may find that the walk is over."""

            def act(*_: object) -> None:
                if hold.state.phase is HoldPhase.WALKING and hold.state.coverage.seen > 0:
                    disconnect()
                    bench.table.walk(what)

            disconnect = hold.changed.connect(act)

        once_under_way("pause")
        bench.table.show(wanted("battery<10"))
        await until(lambda: hold.state.phase is HoldPhase.PAUSED, hold.changed)
        bench.table.walk("go on")
        await until(lambda: hold.state.phase is HoldPhase.DONE, hold.changed)
        once_under_way("cancel")
        bench.table.refresh()
        await until(lambda: hold.state.phase is HoldPhase.CANCELLED, hold.changed)
        assert bench.state.table.total > 0  # what was read stays


async def test_a_plain_registry_lists_nobody_who_is_gone_and_that_is_known(shared_nats_server: NatsServer) -> None:
    async with plain(shared_nats_server.url, "table-offline") as (bench, _):
        bench.table.show(Wanted(offline=True))
        await until(lambda: not bench.state.registry_searches, bench.state.table.status_changed)
        await bench.shows(DEVICES)
        assert not bench.is_held


async def walked(registry: Scripted) -> int:
    """How many pages it was asked for that only a walk wants: those the pager looks at are above them."""
    return len([each for each in await registry.all_asked() if each["offset"] >= 200])


async def test_who_is_gone_is_read_too_where_that_was_wished_for_before_the_registry_had_answered() -> None:
    async with ours() as bench:
        wish = Wanted(None, (Order("battery"), Order("location")), offline=True)
        bench.table.show(wish)
        hold = bench.table._hold
        assert hold is not None
        assert not hold.covers(wish.scope(extended=True))  # nobody knows yet whether the registry can
        await bench.shows(DEVICES)
        await bench.table.step()
        assert hold.covers(wish.scope(extended=True))
        await bench.shows(DEVICES)


async def test_a_walk_that_nobody_looks_at_ends_and_begins_anew(shared_nats_server: NatsServer) -> None:
    async with plain(shared_nats_server.url, "table-abandon") as (bench, _):
        hold = bench.state.hold
        bench.table.show(wanted("battery<10"))
        await until(lambda: hold.state.coverage.seen > 0, hold.changed)
        bench.table.show(wanted(""))
        await until(lambda: hold.state.phase is HoldPhase.CANCELLED, hold.changed)
        bench.table.show(wanted("battery<10"))
        await bench.shows(len([n for n in range(DEVICES) if n % 101 < 10]))
        assert hold.state.coverage.complete


async def test_what_is_held_outlives_a_second_walk_that_nobody_looks_at(shared_nats_server: NatsServer) -> None:
    async with plain(shared_nats_server.url, "table-outlives") as (bench, registry):
        hold, found = bench.state.hold, len([n for n in range(DEVICES) if n % 101 < 10])
        bench.table.show(wanted("battery<10"))
        await bench.shows(found)
        first, read_at = hold.state.coverage, bench.state.table.status.read_at
        bench.table.refresh()
        await until(lambda: hold.state.coverage.seen > 0, hold.changed)
        bench.table.show(wanted(""))
        assert hold.state.coverage == first
        before = await walked(registry)
        bench.table.show(wanted("battery<10"))
        assert bench.state.table.total == found  # at once, and from then
        await bench.shows(found)
        assert bench.state.table.status.read_at == read_at
        assert await walked(registry) == before


async def test_a_reconnect_reads_no_fleet_again_and_says_that_it_may_have_changed(
    shared_nats_server: NatsServer,
) -> None:
    async with plain(shared_nats_server.url, "table-again") as (bench, registry):
        bench.table.show(wanted("battery<10"))
        await bench.shows(len([n for n in range(DEVICES) if n % 101 < 10]))
        before = await walked(registry)
        assert before
        bench.table.link_came_up()
        assert bench.state.hold.state.phase is HoldPhase.DONE
        assert bench.state.table.status.stale_total
        assert await walked(registry) == before
        bench.table.refresh()
        await until(lambda: bench.state.hold.state.phase is HoldPhase.DONE, bench.state.hold.changed)
        assert await walked(registry) > before
        assert not bench.state.table.status.stale_total


async def test_a_walk_that_broke_keeps_what_it_read_and_goes_on_once_the_link_is_back(
    shared_nats_server: NatsServer,
) -> None:
    async with scripted(shared_nats_server.url, "table-broke", _broken_at(400)) as inner:
        table = TableFeed(inner.client, inner.pager, inner.state, SystemClock(), inner.tasks)
        inner.pager.start()
        inner.pager.link_came_up()
        hold = inner.state.hold
        table.show(wanted("battery<200"))
        await until(lambda: hold.state.phase is HoldPhase.FAILED, hold.changed)
        await until(lambda: inner.state.table.total == 400, inner.state.table.resized)
        inner.answer = _broken_at(None)
        table.link_came_up()
        await until(lambda: hold.state.phase is HoldPhase.DONE, hold.changed)
        await until(lambda: inner.state.table.total == DEVICES, inner.state.table.resized)
        table.close()


def _falls_over_a_filter(devices: int = DEVICES) -> Answer:
    """As one that holds a record it cannot look into: it fails over every filter, and lists that record with others."""
    kinds = ("lock", "camera")
    good = paging([record(f"cam-{n:04}", identity={"device_type": kinds[n % 2]}) for n in range(devices)])

    def answer(params: Params) -> dict[str, Any]:
        if params.get("device_type") or params.get("location"):
            raise Refuse(-32000, "'str' object has no attribute 'get'")
        return good(params)

    return answer


@pytest.mark.parametrize("text", ["type:camera", "type:camera battery<200"])
async def test_what_a_registry_fails_over_is_done_here_and_why_is_said(
    shared_nats_server: NatsServer, text: str
) -> None:
    """By its page, or by a walk over the part of the fleet that it was to pick."""
    async with scripted(shared_nats_server.url, f"table-falls-{len(text)}", _falls_over_a_filter()) as inner:
        table = TableFeed(inner.client, inner.pager, inner.state, SystemClock(), inner.tasks)
        bench = Bench(inner.state, inner.pager, table)
        inner.pager.start()
        inner.pager.link_came_up()
        table.show(wanted(text))
        await bench.shows(DEVICES // 2)
        assert bench.is_held
        assert bench.state.hold.state.coverage.complete
        assert "'str' object has no attribute 'get'" in bench.state.hold.state.because
        picked = len([each for each in inner.asked if each.get("device_type")])
        assert picked == 2  # once more before it was believed
        table.show(wanted("type:lock"))
        await bench.shows(DEVICES // 2)
        table.show(wanted(""))
        await bench.shows(DEVICES)
        assert bench.state.table.source is bench.state.roster  # everything it can list
        assert len([each for each in inner.asked if each.get("device_type")]) == picked
        table.link_came_up()
        assert not bench.state.hold.state.because  # it may be another registry
        table.close()


async def test_a_registry_that_fails_altogether_or_once_is_not_taken_for_one_that_fails_over_filters(
    shared_nats_server: NatsServer,
) -> None:
    async with scripted(shared_nats_server.url, "table-away", _broken_at(0)) as bench:
        with pytest.raises(RegistryError) as caught:
            await bench.client.read_from(0, 10, Question(device_type="camera"))
        assert caught.value.fault is Fault.FAILED
        falls, good, before = _falls_over_a_filter(), _broken_at(None), len(bench.asked)

        def once(params: Params) -> Any:
            return falls(params) if len(bench.asked) == before + 1 else good(params)

        bench.answer = once
        assert len((await bench.client.read_from(0, 10, Question(device_type="camera"))).records) == 10


async def test_a_walk_that_reads_again_and_is_stopped_leaves_what_the_first_one_covered(
    shared_nats_server: NatsServer,
) -> None:
    async with plain(shared_nats_server.url, "table-stopped") as (bench, _):
        hold, rows = bench.state.hold, bench.state.table
        bench.table.show(wanted("battery<10"))
        await until(lambda: hold.state.phase is HoldPhase.DONE, hold.changed)
        first, read_at = hold.state.coverage, rows.status.read_at
        assert hold.state.waiting_since is None
        told = []
        bench.table.refresh()
        for what in ("pause", "go on", "cancel"):
            told.append((hold.state.phase, hold.state.waiting_since is not None))
            bench.table.walk(what)
        assert told == [(HoldPhase.WALKING, True), (HoldPhase.PAUSED, False), (HoldPhase.WALKING, True)]
        assert (hold.state.phase, hold.state.waiting_since) == (HoldPhase.CANCELLED, None)
        assert hold.state.shown == first
        assert first.complete
        assert rows.status.read_at == read_at


def _broken_at(offset: int | None) -> Answer:
    good = paging([record(f"cam-{number:04}") for number in range(DEVICES)])

    def answer(params: Params) -> dict[str, Any]:
        if offset is not None and params.get("offset", 0) >= offset and params["limit"] > 1:
            raise Refuse(-32000, "the database is away")
        return good(params)

    return answer

"""What is held goes with the fleet without another walk: who comes, goes, is heard; what is too much is said."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from fleetgui.app.table import RETIME_HELD_S, RETIME_S, TableFeed
from fleetgui.feeds import abreast, hold
from fleetgui.feeds.pager import Pager
from fleetgui.feeds.registry import RegistryClient
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.filters import parse
from fleetgui.policy.pages import PageSizer
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.held import fleet
from fleetgui.stores.hold import HoldPhase
from fleetgui.stores.presence import Beat, Edge
from fleetgui.stores.roster import RosterPhase
from fleetgui.wire.query import BY_ID, Filter, Order, conditions_of, value_of
from fleetgui.wire.records import summarize
from fleetgui.wire.subjects import Subjects
from fleetgui.wire.times import rfc3339
from tests.feeds.scripted_registry import Params, Refuse, record, scripted
from tests.nats_server import NatsServer
from tests.waiting import until


class Registry:
    """One that can be told who is there; `extended`: one that searches."""

    def __init__(self, *, extended: bool = False) -> None:
        self.extended = extended
        self.devices: dict[str, dict[str, Any]] = {}
        self.fails = False
        self.refuses_ids = False
        """Whether it fails where it is asked for devices by id in a list."""
        self.looked_up: list[str] = []
        """Devices that were read by id."""
        self.lists = 0
        self.before_a_page: Callable[[], object] = lambda: None

    def put(self, device_id: str, **status: Any) -> None:
        self.devices[device_id] = record(device_id, status=status)

    def answer(self, params: Params) -> dict[str, Any]:
        if "device_id" in params:
            self.looked_up.append(params["device_id"])
            if self.fails:
                raise Refuse(-32000, "the database is away")
            return {"device": self.devices.get(params["device_id"])}
        self.lists += 1
        self.before_a_page()
        where = params.get("where")
        if where is not None and "device_id" in where:
            self.looked_up.extend(where["device_id"]["in"])
            if self.refuses_ids:
                raise Refuse(-32000, "the database is away")
        found = [self.devices[each] for each in sorted(self.devices)]
        if self.extended:
            asked = Filter(params.get("query") or "", conditions_of(where))
            summaries = [summarize(json.dumps(each).encode()) for each in found]
            found = [
                each for each, known in zip(found, summaries, strict=True) if asked.matches(partial(value_of, known))
            ]
        offset = params.get("offset", 0)
        end = offset + min(params["limit"], 200)
        page = {
            "devices": found[offset:end],
            "next_offset": end if end < len(found) else None,
            "total_matched": len(found),
        }
        return page | ({"applied": ["query", "where", "projection", "include_offline"]} if self.extended else {})


class Bench:
    def __init__(self, registry: Registry, state: ConsoleState, table: TableFeed, clock: ManualClock) -> None:
        self.registry = registry
        self.state = state
        self.table = table
        self.clock = clock

    async def wants(self, text: str, *orders: Order, offline: bool = False, group: str | None = None) -> list[str]:
        parsed = parse(text, now=self.clock.wall())
        assert not parsed.mistakes
        self.table.show(Wanted(parsed.filter, orders or (BY_ID,), offline, group))
        await self.settled()
        return self.ids()

    async def settled(self) -> None:
        hold = self.state.hold
        await until(lambda: hold.state.phase is HoldPhase.DONE and not hold.state.arranging, hold.changed)

    async def passes(self, seconds: float = 1.0) -> list[str]:
        """So much time passes, with a step at its end."""
        self.clock.advance(seconds)
        await self.table.step()
        held = self.table._hold
        if held is not None and held._arranging is not None:
            await held._arranging
        return self.ids()

    def ids(self) -> list[str]:
        rows = [self.state.table.row(row) for row in range(self.state.table.total)]
        return [row.device_id for row in rows if row.device_id is not None]

    def is_behind(self) -> bool:
        return self.state.hold.state.is_behind

    def edge(self, device_id: str, *, online: bool) -> None:
        self.state.presence.apply_edges([Edge(device_id, online, self.clock.now(), self.clock.wall())])

    def beat(self, device_id: str, **status: Any) -> None:
        data = json.dumps({"device_id": device_id, "ts": self.clock.wall()} | status).encode()
        self.state.presence.apply_beats([Beat(device_id, data, self.clock.now())])


@asynccontextmanager
async def holding(server: NatsServer, tenant: str, registry: Registry) -> AsyncIterator[Bench]:
    """A console that holds what there is, six devices with batteries 0, 10 … 50 to begin with."""
    for number in range(6):
        registry.put(f"cam-{number}", battery=10 * number, location=f"hall-{number % 2}", online=True)
    async with scripted(server.url, tenant, registry.answer) as inner:
        clock, state = ManualClock(), ConsoleState()
        state.registry_searches = registry.extended
        client = RegistryClient(inner.link, Subjects(tenant), clock, PageSizer({}))
        pager = Pager(client, state.roster, state.presence, clock, inner.tasks, jitter=lambda: 0.5)
        table = TableFeed(client, pager, state, clock, inner.tasks)
        pager.start()
        pager.link_came_up()
        await until(lambda: state.roster.registered is not None, state.roster.status_changed)
        yield Bench(registry, state, table, clock)
        table.close()


@pytest.fixture(params=[False, True], ids=["plain", "extended"])
def registry(request: pytest.FixtureRequest) -> Registry:
    return Registry(extended=request.param)


async def test_who_comes_obeys_the_filter(shared_nats_server: NatsServer, registry: Registry) -> None:
    async with holding(shared_nats_server, f"abreast-come-{registry.extended}", registry) as bench:
        assert await bench.wants("/cam/ battery<15") == ["cam-0", "cam-1"]
        lists = registry.lists
        registry.put("cam-05", battery=5)
        registry.put("cam-90", battery=90)
        bench.edge("cam-05", online=True)
        bench.edge("cam-90", online=True)
        assert await bench.passes() == ["cam-0", "cam-05", "cam-1"]
        assert registry.lists - lists == (1 if registry.extended else 0)  # both at once, and no page of a walk
        assert sorted(registry.looked_up) == ["cam-05", "cam-90"]
        assert not bench.state.table.status.stale_total
        assert await bench.wants("/cam/ battery>80") == ["cam-90"]


async def test_who_goes_leaves_and_is_back_when_it_returns(shared_nats_server: NatsServer, registry: Registry) -> None:
    async with holding(shared_nats_server, f"abreast-go-{registry.extended}", registry) as bench:
        await bench.wants("/cam/ battery<15")
        bench.edge("cam-0", online=False)
        assert await bench.passes() == ["cam-1"]
        bench.edge("cam-0", online=True)
        assert await bench.passes() == ["cam-0", "cam-1"]


async def test_who_went_and_came_back_within_a_second_stays(shared_nats_server: NatsServer) -> None:
    async with holding(shared_nats_server, "abreast-blink", Registry()) as bench:
        await bench.wants("/cam/ battery<15")
        bench.edge("cam-0", online=False)
        bench.edge("cam-0", online=True)
        assert await bench.passes() == ["cam-0", "cam-1"]


async def test_where_those_who_are_gone_are_wanted_they_stay_and_say_since_when(
    shared_nats_server: NatsServer,
) -> None:
    async with holding(shared_nats_server, "abreast-gone", Registry(extended=True)) as bench:
        everybody = await bench.wants("-nobody", offline=True)
        bench.edge("cam-0", online=False)
        assert await bench.passes() == everybody
        summary = bench.state.table.row(0).summary
        assert summary is not None
        assert (summary.online, summary.offline_since) == (False, rfc3339(bench.clock.wall() - 1))
        assert await bench.wants("offline", offline=True) == ["cam-0"]
        bench.edge("cam-0", online=True)
        assert await bench.passes() == []


async def test_who_beats_and_is_not_held_is_read_once(shared_nats_server: NatsServer) -> None:
    registry = Registry()
    async with holding(shared_nats_server, "abreast-beats", registry) as bench:
        await bench.wants("/./")
        registry.put("cam-9")
        for _ in range(3):
            bench.beat("cam-9")
            bench.beat("hidden")  # beats, and nobody lists it
            bench.beat("cam-1")
            await bench.passes()
        assert bench.ids()[-1] == "cam-9"
        assert sorted(registry.looked_up) == ["cam-9", "hidden"]


async def test_who_comes_to_match_by_a_heartbeat_is_read_although_it_was_not_held(
    shared_nats_server: NatsServer,
) -> None:
    registry = Registry(extended=True)
    async with holding(shared_nats_server, "abreast-enters", registry) as bench:
        assert await bench.wants("/c.m/ battery<15 type:camera") == ["cam-0", "cam-1"]  # of which no more was read
        registry.put("lock-1", battery=90)
        registry.devices["lock-1"]["identity"] = {"device_type": "lock"}
        for device_id, battery in (("cam-4", 14), ("cam-5", 16), ("lock-1", 14)):
            registry.devices[device_id]["status"]["battery"] = battery  # heartbeats are merged into records
            bench.beat(device_id, battery=battery)
        bench.beat("cam-3")
        assert await bench.passes() == ["cam-0", "cam-1", "cam-4"]
        assert sorted(registry.looked_up) == ["cam-4", "lock-1"]
        bench.beat("lock-1", battery=3)
        registry.devices["cam-5"]["status"]["battery"] = 1
        bench.beat("cam-5", battery=1)
        assert await bench.passes() == ["cam-0", "cam-1", "cam-4", "cam-5"]
        assert sorted(registry.looked_up) == ["cam-4", "cam-5", "lock-1"]  # a lock is none, whatever its battery


async def test_what_heartbeats_say_is_what_is_searched_and_counted(shared_nats_server: NatsServer) -> None:
    async with holding(shared_nats_server, "abreast-heard", Registry()) as bench:
        assert await bench.wants("/cam/ battery<15") == ["cam-0", "cam-1"]
        bench.beat("cam-0", battery=80, location="hall-9")
        bench.beat("cam-5", battery=3, error_state={"code": 7}, unheard_of=[1])
        assert await bench.passes() == ["cam-1", "cam-5"]
        assert await bench.wants("location:/hall-9/") == ["cam-0"]
        assert await bench.wants('error:"code"') == ["cam-5"]


async def test_a_field_that_no_summary_has_is_heard_too(shared_nats_server: NatsServer) -> None:
    registry = Registry()
    async with holding(shared_nats_server, "abreast-payload", registry) as bench:
        registry.put("cam-0", temperature=50, fan={"rpm": 900})
        bench.table.show(Wanted(parse("status.temperature>40").filter))
        await until(lambda: bench.state.hold.state.ask is not None, bench.state.hold.changed)
        bench.table.read_whole(True)
        await bench.settled()
        assert bench.ids() == ["cam-0"]
        bench.beat("cam-0", temperature=39)
        bench.beat("cam-3", temperature=41.5)
        bench.beat("cam-4", temperature="warm")
        assert await bench.passes() == ["cam-3"]
        bench.beat("cam-3", battery=1)  # says nothing of it: what was known stays
        assert await bench.passes() == ["cam-3"]


async def test_rows_sorted_by_what_always_changes_keep_their_places_for_a_while(
    shared_nats_server: NatsServer,
) -> None:
    async with holding(shared_nats_server, "abreast-sorted", Registry()) as bench:
        order = [f"cam-{number}" for number in range(6)]
        assert await bench.wants("/cam/", Order("battery")) == order
        bench.beat("cam-0", battery=99)
        assert await bench.passes() == order
        assert bench.is_behind()  # and that is said
        assert await bench.passes(hold.SORT_EVERY_S) == [*order[1:], "cam-0"]
        assert not bench.is_behind()
        arranged_at = bench.state.hold.state.arranged_at
        bench.beat("cam-0", battery=99)
        await bench.passes(hold.SORT_EVERY_S)
        assert bench.state.hold.state.arranged_at == arranged_at  # nothing is another than it was


async def test_online_is_what_is_heard_here(shared_nats_server: NatsServer) -> None:
    registry = Registry()
    async with holding(shared_nats_server, "abreast-online", registry) as bench:
        registry.put("cam-0", online=None)
        registry.put("cam-1", online=False)
        assert await bench.wants("online") == ["cam-2", "cam-3", "cam-4", "cam-5"]  # nothing was heard: the records'
        for each in ("cam-0", "cam-1", "cam-2"):
            bench.beat(each)
        assert await bench.passes() == [f"cam-{number}" for number in range(6)]
        # cam-2 falls silent at its lease of 15 s: it is neither, whatever its record says
        bench.clock.advance(14)
        bench.beat("cam-0")
        bench.beat("cam-1")
        assert await bench.passes() == ["cam-0", "cam-1", "cam-3", "cam-4", "cam-5"]
        assert await bench.wants("offline") == []
        assert await bench.wants("-online") == ["cam-2"]


async def test_a_herd_is_too_much_and_that_is_said(
    shared_nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abreast, "MOST_WAITING", 3)
    registry = Registry()
    async with holding(shared_nats_server, "abreast-herd", registry) as bench:
        await bench.wants("/cam/ battery<15")
        for number in range(20, 30):
            registry.put(f"cam-{number}", battery=1)
            bench.edge(f"cam-{number}", online=True)
        await bench.passes()
        assert bench.state.table.status.stale_total
        assert len(registry.looked_up) == 3
        bench.table.refresh()
        await bench.settled()
        assert len(bench.ids()) == 12
        assert not bench.state.table.status.stale_total


async def test_who_is_not_met_is_gone_only_if_nobody_came_or_went_meanwhile(shared_nats_server: NatsServer) -> None:
    """By offset a device may slip between two pages, while as many are there: only the announcements tell."""
    registry = Registry()
    async with holding(shared_nats_server, "abreast-slips", registry) as bench:
        for number in range(100, 500):
            registry.put(f"cam-{number}", battery=90)
        assert await bench.wants("/cam/ battery<15") == ["cam-0", "cam-1"]
        registry.before_a_page = lambda: bench.edge("elsewhere", online=True)
        del registry.devices["cam-1"]
        bench.clock.advance(1)
        bench.table.refresh()
        await bench.settled()
        assert bench.state.hold.state.coverage.overtaken
        assert bench.ids() == ["cam-0", "cam-1"]
        registry.before_a_page = lambda: None
        bench.clock.advance(1)
        bench.table.refresh()
        await bench.settled()
        assert bench.state.hold.state.coverage.complete
        assert bench.ids() == ["cam-0"]


async def test_a_registry_that_fails_is_not_asked_again_and_that_is_said(shared_nats_server: NatsServer) -> None:
    registry = Registry()
    async with holding(shared_nats_server, "abreast-fails", registry) as bench:
        await bench.wants("/cam/ battery<15")
        registry.fails = True
        bench.edge("new", online=True)
        assert await bench.passes() == ["cam-0", "cam-1"]
        assert bench.state.table.status.stale_total
        await bench.passes()
        assert registry.looked_up == ["new"]


async def test_groups_count_who_comes_and_goes_and_stay_open(shared_nats_server: NatsServer) -> None:
    async with holding(shared_nats_server, "abreast-groups", Registry()) as bench:
        assert await bench.wants("", group="location") == []
        heads = [bench.state.table.row(row).group for row in range(2)]
        assert [(head.value, head.count) for head in heads if head is not None] == [("hall-0", 3), ("hall-1", 3)]
        bench.state.table.toggle(1)
        bench.edge("cam-1", online=False)
        assert await bench.passes() == ["cam-3", "cam-5"]
        bench.beat("cam-0", location="hall-1")
        assert await bench.passes() == ["cam-0", "cam-3", "cam-5"]


async def test_an_age_goes_on_where_it_is_searched_here(shared_nats_server: NatsServer) -> None:
    registry = Registry()
    async with holding(shared_nats_server, "abreast-age", registry) as bench:
        stamp = rfc3339(bench.clock.wall() - 3_590)
        registry.devices["cam-0"]["registry"] = {"registered_at": stamp}
        assert await bench.wants("age<1h") == ["cam-0"]
        lists = registry.lists
        assert await bench.passes(RETIME_HELD_S) == ["cam-0"]
        assert await bench.passes(RETIME_HELD_S + 1) == []
        assert registry.lists == lists  # nothing was read again


async def test_an_age_goes_on_where_the_registry_is_asked(shared_nats_server: NatsServer) -> None:
    registry = Registry(extended=True)
    async with holding(shared_nats_server, "abreast-asked", registry) as bench:
        registry.devices["cam-0"]["registry"] = {"registered_at": rfc3339(bench.clock.wall() - 3_590)}
        bench.table.show(Wanted(parse("age<1h", now=bench.clock.wall()).filter))
        table = bench.state.table
        await until(lambda: table.total == 1, table.resized, table.status_changed)
        assert table.source is bench.state.roster
        bench.clock.advance(RETIME_S)
        await bench.table.step()
        await until(lambda: table.total == 0, table.resized, table.status_changed)


async def test_a_fleet_that_is_larger_than_can_be_held_is_not_called_whole(
    shared_nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "MOST_DEVICES", 4)
    async with holding(shared_nats_server, "abreast-large", Registry()) as bench:
        assert await bench.wants("/cam/") == ["cam-0", "cam-1", "cam-2", "cam-3"]
        status = bench.state.table.status
        assert status.phase is RosterPhase.FAILED
        assert "larger than can be held" in (status.error or "")

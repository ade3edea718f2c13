"""Fields that no summary has, in the table: read after a question that says how much, never before; and then exact."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fleetgui.app.table import TableFeed
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.filters import parse
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.hold import HoldPhase
from fleetgui.stores.whole import MOST_PATHS, Answer, Ask
from fleetgui.wire.query import BY_ID, Order
from tests.app.test_table import Bench
from tests.feeds.scripted_registry import Params, Refuse, record, scripted
from tests.nats_server import NatsServer
from tests.waiting import until

DEVICES = 450
HOT = Wanted(parse("status.temperature>=40").filter)


def devices() -> list[dict[str, Any]]:
    return [
        record(
            f"cam-{number:04}",
            identity={"device_type": "camera" if number % 2 else "lock"},
            status={
                "location": f"hall-{number % 7}",
                "temperature": number % 50,
                "mode": "auto" if number % 3 else "hand",
            },
            capabilities={"functions": [{"name": f"f{number % 5}"}], "events": [], "labels": {"site": str(number % 4)}},
        )
        for number in range(DEVICES)
    ]


class Fleet(Bench):
    asked: list[Params]
    fleet: list[dict[str, Any]]
    refuses: list[str]
    """What the registry says instead of an answer."""

    def ask(self) -> Ask | None:
        return self.state.hold.state.ask

    def answer(self) -> Answer | None:
        ask = self.ask()
        return None if ask is None else ask.answer

    async def measured(self) -> Ask:
        await until(lambda: (ask := self.ask()) is not None and ask.seconds is not None, self.state.hold.changed)
        ask = self.ask()
        assert ask is not None
        return ask

    async def agree(self) -> None:
        await self.measured()
        self.table.read_whole(True)
        await self.shows()


@asynccontextmanager
async def opened(url: str, tenant: str) -> AsyncIterator[Fleet]:
    """A registry that pages and projects, and is seen to be asked."""
    fleet, refuses = devices(), list[str]()

    def answer(params: Params) -> dict[str, Any]:
        if refuses:
            raise Refuse(-32000, refuses[0])
        kind, offset = params.get("device_type", "").lower(), params["offset"]
        found = [each for each in fleet if kind in each["identity"]["device_type"]]
        end = offset + min(params["limit"], 200)
        page = found[offset:end]
        applied = []
        if params.get("projection"):
            applied.append("projection")
            counts = {"function_count": 1, "event_count": 0}
            page = [each | {"capabilities": counts | {"labels": each["capabilities"]["labels"]}} for each in page]
        return {
            "devices": page,
            "next_offset": end if end < len(found) else None,
            "total_matched": len(found),
            "applied": applied,
        }

    async with scripted(url, tenant, answer) as bench:
        table = TableFeed(bench.client, bench.pager, bench.state, SystemClock(), bench.tasks)
        bench.pager.start()
        bench.pager.link_came_up()
        opened = Fleet(bench.state, bench.pager, table)
        opened.asked, opened.fleet, opened.refuses = bench.asked, fleet, refuses
        yield opened
        table.close()


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [each["device_id"] for each in found]


async def test_nothing_is_read_before_somebody_said_yes(shared_nats_server: NatsServer) -> None:
    async with opened(shared_nats_server.url, "asked") as on:
        await on.shows(DEVICES)
        on.table.show(HOT)
        ask = await on.measured()
        assert ask.blocks
        assert (ask.paths, ask.devices) == (frozenset({"status.temperature"}), DEVICES)
        assert "Reading 450 devices takes about 1 s" in ask.sentence
        assert on.state.table.source is on.state.roster  # what was shown is shown on
        assert on.state.table.total == DEVICES
        assert on.state.hold.state.phase is HoldPhase.IDLE
        assert len(on.asked) < 8  # pages on the screen, and the one that was measured
        assert not any("where" in params or "query" in params or "order_by" in params for params in on.asked)

        await on.agree()
        assert on.ask() is None
        assert on.is_held
        assert on.ids() == ids([each for each in on.fleet if each["status"]["temperature"] >= 40])


async def test_who_says_not_now_is_asked_again_only_when_something_else_is_wanted(
    shared_nats_server: NatsServer,
) -> None:
    async with opened(shared_nats_server.url, "declined") as on:
        await on.shows(DEVICES)
        on.table.show(HOT)
        await on.measured()
        on.table.read_whole(False)
        assert on.answer() is Answer.DECLINED
        on.table.show(HOT)
        assert on.answer() is Answer.DECLINED
        assert not on.is_held
        on.table.refresh()
        assert on.answer() is Answer.OPEN
        on.table.show(Wanted())
        assert on.ask() is None
        await on.shows(DEVICES)


async def test_an_answer_holds_for_what_is_typed_on(shared_nats_server: NatsServer) -> None:
    async with opened(shared_nats_server.url, "typed") as on:
        await on.shows(DEVICES)
        on.table.show(HOT)
        await on.agree()
        on.table.show(Wanted(parse("status.temperature>=40 type:camera").filter))
        assert on.ask() is None  # all of it is held
        await on.shows()
        assert on.state.table.total == sum(
            each["status"]["temperature"] >= 40 and each["identity"]["device_type"] == "camera" for each in on.fleet
        )
        on.table.show(Wanted(parse("status.mode:hand").filter))
        ask = await on.measured()  # another field is another question
        assert ask.paths == {"status.mode"}


async def test_a_part_of_what_was_agreed_to_is_read_without_asking_again(shared_nats_server: NatsServer) -> None:
    async with opened(shared_nats_server.url, "part") as on:
        await on.shows(DEVICES)
        on.table.show(Wanted(parse("status.temperature>=40 type:camera").filter))
        ask = await on.measured()
        assert ask.devices == DEVICES // 2
        await on.agree()
        on.table.show(HOT)  # twice as many: asked
        await on.measured()
        on.table.show(Wanted(parse("status.temperature>=40 type:lock").filter))  # as many: not asked
        await until(lambda: on.ask() is None, on.state.hold.changed)
        await on.shows()
        assert on.state.table.total == sum(
            each["status"]["temperature"] >= 40 and each["identity"]["device_type"] == "lock" for each in on.fleet
        )


async def test_rows_are_sorted_and_grouped_by_any_field(shared_nats_server: NatsServer) -> None:
    async with opened(shared_nats_server.url, "sorted") as on:
        await on.shows(DEVICES)
        on.table.show(Wanted(orders=(Order("status.temperature", descending=True), BY_ID)))
        await on.agree()
        assert on.ids() == ids(sorted(on.fleet, key=lambda each: -each["status"]["temperature"]))
        on.table.show(Wanted(group="status.mode"))
        await on.agree()
        heads = [row.group for number in range(on.state.table.total) if (row := on.state.table.row(number)).group]
        assert [(head.value, head.count) for head in heads] == [("auto", 300), ("hand", 150)]


async def test_what_a_summary_leaves_out_is_read_whole(shared_nats_server: NatsServer) -> None:
    async with opened(shared_nats_server.url, "whole") as on:
        await on.shows(DEVICES)
        on.table.show(Wanted(parse("capabilities.functions.0.name=f3").filter))
        await on.measured()
        before = len(on.asked)
        await on.agree()
        walk = [params for params in on.asked[before:] if params["limit"] > 1]
        assert walk
        assert not any("projection" in params for params in walk)
        assert on.state.table.total == DEVICES // 5
        assert dict(on.state.table.row(0).values or {}) == {"capabilities.functions.0.name": "f3"}


async def test_a_column_in_the_held_table_is_asked_for_and_blocks_nothing(shared_nats_server: NatsServer) -> None:
    async with opened(shared_nats_server.url, "column") as on:
        await on.shows(DEVICES)
        on.table.columns_wanted(frozenset({"status.temperature", "capabilities.labels.site"}))
        assert on.ask() is None  # pages bring it for what is on the screen
        on.table.show(Wanted(group="labels.site"))
        ask = await on.measured()
        assert (ask.paths, ask.blocks) == (frozenset({"status.temperature"}), False)
        await on.shows()
        assert on.is_held
        on.table.show(Wanted(parse("-type:x").filter))
        await on.shows(DEVICES)
        assert on.state.table.row(3).values is None
        on.table.read_whole(True)
        await until(lambda: bool(on.state.table.row(3).values), on.state.hold.changed, on.state.table.rows_changed)
        await on.shows(DEVICES)
        assert dict(on.state.table.row(3).values or {}) == {"status.temperature": 3.0}


async def test_more_fields_than_can_be_held_are_refused(shared_nats_server: NatsServer) -> None:
    async with opened(shared_nats_server.url, "many") as on:
        await on.shows(DEVICES)
        orders = tuple(Order(f"status.x{number}") for number in range(MOST_PATHS + 1))
        on.table.show(Wanted(orders=orders))
        assert on.answer() is Answer.TOO_MANY
        on.table.read_whole(True)
        assert not on.is_held


async def test_what_could_not_be_measured_is_asked_again_once_there_is_a_link(shared_nats_server: NatsServer) -> None:
    async with opened(shared_nats_server.url, "trouble") as on:
        await on.shows(DEVICES)
        on.refuses.append("the store is down")
        on.table.show(HOT)
        await until(lambda: (ask := on.ask()) is not None and bool(ask.trouble), on.state.hold.changed)
        ask = on.ask()
        assert ask is not None
        assert "How long that takes is not known" in ask.sentence
        assert not on.is_held
        on.refuses.clear()
        on.table.link_came_up()
        await on.measured()
        assert on.state.hold.state.phase is HoldPhase.IDLE

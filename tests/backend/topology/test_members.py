"""Members from a registry of any kind, over a real broker: walks, edges, heartbeats, and registries that come later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fleetgui.backend.topology import members as module
from fleetgui.backend.topology import pace as pace_module
from fleetgui.backend.topology import publisher as publisher_module
from fleetgui.backend.topology import walk as walk_module
from fleetgui.backend.topology import whereabouts as whereabouts_module
from fleetgui.backend.topology.look_ups import LOOK_UP_TRIES, MOST_LOOK_UPS, LookUps
from fleetgui.backend.topology.publisher import Publisher
from fleetgui.policy.clock import ManualClock
from fleetgui.wire.times import rfc3339
from tests.backend.links import party
from tests.backend.processes import until
from tests.backend.topology.reader import View
from tests.backend.topology.rig import Console, FakeRegistry, publisher
from tests.nats_server import NatsServer


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.02)
    monkeypatch.setattr(pace_module, "LEAST_APART_S", 0.02)
    monkeypatch.setattr(pace_module, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(publisher_module, "TELL_EVERY_S", 0.02)


def seen(running: Publisher) -> dict[str, tuple[int, int]]:
    """Members and online ones of every site that has any."""
    return {each.topology_id: (len(each.members), each.online) for each in running.picture.sites if each.members}


async def while_time_passes(clock: ManualClock, holds: Callable[[], bool], what: str) -> None:
    """Wait until `holds()`, two seconds a look."""

    def looked() -> bool:
        clock.advance(2.0)
        return holds()

    await until(looked, what)


@pytest.mark.parametrize("pages_by_id", [True, False])
async def test_the_list_is_walked_once_and_edges_keep_it_up(nats_server: NatsServer, pages_by_id: bool) -> None:
    async with party(nats_server.url) as one, party(nats_server.url) as watching:
        registry, console = FakeRegistry(one), Console(watching)
        registry.pages_by_id = pages_by_id
        registry.places = {f"cam-{number:03}": f"site-{number % 3}/dock" for number in range(450)}
        await one.link.flush()
        async with publisher(nats_server.url) as (running, _):
            assert seen(running) == {f"site-{number}": (150, 150) for number in range(3)}
            walks = registry.methods.count("discovery/listDevices")
            await console.open("site-1")
            registry.places["new"] = "site-1/x/y"
            registry.online("new")
            registry.offline("cam-001")
            await until(lambda: seen(running).get("site-1") == (151, 150), "both were heard")
            await console.until(lambda: "new" in console.readers["site-1"].view.members, "it is told")
            assert console.readers["site-1"].view.members["cam-001"] == (False, ())
            assert console.readers["site-1"].view.status == "degraded"
            assert registry.methods.count("discovery/listDevices") == walks, "one device is looked up by its id"
            registry.online("cam-001")
            await console.until(lambda: console.readers["site-1"].view.status == "active", "it is back")


async def test_many_that_come_together_are_walked_for(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as one:
        registry = FakeRegistry(one)
        await one.link.flush()
        async with publisher(nats_server.url) as (running, _):
            assert seen(running) == {}
            registry.places = {f"cam-{number}": "hall" for number in range(500)}
            for device_id in registry.places:
                registry.online(device_id)
            await until(lambda: seen(running) == {"hall": (500, 500)}, "all are there")
            # How many are looked up before the walk begins hangs on how the announcements arrive; nobody twice.
            assert registry.methods.count("discovery/getDevice") <= len(registry.places)
            await until(lambda: not running.members.look_ups, "nobody waits to be looked up")


async def test_heartbeats_move_members_and_give_a_place_to_those_without(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as one:
        registry = FakeRegistry(one)
        registry.places = {"cam": "hall", "rover": None, "lamp": "hall"}
        await one.link.flush()
        async with publisher(nats_server.url) as (running, _):
            assert seen(running) == {"hall": (2, 2)}
            assert list(running.members.whereabouts.nowhere) == ["rover"]
            registry.beat("rover", {"device_id": "rover", "ts": 1.0, "location": "yard/7"})
            registry.beat("cam", {"device_id": "cam", "ts": 1.0, "location": "yard"})
            registry.beat("lamp", {"device_id": "lamp", "ts": 1.0, "battery": 3})
            registry.beat("stranger", {"device_id": "stranger", "ts": 1.0, "location": "yard"})
            await until(lambda: seen(running) == {"hall": (1, 1), "yard": (2, 2)}, "they moved")
            registry.beat("cam", {"device_id": "cam", "location": None})
            await until(lambda: "cam" in running.members.whereabouts.nowhere, "it said that it is nowhere")


async def test_hostile_heartbeats_and_edges_are_counted_and_change_nothing(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as one:
        registry = FakeRegistry(one)
        registry.places = {"cam": "hall"}
        await one.link.flush()
        async with publisher(nats_server.url) as (running, _):
            for data in (
                b'{"location"',
                b'{"device_id":"other","location":"yard"}',
                b'{"device_id":5,"location":"yard"}',
                b'["location"]',
                b'"location"',
                b"\xff" + b'"location"',
            ):
                registry.beat("cam", data)
            for data in (b"", b"[]", b'{"method":"device/online"}', b'{"method":"x","params":{"device_id":"cam"}}'):
                one.link.send("device-connect.default.device.online", data)
            await until(lambda: running.members.counters.malformed == 10, "all are counted")
            assert seen(running) == {"hall": (1, 1)}
            one.link.send(
                "device-connect.default.device.offline",
                b'{"method":"device/offline","params":{"device_id":"' + b"x" * 10_000 + b'"}}',
            )
            registry.offline("cam")
            await until(lambda: seen(running) == {"hall": (1, 0)}, "what is right is heard")


async def test_a_registry_that_comes_later_is_walked_then(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with party(nats_server.url) as one, publisher(nats_server.url) as (running, _):
        assert seen(running) == {}
        await until(lambda: running.members.counters.failed >= 3, "it is tried again")
        registry = FakeRegistry(one)
        registry.places = {"cam": "hall"}
        await until(lambda: seen(running) == {"hall": (1, 1)}, "it is found")
    assert caplog.text.count("not known to be complete") == 1, "said once"


async def test_a_registry_that_is_silent_keeps_nobody_waiting(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "LOAD_WITHIN_S", 0.1)
    async with party(nats_server.url) as one, party(nats_server.url) as watching:
        silent = one.link.subscribe("device-connect.default.discovery", lambda _: None)
        await one.link.flush()
        monkeypatch.setattr(walk_module, "PATIENCE_S", (0.3,))
        async with publisher(nats_server.url) as (running, _):
            assert await Console(watching).rows() == {}
            silent.close()
            registry = FakeRegistry(one)
            registry.places = {"cam": "hall"}
            await until(lambda: seen(running) == {"hall": (1, 1)}, "it is found")


async def test_one_that_cannot_look_a_device_up_is_walked(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    async with party(nats_server.url) as one:
        registry = FakeRegistry(one)
        registry.knows_get_device = False
        await one.link.flush()
        async with publisher(nats_server.url) as (running, _):
            registry.places["cam"] = "hall"
            registry.online("cam")
            await until(lambda: seen(running) == {"hall": (1, 1)}, "it is found")


async def test_an_edge_during_a_walk_knows_better_than_its_pages(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as one:
        registry = FakeRegistry(one)
        registry.places = {f"cam-{number:03}": "hall" for number in range(250)}

        def offline_once() -> None:
            if registry.methods.count("discovery/listDevices") == 1:
                registry.offline("cam-000")
                registry.offline("cam-249")

        registry.before_page = offline_once
        await one.link.flush()
        async with publisher(nats_server.url) as (running, _):
            await until(lambda: running.members.counters.walked >= 1, "the walk is over")
            assert seen(running) == {"hall": (250, 248)}


async def test_after_a_reconnect_the_list_is_walked_again_and_who_is_missing_is_offline(
    nats_server: NatsServer,
) -> None:
    async with party(nats_server.url) as one, party(nats_server.url) as watching:
        registry, console = FakeRegistry(one), Console(watching)
        registry.places = {"a": "hall", "b": "hall", "c": "yard"}
        await one.link.flush()
        async with publisher(nats_server.url) as (running, server):
            await console.open("hall")
            nats_server.kill()
            await until(lambda: not server.link.is_up, "the broker is gone")
            del registry.places["b"]
            registry.places["c"] = "hall"
            nats_server.start()
            await until(lambda: seen(running).get("hall") == (3, 2), "what nobody said is found out")
            async with asyncio.timeout(20):
                await watching.link.up()
            await console.refresh("hall")
            await console.sees("hall", View("degraded", {"a": (True, ()), "b": (False, ()), "c": (True, ())}))


async def test_who_stays_offline_for_long_is_a_member_no_more(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whereabouts_module, "OFFLINE_KEPT_S", 0.3)
    async with party(nats_server.url) as one:
        registry = FakeRegistry(one)
        registry.places = {"a": "hall", "b": "hall"}
        await one.link.flush()
        async with publisher(nats_server.url) as (running, _):
            registry.offline("a")
            await until(lambda: seen(running) == {"hall": (2, 1)}, "it is offline")
            await until(lambda: seen(running) == {"hall": (1, 1)}, "it is forgotten")


async def test_a_replica_that_does_not_know_a_device_yet_is_asked_again(nats_server: NatsServer) -> None:
    async with party(nats_server.url) as one:
        registry = FakeRegistry(one)
        await one.link.flush()
        async with publisher(nats_server.url) as (running, _):
            registry.online("cam")
            await until(lambda: running.members.counters.looked_up == 1, "it was asked")
            registry.places["cam"] = "hall"
            await until(lambda: seen(running) == {"hall": (1, 1)}, "it is found at the second try")
            registry.online("ghost")
            await until(lambda: not running.members.look_ups, "who is never found is given up")
            assert registry.methods.count("discovery/getDevice") <= 2 + LOOK_UP_TRIES


async def test_who_comes_is_looked_up_while_a_walk_is_postponed(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace_module, "LEAST_APART_S", 50.0)
    clock = ManualClock()  # stands still: the distance never ends
    async with party(nats_server.url) as one:
        registry = FakeRegistry(one)
        registry.places = {"cam-0": "hall"}
        await one.link.flush()
        async with publisher(nats_server.url, clock=clock) as (running, _):
            walks = registry.methods.count("discovery/listDevices")
            running.members.pace.want()
            for number in range(1, 20):
                registry.places[f"cam-{number}"] = "hall"
                registry.online(f"cam-{number}")
            await until(lambda: seen(running) == {"hall": (20, 20)}, "they are placed")
            for number in range(20, 200):
                registry.places[f"cam-{number}"] = "hall"
                registry.online(f"cam-{number}")
            await until(lambda: seen(running) == {"hall": (200, 200)}, "of many, a part at a time")
            assert running.members.pace.due
            assert not running.members.look_ups.too_many
            assert registry.methods.count("discovery/listDevices") == walks


async def test_who_comes_is_looked_up_while_a_page_of_a_walk_does_not_come(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk_module, "PATIENCE_S", (600.0,))
    async with party(nats_server.url) as one:
        registry = FakeRegistry(one)
        registry.places = {"cam-0": "hall"}
        await one.link.flush()
        async with publisher(nats_server.url) as (running, _):
            registry.silences = 1
            running.members.pace.want()
            await until(lambda: registry.silences == 0, "a walk waits for its first page")
            registry.places["cam-1"] = "hall"
            registry.online("cam-1")
            await until(lambda: seen(running) == {"hall": (2, 2)}, "it is placed")
            assert running.members.pace.walking


async def test_a_look_up_that_nobody_answers_is_made_again_as_often_as_it_takes(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    async with party(nats_server.url) as one:
        registry = FakeRegistry(one)
        registry.places = {"cam-0": "hall"}
        await one.link.flush()
        async with publisher(nats_server.url) as (running, _):
            registry.places["cam-1"] = "hall"
            registry.online("cam-1")
            await until(lambda: seen(running) == {"hall": (2, 2)}, "it can look up")
            walks = registry.methods.count("discovery/listDevices")
            registry.silences = 2 * LOOK_UP_TRIES
            registry.places["cam-2"] = "hall"
            registry.online("cam-2")
            await until(lambda: seen(running) == {"hall": (3, 3)}, "it is placed")
            assert registry.methods.count("discovery/listDevices") == walks, "that was no reason to walk"


@pytest.mark.parametrize("pages_by_id", [True, False])
async def test_what_nobody_announced_is_found_by_comparing_numbers(nats_server: NatsServer, pages_by_id: bool) -> None:
    clock = ManualClock()
    async with party(nats_server.url) as one:
        registry = FakeRegistry(one)
        registry.pages_by_id = pages_by_id
        registry.places = {f"cam-{number}": "hall" for number in range(8)} | {"rover": None}
        await one.link.flush()
        async with publisher(nats_server.url, clock=clock) as (running, _):
            pace, counters = running.members.pace, running.members.counters

            began = pace.as_of
            assert began is not None
            await while_time_passes(clock, lambda: (pace.as_of or 0) > began, "they agree, so the members are whole")
            assert (counters.walked, counters.disagreed) == (1, 0)
            registry.places = {}
            await while_time_passes(clock, lambda: seen(running) == {"hall": (8, 0)}, "it walks, and they are gone")
            assert (counters.walked, counters.disagreed) == (2, 1)
            registry.places = {"cam-1": "hall", "cam-99": "yard"}
            await while_time_passes(
                clock, lambda: seen(running) == {"hall": (8, 1), "yard": (1, 1)}, "who came unannounced is found too"
            )
            registry.hidden = 3
            await while_time_passes(clock, lambda: counters.disagreed == 3, "more are counted than are listed")
            asked = len(registry.methods)
            await while_time_passes(clock, lambda: len(registry.methods) > asked + 10, "they go on to be compared")
            assert counters.disagreed == 3, "what a walk does not bring is not walked for again"


async def test_it_says_once_that_it_falls_behind_and_once_that_it_has_caught_up(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    clock = ManualClock()
    async with party(nats_server.url) as one, party(nats_server.url) as watching:
        registry = FakeRegistry(one)
        registry.places = {"cam-0": "hall"}
        await one.link.flush()
        async with publisher(nats_server.url, clock=clock) as (running, _):
            console = Console(watching)
            fresh = await console.ask("list")
            assert (fresh["as_of"], fresh["stale"]) == (rfc3339(clock.wall()), False)
            registry.close()
            await one.link.flush()
            running.members.pace.want()
            clock.advance(pace_module.STALE_S + 1)
            await until(lambda: "the members are behind" in caplog.text, "it says so")
            stale = await console.ask("snapshot", topology_id="hall")
            assert (stale["as_of"], stale["stale"]) == (fresh["as_of"], True)
            again = FakeRegistry(one)
            again.places = {"cam-0": "hall", "cam-1": "hall"}
            await while_time_passes(clock, lambda: "have caught up" in caplog.text, "it says so")
            assert seen(running) == {"hall": (2, 2)}
            whole = await console.ask("list")
            assert (whole["as_of"] > fresh["as_of"], whole["stale"]) == (True, False)
    assert caplog.text.count("the members are behind") == caplog.text.count("have caught up") == 1


def test_look_ups_are_few_bounded_and_given_up() -> None:
    look_ups = LookUps()
    were_too_many = []
    for number in range(MOST_LOOK_UPS + 1):
        look_ups.want(f"cam-{number}")
        were_too_many.append(look_ups.too_many)
    assert were_too_many == MOST_LOOK_UPS * [False] + [True]
    assert len(look_ups.walk_began()) == MOST_LOOK_UPS + 1
    assert not look_ups.too_many, "until more are wanted"
    for _ in range(LOOK_UP_TRIES - 1):
        look_ups.tried("cam-0")
        assert look_ups.waiting()[-1] == "cam-0"
    look_ups.tried("cam-0")
    assert "cam-0" not in look_ups
    look_ups.tried("nobody")
    assert "nobody" not in look_ups
    assert look_ups.done("cam-1")
    assert not look_ups.done("cam-1")

"""Devices on the real runtime, each a process, on our registry: at home there as on the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fleetgui.link.connection import Link
from fleetgui.wire.codec import decode_object
from fleetgui.wire.subjects import Subjects
from tests.backend.links import Inbox, party
from tests.backend.roles import Role, gateway
from tests.interop import services
from tests.interop.pair import Pair, ask, comparable, device, eventually, page
from tests.interop.test_requests_agree import call
from tests.nats_server import NatsServer

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

TTL = 6
"""Seconds; heartbeats come every two."""


@contextmanager
def home(**environ: str) -> Iterator[tuple[NatsServer, Role]]:
    """A broker and our registry on it."""
    with NatsServer(jetstream=True) as nats, gateway(nats.url, environ=environ) as role:
        yield nats, role


def ids_of(inbox: Inbox) -> list[object]:
    return [body["params"]["device_id"] for _, body in inbox.messages]  # type: ignore[index]  # plain JSON


async def listed(link: Link, *device_ids: str) -> None:
    async def all_there() -> bool:
        there = {each["device_id"] for each in (await page(link, "default", limit=200))["devices"]}
        return there >= set(device_ids)

    await eventually(all_there)


async def test_devices_register_are_listed_answer_calls_and_are_announced_offline_after_a_kill() -> None:
    with home() as (nats, _):
        async with party(nats.url) as client:
            subjects = Subjects("default")
            online, offline = Inbox(client.link, subjects.online), Inbox(client.link, subjects.offline)
            await client.link.flush()
            with (
                services.RealDevice(nats.url, "default", "cam-1", ttl=TTL) as doomed,
                services.RealDevice(nats.url, "default", "cam-2", ttl=TTL),
            ):
                await listed(client.link, "cam-1", "cam-2")
                await online.until(2)
                assert sorted(map(str, ids_of(online))) == ["cam-1", "cam-2"]
                sums = [
                    await ask(client.link, subjects.cmd(name), call("add", {"a": 2, "b": 3}))
                    for name in ("cam-1", "cam-2")
                ]
                assert [reply["result"] for reply in sums] == [{"sum": 5}] * 2
                # for longer than a ttl nothing but their heartbeats keeps them
                beats = Inbox(client.link, subjects.heartbeat("cam-1"))
                await beats.until(5)
                assert ids_of(offline) == []
                doomed.process.kill()
                await offline.until(1)
                assert ids_of(offline) == ["cam-1"]
                await eventually(lambda: _is_gone(client.link, "cam-1"))
                assert (await page(client.link, "default", limit=10))["total_matched"] == 1
                assert await ask(client.link, subjects.cmd("cam-1"), call("add", {"a": 1, "b": 1})) == "no responders"


async def _is_gone(link: Link, device_id: str) -> bool:
    return await device(link, "default", device_id) is None


async def test_after_a_restart_without_memory_our_registry_pulls_what_beats() -> None:
    with home(REGISTRY_STORAGE="none") as (nats, role):
        async with party(nats.url) as client:
            subjects = Subjects("default")
            with services.RealDevice(nats.url, "default", "cam-1", ttl=TTL):
                await listed(client.link, "cam-1")
                before = await device(client.link, "default", "cam-1")
                asked: list[dict[str, Any]] = []
                client.link.subscribe(subjects.cmd("cam-1"), lambda message: asked.append(decode_object(message.data)))
                online = Inbox(client.link, subjects.online)
                await client.link.flush()
                await asyncio.to_thread(role.restart)
                await listed(client.link, "cam-1")
                await online.until(1)
                after = await device(client.link, "default", "cam-1")
    assert [each["method"] for each in asked] == ["requestRegistration"]
    assert before["registry"]["device_registration_id"] != after["registry"]["device_registration_id"]
    del before["status"]["ts"], after["status"]["ts"]  # the device's clock, each time it describes itself
    assert comparable(before) == comparable(after)


BEAT = {"battery": 55, "online": True, "halo": {"zone": "a", "n": 3, "deep": {"x": [1, None]}}, "näme": "ü", "n": 2**53}


async def test_what_heartbeats_bring_along_appears_as_on_the_real_one(pair: Pair) -> None:
    async with pair.links() as links:
        with (
            services.RealDevice(pair.urls[0], "beats", "cam-1", beat=BEAT),
            services.RealDevice(pair.urls[1], "beats", "cam-1", beat=BEAT),
        ):
            for link in links:

                async def has_beaten(link: Link = link) -> bool:
                    record = await device(link, "beats", "cam-1")
                    return record is not None and "halo" in record["status"]

                await eventually(has_beaten)
            real, ours = [await device(link, "beats", "cam-1") for link in links]
    assert ours["status"]["halo"] == BEAT["halo"]
    del real["status"]["ts"], ours["status"]["ts"]  # two devices, two clocks
    assert comparable(ours) == comparable(real)


async def test_after_a_restart_with_its_bucket_our_registry_has_lost_nothing_and_asks_nobody() -> None:
    with home() as (nats, role):
        async with party(nats.url) as client:
            subjects = Subjects("default")
            with services.RealDevice(nats.url, "default", "cam-1", ttl=TTL):
                await listed(client.link, "cam-1")
                before = await device(client.link, "default", "cam-1")
                asked: list[object] = []
                client.link.subscribe(subjects.cmd("cam-1"), asked.append)
                edges = Inbox(client.link, subjects.presence)
                beats = Inbox(client.link, subjects.heartbeat("cam-1"))
                await client.link.flush()
                await asyncio.to_thread(role.restart)
                assert await device(client.link, "default", "cam-1") == before
                await beats.until(len(beats.messages) + 5)  # longer than a ttl
                assert await device(client.link, "default", "cam-1") == before
    assert (asked, edges.messages) == ([], [])

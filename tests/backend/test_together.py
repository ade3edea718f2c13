"""Several gateways, and a cluster of brokers: one of them is killed under load, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fleetgui.backend.devices.specs import Specs
from fleetgui.backend.process import BackendProcess
from fleetgui.backend.roles import BROKER, NAMES
from fleetgui.link.credentials import UserPassword
from fleetgui.link.errors import LinkError, RequestTimeout
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_any
from tests.backend.links import LIMIT_S, Inbox, Party, party
from tests.backend.registry.samples import call, register
from tests.backend.roles import gateway
from tests.nats_server import NatsCluster, NatsServer

ROOT = "device-connect.default"
REGISTRY = f"{ROOT}.registry"
DISCOVERY = f"{ROOT}.discovery"
OWN_TIMEOUT_S = 3.0
UNTHROTTLED = {"RECONNECT_HARD_CEILING": "100000000", "RECONNECT_BASE_MAX": "100000000"}
COPIES = {"REGISTRY_REPLICAS": "3", "HISTORY_REPLICAS": "3", **UNTHROTTLED}

pytestmark = pytest.mark.timeout(240)


async def registered(client: Party, device_id: str) -> str:
    """Register as a device does, again after each failure; returns the registration's id."""
    while True:
        with contextlib.suppress(LinkError):
            reply = await client.link.request(REGISTRY, register(device_id), timeout=OWN_TIMEOUT_S)
            with contextlib.suppress(rpc.RpcError):
                answer = decode_any(bytes(rpc.result_of(reply)))
                assert answer["status"] == "registered"
                return str(answer["device_registration_id"])
        await asyncio.sleep(0.05)


async def fleet(client: Party) -> dict[str, str]:
    """Device id → registration id of everybody who is listed, page by page."""
    found: dict[str, str] = {}
    offset: int | None = 0
    while offset is not None:
        request = call("discovery/listDevices", {"offset": offset, "limit": 100})
        try:
            page = rpc.result_of(await client.link.request(DISCOVERY, request, timeout=OWN_TIMEOUT_S))
        except (LinkError, rpc.RpcError):
            await asyncio.sleep(0.05)
            continue
        body = decode_any(bytes(page))
        found |= {each["device_id"]: each["registry"]["device_registration_id"] for each in body["devices"]}
        offset = body["next_offset"]
    return found


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Until `holds()` is true of other processes, which set no event of ours."""
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 - as said
            await asyncio.sleep(0.1)


async def until_listed(client: Party, expected: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}

    async def all_there() -> bool:
        nonlocal found
        found = await fleet(client)
        return set(found) == expected

    await eventually(all_there)
    return found


async def test_a_gateway_killed_under_load_takes_no_device_along() -> None:
    ids = [f"cam-{number:04}" for number in range(600)]
    with (
        NatsServer(jetstream=True) as nats,
        gateway(nats.url, "gw-1", UNTHROTTLED) as one,
        gateway(nats.url, "gw-2", UNTHROTTLED) as two,
    ):
        async with party(nats.url) as client:
            answered: dict[str, str] = {}
            enough = asyncio.Event()

            async def enter(device_id: str) -> None:
                answered[device_id] = await registered(client, device_id)
                if len(answered) > len(ids) // 4:
                    enough.set()

            async with asyncio.timeout(90), asyncio.TaskGroup() as group:
                for device_id in ids:
                    group.create_task(enter(device_id))
                await enough.wait()
                await asyncio.to_thread(two.kill)
            # whoever was told that it is registered is listed so, by the one that is left
            assert await until_listed(client, set(ids)) == answered
            await asyncio.to_thread(two.start)
            await asyncio.to_thread(one.kill)
            assert await fleet(client) == answered


async def test_requests_go_to_whoever_is_left() -> None:
    with NatsServer(jetstream=True) as nats, gateway(nats.url, "gw-1") as one, gateway(nats.url, "gw-2"):
        async with party(nats.url) as client:
            await registered(client, "cam-1")
            failed = 0
            for number in range(300):
                if number == 100:
                    one.kill()
                try:
                    await client.link.request(DISCOVERY, call("discovery/listDevices", {"limit": 1}), timeout=1.0)
                except RequestTimeout:
                    failed += 1
            assert failed <= 1  # the one that it may have had in hand


async def test_a_cluster_of_three_brokers_loses_one_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in COPIES.items():
        monkeypatch.setenv(name, text)
    with NatsCluster(3) as cluster:
        there = ["--server", cluster.url]
        machines = [
            BackendProcess(
                devices=40, scenario="calm", extra=[*there, "--roles", "gateway,devices", "--node", "paris"]
            ),
            BackendProcess(devices=0, scenario="calm", extra=[*there, "--roles", "gateway", "--node", "berlin"]),
        ]
        try:
            for machine in machines:
                await machine.start()
            async with party(cluster.url) as client:
                devices = {each.device_id for each in Specs(40, 1)}
                await until_listed(client, devices)
                offline = Inbox(client.link, f"{ROOT}.device.offline")
                victim = await asyncio.to_thread(cluster.leader_of, "KV_registry")
                await asyncio.to_thread(victim.kill)
                async with asyncio.timeout(60):
                    new = await registered(client, "cam-new")
                # The simulated ones register anew where it was their own broker that went: by id, nobody is missing.
                assert (await until_listed(client, {*devices, "cam-new"}))["cam-new"] == new
                await asyncio.to_thread(victim.start)

                async def both_are_known() -> bool:
                    return await nodes(client) == ["berlin", "paris"]

                await eventually(both_are_known)
                assert (await until_listed(client, {*devices, "cam-new"}))["cam-new"] == new
                assert offline.messages == []
        finally:
            for machine in machines:
                await machine.stop()


async def nodes(client: Party) -> list[str]:
    try:
        reply = await client.link.request(f"{ROOT}.gateway", call("gateway/describe"), timeout=LIMIT_S)
        described: dict[str, Any] = decode_any(bytes(rpc.result_of(reply)))
    except (LinkError, rpc.RpcError):
        return []
    return [each["node"] for each in described["nodes"]]


def rights_in_the_readme() -> list[str]:
    """The subjects that the README wants the backend's user to have."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    [sentence] = re.findall(r"user may publish\s+and subscribe (.*?);", text, flags=re.S)
    return re.findall(r"`([^`]+)`", sentence)


async def test_the_rights_that_the_readme_names_suffice() -> None:
    rights = rights_in_the_readme()
    assert "device-connect.>" in rights
    subjects = ", ".join(f'"{each}"' for each in rights)
    config = f"""authorization {{ users [{{ user: "backend", password: "p", permissions {{
        publish {{ allow: [{subjects}] }}, subscribe {{ allow: [{subjects}] }} }} }}] }}"""
    with NatsServer(config, jetstream=True) as nats:
        there = ["--server", nats.url, "--user", "backend", "--password", "p"]
        roles = ",".join(name for name in NAMES if name != BROKER)
        machine = BackendProcess(devices=20, scenario="storm", extra=[*there, "--roles", roles])
        try:
            await machine.start()
            async with party(nats.url, credentials=UserPassword(user="backend", password=SecretStr("p"))) as client:
                engaged = Inbox(client.link, f"{ROOT}.gateway.*.throttle")
                await engaged.until(1)
                await eventually(lambda: _has(client, f"{ROOT}.gateway", "gateway/throttleHistory", "engagements"))
        finally:
            await machine.stop()
        assert "Violation" not in nats.log, nats.log[-3000:]


async def _has(client: Party, subject: str, method: str, what: str) -> bool:
    try:
        reply = rpc.result_of(await client.link.request(subject, call(method), timeout=OWN_TIMEOUT_S))
    except (LinkError, rpc.RpcError):
        return False
    return bool(decode_any(bytes(reply))[what])

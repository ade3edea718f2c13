"""What a gateway's settings line and environment make of its registry: a computed fleet, an access policy."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleetgui.backend.devices.specs import Specs
from tests.backend.links import Party, party
from tests.backend.registry.samples import call, register, result
from tests.backend.roles import Role
from tests.nats_server import NatsServer

DISCOVERY = "device-connect.default.discovery"
MANY = 200_000


@pytest.fixture(scope="module")
def broker() -> Iterator[NatsServer]:
    with NatsServer(jetstream=True) as server:
        yield server


def gateway(url: str, computed: Any = None, **environ: str) -> Role:
    environ = {"REGISTRY_STORAGE": "none", **environ}
    settings = {"url": url, "node": "gw-1", "environ": environ}
    return Role("fleetgui.backend.gateway", settings | ({} if computed is None else {"computed": computed}))


async def does_not_start(role: Role, why: str) -> None:
    try:
        with pytest.raises(RuntimeError, match=re.escape(why)):
            await asyncio.to_thread(role.start)
    finally:
        role.close()


async def listed(client: Party, **arguments: Any) -> dict[str, Any]:
    page: dict[str, Any] = result(await client.ask(DISCOVERY, call("discovery/listDevices", arguments)))
    return page


async def test_a_large_computed_fleet_lists_pages_filters_and_sorts_over_the_wire(broker: NatsServer) -> None:
    role = gateway(broker.url, {"devices": MANY, "seed": 1, "ttl": 45})
    specs = Specs(MANY, 1)
    await asyncio.to_thread(role.start)
    try:
        async with party(broker.url, "client") as client:
            last = await listed(client, offset=MANY - 1, limit=5)
            assert (last["devices"][0]["device_id"], last["next_offset"]) == (specs.device_id(MANY - 1), None)
            found = await listed(client, query=specs.device_id(MANY // 2), limit=5)
            assert [each["device_id"] for each in found["devices"]] == [specs.device_id(MANY // 2)]
            assert found["applied"] == ["query"]
            lowest = await listed(client, order_by="battery", where={"device_type": {"eq": "robot"}}, limit=5)
            assert {each["status"]["battery"] for each in lowest["devices"]} == {12}
            described = result(await client.ask(DISCOVERY, call("discovery/describeFleet")))
            assert described["total_devices"] == MANY
            result(await client.ask("device-connect.default.registry", register(specs.device_id(7))))
            mine = await listed(client, where={"manufacturer": {"eq": "Acme"}}, limit=5)
            assert [each["device_id"] for each in mine["devices"]] == [specs.device_id(7)]
            assert mine["revision"] > found["revision"]
            async with asyncio.TaskGroup() as group:
                sorting = group.create_task(listed(client, order_by="serial_number", limit=5))
                await client.link.flush()
                result(await client.ask("device-connect.default.registry", register("cam-001")))
                assert not sorting.done(), "a registration does not wait for somebody's sort"
            assert sorting.result()["total_matched"] == MANY
    finally:
        role.close()


@pytest.mark.parametrize(
    "computed", [5, {}, {"devices": "many", "seed": 1, "ttl": 45}, {"devices": -1, "seed": 1, "ttl": 5}]
)
async def test_a_computed_fleet_that_is_none_is_refused(broker: NatsServer, computed: Any) -> None:
    await does_not_start(gateway(broker.url, computed), "computed needs whole numbers")


async def test_an_access_policy_hides_and_one_that_cannot_be_read_keeps_the_gateway_from_starting(
    broker: NatsServer, tmp_path: Path
) -> None:
    path = tmp_path / "policy.json"
    named = gateway(broker.url, REGISTRY_ACCESS_POLICY=str(path))
    await does_not_start(named, f"the access policy {path} cannot be read: No such file")
    path.write_text("{")
    await does_not_start(gateway(broker.url, REGISTRY_ACCESS_POLICY=str(path)), "is not valid")
    path.write_text(json.dumps({"acls": [{"device_id": "cam-*", "visible_to": ["ops-*"]}]}))
    role = gateway(broker.url, REGISTRY_ACCESS_POLICY=str(path))
    await asyncio.to_thread(role.start)
    try:
        async with party(broker.url, "client") as client:
            result(await client.ask("device-connect.default.registry", register("cam-001")))
            assert (await listed(client, limit=5))["devices"] == []
            assert len((await listed(client, limit=5, requester_id="ops-anna"))["devices"]) == 1
    finally:
        role.close()

"""What `test_hostile` sends to the topology's publisher, and how it tells that it is unharmed."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fleetgui.wire.deployments import Phase
from tests.backend.links import LIMIT_S, Party
from tests.backend.registry.samples import call, params, register, result
from tests.backend.topology.rig import Deployer

TENANT: Final = "t"
ROOT: Final = f"device-connect.{TENANT}"
AT: Final = "2026-11-21T00:00:00.000Z"

REQUESTS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("topology/list", {"offset": 0, "limit": 5, "requester_id": "r"}),
    ("topology/snapshot", {"topology_id": "victims", "after": "a", "requester_id": "r"}),
    ("topology/snapshot", {"topology_id": "nowhere"}),
)

NEWS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    (f"{ROOT}.victim.heartbeat", {"device_id": "victim", "ts": 1.5, "location": "victims/cell-1"}),
    (
        f"{ROOT}.device.online",
        {"jsonrpc": "2.0", "method": "device/online", "params": {"device_id": "victim", "ts": 1}},
    ),
    (f"{ROOT}.device.offline", {"jsonrpc": "2.0", "method": "device/offline", "params": {"device_id": "victim"}}),
    ("$KV.device-info_t.info.victim", {"device_id": "victim", "labels": {"a": "b"}, "inventory": {}, "updated_at": AT}),
    (
        "$KV.device-state_t.state.victim.victim",
        {"device_id": "victim", "deployment": "victim", "phase": "Failed", "last_event_at": AT, "last_error": "e"},
    ),
    ("$KV.deployment_t.victim", {"name": "victim", "target_selector": {"a": "b"}, "generation": 1, "created_at": AT}),
    ("$KV.deployment_t.victim", {"name": "victim", "target_devices": ["victim"], "generation": 1, "created_at": AT}),
)
"""Subject and a valid message there."""


async def prepare(client: Party) -> None:
    """A site of two devices that nobody attacks, with a deployment that is half done, and a victim elsewhere."""
    deployer = Deployer(client, TENANT)
    await deployer.make_buckets()
    for device_id, location in (("safe-1", "haven"), ("safe-2", "haven/2"), ("victim", "victims")):
        status = {**params()["status"], "location": location}
        result(await client.ask(f"{ROOT}.registry", register(device_id, device_ttl=3_600, status=status)))
    await deployer.deploy("held", "safe-1", "safe-2")
    await deployer.write("safe-1", "held", Phase.RUNNING)
    async with asyncio.timeout(LIMIT_S):
        while not await _is_all_there(client):  # noqa: ASYNC110 - what is published is not what is tested here
            await asyncio.sleep(0.05)


async def known(client: Party) -> object:
    """The haven as it is listed and as its snapshot has it; and that victims and ids that are none can be asked for."""
    await client.ask(f"{ROOT}.topology", call("topology/snapshot", {"topology_id": "victims"}))
    rows = result(await client.ask(f"{ROOT}.topology", call("topology/list", {"limit": 1_000})))["topologies"]
    snapshot = await _snapshot(client)
    return (
        [row for row in rows if row["topology_id"] == "haven"],
        snapshot["status"],
        snapshot["members"],
        snapshot["in_flight"],
        b"-32004" in await client.ask(f"{ROOT}.topology", call("topology/snapshot", {"topology_id": "nowhere"})),
    )


async def _snapshot(client: Party) -> Any:
    return result(await client.ask(f"{ROOT}.topology", call("topology/snapshot", {"topology_id": "haven"})))


async def _is_all_there(client: Party) -> bool:
    reply = await client.ask(f"{ROOT}.topology", call("topology/snapshot", {"topology_id": "haven"}))
    if b'"result"' not in reply:
        return False
    snapshot = result(reply)
    return len(snapshot["members"]) == 2 and snapshot["members"][0]["services"] == ["held"] and snapshot["in_flight"]

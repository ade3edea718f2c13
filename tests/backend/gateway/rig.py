"""A gateway on a link of its own, and a client that watches and asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fleetgui.backend.gateway.service import GatewayProcess
from fleetgui.backend.gateway.settings import GatewaySettings
from fleetgui.policy.clock import Clock
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_any
from tests.backend.links import LIMIT_S, Party, party
from tests.backend.registry.samples import call, register

GATEWAY = "device-connect.t.gateway"
REGISTRY = "device-connect.t.registry"

QUIET = {
    "LAG_SAMPLE_INTERVAL_MS": "100",
    "LAG_ELEVATED_MS": "60000",
    "LAG_CRITICAL_MS": "60001",
    "REGISTRY_STORAGE": "none",
}
"""Short windows, a band that a busy test machine does not raise, and no need of JetStream."""


@dataclass
class Running:
    gateway: GatewayProcess
    server: Party


@asynccontextmanager
async def gateway(
    url: str, node: str = "gw-1", environ: dict[str, str] | None = None, *, clock: Clock | None = None
) -> AsyncIterator[Running]:
    """A gateway that serves, with its streams made when the broker has JetStream."""
    async with party(url, node, clock=clock) as server:
        running = GatewayProcess(
            server.link,
            GatewaySettings.from_environ({**QUIET, **(environ or {})}),
            node,
            clock=server.clock,
            tasks=server.tasks,
            tenants=["t"],
        )
        await running.start()
        await server.link.flush()
        yield Running(running, server)


async def try_to_register(client: Party, device_id: str, **changes: Any) -> dict[str, Any] | None:
    """None when it was registered, else the data of the throttle's error."""
    reply = decode_any(await client.ask(REGISTRY, register(device_id, **changes)))
    if "result" in reply:
        return None
    assert reply["error"]["code"] == -32029
    assert reply["error"]["message"] == "reconnect_rate"
    data: dict[str, Any] = reply["error"]["data"]
    return data


async def ask(client: Party, method: str, arguments: Any = None, tenant: str = "t") -> Any:
    """The decoded result; raises `RpcError`."""
    reply = await client.link.request(
        f"device-connect.{tenant}.gateway", call(f"gateway/{method}", arguments), timeout=LIMIT_S
    )
    return decode_any(bytes(rpc.result_of(reply)))

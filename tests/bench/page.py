"""A page of the registry at 1,000,000 devices beside one at 1,000, and what walks through filters and orders cost.

Over the wire, both sizes asked in turn by a socket that decodes nothing: kept records (100,000 beside 1,000, registered
like any device's) and computed ones (1,000,000 beside 1,000). In the core alone, without broker and socket: 1,000,000
kept records beside 1,000. Offsets are drawn, so that no page is asked for twice in a row. Filters and orders are taken
at the large sizes, each with the time of its first page, which makes the search, of the pages behind it, and with the
worst lag that the gateway told of itself meanwhile.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from contextlib import ExitStack
from typing import Any, Final

import psutil

from fleetgui.backend.devices.device import Device
from fleetgui.backend.devices.specs import Specs
from fleetgui.backend.registry.computed import ComputedFleet
from fleetgui.backend.registry.discovery import DiscoveryHandler, DiscoverySettings
from fleetgui.backend.registry.store import RecordStore
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_any, encode
from fleetgui.wire.gateway import Lag, gateway_message
from fleetgui.wire.subjects import Subjects
from tests.backend.links import party
from tests.backend.roles import Role
from tests.bench.registry import PAGE, SUBJECT, TENANT, Asker
from tests.bench.timing import milliseconds, percentile, side_by_side
from tests.nats_server import NatsServer

SMALL: Final = 1_000
TTL: Final = 3_600
BYTES_A_RECORD: Final = 4_500
ASKED: Final[dict[str, dict[str, Any]]] = {
    "battery below 20": {"where": {"battery": {"lt": 20}}},
    "query 0147": {"query": "0147"},
    "sorted by battery, descending": {"order_by": "battery", "descending": True},
    "sorted by location": {"order_by": "location"},
    "sorted by serial number": {"order_by": "serial_number"},
}


def run(quick: bool) -> dict[str, Any]:
    kept, computed = (10_000, 100_000) if quick else (100_000, 1_000_000)
    in_core = min(computed, int(psutil.virtual_memory().available / 2 / BYTES_A_RECORD))
    pages = 50 if quick else 1_000
    with ExitStack() as stack:
        figures: dict[str, Any] = {
            "what": f"a page of {PAGE}, large fleet beside {SMALL:,} devices; searches of the large ones",
            "wanted": "≤ 1.2 ×",
            "core": _core(in_core, pages),
        }
        servers = [stack.enter_context(NatsServer(jetstream=True)) for _ in range(4)]
        sizes = (SMALL, kept, SMALL, computed)
        for server, size, is_computed in zip(servers, sizes, (False, False, True, True), strict=True):
            stack.enter_context(_gateway(server.url, size if is_computed else None))
            if not is_computed:
                asyncio.run(_register(server.url, size))
        for name, small, large in (("kept", 0, 1), ("computed", 2, 3)):
            with Client(servers[small].url) as one, Client(servers[large].url) as other:
                devices = sizes[large]
                figures[name] = {
                    "devices": devices,
                    **_beside(other, devices, one, pages),
                    "searches": asyncio.run(_searches(servers[large].url, other)),
                }
    return figures


def _gateway(url: str, computed: int | None) -> Role:
    settings: dict[str, Any] = {
        "url": url,
        "tenant": TENANT,
        "node": "gw-1",
        "environ": {"REGISTRY_STORAGE": "none", "RECONNECT_HARD_CEILING": "1000000"},
    }
    if computed is not None:
        settings["computed"] = {"devices": computed, "seed": 1, "ttl": TTL}
    return Role("fleetgui.backend.gateway", settings)


async def _register(url: str, devices: int) -> None:
    """The simulated fleet's records, as their devices would register them."""
    specs, turns = Specs(devices, 1), asyncio.Semaphore(100)
    async with party(url, "bench") as client:

        async def one(index: int) -> None:
            async with turns:
                params = Device(specs[index]).registration(ttl=TTL, wall=1_795_219_200.0)
                request = rpc.request("registerDevice", params, "b")
                rpc.result_of(await client.link.request(Subjects(TENANT).registry, request, timeout=60))

        for start in range(0, devices, 1_000):
            await asyncio.gather(*map(one, range(start, min(start + 1_000, devices))))


class Client(Asker):
    """Asks for anything, one request at a time."""

    def get(self, params: dict[str, Any]) -> bytes:
        question = encode({"jsonrpc": "2.0", "id": "b", "method": "discovery/listDevices", "params": params})
        self._socket.sendall(f"PUB {SUBJECT} asker.reply {len(question)}\r\n".encode() + question + b"\r\n")
        while not (line := self._reader.readline()).startswith(b"MSG "):
            if line.startswith(b"PING"):
                self._socket.sendall(b"PONG\r\n")
            elif not line or line.startswith(b"-ERR"):
                raise ConnectionError(line)
        reply: bytes = self._reader.read(int(line.split()[-1]) + 2)
        return reply


def _beside(large: Client, devices: int, small: Client, runs: int) -> dict[str, Any]:
    chance = random.Random(1)
    specs = Specs(devices, 1)

    def by_offset(of: Client, count: int, **more: Any) -> float:
        params = {"offset": chance.randrange(count - PAGE), "limit": PAGE, **more}
        return milliseconds(lambda: of.get(params))

    def by_id(of: Client, count: int) -> float:
        params = {"after": specs.device_id(chance.randrange(count - PAGE)), "limit": PAGE}
        return milliseconds(lambda: of.get(params))

    return {
        "by_offset": side_by_side(lambda: by_offset(large, devices), lambda: by_offset(small, SMALL), runs),
        "summaries": side_by_side(
            lambda: by_offset(large, devices, projection="summary"),
            lambda: by_offset(small, SMALL, projection="summary"),
            runs,
        ),
        "by_id": side_by_side(lambda: by_id(large, devices), lambda: by_id(small, SMALL), runs),
    }


async def _searches(url: str, client: Client) -> dict[str, Any]:
    """Each of `ASKED`, walked from its first page to its last (or its hundredth)."""
    figures: dict[str, Any] = {}
    async with party(url, "bench") as onlooker:
        told: list[bytes] = []
        onlooker.link.subscribe(Subjects(TENANT).gateway_all, lambda message: told.append(message.data))
        await onlooker.link.flush()
        for name, params in ASKED.items():
            await asyncio.sleep(2.2)  # past the window of what was before
            told.clear()
            figures[name] = await asyncio.to_thread(_walk, client, params)
            await asyncio.sleep(2.2)
            lags = [each.p99_ms for data in told if isinstance(each := gateway_message(data), Lag)]
            figures[name]["worst_lag_p99_ms"] = round(max(lags), 1)
    return figures


def _walk(client: Client, params: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    first = decode_any(client.get({**params, "offset": 0, "limit": PAGE}))["result"]
    first_ms = (time.perf_counter() - began) * 1_000
    offsets = range(PAGE, min(first["total_matched"], 100 * PAGE), PAGE)
    rest = [milliseconds(lambda at=at: client.get({**params, "offset": at, "limit": PAGE})) for at in offsets]  # type: ignore[misc] # a default of its own
    return {
        "found": first["total_matched"],
        "first_page_ms": round(first_ms, 1),
        "next_pages_p50_ms": round(statistics.median(rest), 2) if rest else None,
        "next_pages_p99_ms": round(percentile(rest, 0.99), 2) if rest else None,
    }


def _core(devices: int, runs: int) -> dict[str, Any]:
    """Pages of kept records without broker and socket."""
    handlers = []
    for size in (devices, SMALL):
        store = RecordStore()
        for record in ComputedFleet(Specs(size, 1), TTL):
            store.put(TENANT, record)
        handlers.append(DiscoveryHandler(store, DiscoverySettings(), lambda: 8 * 1024 * 1024))
    chance = random.Random(2)

    def page(handler: DiscoveryHandler, count: int) -> float:
        offset = chance.randrange(count - PAGE)
        request = encode({"id": "b", "method": "discovery/listDevices", "params": {"offset": offset, "limit": PAGE}})
        return milliseconds(lambda: handler.handle(TENANT, request))

    large, small = handlers
    return {"devices": devices, **side_by_side(lambda: page(large, devices), lambda: page(small, SMALL), runs)}

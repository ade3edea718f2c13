"""A page of the registry at 1,000,000 devices beside one at 1,000, and what walks through filters and orders cost.

Both sizes are asked in turn, over the wire, by a socket that decodes nothing, at places that are drawn: kept records,
as many as half of the free memory holds, and computed ones. Filters and orders are taken at the large sizes, each with
the time of its first page, which makes the search, of the pages behind it, and with the worst lag that the gateway
told of itself meanwhile, beside what it told while nobody asked.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

import psutil

from fleetgui.backend.devices.specs import Specs
from fleetgui.wire.codec import decode_any, encode
from fleetgui.wire.gateway import Lag, gateway_message
from fleetgui.wire.subjects import Subjects
from tests.backend.links import party
from tests.backend.roles import Role
from tests.bench.registry import PAGE, SUBJECT, TENANT, Asker
from tests.bench.timing import milliseconds, percentile, side_by_side
from tests.nats_server import NatsServer

SMALL: Final = 1_000
SAME_ALLOCATOR: Final = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**28)}
"""glibc gives a page's bytes back to the system after each reply, unless a process has ever freed something larger, as
that of a large fleet has: its full pages would be the quicker ones for that alone."""
BYTES_A_RECORD: Final = 4_000
ASKED: Final[dict[str, dict[str, Any]]] = {
    "battery below 20": {"where": {"battery": {"lt": 20}}},
    "query 0147": {"query": "0147"},
    "sorted by battery, descending": {"order_by": "battery", "descending": True},
    "sorted by location": {"order_by": "location"},
    "sorted by serial number": {"order_by": "serial_number"},
}


def run(quick: bool) -> dict[str, Any]:
    wanted = 50_000 if quick else 1_000_000
    kept = min(wanted, int(psutil.virtual_memory().available / 2 / BYTES_A_RECORD))
    figures: dict[str, Any] = {
        "what": f"a page of {PAGE}, large fleet beside {SMALL:,} devices; searches of the large ones",
        "wanted": "≤ 1.2 ×",
        "load_average": psutil.getloadavg()[0],
    }
    for name, devices, role in (("kept", kept, _kept), ("computed", wanted, _computed)):
        with ExitStack() as stack:
            clients = []
            for size in (SMALL, devices):
                server = stack.enter_context(NatsServer(jetstream=True))
                stack.enter_context(role(server.url, size))
                clients.append(stack.enter_context(Client(server.url)))
            figures[name] = {
                "devices": devices,
                **_beside(clients[1], devices, clients[0], 100 if quick else 2_000),
                "searches": asyncio.run(_searches(server.url, clients[1])),
            }
    return figures


def _kept(url: str, devices: int) -> Role:
    return Role("tests.bench.kept_fleet", {"url": url, "tenant": TENANT, "devices": devices}, SAME_ALLOCATOR)


def _computed(url: str, devices: int) -> Role:
    computed = {"devices": devices, "seed": 1, "ttl": 3_600}
    environ = {"REGISTRY_STORAGE": "none"}
    settings = {"url": url, "tenant": TENANT, "node": "gw-1", "computed": computed, "environ": environ}
    return Role("fleetgui.backend.gateway", settings, SAME_ALLOCATOR)


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
    """Pages among the first kind of devices, for ids are in the order of kinds: records of one size in both fleets."""
    chance = random.Random(1)

    def drawn(count: int) -> int:
        return chance.randrange(Specs(count, 1).starts[1] - PAGE)

    def by_offset(of: Client, count: int, **more: Any) -> float:
        params = {"offset": drawn(count), "limit": PAGE, **more}
        return milliseconds(lambda: of.get(params))

    def by_id(of: Client, count: int) -> float:
        params = {"after": Specs(count, 1).device_id(drawn(count)), "limit": PAGE}
        return milliseconds(lambda: of.get(params))

    def compared(ask: Callable[..., float], **more: Any) -> dict[str, Any]:
        return side_by_side(lambda: ask(large, devices, **more), lambda: ask(small, SMALL, **more), runs)

    return {
        "by_offset": compared(by_offset),
        "summaries": compared(by_offset, projection="summary"),
        "by_id": compared(by_id),
    }


async def _searches(url: str, client: Client) -> dict[str, Any]:
    """Each of `ASKED`, walked from its first page to its last (or its hundredth)."""
    figures: dict[str, Any] = {}
    async with party(url, "bench") as onlooker:
        told: list[bytes] = []
        onlooker.link.subscribe(Subjects(TENANT).gateway_all, lambda message: told.append(message.data))
        await onlooker.link.flush()
        for name, params in [("nothing", {}), *ASKED.items()]:
            await asyncio.sleep(2.2)  # past the window of what was before
            told.clear()
            figures[name] = await asyncio.to_thread(_walk, client, params) if params else {}
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

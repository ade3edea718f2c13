"""Pages of the registry at 10,000 devices: ours beside the real one (`device-connect-server` on etcd).

Each serves the same records on a broker of its own; one client asks both, in turn, and decodes nothing. Both are warm:
the real one keeps what it scanned for two seconds, and is asked for a page right before each of its turns. What it
takes from cold is measured too and stands beside, in no ratio.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from typing import Any, Final

from fleetgui.link.connection import Link
from fleetgui.wire.codec import decode_any
from tests.backend.links import party
from tests.backend.roles import gateway
from tests.bench.timing import percentile
from tests.interop import services
from tests.nats_server import NatsServer

TENANT: Final = "bench"
PAGE: Final = 200
PATIENCE_S: Final = 60.0
UNTHROTTLED: Final = {"RECONNECT_HARD_CEILING": "1000000"}


def run(quick: bool) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "what": "pages of 200 at 10,000 devices, ours beside the real registry",
        "wanted": "≥ 5 ×",
    }
    if (why := services.missing()) is not None:
        return figures | {"left_out": why}
    records = list(services.records(1_000 if quick else 10_000))
    with (
        NatsServer() as real_nats,
        NatsServer(jetstream=True) as our_nats,
        services.Etcd() as etcd,
        services.RealRegistry(real_nats.url, etcd),
        gateway(our_nats.url, environ=UNTHROTTLED),
    ):
        etcd.put_devices(TENANT, records)
        taken = asyncio.run(_measure(real_nats.url, our_nats.url, records, 3 if quick else 9))
    return figures | {"devices": len(records)} | taken


async def _measure(real_url: str, our_url: str, records: list[dict[str, Any]], rounds: int) -> dict[str, Any]:
    async with party(real_url, "bench") as real, party(our_url, "bench") as ours:
        await _register(ours.link, records)
        assert await _ids(ours.link) == await _ids(real.link), "they do not hold the same"
        await asyncio.sleep(2.5)  # until the real one has forgotten
        cold = await _page(real.link, 0)
        walks: list[tuple[float, float]] = []
        crowds: list[tuple[float, float]] = []
        pages: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds + 1):  # the first does not count
            turn = [
                await _walk(link, len(records), kept) for link, kept in zip((ours.link, real.link), pages, strict=True)
            ]
            walks.append((turn[0], turn[1]))
            turn = [await _crowd(link, len(records)) for link in (ours.link, real.link)]
            crowds.append((turn[0], turn[1]))
        per_walk = -(-len(records) // PAGE)
        return {
            "page_ms": {
                "ours_p50": round(statistics.median(pages[0][per_walk:]), 3),
                "peer_p50": round(statistics.median(pages[1][per_walk:]), 3),
                "ours_p99": round(percentile(pages[0][per_walk:], 0.99), 3),
                "peer_p99": round(percentile(pages[1][per_walk:], 0.99), 3),
            },
            "walk": _compared(walks[1:], len(records), "devices_per_s"),
            "eight_clients": _compared(crowds[1:], per_walk, "pages_per_s"),
            "peer_cold_page_ms": round(cold, 1),
            "rounds": rounds,
        }


def _compared(turns: list[tuple[float, float]], done: int, unit: str) -> dict[str, Any]:
    """`turns` are seconds of ours and of the peer for `done` things."""
    return {
        f"ours_{unit}": round(done / statistics.median(ours for ours, _ in turns)),
        f"peer_{unit}": round(done / statistics.median(peer for _, peer in turns)),
        "times_faster": round(statistics.median(peer / ours for ours, peer in turns), 2),
    }


async def _register(link: Link, records: list[dict[str, Any]]) -> None:
    async def one(record: dict[str, Any]) -> None:
        params = {key: value for key, value in record.items() if key != "registry"}
        body = {"jsonrpc": "2.0", "id": "b", "method": "registerDevice", "params": params}
        reply = decode_any(
            await link.request(f"device-connect.{TENANT}.registry", json.dumps(body).encode(), timeout=60)
        )
        assert "result" in reply, reply

    for start in range(0, len(records), 200):
        await asyncio.gather(*map(one, records[start : start + 200]))


async def _page_bytes(link: Link, offset: int) -> bytes:
    body = (
        f'{{"jsonrpc":"2.0","id":"b","method":"discovery/listDevices","params":{{"offset":{offset},"limit":{PAGE}}}}}'
    )
    return await link.request(f"device-connect.{TENANT}.discovery", body.encode(), timeout=PATIENCE_S)


async def _page(link: Link, offset: int) -> float:
    """Milliseconds of one page."""
    started = time.perf_counter()
    await _page_bytes(link, offset)
    return (time.perf_counter() - started) * 1000


async def _ids(link: Link) -> list[str]:
    """Everything that it lists, in its order."""
    ids: list[str] = []
    offset: int | None = 0
    while offset is not None:
        result = decode_any(await _page_bytes(link, offset))["result"]
        ids += [each["device_id"] for each in result["devices"]]
        offset = result["next_offset"]
    return ids


async def _walk(link: Link, devices: int, kept: list[float]) -> float:
    """Seconds of a walk over the fleet, page after page, warm."""
    await _page(link, 0)
    started = time.perf_counter()
    for offset in range(0, devices, PAGE):
        kept.append(await _page(link, offset))
    return time.perf_counter() - started


async def _crowd(link: Link, devices: int) -> float:
    """Seconds in which eight clients get as many pages as a walk has, warm."""
    await _page(link, 0)
    offsets = iter(range(0, devices, PAGE))

    async def client() -> None:
        for offset in offsets:
            await _page(link, offset)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(8)))
    return time.perf_counter() - started

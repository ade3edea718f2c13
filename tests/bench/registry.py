"""Pages of the registry at 10,000 devices: ours beside the real one (`device-connect-server` on etcd).

Each serves the same records on a broker of its own. One client asks both, in turn: a plain socket that looks for the
end of a reply and decodes nothing, so that the registries are measured and not who asks them. Both are warm:
the real one keeps what it scanned for two seconds, and is asked for a page right before each of its turns. What it
takes from cold is measured too and stands beside, in no ratio.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import time
from typing import Any, Final, Self

from fleetgui.link.connection import Link
from fleetgui.wire.codec import decode_any
from tests.backend.links import party
from tests.backend.roles import gateway
from tests.bench.timing import percentile
from tests.interop import services
from tests.nats_server import NatsServer

TENANT: Final = "bench"
PAGE: Final = 200
SUBJECT: Final = f"device-connect.{TENANT}.discovery"
AT_ONCE: Final = 8
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
        await register(ours.link, records)
        assert await _ids(ours.link) == await _ids(real.link), "they do not hold the same"
        await asyncio.sleep(2.5)  # until the real one has forgotten
        walks: list[tuple[float, float]] = []
        crowds: list[tuple[float, float]] = []
        pages: tuple[list[float], list[float]] = ([], [])
        with Asker(our_url) as our_asker, Asker(real_url) as real_asker:
            cold = real_asker.page(0)
            for _ in range(rounds + 1):  # the first does not count
                walks.append((our_asker.walk(len(records), pages[0]), real_asker.walk(len(records), pages[1])))
                crowds.append((our_asker.crowd(len(records)), real_asker.crowd(len(records))))
                await asyncio.sleep(0)
        per_walk = -(-len(records) // PAGE)
        return {
            "page_ms": {
                "ours_p50": round(statistics.median(pages[0][per_walk:]), 3),
                "peer_p50": round(statistics.median(pages[1][per_walk:]), 3),
                "ours_p99": round(percentile(pages[0][per_walk:], 0.99), 3),
                "peer_p99": round(percentile(pages[1][per_walk:], 0.99), 3),
            },
            "walk": _compared(walks[1:], len(records), "devices_per_s"),
            "eight_at_once": _compared(crowds[1:], per_walk, "pages_per_s"),
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


async def register(link: Link, records: list[dict[str, Any]]) -> None:
    """Register `records` with our registry, many at a time."""

    async def one(record: dict[str, Any]) -> None:
        params = {key: value for key, value in record.items() if key != "registry"}
        body = {"jsonrpc": "2.0", "id": "b", "method": "registerDevice", "params": params}
        reply = decode_any(
            await link.request(f"device-connect.{TENANT}.registry", json.dumps(body).encode(), timeout=60)
        )
        assert "result" in reply, reply

    for start in range(0, len(records), 200):
        await asyncio.gather(*map(one, records[start : start + 200]))


async def _ids(link: Link) -> list[str]:
    """Everything that it lists, in its order."""
    ids: list[str] = []
    offset: int | None = 0
    while offset is not None:
        result = decode_any(await link.request(SUBJECT, _question(offset), timeout=PATIENCE_S))["result"]
        ids += [each["device_id"] for each in result["devices"]]
        offset = result["next_offset"]
    return ids


def _question(offset: int) -> bytes:
    params = f'{{"offset":{offset},"limit":{PAGE}}}'
    return f'{{"jsonrpc":"2.0","id":"b","method":"discovery/listDevices","params":{params}}}'.encode()


class Asker:
    """A client of one broker on a blocking socket."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("nats://").split(":")
        self._socket = socket.create_connection((host, int(port)), PATIENCE_S)
        self._reader = self._socket.makefile("rb", buffering=1 << 20)
        self._reader.readline()  # INFO
        self._socket.sendall(b'CONNECT {"verbose":false}\r\nSUB asker.reply 1\r\n')

    def ask(self, offset: int) -> None:
        self.send(_question(offset))

    def send(self, question: bytes) -> None:
        self._socket.sendall(f"PUB {SUBJECT} asker.reply {len(question)}\r\n".encode() + question + b"\r\n")

    def answer(self) -> None:
        """Read one reply to its end."""
        while not (line := self._reader.readline()).startswith(b"MSG "):
            if line.startswith(b"PING"):
                self._socket.sendall(b"PONG\r\n")
            elif not line or line.startswith(b"-ERR"):
                raise ConnectionError(line)
        reply = self._reader.read(int(line.split()[-1]) + 2)
        if b'"error"' in reply[:200]:
            raise RuntimeError(reply[:300])

    def page(self, offset: int) -> float:
        """Milliseconds of one page."""
        started = time.perf_counter()
        self.ask(offset)
        self.answer()
        return (time.perf_counter() - started) * 1000

    def walk(self, devices: int, kept: list[float]) -> float:
        """Seconds of a walk over the fleet, page after page, warm."""
        self.page(0)
        started = time.perf_counter()
        for offset in range(0, devices, PAGE):
            kept.append(self.page(offset))
        return time.perf_counter() - started

    def crowd(self, devices: int) -> float:
        """Seconds in which as many pages as a walk has are got, eight under way at any time, warm."""
        self.page(0)
        offsets = range(0, devices, PAGE)
        started = time.perf_counter()
        for number, offset in enumerate(offsets):
            self.ask(offset)
            if number >= AT_ONCE:
                self.answer()
        for _ in range(min(AT_ONCE, len(offsets))):
            self.answer()
        return time.perf_counter() - started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._socket.close()

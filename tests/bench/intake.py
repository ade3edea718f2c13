"""Heartbeats taken in by the console's link, intake and presence store, beside a bare nats-py callback that decodes.

Both get the same burst from the same broker, published beforehand into a stream of bytes that a child writes; in turn,
each in a process's own loop, both with the console's decoder. The ratio is of throughput: 1 is as quick as the peer.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import nats

from fleetgui.feeds.presence import PresenceFeed
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.stores.console import ConsoleState
from fleetgui.wire.codec import decode
from fleetgui.wire.devices import Heartbeat
from fleetgui.wire.subjects import Subjects
from tests.bench.traffic import publication
from tests.nats_server import NatsServer
from tests.waiting import until

DEVICES = 2_000


def burst(count: int) -> bytes:
    lot = []
    for number in range(count):
        name = f"camera-{number % DEVICES:05}"
        body = b'{"device_id":"%s","ts":%d.5,"battery":%d,"availability":"available"}' % (
            name.encode(), 1_790_000_000 + number, number % 100,
        )  # fmt: skip
        lot.append(publication(f"device-connect.default.{name}.heartbeat", body))
    return b"".join(lot)


async def pour(server: NatsServer, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    await reader.readline()
    writer.write(b'CONNECT {"verbose":false}\r\n' + data)
    await writer.drain()
    writer.write(b"PING\r\n")
    await reader.readuntil(b"PONG\r\n")
    writer.close()


async def ours(server: NatsServer, data: bytes, count: int) -> float:
    state, clock = ConsoleState(), SystemClock()
    tasks = Tasks(print)
    link = Link(Context(servers=(server.url,)), clock=clock, name="bench", tasks=tasks)
    feed = PresenceFeed(link, Subjects("default"), state, clock, tasks)
    feed.start()
    link.start()
    await link.up()
    await link.flush()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(pour(server, data))
        await until(lambda: state.presence.beats >= count, state.presence.changed)
        spent = time.perf_counter() - began
    feed.close()
    await link.close()
    await tasks.cancel()
    return count / spent


async def peer(server: NatsServer, data: bytes, count: int) -> float:
    client = await nats.connect(server.url, pending_size=64 * 1024 * 1024)
    done = asyncio.Event()
    taken = 0

    async def take(message: Any) -> None:
        nonlocal taken
        decode(message.data, Heartbeat)
        taken += 1
        if taken == count:
            done.set()

    await client.subscribe("device-connect.default.*.heartbeat", cb=take, pending_msgs_limit=-1, pending_bytes_limit=-1)
    await client.flush()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(pour(server, data))
        await done.wait()
        spent = time.perf_counter() - began
    await client.close()
    return count / spent


def run(quick: bool) -> dict[str, Any]:
    count, runs = (20_000, 2) if quick else (60_000, 7)
    data = burst(count)

    async def both() -> list[tuple[float, float]]:
        with NatsServer() as server:
            await ours(server, data, count)
            await peer(server, data, count)
            return [(await ours(server, data, count), await peer(server, data, count)) for _ in range(runs)]

    pairs = asyncio.run(both())
    return {
        "what": "heartbeats taken in, a second, until the store has them, beside a bare nats-py callback that decodes",
        "ours_per_s": round(statistics.median(a for a, _ in pairs)),
        "peer_per_s": round(statistics.median(b for _, b in pairs)),
        "ratio": round(statistics.median(a / b for a, b in pairs), 2),
        "messages": count,
        "runs": runs,
    }

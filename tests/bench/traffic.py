"""A process that sends what a large fleet sends, at a rate: heartbeats of every device in turn, and events.

`python -m tests.bench.traffic URL DEVICES BEATS EVENTS` publishes BEATS heartbeats and EVENTS events a second to the
broker at URL until its stdin ends; the ids are those of the simulated fleet of DEVICES. Written straight to the
socket: what is to be measured is who listens, on the same cores.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

from fleetgui.backend.devices.specs import Specs

TICK_S = 0.01


def publication(subject: str, payload: bytes) -> bytes:
    return b"PUB %s %d\r\n%s\r\n" % (subject.encode(), len(payload), payload)


async def send(url: str, devices: int, beats: float, events: float) -> None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    await reader.readline()
    login = {"verbose": False, "pedantic": False, "user": parts.username, "pass": parts.password}
    writer.write(b"CONNECT %s\r\n" % json.dumps(login).encode())
    ids = [spec.device_id for spec in Specs(devices, 1)]
    began, sent_beats, sent_events, at = time.monotonic(), 0, 0, 0
    while True:
        spent = time.monotonic() - began
        lot = []
        wall = time.time()
        for _ in range(int(spent * beats) - sent_beats):
            name = ids[at]
            at = (at + 1) % len(ids)
            body = b'{"device_id":"%s","ts":%.3f,"battery":%d,"availability":"available"}' % (
                name.encode(), wall, at % 100,
            )  # fmt: skip
            lot.append(publication(f"device-connect.default.{name}.heartbeat", body))
        sent_beats += len(lot)
        for number in range(int(spent * events) - sent_events):
            name = ids[(at + number) % len(ids)]
            event = {"jsonrpc": "2.0", "method": "motion", "params": {"device_id": name, "level": number}}
            lot.append(publication(f"device-connect.default.{name}.event.motion", json.dumps(event).encode()))
            sent_events += 1
        writer.write(b"".join(lot))
        await writer.drain()
        await asyncio.sleep(TICK_S)


async def main() -> None:
    url, devices, beats, events = sys.argv[1:5]
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(send(url, int(devices), float(beats), float(events)))
        await loop.run_in_executor(None, sys.stdin.read)
        sending.cancel()


if __name__ == "__main__":
    asyncio.run(main())

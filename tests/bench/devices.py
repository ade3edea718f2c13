"""20,000 simulated devices in one process: what it costs, how late beats are, and how soon a call is answered.

The whole is real: a nats-server, the gateway's process with the registry in it, the devices' process, and this one as
the client that hears every heartbeat and event. A beat's lateness is measured where it arrives, against the one before
it and the interval that the lease says, so everything in between is in it. The devices' share of a core is their
process's CPU time over the window.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

import psutil

from fleetgui.backend.child import Child
from fleetgui.backend.devices.specs import Specs
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.errors import LinkError
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.wire import rpc
from fleetgui.wire.subjects import Subjects
from tests.bench.timing import percentile
from tests.nats_server import NatsServer

TENANT = "bench"
READY_S = 120.0


class Ears:
    """Hears heartbeats and events of the whole fleet. `lateness` are seconds beyond the interval, of beats that had
    one before them; early ones count as 0."""

    def __init__(self, interval: float, devices: int) -> None:
        self.last: dict[str, float] = {}
        self.beats = 0
        self.events = 0
        self.lateness: list[float] = []
        self.all_heard = asyncio.Event()
        self._interval = interval
        self._devices = devices

    def beat(self, message: Message) -> None:
        now = time.perf_counter()
        device_id = message.subject.split(".")[2]
        before = self.last.get(device_id)
        self.last[device_id] = now
        self.beats += 1
        if len(self.last) == self._devices:
            self.all_heard.set()
        if before is not None:
            self.lateness.append(max(0.0, now - before - self._interval))

    def event(self, _message: Message) -> None:
        self.events += 1

    def begin(self) -> None:
        self.beats = self.events = 0
        self.lateness.clear()


def run(quick: bool) -> dict[str, Any]:
    return asyncio.run(_run(*((2_000, 15, 15.0) if quick else (20_000, 45, 60.0))))


async def _run(devices: int, ttl: int, window: float) -> dict[str, Any]:
    failures: list[BaseException] = []
    tasks = Tasks(lambda _name, error: failures.append(error))
    with NatsServer("max_payload: 8MB", jetstream=True) as server:
        link = Link(Context(servers=(server.url,), tenant=TENANT), clock=SystemClock(), name="bench", tasks=tasks)
        settings = {"url": server.url, "tenant": TENANT, "node": "gw-1"}
        fleet = {"devices": devices, "seed": 1, "scenario": "calm", "ttl": ttl}
        roles = {
            name: Child(name, [sys.executable, "-m", f"fleetgui.backend.{name}"]) for name in ("gateway", "devices")
        }
        try:
            link.start()
            async with asyncio.timeout(READY_S):
                await link.up()
                for role in roles.values():
                    role.start(settings | fleet)
                    await role.ready(READY_S)
            figures = await _measure(link, roles, devices, ttl, window)
        finally:
            for role in roles.values():
                await role.stop()
            await link.close()
            await tasks.cancel()
    if failures:
        raise failures[0]
    return {"what": f"{devices:,} devices in one process, a beat every {ttl / 3:g} s", **figures}


def _role(name: str) -> Child:
    return Child(name, [sys.executable, "-m", f"fleetgui.backend.{name}"])


async def _measure(link: Link, roles: dict[str, Child], devices: int, ttl: int, window: float) -> dict[str, Any]:
    subjects, ears = Subjects(TENANT), Ears(ttl / 3, devices)
    link.subscribe(subjects.all_heartbeats, ears.beat)
    link.subscribe(subjects.all_events, ears.event)
    async with asyncio.timeout(READY_S):
        await ears.all_heard.wait()
    await asyncio.sleep(ttl / 3 + 2.0)  # every device has beaten twice, and nothing of the start is under way
    processes = {name: psutil.Process(role.pid) for name, role in roles.items() if role.pid is not None}
    ears.begin()
    before, began = {name: _cpu(process) for name, process in processes.items()}, time.perf_counter()
    await asyncio.sleep(window)
    seconds = time.perf_counter() - began
    after = {name: _cpu(process) for name, process in processes.items()}
    late = sorted(ears.lateness)
    beats, events = ears.beats, ears.events
    return {
        "devices": devices,
        "beats_per_s": round(beats / seconds, 1),
        "beats_expected_per_s": round(devices / (ttl / 3), 1),
        "beat_late_p50_ms": round(percentile(late, 0.5) * 1_000, 1),
        "beat_late_p99_ms": round(percentile(late, 0.99) * 1_000, 1),
        "beat_late_max_ms": round(late[-1] * 1_000, 1),
        "events_per_s": round(events / seconds, 1),
        "devices_cpu_share_of_a_core": round((after["devices"] - before["devices"]) / seconds, 3),
        "gateway_cpu_share_of_a_core": round((after["gateway"] - before["gateway"]) / seconds, 3),
        "devices_memory_mb": round(processes["devices"].memory_info().rss / 1e6),
        "load_average": round(os.getloadavg()[0], 2),
        "window_s": round(seconds, 1),
        **await _calls(link, devices),
        **_computing(),
    }


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _calls(link: Link, devices: int) -> dict[str, Any]:
    """One call after another to devices all over the fleet, and one broadcast to all of it."""
    subjects, fleet = Subjects(TENANT), Specs(devices, 1)
    trips = []
    for turn in range(200):
        subject = subjects.cmd(fleet.device_id(turn * devices // 200))
        began = time.perf_counter()
        await link.request(subject, rpc.request("self_test", {}, f"b-{turn}"), timeout=10.0)
        trips.append(time.perf_counter() - began)
    answered, done = 0, asyncio.Event()

    def heard(_message: Message) -> None:
        nonlocal answered
        answered += 1
        if answered == devices:
            done.set()

    link.subscribe(f"device-connect.{TENANT}.*.event.async_reply.>", heard)
    await link.flush()
    began = time.perf_counter()
    await link.publish(
        subjects.broadcast, b'{"correlation_id":"b-1","function":"self_test","where":"status.busy_score < 2.0"}'
    )
    try:
        async with asyncio.timeout(30):
            await done.wait()
    except TimeoutError:
        raise LinkError(f"{answered} of {devices} devices answered a broadcast") from None
    return {
        "call_p50_ms": round(percentile(trips, 0.5) * 1_000, 2),
        "call_p99_ms": round(percentile(trips, 0.99) * 1_000, 2),
        "broadcast_to_all_s": round(time.perf_counter() - began, 2),
    }


def _computing() -> dict[str, Any]:
    """A fleet of a million, computed when asked for."""
    specs = Specs(1_000_000, 1)
    began = time.perf_counter()
    for index in range(0, len(specs), 200):
        specs[index].record(ttl=45, status={})
    each = (time.perf_counter() - began) / (len(specs) // 200)
    began = time.perf_counter()
    columns = specs.columns
    assert columns.site.size == columns.firmware.size == columns.model.size == columns.battery.size == len(specs)
    return {
        "record_of_a_million_us": round(each * 1e6, 1),
        "four_columns_of_a_million_ms": round((time.perf_counter() - began) * 1_000),
    }

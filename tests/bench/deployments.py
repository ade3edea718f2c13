"""The roll-up of deployments: changes a second in the core, and 10,000 devices × 1,000 deployments at 100 writes/s.

The peer of the core is counting anew: what a recount of the same states costs, once. End to end everything is real:
nats-server, the aggregator's process, and writers in this one. A probe's lag is measured from the broker's
acknowledgement of a state until the status that it changed is read back, so the pause between two writes of statuses
(1 s) is in it.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Mapping
from typing import Any, Final

import psutil

from fleetgui.backend.deployments.rollup import Figures, Rollup
from fleetgui.backend.devices.specs import Specs
from fleetgui.link.entries import Entry
from fleetgui.wire.deployments import (
    Deployment,
    DeploymentName,
    DeploymentStatus,
    DeviceKey,
    DeviceState,
    Moment,
    Phase,
)
from tests.backend.deployments.load import Load
from tests.backend.deployments.recount import recount
from tests.backend.deployments.rig import TENANT, Side, counted, deployment, figures_of, info, side, state
from tests.backend.roles import Role
from tests.bench.timing import percentile
from tests.nats_server import NatsServer

PHASES: Final = tuple(Phase)
RATE: Final = 100.0


def run(quick: bool) -> dict[str, Any]:
    devices, deployments = (1_000, 100) if quick else (10_000, 1_000)
    return {
        "what": f"{devices:,} devices × {deployments:,} deployments",
        "core": _core(devices, deployments, 20_000 if quick else 400_000),
        "end_to_end": asyncio.run(_end_to_end(devices, deployments, 2_000 if quick else 50_000, 10 if quick else 60)),
    }


def _core(devices: int, deployments: int, changes: int) -> dict[str, Any]:
    chance = random.Random(1)
    specs = Specs(devices, 1)
    labels = {DeviceKey(spec.device_id): spec.labels() for spec in specs}
    ids = list(labels)
    rollup = Rollup()
    began = time.perf_counter()
    for device, each in labels.items():
        rollup.put_info(device, each)
    infos = time.perf_counter() - began
    made = [_deployment(number, labels[chance.choice(ids)]) for number in range(deployments)]
    began = time.perf_counter()
    for one in made:
        rollup.put_deployment(one)
    selected = time.perf_counter() - began
    states = [
        DeviceState(
            device_id=chance.choice(ids),
            deployment=chance.choice(made).name,
            phase=chance.choice(PHASES),
            last_event_at=Moment(at),
        )
        for at in range(1, changes + 1)
    ]
    raw = [(each.key, each.encode()) for each in states]
    began = time.perf_counter()
    for each_state in states:
        rollup.put_state(each_state)
    applied = time.perf_counter() - began
    began = time.perf_counter()
    for key, data in raw:
        DeviceState.decode(key, data)
    decoded = time.perf_counter() - began
    moves = ids[:: max(1, devices // 1_000)]
    began = time.perf_counter()
    for device in moves:
        rollup.put_info(device, labels[chance.choice(ids)])
    moved = time.perf_counter() - began
    for device in moves:
        rollup.put_info(device, labels[device])
    latest = {(each.device_id, each.deployment): each for each in states}
    began = time.perf_counter()
    wanted = recount(labels, latest.values(), made)
    recounted = time.perf_counter() - began
    return {
        "state_changes_per_s": round(changes / applied),
        "decoded_per_s": round(changes / decoded),
        "label_changes_per_s": round(len(moves) / moved),
        "infos_per_s": round(devices / infos),
        "deployments_per_s": round(deployments / selected),
        "peer_one_recount_ms": round(recounted * 1_000),
        "equal_to_recount": wanted == {name: rollup.figures(name) for name in rollup.deployments},
    }


def _deployment(number: int, labels: dict[str, str]) -> Deployment:
    keys = (("site", "ring"), ("type", "site"), ("ring",), ())[number % 4]
    return deployment(f"deployment-{number:04d}", **{key: labels[key] for key in keys})


class _Probe:
    """One device that changes its mind again and again, and a watch over the status that should follow."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self._succeeded = -1
        self._told = asyncio.Event()

    def read_began(self) -> None:
        """Nothing to forget."""

    def entry(self, entry: Entry) -> None:
        if entry.value is not None:
            self._succeeded = DeploymentStatus.decode(entry.key, entry.value).succeeded
            self._told.set()

    def synced(self) -> None:
        """Nothing waits for it."""

    async def run(self, client: Side, over: asyncio.Event) -> None:
        buckets = client.buckets
        known = info("probe", probe="1")
        goes_to = deployment("probe", probe="1")
        await buckets.info.put(known.key, known.encode())
        await buckets.deployment.put(goes_to.key, goes_to.encode())
        watch = buckets.status.watch("probe", self)
        at = 0
        while not over.is_set():
            at += 1
            wanted = at % 2
            said = state("probe", "probe", Phase.RUNNING if wanted else Phase.PENDING, float(at))
            await buckets.state.put(said.key, said.encode())
            began = time.perf_counter()
            while self._succeeded != wanted:
                self._told.clear()
                await self._told.wait()
            self.lags.append(time.perf_counter() - began)
            await asyncio.sleep(random.Random(at).random())  # at any moment of the aggregator's second
        await watch.close()


class _Standing:
    """What stands in `deployment-status`. `changed` is when it last did (`time.perf_counter`)."""

    def __init__(self) -> None:
        self.held: dict[str, Figures] = {}
        self.changed = 0.0
        self._told = asyncio.Event()

    def read_began(self) -> None:
        """Nothing to forget."""

    def entry(self, entry: Entry) -> None:
        self.changed = time.perf_counter()
        self._told.set()
        if entry.value is None:
            self.held.pop(entry.key, None)
        else:
            self.held[entry.key] = figures_of(DeploymentStatus.decode(entry.key, entry.value))

    def synced(self) -> None:
        """Nothing waits for it."""

    async def until(self, wanted: Mapping[DeploymentName, Figures]) -> float:
        """When the last change was that made it equal to `wanted`."""
        async with asyncio.timeout(300):
            while self.held != wanted:
                self._told.clear()
                await self._told.wait()
        return self.changed


async def _end_to_end(devices: int, deployments: int, states: int, seconds: float) -> dict[str, Any]:
    with NatsServer(jetstream=True) as broker:
        async with side(broker.url) as client:
            await client.buckets.ensure()
            load = Load(client.buckets, client.tasks, devices=devices, deployments=deployments)
            began = time.perf_counter()
            await load.fill(states)
            filled = time.perf_counter() - began
            fill_rate = load.written / filled
            standing = _Standing()
            watch = client.buckets.status.watch("*", standing)
            wanted = await counted(client.link, client.buckets)
            aggregator = Role("fleetgui.backend.deployments", {"url": broker.url, "tenant": TENANT})
            try:
                began = time.perf_counter()
                await asyncio.to_thread(aggregator.start)
                cold = await standing.until(wanted) - began
                process = psutil.Process(aggregator.pid)
                over = asyncio.Event()
                probe = _Probe()
                before, cpu, began = load.written, _cpu(process), time.perf_counter()
                writing = client.tasks.spawn(load.write(RATE, over), name="the load")
                probing = client.tasks.spawn(probe.run(client, over), name="the probe")
                await asyncio.sleep(seconds)
                took, written, cpu = time.perf_counter() - began, load.written - before, _cpu(process) - cpu
                over.set()
                await writing
                began = time.perf_counter()
                await probing
                wanted = await counted(client.link, client.buckets)
                settled = max(0.0, await standing.until(wanted) - began)
                await watch.close()
                idle, began = _cpu(process), time.perf_counter()
                await asyncio.sleep(min(20.0, seconds))
                idle = (_cpu(process) - idle) / (time.perf_counter() - began)
                return {
                    "fill_writes_per_s": round(fill_rate),
                    "process_start_until_every_status_equals_a_recount_s": round(cold, 2),
                    "writes_per_s": round(written / took, 1),
                    "status_follows_p50_s": round(percentile(probe.lags, 0.5), 3),
                    "status_follows_p99_s": round(percentile(probe.lags, 0.99), 3),
                    "status_follows_max_s": round(max(probe.lags), 3),
                    "probes": len(probe.lags),
                    "after_the_last_write_until_all_equal_s": round(settled, 2),
                    "statuses_equal_to_a_recount": len(wanted),
                    "aggregator_cpu_share_of_a_core": round(cpu / took, 3),
                    "aggregator_idle_cpu_share": round(idle, 4),
                    "aggregator_memory_mib": round(aggregator.memory / 2**20),
                    "load_average": round(os.getloadavg()[0], 2),
                }
            finally:
                aggregator.close()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

"""How long the loop is held while 1,000,000 devices are read, and searched and sorted meanwhile; how soon it stops.

A whole console, offscreen, in a process of its own, on our registry, beside broker and gateway on the same cores. The
table wants what the registry cannot do, so the fleet is read; every two seconds something else is searched or sorted.
Stall is the time-weighted wait of a 2 ms precise timer (`app.stall`), beside the same console that only shows the
table; "own" is what of it was the loop's own work (`bench.stall`), for machines that others use too. Then the walk is
begun again, and cancelled at moments that are drawn, and paused: until no request of it is under way, and nothing of it
runs.

As a program, `python -m tests.bench.walking 1000000` prints the figures of so many devices.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import psutil
from PySide6.QtWidgets import QApplication

from fleetgui.app.session import Session
from fleetgui.app.stall import time_weighted
from fleetgui.policy.filters import parse
from fleetgui.policy.wanted import Wanted
from fleetgui.stores.hold import HoldPhase
from fleetgui.stores.roster import RosterPhase
from fleetgui.wire.query import BY_ID, Order
from tests.app.consoles import context, run_console
from tests.backend.roles import Role
from tests.bench.stall import RESOLUTION_MS, OwnMeter
from tests.bench.timing import percentile
from tests.nats_server import NatsServer
from tests.waiting import until

IDLE_S: Final = 15.0
EVERY_S: Final = 2.0
CANCELLED: Final = 20
WANTED: Final = (
    ("/./", (Order("location"), Order("battery"))),
    ("/0147$/", (BY_ID,)),
    ("/./ type:camera battery<20", (Order("battery", descending=True),)),
    ("/./", (Order("serial_number"),)),
    ("/rack-0[0-4]/", (Order("registered_at"), BY_ID)),
)


def run(quick: bool) -> dict[str, Any]:
    devices = 50_000 if quick else 1_000_000
    command = [sys.executable, "-m", "tests.bench.walking", str(devices)]
    taken = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=900).stdout)
    return {
        "what": "time-weighted wait for the loop, ms, while the fleet is read and searched; how soon a walk stops",
        "wanted": "no stall above 33 ms; cancelled within 200 ms",
        "load_average": psutil.getloadavg()[0],
        "devices": devices,
        **taken,
    }


def _stall(meter: OwnMeter) -> dict[str, float]:
    meter.stop()
    stall, own = time_weighted(meter.gaps, RESOLUTION_MS), time_weighted(meter.own[1:], RESOLUTION_MS)
    above = sum(gap - RESOLUTION_MS > 33 for gap in meter.gaps)
    return {
        "p50_ms": round(stall.p50, 2),
        "p99_ms": round(stall.p99, 2),
        "max_ms": round(stall.max, 2),
        "above_33": above,
        "own_p99_ms": round(own.p99, 2),
        "own_max_ms": round(own.max, 2),
    }


def _meter() -> OwnMeter:
    meter = OwnMeter()
    meter.start()
    return meter


def _wanted(number: int) -> Wanted:
    text, orders = WANTED[number]
    parsed = parse(text)
    assert not parsed.mistakes, parsed.mistakes
    return Wanted(parsed.filter, orders)


async def _walk(session: Session) -> dict[str, Any]:
    assert session.fabric is not None
    table, hold = session.fabric.table, session.state.hold
    meter, began = _meter(), time.monotonic()
    for number in cycle(range(len(WANTED))):
        table.show(_wanted(number))
        try:
            async with asyncio.timeout(EVERY_S):
                await until(lambda: not hold.state.phase.is_under_way and not hold.state.arranging, hold.changed)
        except TimeoutError:
            continue
        break
    walked = time.monotonic() - began
    for number in range(len(WANTED)):  # once more, now that all is held
        table.show(_wanted(number))
        await until(lambda: not hold.state.arranging, hold.changed)
        await asyncio.sleep(0.2)
    return {
        "walk_s": round(walked, 1),
        "coverage": hold.state.coverage.sentence,
        "phase": hold.state.phase.value,
        "stall": _stall(meter),
        "rss_mib": round(psutil.Process().memory_info().rss / 2**20),
    }


async def _stops(session: Session) -> dict[str, Any]:
    """Milliseconds until a walk has stopped, and until a paused one asks for nothing."""
    assert session.fabric is not None
    table, hold, tasks = session.fabric.table, session.state.hold, session.fabric.link.tasks
    chance, taken = random.Random(1), []
    for number in range(CANCELLED):
        table.refresh()
        await until(lambda: hold.state.phase is HoldPhase.WALKING and hold.state.coverage.seen > 0, hold.changed)
        await asyncio.sleep(chance.uniform(0, 0.3))
        began = time.perf_counter()
        if number % 2:
            table.walk("pause")
            await asyncio.sleep(0.01)
            began = time.perf_counter()
        table.walk("cancel")
        while {"walk of the fleet", "a page of the registry"} & set(tasks.names):  # noqa: ASYNC110 - each turn counts
            await asyncio.sleep(0)
        taken.append((time.perf_counter() - began) * 1_000)
    return {"p50_ms": round(percentile(taken, 0.5), 2), "max_ms": round(max(taken), 2), "times": len(taken)}


def _of(devices: int) -> dict[str, Any]:
    app = QApplication([])
    figures: dict[str, Any] = {}

    async def drive(session: Session) -> None:
        roster = session.state.roster
        await until(lambda: roster.status.phase is RosterPhase.READY and roster.total == devices, roster.status_changed)
        await asyncio.sleep(2)
        meter = _meter()
        await asyncio.sleep(IDLE_S)
        figures["browsing"] = _stall(meter)
        figures["walk"] = await _walk(session)
        figures["cancelled"] = await _stops(session)

    computed = {"devices": devices, "seed": 1, "ttl": 3_600}
    with NatsServer() as nats, tempfile.TemporaryDirectory() as folder:
        settings = {"url": nats.url, "computed": computed, "environ": {"REGISTRY_STORAGE": "none"}}
        with Role("fleetgui.backend.gateway", settings):
            run_console(app, Path(folder), drive, on=context(nats.url))
    return figures


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    print(json.dumps(_of(int(sys.argv[1]))))

"""How long the console's loop is held under the demo's load, beside the same console without traffic.

A stall is the time-weighted wait of a 2 ms precise timer, P(wait > y) = Σ max(0, gap − y) / Σ gap; a plain percentile
of gaps would hide it. "Own" is the same of the loop's own work alone, for machines that others use too. Broker, gateway
and devices run on the same cores; the table scrolls all the while.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from fleetgui.app.options import DemoOptions
from fleetgui.app.session import Session
from fleetgui.app.stall import StallMeter, time_weighted
from fleetgui.stores.roster import RosterPhase
from tests.app.consoles import context, run_console
from tests.nats_server import NatsServer
from tests.waiting import until

RESOLUTION_MS = 2


class OwnMeter(StallMeter):
    """Measures beside it what of each gap was this thread's own work: what a gap would be on a core of its own."""

    def __init__(self) -> None:
        super().__init__(resolution_ms=RESOLUTION_MS, kept=10_000_000)
        self.own: list[float] = []
        self._spent = time.thread_time()

    def _woke(self) -> None:
        super()._woke()
        spent = time.thread_time()
        self.own.append(max(float(RESOLUTION_MS), (spent - self._spent) * 1000))
        self._spent = spent


async def measure(session: Session, seconds: float) -> dict[str, Any]:
    """Scroll the table for `seconds` and measure meanwhile."""
    meter = OwnMeter()
    meter.start()
    messages = session.fabric.link.footprint.messages_in if session.fabric else 0
    end = time.monotonic() + seconds
    page = session.pages.devices
    while time.monotonic() < end:
        if page is not None:
            bar = page.table.verticalScrollBar()
            bar.setValue((bar.value() + 48) % max(1, bar.maximum()))
        await asyncio.sleep(0.05)
    meter.stop()
    stall, own = time_weighted(meter.gaps, 0), time_weighted(meter.own[1:], RESOLUTION_MS)
    messages = (session.fabric.link.footprint.messages_in if session.fabric else 0) - messages
    return {
        "p50_ms": round(stall.p50, 2),
        "p99_ms": round(stall.p99, 2),
        "max_ms": round(stall.max, 2),
        "own_p99_ms": round(own.p99, 2),
        "own_max_ms": round(own.max, 2),
        "messages_per_s": round(messages / seconds),
        "seconds": seconds,
    }


async def ready(session: Session) -> None:
    """Return once the fleet is read and what a start leaves to do is done."""
    roster = session.state.roster
    await until(lambda: roster.status.phase is RosterPhase.READY, roster.status_changed)
    await asyncio.sleep(3)


def run(quick: bool) -> dict[str, Any]:
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    seconds = 10.0 if quick else 60.0
    taken: dict[str, Any] = {}

    async def under_load(session: Session) -> None:
        await ready(session)
        taken["demo"] = await measure(session, seconds)

    async def idle(session: Session) -> None:
        await asyncio.sleep(2)
        taken["no_traffic"] = await measure(session, seconds)

    with tempfile.TemporaryDirectory() as folder:
        run_console(app, Path(folder), under_load, demo=DemoOptions())
    with tempfile.TemporaryDirectory() as folder, NatsServer() as server:
        run_console(app, Path(folder), idle, on=context(server.url))
    return {"what": "time-weighted wait for the loop, ms, 1,400 devices, scenario demo, scrolling", **taken}

"""Jump to any row of 1,000,000 on our registry: from the wish until its page is painted, all rows in view read.

A whole console, offscreen, in a process of its own, beside broker and gateway on the same cores. Rows are drawn, so
that nearly none is at hand; a jump ends with the first painting of the table in which every row in view has its device.
Also 1,000 devices, where after the first few jumps everything is at hand: what painting takes.

As a program, `python -m tests.bench.jump 1000000 300` prints the figures of so many devices and jumps.
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
from pathlib import Path
from typing import Any

import psutil
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication

from fleetgui.app.session import Session
from fleetgui.stores.roster import RosterPhase, RowKind
from fleetgui.widgets.devices.page import DevicesPage
from tests.app.consoles import context, run_console
from tests.backend.roles import Role
from tests.bench.timing import percentile
from tests.nats_server import NatsServer
from tests.waiting import until

SIZES = (1_000, 1_000_000)
PAUSE_S = 0.05


class Paintings(QObject):
    """Sets `done` at the first painting in which every row in view was read."""

    def __init__(self, page: DevicesPage, session: Session) -> None:
        super().__init__(page)
        self.done = asyncio.Event()
        self._table = page.table
        self._roster = session.state.roster
        page.table.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and not self.done.is_set() and self._all_read():
            asyncio.get_running_loop().call_soon(self.done.set)  # once it is painted
        return super().eventFilter(watched, event)

    def _all_read(self) -> bool:
        rows = range(self._table.first_visible, min(self._table.last_visible + 1, self._roster.total))
        return all(self._roster.row(row).kind is RowKind.LOADED for row in rows)


def run(quick: bool) -> dict[str, Any]:
    jumps = 20 if quick else 300
    fleets = []
    for devices in SIZES:
        command = [sys.executable, "-m", "tests.bench.jump", str(devices), str(jumps)]
        fleets.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=600).stdout))
    return {
        "what": "from the wish to see a row until its page is painted, ms",
        "wanted": "p95 ≤ 100",
        "load_average": psutil.getloadavg()[0],
        "fleets": fleets,
    }


def _of(devices: int, jumps: int) -> dict[str, Any]:
    app = QApplication([])
    taken: list[float] = []

    async def drive(session: Session) -> None:
        roster = session.state.roster
        await until(lambda: roster.status.phase is RosterPhase.READY and roster.total == devices, roster.status_changed)
        page = session.pages.devices
        assert page is not None
        page.window().resize(1400, 900)
        paintings, chance = Paintings(page, session), random.Random(1)
        for _ in range(jumps):
            await asyncio.sleep(PAUSE_S)
            row = chance.randrange(devices)
            paintings.done.clear()
            began = time.perf_counter()
            page.table.go_to_row(row)
            page.table.viewport().update()
            async with asyncio.timeout(30):
                await paintings.done.wait()
            taken.append((time.perf_counter() - began) * 1_000)

    computed = {"devices": devices, "seed": 1, "ttl": 3_600}
    with NatsServer() as nats, tempfile.TemporaryDirectory() as folder:
        settings = {"url": nats.url, "computed": computed, "environ": {"REGISTRY_STORAGE": "none"}}
        with Role("fleetgui.backend.gateway", settings):
            run_console(app, Path(folder), drive, on=context(nats.url))
    return {
        "devices": devices,
        "jumps": len(taken),
        "p50_ms": round(percentile(taken, 0.5), 1),
        "p95_ms": round(percentile(taken, 0.95), 1),
        "max_ms": round(max(taken), 1),
    }


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    print(json.dumps(_of(int(sys.argv[1]), int(sys.argv[2]))))

"""A console on a fleet in real processes for half an hour, its broker restarted every five minutes: what grows?

`python -m tests.bench.soak [SECONDS [RESTART_EVERY_S]]`. Memory, descriptors, tasks and timers are looked at once a
minute, always when the console is live again; the table scrolls and a detail is opened and closed all the while. What
is held after the first restart is the measure: start-up itself fills caches. Prints JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from fleetgui.app.session import Session
from fleetgui.policy.states import LinkPhase
from tests.app.consoles import context, run_console
from tests.app.faults import DEVICES, Fabric
from tests.waiting import until

SECONDS = 1_800.0
RESTART_EVERY_S = 300.0
LOOK_EVERY_S = 60.0


def look(session: Session, app: QApplication) -> dict[str, Any]:
    process = psutil.Process()
    gc.collect()
    assert session.fabric is not None
    return {
        "rss_mb": round(process.memory_info().rss / 2**20, 1),
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
        "tasks": len(asyncio.all_tasks()),
        "qt_timers": sum(timer.isActive() for timer in session.window.findChildren(QTimer)),
        "widgets": len(app.allWidgets()),
        "subscriptions": session.fabric.link.footprint.subscriptions,
        "connections": session.fabric.link.footprint.connections,
    }


async def use(session: Session) -> None:
    """What an operator does, without end."""
    page = session.pages.devices
    assert page is not None
    names = [f"camera-{number:04}" for number in range(1, 4)]
    turn = 0
    while True:
        bar = page.table.verticalScrollBar()
        bar.setValue((bar.value() + 48) % max(1, bar.maximum()))
        name = names[turn % len(names)]
        if turn % 40 == 0:
            session.pages.open_device(name)
        elif turn % 40 == 20:
            session.window.close_detail()
        turn += 1
        await asyncio.sleep(0.1)


def run(seconds: float, restart_every_s: float) -> dict[str, Any]:
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    looks: list[dict[str, Any]] = []
    restarts = 0

    async def live(session: Session) -> None:
        link, roster = session.state.link, session.state.roster
        await until(lambda: link.state.phase is LinkPhase.UP, link.changed)
        await until(lambda: roster.total == DEVICES, roster.resized, roster.status_changed)

    async def drive(session: Session) -> None:
        nonlocal restarts
        await live(session)
        await asyncio.sleep(5)
        using = session.tasks.spawn(use(session), name="the operator")
        began = restarted = time.monotonic()
        while (spent := time.monotonic() - began) < seconds:
            await asyncio.sleep(min(LOOK_EVERY_S, restart_every_s / 2))
            if time.monotonic() - restarted >= restart_every_s:
                restarted = time.monotonic()
                await fabric.restart("broker")
                restarts += 1
                await live(session)
                await asyncio.sleep(10)
            looks.append({"t_s": round(spent), **look(session, app)})
            print(looks[-1], file=sys.stderr, flush=True)
        using.cancel()

    with tempfile.TemporaryDirectory() as folder, Fabric() as fabric:
        run_console(app, Path(folder), drive, on=context(fabric.broker.url), errors=True)
    after_first = [each for each in looks if each["t_s"] > restart_every_s] or looks
    return {
        "what": "a console on a living fleet, its broker restarted again and again",
        "seconds": seconds,
        "restarts": restarts,
        "devices": DEVICES,
        "first": after_first[0],
        "last": after_first[-1],
        "looks": looks,
    }


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    restart_every_s = float(sys.argv[2]) if len(sys.argv) > 2 else RESTART_EVERY_S
    print(json.dumps(run(seconds, restart_every_s), indent=2))

"""How long the console's loop is held by a fleet at the edge of what is watched by wildcard, beside no traffic at all.

20,000 heartbeats and 200 events a second from the ids of a fleet of 300,000 that the registry really lists; lag is
plotted, the table scrolls. Broker, gateway and the sender run on the same cores.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from fleetgui.app.session import Session
from tests.app.consoles import context, run_console
from tests.backend.roles import Role
from tests.bench.stall import measure, ready
from tests.nats_server import NatsServer

DEVICES = 300_000
TTL_S = 45
BEATS = 20_000
EVENTS = 200


@contextmanager
def sending(arguments: list[str]) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-m", "tests.bench.traffic", *arguments], stdin=subprocess.PIPE) as sender:
        try:
            yield
        finally:
            sender.terminate()


async def frozen(session: Session) -> None:
    await ready(session)
    gc.freeze()  # as `app.run` does once a console has started


def run(quick: bool) -> dict[str, Any]:
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    seconds = 10.0 if quick else 60.0
    taken: dict[str, Any] = {}

    async def idle(session: Session) -> None:
        await frozen(session)
        taken["no_traffic"] = await measure(session, seconds)

    async def loaded(session: Session) -> None:
        await frozen(session)
        arguments = [server.url, str(DEVICES), str(BEATS), str(EVENTS)]
        with sending(arguments):
            await asyncio.sleep(20)  # every device has beaten once: what is new costs more than what comes again
            before = session.state.presence.beats
            taken["loaded"] = await measure(session, seconds)
            taken["loaded"]["heartbeats_taken_per_s"] = round((session.state.presence.beats - before) / seconds)
            taken["loaded"]["lost"] = session.state.ledger.total
            taken["loaded"]["online"] = session.state.presence.online_count(session.clock.now())

    settings = {"node": "gw-1", "computed": {"devices": DEVICES, "seed": 1, "ttl": TTL_S}}
    for drive in (idle, loaded):
        with (
            tempfile.TemporaryDirectory() as folder,
            NatsServer(jetstream=True) as server,
            Role("fleetgui.backend.gateway", {"url": server.url, **settings}),
        ):
            run_console(app, Path(folder), drive, on=context(server.url))
    return {"what": f"time-weighted wait for the loop, ms, {BEATS:,} heartbeats/s + {EVENTS} events/s", **taken}

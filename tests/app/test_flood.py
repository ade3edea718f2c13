"""More than a fabric sends, for as long as it takes: nothing is lost without a count, and memory stays flat (L1 to L3).

In the soak: both need real time. How long the loop is held under such a load is measured by `tests.bench`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading

import psutil
import pytest
from PySide6.QtWidgets import QApplication

from fleetgui.feeds.vigil import CONSOLE
from fleetgui.stores.ledger import Cause
from tests.app.besieged import ROOT, Besieged, besieged
from tests.link.conftest import until

pytestmark = pytest.mark.soak

TICK_S = 0.1
L1_SECONDS = 600.0
BLOCKED_S = 12.0
SETTLES_S = 60.0
"""Caches fill for so long."""


class Flood:
    """Heartbeats of a thousand devices, `rate` a second of `size` bytes each, from a socket of their own."""

    def __init__(self, here: Besieged, rate: int, size: int) -> None:
        self.sent = 0
        self._each = int(rate * TICK_S)
        lot = []
        for number in range(self._each):
            name = f"flood-{number % 1_000}"
            data = json.dumps({"device_id": name, "battery": number % 100, "pad": ""})
            data = data[:-2] + "x" * (size - len(data)) + data[-2:]
            lot.append(f"PUB {ROOT}.{name}.heartbeat {len(data)}\r\n{data}\r\n")
        self._blob = "".join(lot).encode()
        self._socket = socket.create_connection(("127.0.0.1", here.nats.port), 20)
        self._socket.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\n')

    async def run(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for tick in range(int(seconds / TICK_S)):
            await asyncio.to_thread(self._socket.sendall, self._blob)
            self.sent += self._each
            await asyncio.sleep(max(0.0, began + (tick + 1) * TICK_S - loop.time()))

    def pour(self, megabytes: int) -> None:
        """So much as fast as the broker takes it, from any thread."""
        for _ in range(megabytes * 2**20 // len(self._blob) + 1):
            self._socket.sendall(self._blob)

    def close(self) -> None:
        self._socket.close()


async def test_l2_a_burst_is_taken_in_or_counted_one_by_one(qapp: QApplication) -> None:
    async with besieged(qapp) as here:
        presence, ledger, link = here.state.presence, here.state.ledger, here.fabric.link
        flood = Flood(here, 100_000, 100)
        drawn = 0
        async with asyncio.TaskGroup() as group:
            bursting = group.create_task(flood.run(5.0))
            while not bursting.done():
                here.draw()
                await asyncio.sleep(0.02)
                drawn += 1
        assert drawn > 10, "the window answers meanwhile"
        intake = here.fabric.presence.intakes[f"{ROOT}.*.heartbeat"]
        await until(lambda: intake.taken + intake.dropped.total() == flood.sent or link.state.reconnects > 0)
        await until(lambda: intake.pending == 0)
        dropped = intake.dropped["heartbeat"]
        assert presence.beats == intake.taken
        assert ledger.count("heartbeat", Cause.OVERFLOW) == dropped
        # Where the broker has had enough of us, that is a gap without a count; otherwise every one is accounted for.
        assert presence.beats + dropped == flood.sent or ledger.spans("link")
        flood.close()


async def test_l1_ten_thousand_a_second_are_all_taken_in_and_memory_is_flat(qapp: QApplication) -> None:
    async with besieged(qapp) as here:
        flood = Flood(here, 10_000, 1_024)
        await flood.run(SETTLES_S)
        gc.collect()
        before = psutil.Process().memory_info().rss
        await flood.run(L1_SECONDS - SETTLES_S)
        intake = here.fabric.presence.intakes[f"{ROOT}.*.heartbeat"]
        await until(lambda: intake.taken == flood.sent)
        gc.collect()
        assert psutil.Process().memory_info().rss - before < 20 * 2**20
        assert intake.dropped.total() == 0
        flood.close()
        await here.is_unharmed()


async def test_l3_a_loop_that_was_blocked_is_a_gap_and_the_console_is_back(qapp: QApplication) -> None:
    async with besieged(qapp) as here:
        ledger, link = here.state.ledger, here.fabric.link
        flood = Flood(here, 10_000, 1_024)
        pouring = threading.Thread(target=flood.pour, args=(200,))
        pouring.start()
        threading.Event().wait(BLOCKED_S)  # on the loop's own thread: nothing else of the console runs
        await asyncio.to_thread(pouring.join)
        await until(lambda: ledger.spans(CONSOLE))
        (frozen,) = ledger.spans(CONSOLE)
        assert frozen.cause == Cause.FREEZE
        assert frozen.ends - frozen.begins >= BLOCKED_S
        # The broker throws out who takes nothing for so long.
        await until(lambda: link.state.reconnects == 1 and link.is_up)
        (gap,) = ledger.spans("link")
        assert gap.cause in (Cause.RECONNECT, Cause.SLOW_CONSUMER)
        assert any("freeze in" in entry.text for entry in here.state.journal.entries)
        flood.close()
        here.draw()

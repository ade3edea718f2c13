"""The event loop and the link under everything at once, for minutes: `python -m tests.bench.soak_loop [SECONDS]`.

Broker traffic, requests, timers, cancelled timers, threads, executors, sockets, Qt timers and broker restarts, with
what must hold checked at the end: nothing lost, no task, timer or memory left behind. Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from fleetgui.app.loop import FleetLoop
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.errors import LinkError
from fleetgui.link.intake import Intake
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from tests.nats_server import NatsServer


class Soak:
    def __init__(self, server: NatsServer, seconds: float) -> None:
        self.server = server
        self.seconds = seconds
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.ticks: list[float] = []
        self.over = False

    def failed(self, name: str, error: BaseException) -> None:
        self.problems.append(f"{name}: {error!r}")

    async def main(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, FleetLoop)
        loop.set_exception_handler(lambda _, context: self.problems.append(str(context)))
        tasks = Tasks(self.failed)
        context = Context(servers=(self.server.url,))
        here = Link(context, clock=SystemClock(), name="soak", tasks=tasks)
        there = Link(context, clock=SystemClock(), name="soak service", tasks=tasks)
        taken: list[int] = [0]

        def apply(messages: list[Message], _now: float) -> None:
            taken[0] += len(messages)

        intake = Intake(apply, clock=SystemClock(), scheduler=loop, report=self.failed)
        here.start()
        there.start()
        await here.up()
        await there.up()
        subscription = here.subscribe("soak.*.heartbeat", intake.put)
        there.serve("soak.echo", "soak", lambda message: message.data)

        async def slow(message: Message) -> bytes:
            await asyncio.sleep(random.random() * 0.01)
            return message.data

        there.serve("soak.slow", "soak", slow)
        watch = QTimer()
        watch.timeout.connect(lambda: self.ticks.append(time.perf_counter()))
        watch.start(2)
        end = loop.time() + self.seconds
        process = psutil.Process()
        workers = [
            *(self.requests(here, end) for _ in range(20)),
            *(self.timers(end) for _ in range(20)),
            self.heartbeats(there, end),
            self.threads(end),
            self.executors(end),
            self.restarts(here, end),
        ]
        await asyncio.sleep(1)
        memory = process.memory_info().rss
        await asyncio.gather(*(tasks.spawn(work, name="worker") for work in workers))
        watch.stop()
        await asyncio.sleep(0.5)
        intake.drain()
        received = subscription.received
        if received != intake.taken + intake.pending + intake.dropped.total():
            self.problems.append(f"intake lost count: {received} received, {intake.taken} taken")
        footprint = here.footprint
        await here.close()
        await there.close()
        intake.close()
        stubborn = await tasks.cancel()
        await asyncio.sleep(0.1)
        left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if stubborn or left:
            self.problems.append(f"tasks left: {stubborn} {left}")
        live = [timer for _, _, timer in loop._timers if not timer.cancelled()]
        if len(live) > 1:
            self.problems.append(f"{len(live)} timers left")
        gaps = sorted(b - a for a, b in zip(self.ticks, self.ticks[1:], strict=False))
        return {
            "seconds": self.seconds,
            "counts": dict(self.counts),
            "heartbeats_received": received,
            "dropped": intake.dropped.total(),
            "reconnects": footprint.reconnects,
            "request_failures": dict(footprint.request_failures),
            "late_replies": footprint.late_replies,
            "qt_gap_ms": {"p99": round(gaps[int(len(gaps) * 0.99)] * 1e3, 1), "max": round(gaps[-1] * 1e3, 1)},
            "memory_grown_mb": round((process.memory_info().rss - memory) / 2**20, 1),
            "problems": self.problems[:10],
        }

    async def requests(self, link: Link, end: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            payload = os.urandom(random.choice((8, 200, 40_000)))
            subject = random.choice(("soak.echo", "soak.slow", "soak.nobody"))
            try:
                if await link.request(subject, payload, timeout=2) != payload:
                    self.problems.append("a reply that was not ours")
                self.counts["replies"] += 1
            except LinkError as error:
                self.counts[error.kind] += 1
                if error.kind == "down":
                    await asyncio.sleep(0.05)

    async def timers(self, end: float) -> None:
        loop = asyncio.get_running_loop()
        while (now := loop.time()) < end:
            delay = random.choice((0.0, 0.0005, 0.003, 0.02))
            try:
                async with asyncio.timeout(30 if random.random() < 0.8 else delay / 2):
                    await asyncio.sleep(delay)
                if loop.time() - now < delay - 1e-6:
                    self.problems.append("a timer was early")
                self.counts["sleeps"] += 1
            except TimeoutError:
                self.counts["timeouts"] += 1

    async def heartbeats(self, link: Link, end: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            try:
                for number in range(200):
                    link.send(f"soak.device-{number}.heartbeat", b'{"device_id": "x", "ts": 1.0, "battery": 50}')
                self.counts["heartbeats_sent"] += 200
            except LinkError:
                pass
            await asyncio.sleep(0.02)

    async def threads(self, end: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            seen: list[int] = []
            done = asyncio.Event()

            def work(seen: list[int] = seen, done: asyncio.Event = done) -> None:
                for number in range(500):
                    loop.call_soon_threadsafe(seen.append, number)
                loop.call_soon_threadsafe(done.set)

            thread = threading.Thread(target=work)
            thread.start()
            async with asyncio.timeout(10):
                await done.wait()
            thread.join()
            if seen != list(range(500)):
                self.problems.append("calls from a thread were lost or reordered")
            self.counts["threads"] += 1
            await asyncio.sleep(0.01)

    async def executors(self, end: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            if await asyncio.gather(*(asyncio.to_thread(pow, 3, number) for number in range(20))) != [
                3**number for number in range(20)
            ]:
                self.problems.append("a wrong result from an executor")
            self.counts["executor calls"] += 20
            await loop.getaddrinfo("localhost", 80)

    async def restarts(self, link: Link, end: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end - 15:
            await asyncio.sleep(10)
            await asyncio.to_thread(self.server.restart)
            async with asyncio.timeout(5):
                await link.up()
            self.counts["restarts"] += 1


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 180.0
    app = QApplication([])
    with NatsServer() as server, asyncio.Runner(loop_factory=lambda: FleetLoop(app)) as runner:
        report = runner.run(Soak(server, seconds).main())
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())

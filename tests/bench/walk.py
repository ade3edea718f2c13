"""A whole walk of 10,000 devices by `feeds.walk` beside raw requests for the same pages, undecoded.

The raw side asks what the walk asked, request for request, and throws the replies away; its answers are what is there
to be had at most. It is taken twice: over the console's own link, which is what a walk could come down to if looking
at the pages cost nothing, and on a plain socket, which is the broker's and the registry's own speed. As many requests
are under way as the walk had. The sides take turns. Both registries are warm: the real one keeps what it scanned for
two seconds, so before each of its turns those are waited out and a page is asked for; no turn has a scan in it.

"Rows" are walks of the table's: summaries alone. "Whole records" is what an export reads. Beside those on the real
registry stands the reference client's own `list_devices()`, in a process of its own, which takes turns as well.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from operator import truediv
from typing import Any, Final, Self

from fleetgui.feeds.course import WalkedPage
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.walk import walk, walk_in_parts
from fleetgui.link.connection import Link
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.pages import PageSizer
from fleetgui.stores.export import Coverage
from fleetgui.wire import rpc
from fleetgui.wire.question import EVERY_ROW, EVERYTHING, Question
from fleetgui.wire.subjects import Subjects
from tests.backend.links import party
from tests.backend.roles import gateway
from tests.bench.registry import PATIENCE_S, SUBJECT, TENANT, UNTHROTTLED, Asker, register
from tests.interop import services
from tests.nats_server import NatsServer

Way = Callable[[RegistryClient, Question], AsyncGenerator[WalkedPage, None]]
ROWS: Final[Way] = partial(walk, listed=True)
PARTS: Final[Way] = partial(walk_in_parts, listed=True)
SCAN_KEPT_S: Final = 2.1
"""A little more than the real registry keeps what it scanned."""
REAL_LIST: Final = services.ROOT / "tests" / "bench" / "real_list.py"


class Recorder(RegistryClient):
    """Keeps what it asks."""

    def __init__(self, link: Link) -> None:
        super().__init__(link, Subjects(TENANT), SystemClock(), PageSizer({}))
        self.asked: list[bytes] = []

    async def _ask(self, method: str, params: dict[str, Any], patience_s: float) -> bytes:
        self.asked.append(rpc.request(method, params, f"fleetgui-{len(self.asked):08x}"))
        return await super()._ask(method, params, patience_s)


def run(quick: bool) -> dict[str, Any]:
    devices, rounds = (1_000, 3) if quick else (10_000, 15)
    records = list(services.records(devices))
    figures: dict[str, Any] = {
        "what": "seconds of a whole walk beside raw requests for the same pages",
        "wanted": "≤ 1.15 × on the real registry, ≤ 1.5 × on ours",
        "devices": devices,
        "rounds": rounds,
    }
    with NatsServer(jetstream=True) as nats, gateway(nats.url, environ=UNTHROTTLED):
        figures["ours"] = asyncio.run(_on_ours(nats.url, records, rounds))
    if (why := services.missing()) is not None:
        return figures | {"real": {"left_out": why}}
    with NatsServer() as nats, services.Etcd() as etcd, services.RealRegistry(nats.url, etcd):
        etcd.put_devices(TENANT, records)
        figures["real"] = asyncio.run(_on_the_real_one(nats.url, devices, rounds))
    return figures


async def _on_ours(url: str, records: list[dict[str, Any]], rounds: int) -> dict[str, Any]:
    async with party(url, "bench") as ours:
        await register(ours.link, records)
        return {
            "whole_records": await _measure(url, ours.link, len(records), rounds, EVERYTHING),
            "rows_of_the_table": await _measure(url, ours.link, len(records), rounds, EVERY_ROW, ROWS),
            "rows_in_parts": await _measure(url, ours.link, len(records), rounds, EVERY_ROW, PARTS),
        }


async def _on_the_real_one(url: str, devices: int, rounds: int) -> dict[str, Any]:
    async with party(url, "bench") as real:
        with RealList(url) as peer:
            return {
                "whole_records": await _measure(url, real.link, devices, rounds, EVERYTHING, kept_s=SCAN_KEPT_S),
                "rows_of_the_table": await _measure(
                    url, real.link, devices, rounds, EVERY_ROW, ROWS, peer, kept_s=SCAN_KEPT_S
                ),
            }


async def _measure(
    url: str,
    link: Link,
    devices: int,
    rounds: int,
    question: Question,
    way: Way = walk,
    peer: RealList | None = None,
    kept_s: float | None = None,
) -> dict[str, Any]:
    """`kept_s`: for so long the registry keeps what it scanned; None for one that does not scan."""
    recorder = Recorder(link)
    assert await _walked(way(recorder, question)) == devices
    pages, at_once = recorder.asked, recorder.max_at_once

    async def walked() -> None:
        await _walked(way(RegistryClient(link, Subjects(TENANT), SystemClock(), PageSizer({})), question))

    async def raw_over_the_link() -> None:
        left = iter(pages)

        async def ask() -> None:
            for page in left:
                await link.request(SUBJECT, page, timeout=PATIENCE_S)

        await asyncio.gather(*(ask() for _ in range(at_once)))

    async def warm() -> None:
        if kept_s is not None:
            await asyncio.sleep(kept_s)
        await link.request(SUBJECT, pages[0], timeout=PATIENCE_S)

    with Asker(url) as asker:

        async def raw_on_a_socket() -> None:
            for number, page in enumerate(pages):
                if number >= at_once:
                    asker.answer()
                asker.send(page)
            for _ in range(min(at_once, len(pages))):
                asker.answer()

        turns, lists = [], []
        for _ in range(rounds + 1):
            turn = []
            for work in (walked, raw_over_the_link, raw_on_a_socket):
                await warm()
                turn.append(await _seconds(work))
            turns.append(turn)
            if peer is not None:
                await warm()
                seconds, listed = peer.seconds()
                assert listed == devices
                lists.append(seconds)
    walks, links, sockets = zip(*turns[1:], strict=True)  # the first turn does not count
    beside = {} if peer is None else {"list_devices_s": round(statistics.median(lists[1:]), 4)}
    return beside | {
        "pages": len(pages),
        "at_once": at_once,
        "walk_s": round(statistics.median(walks), 4),
        "raw_over_the_link_s": round(statistics.median(links), 4),
        "raw_on_a_socket_s": round(statistics.median(sockets), 4),
        "times_raw_over_the_link": round(statistics.median(map(truediv, walks, links)), 3),
        "times_raw_on_a_socket": round(statistics.median(map(truediv, walks, sockets)), 3),
    }


class RealList:
    """The reference client, in a process of its own."""

    def __init__(self, url: str) -> None:
        command = [str(services.PYTHON), str(REAL_LIST), url, TENANT]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self) -> tuple[float, int]:
        """How long it took to list the fleet, and how many devices that were. Holds the loop meanwhile."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        seconds, devices = json.loads(self._process.stdout.readline())
        return seconds, devices

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)


async def _walked(walking: AsyncGenerator[WalkedPage, None]) -> int:
    """How many devices it gave out, in a walk that may be called complete."""
    coverage = Coverage()
    async with aclosing(walking) as pages:
        async for page in pages:
            coverage = page.coverage
    assert coverage.complete, coverage.sentence
    return coverage.seen


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started

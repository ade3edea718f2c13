"""A registration herd: 10,000 simulated devices start at once against our gateway, each a device of its own.

Taken with the spread that devices of a large fleet take by default (10 s), and with none at all, which nothing but a
benchmark does. Everything is observed from outside: requests, online events, lag and refusals as they pass on the
broker. Peer: the real registry with fewer devices and the same simulated fleet; it keeps no gate and no lag.

`fairness` is Spearman's rank correlation between the order in which devices first asked and the order in which they
were registered: 1 is first come, first served; 0 is chance. A wait is from a device's first request to its online
event, retries and backoffs in it.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from fleetgui.link.messages import Message
from fleetgui.policy.band import Band
from fleetgui.wire.codec import Malformed, decode_any
from fleetgui.wire.gateway import Engagement, Lag, gateway_message
from fleetgui.wire.subjects import Subjects
from tests.backend.links import Party, party
from tests.backend.roles import Role, gateway
from tests.bench.timing import percentile
from tests.interop import services
from tests.nats_server import NatsServer

TENANT: Final = "herd"
PATIENCE_S: Final = 240.0
_BANDS: Final = [band.value for band in (Band.NORMAL, Band.ELEVATED, Band.CRITICAL)]


class Observer:
    """Keeps what passes as it is, and looks at it when it is over: the herd is not to wait for its observer."""

    def __init__(self, client: Party, devices: int) -> None:
        self._devices = devices
        self._requests: list[tuple[float, bytes]] = []
        self._online: list[tuple[float, bytes]] = []
        self._gateway: list[bytes] = []
        self._done = asyncio.Event()
        subjects = Subjects(TENANT)
        client.link.subscribe(subjects.registry, lambda each: self._requests.append((time.perf_counter(), each.data)))
        client.link.subscribe(subjects.online, self._came_online)
        client.link.subscribe(subjects.gateway_all, lambda each: self._gateway.append(each.data))

    def _came_online(self, message: Message) -> None:
        self._online.append((time.perf_counter(), message.data))
        if len(self._online) >= self._devices:
            self._done.set()

    async def everybody(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._done.wait()

    def figures(self) -> dict[str, Any]:
        asked = _firsts(self._requests)
        registered = _firsts(self._online)
        waits = [registered[each] - asked[each] for each in registered if each in asked]
        lags, refusals = [], 0
        for data in self._gateway:
            try:
                told = gateway_message(data)
            except Malformed:
                continue
            if isinstance(told, Lag):
                lags.append(told)
            elif isinstance(told, Engagement):
                refusals += told.count
        seconds = max(registered.values()) - min(asked.values())
        return {
            "registered": len(registered),
            "seconds": round(seconds, 2),
            "per_s": round(len(registered) / seconds),
            "refused": refusals,
            "retries": len(self._requests) - len(asked),
            "wait_p50_ms": round(percentile(waits, 0.5) * 1000, 1),
            "wait_p99_ms": round(percentile(waits, 0.99) * 1000, 1),
            "wait_max_ms": round(max(waits) * 1000, 1),
            "fairness": round(_spearman(asked, registered), 4),
            "worst_lag_p99_ms": max((lag.p99_ms for lag in lags), default=None),
            "worst_band": max((lag.band for lag in lags), key=_BANDS.index, default=None),
        }


def _firsts(messages: list[tuple[float, bytes]]) -> dict[str, float]:
    """When each device was first in one of these messages."""
    firsts: dict[str, float] = {}
    for at, data in messages:
        firsts.setdefault(decode_any(data)["params"]["device_id"], at)
    return firsts


def _spearman(one: dict[str, float], other: dict[str, float]) -> float:
    """The rank correlation of two orders of the same keys."""
    keys = [key for key in one if key in other]
    ranks = [{key: rank for rank, key in enumerate(sorted(keys, key=order.__getitem__))} for order in (one, other)]
    count = len(keys)
    squares = sum((ranks[0][key] - ranks[1][key]) ** 2 for key in keys)
    return 1 - 6 * squares / (count * (count**2 - 1))


def run(quick: bool) -> dict[str, Any]:
    devices = 1_000 if quick else 10_000
    figures: dict[str, Any] = {
        "what": f"{devices:,} devices that start at once",
        "wanted": "all registered within 30 s, none refused, lag below critical, first come first served",
        "spread_10_s": asyncio.run(_ours(devices, 10.0)),
        "no_spread": asyncio.run(_ours(devices, 0.0)),
    }
    if (why := services.missing()) is None:
        figures["peer_no_spread"] = asyncio.run(_peer(200 if quick else 1_000))
    else:
        figures["peer_left_out"] = why
    return figures


async def _ours(devices: int, spread: float) -> dict[str, Any]:
    with NatsServer(jetstream=True) as nats:
        role = gateway(nats.url)
        role.settings["tenants"] = [TENANT]
        with role:
            return await _herd(nats.url, devices, spread)


async def _peer(devices: int) -> dict[str, Any]:
    with NatsServer() as nats, services.Etcd() as etcd, services.RealRegistry(nats.url, etcd):
        return {"devices": devices} | await _herd(nats.url, devices, 0.0)


async def _herd(url: str, devices: int, spread: float) -> dict[str, Any]:
    settings = {"url": url, "tenant": TENANT, "devices": devices, "seed": 1, "scenario": "calm", "ttl": 300}
    herd = Role("fleetgui.backend.devices", settings, {"DEVICE_CONNECT_REGISTER_JITTER": str(spread)})
    async with party(url, "bench") as client:
        observer = Observer(client, devices)
        await client.link.flush()
        try:
            await asyncio.to_thread(herd.start)
            await observer.everybody()
            await asyncio.sleep(2.0)  # the window of the lag in which it ended is told
        finally:
            herd.close()
    return observer.figures()

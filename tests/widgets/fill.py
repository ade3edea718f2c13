"""Realistic store contents for tests and pictures, through the stores' own apply methods, the same every time."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from typing import Final, cast

from fleetgui.policy.band import Band, BandTracker
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.settings import LagSettings, ThrottleSettings
from fleetgui.policy.states import LinkPhase, LinkState, State
from fleetgui.policy.throttle import Reject, Throttle
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.link import Cost
from fleetgui.stores.presence import Beat, Edge
from fleetgui.wire.gateway import BandName, Engagement, Lag
from fleetgui.wire.times import rfc3339

FLEET: Final = 1_400
TYPES: Final = ("camera", "sensor", "door", "meter", "drone")
SERVER: Final = "127.0.0.1:4222"


def device_id(index: int) -> str:
    return f"{TYPES[index % len(TYPES)]}-{index:04d}"


def record(index: int) -> bytes:
    """An encoded device record as the registry's page has it."""
    return json.dumps(
        {
            "device_id": device_id(index),
            "device_ttl": 60,
            "identity": {"device_type": TYPES[index % len(TYPES)], "firmware_version": f"1.4.{index % 19}"},
            "status": {"location": f"site-{index % 24:02d}", "availability": "available", "battery": index % 100},
            "capabilities": {"functions": [{"name": "reboot"}], "events": [], "labels": {"site": f"{index % 24:02d}"}},
        }
    ).encode()


@dataclass
class Filled:
    """One console's stores at a moment of `clock`, and what is done to them next."""

    state: ConsoleState = field(default_factory=ConsoleState)
    clock: ManualClock = field(default_factory=lambda: ManualClock(time=100_000.0, epoch=1_795_230_847.0))
    random: random.Random = field(default_factory=lambda: random.Random(20))
    seqs: dict[tuple[str, str], int] = field(default_factory=dict)

    # The link

    def connected(self, for_s: float = 3_600.0) -> None:
        now, wall = self.clock.now(), self.clock.wall()
        self.state.sources.link_came_up(now - for_s)
        self.state.link.set_state(
            LinkState(
                LinkPhase.UP,
                now - for_s,
                wall - for_s,
                server=SERVER,
                server_name="nats-3",
                rtt_ms=0.9,
                max_payload=1_048_576,
            )
        )
        self.state.link.set_cost(Cost(1, 7, 6.2, 214.0, 901_223, 0, 0, 4.1))

    def disconnected(self, for_s: float = 18.0) -> None:
        """The broker went away `for_s` ago; the clock moves on by that."""
        lost_at = self.clock.now()
        self.clock.advance(for_s)
        self.state.link.set_state(
            replace(
                self.state.link.state,
                phase=LinkPhase.RECONNECTING,
                since=lost_at,
                since_wall=self.clock.wall() - for_s,
                lost_at=lost_at,
                attempt=9,
                rtt_ms=None,
                error=f"connection refused at {SERVER}",
            )
        )
        self.state.link.set_cost(Cost(0, 7, 0.0, 0.0, 901_223, 0, 0, 3.2))

    def refused(self) -> None:
        self.state.link.set_state(
            LinkState(
                LinkPhase.REFUSED,
                self.clock.now() - 4,
                self.clock.wall() - 4,
                server=SERVER,
                attempt=1,
                error="the broker refused the credentials (authorization violation)",
            )
        )

    # The fleet

    def fleet(self, size: int = FLEET, offline: int = 12) -> None:
        now = self.clock.now()
        state = self.state
        for offset in range(0, size, 100):
            page = [record(index) for index in range(offset, min(offset + 100, size))]
            end = offset + len(page)
            read = state.roster.page_read(
                offset, page, next_offset=end if end < size else None, total=size, read_at=now - 3
            )
            state.presence.listed([(summary.device_id, summary.ttl) for summary in read], now - 3)
        state.presence.apply_beats(
            Beat(device_id(index), json.dumps({"device_id": device_id(index)}).encode(), now - index % 15)
            for index in range(offline, size)
        )
        state.presence.apply_edges(
            Edge(device_id(index), False, now - 2, self.clock.wall() - 2) for index in range(offline)
        )
        wall = self.clock.wall()
        gone = [(wall - 44 + index * 12 / max(1, offline), False) for index in range(offline)]
        state.edges.apply([*gone, *((wall - 20 + index / 2, True) for index in range(offline // 12))])

    # The gateways

    def lag(self, node: str, p99_ms: float, *, ago: float, epoch: str = "e1", spike: float = 1.0) -> Lag:
        seq = self.seqs[node, "lag"] = self.seqs.get((node, "lag"), 0) + 1
        tracker = self.trackers.setdefault(node, BandTracker(LagSettings()))
        tracker.close_window(p99_ms)
        return Lag(
            node=node,
            epoch=epoch,
            seq=seq,
            ts=rfc3339(self.clock.wall() - ago),
            window_ms=1000,
            samples=99,
            mean_ms=round(p99_ms * 0.3, 2),
            p50_ms=round(p99_ms * self.random.uniform(0.22, 0.34), 2),
            p99_ms=round(p99_ms, 2),
            max_ms=round(p99_ms * self.random.uniform(1.02, 1.4) * spike, 2),
            band=tracker.band.value,
        )

    trackers: dict[str, BandTracker] = field(default_factory=dict)

    def lags(self, node: str, seconds: int, *, storm: bool = False, gap: bool = False, critical_for: int = 0) -> None:
        """One window a second up to now: calm, with a spike to critical and back, or critical for the last seconds."""
        history = []
        base = 8.0 + 5 * self.random.random()
        for ago in range(seconds, -1, -1):
            base = max(3.0, min(22.0, base + self.random.gauss(0, 0.8)))
            p99 = base * self.random.lognormvariate(0, 0.18)
            if storm and 60 <= ago < 130:
                p99 += 410 * max(0.0, 1 - abs(ago - 100) / 34) ** 1.4
            if ago < critical_for:
                p99 += min(400.0, 12.0 * (critical_for - ago)) * self.random.uniform(0.85, 1.1)
            if gap and 190 <= ago < 215:
                self.seqs[node, "lag"] = self.seqs.get((node, "lag"), 0) + 1
                continue
            history.append(self.lag(node, p99, ago=ago, spike=4.0 if self.random.random() < 0.004 else 1.0))
        self.state.lag.apply(history[:-1], live=False)
        self.state.lag.apply(history[-1:], live=True)
        self.state.lag.heard(node, self.clock.now())

    def storm(self, devices: int, seconds: int, *, node: str = "gw-1", ago: float = 0.0, every: float = 0.6) -> None:
        """Devices that reconnect far too often, refused by the real throttle; the last tries are `ago` seconds old."""
        throttle = Throttle(ThrottleSettings(), -1e9)
        end = self.clock.wall() - ago
        engagements = []
        for index in range(devices):
            name = device_id(147 + 5 * index)
            tracker = self.trackers.get(node)
            band = tracker.band if tracker else Band.NORMAL
            at = end - seconds + self.random.uniform(0, seconds / 2 if devices > 1 else 1)
            stop = min(end, at + self.random.uniform(seconds / 3, seconds))
            while at < stop:
                decision = throttle.check(("acme", name), at * 1000, band)
                if isinstance(decision, Reject):
                    engagements.append((at, name, decision))
                    at += self.random.choice((every * 3, every * 9, every * 20))
                else:
                    at += every * self.random.uniform(0.5, 1.5)
        made = []
        for at, name, decision in sorted(engagements, key=lambda each: each[0]):
            seq = self.seqs[node, "throttle"] = self.seqs.get((node, "throttle"), 0) + 1
            made.append(
                Engagement(
                    node=node,
                    epoch="e1",
                    seq=seq,
                    ts=rfc3339(at),
                    device_id=name,
                    reason=decision.reason,
                    band=self.band_at(node, at),
                    observed=decision.observed,
                    allowed=decision.allowed,
                    window_ms=10_000,
                    backoff_ms=decision.backoff_ms,
                    level=decision.level,
                    warmup=False,
                )
            )
        self.state.engagements.apply(made, live=False)

    def band_at(self, node: str, at: float) -> BandName:
        sample = self.state.lag.at(node, at)
        return "normal" if sample is None else cast(BandName, sample.band)

    # The journal

    def journal(self) -> None:
        wall, write = self.clock.wall(), self.state.journal.write
        write(wall - 3600, State.LIVE, "link", f"Connected to nats-3 at {SERVER} in 12 ms.")
        write(wall - 3598, State.LIVE, "registry", "1,400 devices; first page read in 9 ms.")
        write(wall - 700, State.OFFLINE, "registry", "door-0002 is offline.", "door-0002")
        write(wall - 655, State.ONLINE, "registry", "door-0002 is online again after 45 s.", "door-0002")
        write(wall - 214, State.STALE, "gateway gw-2", "25 windows of gw-2 were lost.")
        write(wall - 118, State.ELEVATED, "gateway gw-1", "gw-1 rose from normal to elevated: p99 138 ms.")
        write(wall - 111, State.CRITICAL, "gateway gw-1", "gw-1 rose from elevated to critical: p99 291 ms.")
        write(
            wall - 96, State.CRITICAL, "throttle", "sensor-0147 refused: 6 in 10 s, allowed 5; level 1.", "sensor-0147"
        )
        write(wall - 58, State.ELEVATED, "gateway gw-1", "gw-1 fell from critical to elevated after 5 calm windows.")
        write(wall - 50, State.NORMAL, "gateway gw-1", "gw-1 fell from elevated to normal after 5 calm windows.")
        for index in range(12):
            write(wall - 42 + index, State.OFFLINE, "registry", f"{device_id(index)} is offline.", device_id(index))
        write(wall - 5, State.LIVE, "you", "reboot on camera-0005 succeeded in 41 ms.", "camera-0005")


def calm() -> Filled:
    """Connected, a fleet, one calm gateway."""
    filled = Filled()
    filled.connected()
    filled.fleet()
    filled.lags("gw-1", 900)
    filled.journal()
    return filled


def busy() -> Filled:
    """Two gateways, one of which was critical a minute ago; three devices that would not stop reconnecting; a gap."""
    filled = Filled()
    filled.connected()
    filled.fleet(offline=312)
    filled.lags("gw-1", 3_600, storm=True)
    filled.lags("gw-2", 3_600, gap=True)
    filled.storm(3, 200)
    filled.journal()
    filled.state.ledger.lose("gateway gw-2", "sequence gap", 25, filled.clock.wall() - 190)
    return filled


def stormy(devices: int = 300) -> Filled:
    """A whole site of devices that reconnect too often, and a gateway that is critical now."""
    filled = Filled()
    filled.connected()
    filled.fleet(offline=298)
    filled.lags("gw-1", 600, critical_for=75)
    filled.storm(devices, 150)
    filled.journal()
    return filled


def no_gateway() -> Filled:
    """Connected to a fabric without a gateway of ours."""
    filled = Filled()
    filled.connected()
    filled.fleet()
    filled.state.lag.set_availability(State.OFFLINE)
    return filled


def waiting() -> Filled:
    """Just started: nothing was read."""
    filled = Filled()
    filled.state.link.set_state(
        LinkState(LinkPhase.CONNECTING, filled.clock.now(), filled.clock.wall(), server=SERVER, attempt=1)
    )
    return filled

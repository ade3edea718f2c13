"""A whole console without its frame, on a real broker, among peers that publish and answer what a test tells them to.

Every feed and every page is there, and the pages are on the (offscreen) screen. What the feeds hand to the stores is
counted on its way, so that a test can say of each message that it was either understood or counted as malformed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from PySide6.QtWidgets import QApplication, QWidget

from fleetgui.app.fabric import Fabric
from fleetgui.backend.deployments.buckets import Buckets
from fleetgui.link.context import Context
from fleetgui.link.intake import Intake
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.states import LinkPhase, State
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.deployments.reading import ReadPhase
from fleetgui.stores.ledger import Cause
from fleetgui.stores.topologies.following import Phase
from fleetgui.widgets.deployments.page import DeploymentsPage
from fleetgui.widgets.detail.page import DeviceDetail
from fleetgui.widgets.devices.page import DevicesPage
from fleetgui.widgets.journal import JournalPage
from fleetgui.widgets.look import theme
from fleetgui.widgets.overview.page import OverviewPage
from fleetgui.widgets.topologies.page import TopologyPage
from fleetgui.widgets.window.main_window import MainWindow
from fleetgui.wire import rpc
from tests.backend.links import Party, party
from tests.link.conftest import until
from tests.nats_server import NatsServer

TENANT: Final = "t"
ROOT: Final = f"device-connect.{TENANT}"
VICTIM: Final = "victim"
HEALTHY: Final = "healthy"
HALL: Final = "hall"
AT: Final = "2026-11-21T00:00:00.000Z"
AT_ONCE: Final = 250
"""Messages sent before they are waited for; fewer of any one stream than its intake holds, so that none is dropped."""


def notice(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params}


_GATEWAY: Final[dict[str, Any]] = {"node": "gw-9", "epoch": "e", "ts": AT}
_EVENT: Final[dict[str, Any]] = {"topology_id": HALL, "epoch": "e", "ts": AT}
LAG: Final[dict[str, Any]] = {
    **_GATEWAY,
    "seq": 5,
    "window_ms": 1000,
    "samples": 99,
    "mean_ms": 1.5,
    "p50_ms": 1.5,
    "p99_ms": 3.5,
    "max_ms": 4.5,
    "band": "normal",
}
ENGAGEMENT: Final[dict[str, Any]] = {
    **_GATEWAY,
    "seq": 5,
    "device_id": VICTIM,
    "reason": "rate",
    "band": "normal",
    "observed": 6,
    "allowed": 5,
    "window_ms": 10_000,
    "backoff_ms": 1_000,
    "level": 1,
    "warmup": False,
    "count": 1,
}
RECORD: Final[dict[str, Any]] = {
    "device_id": VICTIM,
    "device_ttl": 15,
    "identity": {
        "device_type": "camera",
        "manufacturer": "m",
        "model": "x",
        "serial_number": "s",
        "firmware_version": "1",
        "arch": "arm",
    },
    "status": {
        "ts": AT,
        "location": "site-01",
        "availability": "idle",
        "busy_score": 0.5,
        "battery": 50,
        "online": True,
        "error_state": None,
    },
    "capabilities": {
        "description": "d",
        "functions": [{"name": "f", "description": "d", "parameters": {"type": "object"}}],
        "events": [{"name": "e"}],
        "labels": {"site": "01", "tags": ["a"]},
    },
    "registry": {"registered_at": 1_795_219_927.5},
}


@dataclass(frozen=True)
class Published:
    """A valid message of a kind that the console listens to. `reader` names the feed that takes it in."""

    reader: str
    subject: str
    message: dict[str, Any]

    @property
    def data(self) -> bytes:
        return json.dumps(self.message).encode()


PUBLISHED: Final = (
    Published("presence", f"{ROOT}.{VICTIM}.heartbeat", {"device_id": VICTIM, "ts": 1.5, "battery": 3, "x": {"y": 1}}),
    Published("presence", f"{ROOT}.device.online", notice("device/online", device_id=VICTIM, ts=AT)),
    Published("presence", f"{ROOT}.device.offline", notice("device/offline", device_id=VICTIM, ts=1.5)),
    Published("presence", f"{ROOT}.{VICTIM}.event.motion", notice("motion", zone=1, boxes=[{"x": 1.5}])),
    Published("gateway", f"{ROOT}.gateway.gw-9.lag", notice("gateway/lag", **LAG)),
    Published(
        "gateway",
        f"{ROOT}.gateway.gw-9.band",
        notice("gateway/band", **_GATEWAY, seq=1, to="elevated", p99_ms=120.5) | {"id": None},
    ),
    Published("gateway", f"{ROOT}.gateway.gw-9.throttle", notice("gateway/throttle", **ENGAGEMENT)),
    Published(
        "gateway",
        f"{ROOT}.gateway.gw-9.keepalive",
        notice("gateway/keepalive", **_GATEWAY, last={"lag": 5, "band": 1, "throttle": 5}),
    ),
    Published(
        "topology", f"{ROOT}.topology.{HALL}.status", notice("topology/status", **_EVENT, seq=1, status="active")
    ),
    Published(
        "topology",
        f"{ROOT}.topology.{HALL}.members",
        notice(
            "topology/members",
            **_EVENT,
            seq=2,
            changed=[{"device_id": VICTIM, "online": True, "services": ["web"]}],
            left=["gone"],
        ),
    ),
    Published(
        "topology",
        f"{ROOT}.topology.{HALL}.mutation",
        notice(
            "topology/mutation",
            **_EVENT,
            seq=3,
            mutation_id="web.1",
            kind="deployment",
            state="failed",
            error="no room",
        ),
    ),
    Published(
        "topology",
        f"{ROOT}.topology.{HALL}.service",
        notice("topology/service", **_EVENT, seq=4, device_id=VICTIM, service_name="web", services=["web"]),
    ),
    Published("topology", f"{ROOT}.topology.keepalive", notice("topology/keepalive", epoch="e", ts=AT, last={HALL: 4})),
)
PUBLISHED[5].message["params"]["from"] = "normal"  # a keyword of Python's

STATUS_KEY, DEFINITION_KEY = f"$KV.deployment-status_{TENANT}.", f"$KV.deployment_{TENANT}."
KEPT: Final = (
    Published(
        "deployments",
        STATUS_KEY,
        {
            "name": VICTIM,
            "target": 9,
            "succeeded": 4,
            "failed": 3,
            "pending": 2,
            "last_error": {"device_id": "d", "message": "m", "at": AT},
            "updated_at": AT,
        },
    ),
    Published(
        "deployments",
        DEFINITION_KEY,
        {"name": VICTIM, "target_selector": {"a": "b"}, "generation": 1, "created_at": AT},
    ),
    Published(
        "deployments", DEFINITION_KEY, {"name": VICTIM, "target_devices": ["d"], "generation": 1, "created_at": AT}
    ),
)
"""Records in buckets; `subject` lacks the key, which is to stand in the place of the name too."""

RESULTS: Final[dict[str, dict[str, Any]]] = {
    "discovery/listDevices": {"devices": [RECORD], "next_offset": None, "total_matched": 1, "revision": 3},
    "discovery/getDevice": {"device": RECORD},
    "gateway/describe": {
        "nodes": [
            {
                "node": "gw-9",
                "epoch": "e",
                "started_at": AT,
                "warmup_until": AT,
                "band": "normal",
                "lag": LAG,
                "settings": {"LAG_ELEVATED_MS": 100},
            }
        ]
    },
    "gateway/lagHistory": {"samples": [LAG], "next_since": None},
    "gateway/throttleHistory": {"engagements": [ENGAGEMENT], "next_since": None},
    "topology/list": {
        "topologies": [{"topology_id": HALL, "status": "active", "devices": 3, "in_flight": 1, "online": 3}],
        "next_offset": None,
        "as_of": AT,
        "stale": False,
    },
    "topology/snapshot": {
        "topology_id": HALL,
        "status": "active",
        "epoch": "e",
        "seq": 1,
        "members": [{"device_id": VICTIM, "online": True, "services": ["web"]}],
        "in_flight": [{"mutation_id": "web.1", "kind": "deployment", "state": "applying"}],
        "ts": AT,
        "next_after": None,
    },
    "f": {"done": True},
}
"""What each method is answered with, as long as a test has nothing else to say."""


@dataclass
class Besieged:
    """The console, and whoever attacks it. `answers` are whole replies by method, in the place of `RESULTS`."""

    nats: NatsServer
    fabric: Fabric
    state: ConsoleState
    clock: SystemClock
    peer: Party
    reports: list[str]
    answers: dict[str, bytes] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    understood: Counter[str] = field(default_factory=Counter)
    """By reader."""
    pages: list[QWidget] = field(default_factory=list)

    # The peers

    def serve(self) -> None:
        for subject in (f"{ROOT}.discovery", f"{ROOT}.gateway", f"{ROOT}.topology", f"{ROOT}.{VICTIM}.cmd"):
            self.peer.link.serve(subject, "siege", self._reply)

    def _reply(self, message: Message) -> bytes | None:
        request = json.loads(message.data)
        answer = self.answers.get(request["method"])
        return answer if answer is not None else rpc.result(request["id"], RESULTS[request["method"]])

    async def publish(self, messages: Iterable[tuple[Published, bytes]]) -> None:
        """Send them, in waves that no intake overflows of, and return once all are taken in."""
        wave = 0
        for each, data in messages:
            self.peer.link.send(each.subject, data)
            self.sent[each.reader] += 1
            wave += 1
            if wave == AT_ONCE:
                await self.all_taken()
                wave = 0
        await self.all_taken()

    async def keep(self, records: Iterable[tuple[Published, str, bytes]]) -> None:
        """Put records (kind, key, value) into their buckets; returns once the broker has them."""
        for number, (each, key, data) in enumerate(records):
            self.peer.link.send(each.subject + key, data)
            if number % AT_ONCE == 0:
                await self.peer.link.flush()
        await self.peer.link.flush()

    async def all_taken(self) -> None:
        await self.peer.link.flush()
        await until(lambda: all(self.taken[reader] == count for reader, count in self.sent.items()))

    # What the console made of it

    @property
    def taken(self) -> Counter[str]:
        """Messages that went through the intakes, by reader."""
        return Counter({name: sum(intake.taken for intake in each.values()) for name, each in self.intakes.items()})

    @property
    def intakes(self) -> dict[str, dict[str, Intake]]:
        fabric = self.fabric
        return {
            "presence": fabric.presence.intakes,
            "gateway": fabric.gateway.intakes,
            "topology": fabric.topologies.intakes,
        }

    @property
    def malformed(self) -> Counter[str]:
        fabric = self.fabric
        return Counter(
            {
                "presence": fabric.presence.malformed,
                "gateway": fabric.gateway.malformed,
                "topology": fabric.topologies.malformed,
            }
        )

    def adds_up(self) -> None:
        """Every message was understood or counted, by the feed and in the ledger; nothing was dropped, none broke."""
        ledger, fabric = self.state.ledger, self.fabric
        for intakes in self.intakes.values():
            for intake in intakes.values():
                assert (intake.failed, intake.dropped.total()) == (0, 0)
        for reader, count in self.sent.items():
            known, bad = self.understood[reader], self.malformed[reader]
            assert known + bad == count, f"{reader}: {count} were sent, {known} understood, {bad} counted as malformed"
        families = ("heartbeat", "device", "event")
        assert sum(ledger.count(family, Cause.MALFORMED) for family in families) == fabric.presence.malformed
        assert ledger.count("gateway", Cause.MALFORMED) == fabric.gateway.malformed
        assert ledger.count("deployments", Cause.MALFORMED) == fabric.deployments.malformed

    async def is_unharmed(self) -> None:
        """It lives: on the connection it had, nothing reported, a healthy device is heard, every page is drawn."""
        link = self.fabric.link
        self.peer.link.send(f"{ROOT}.{HEALTHY}.heartbeat", json.dumps({"device_id": HEALTHY}).encode())
        presence = self.state.presence
        await until(lambda: presence.state(HEALTHY, self.clock.now()) is State.ONLINE)
        assert (link.state.phase, link.state.reconnects) == (LinkPhase.UP, 0)
        self.draw()
        assert self.reports == []

    def draw(self) -> None:
        """Everything as it would be on the screen; what a slot or a painter raises fails the test."""
        QApplication.processEvents()
        for page in self.pages:
            page.grab()
        QApplication.processEvents()

    def watch_stores(self) -> None:
        """Count what feeds hand to stores."""
        state, understood = self.state, self.understood
        _count(state.presence, "apply_edges", len, "presence", understood)
        _count(state.lag, "heard", lambda *_, **__: 1, "gateway", understood)
        _count(
            state.details,
            "events_came",
            lambda _id, events: sum(event.params is not None for event in events),
            "presence",
            understood,
        )
        following = state.topologies.get(HALL)
        _count(following, "hear", len, "topology", understood)
        beats = state.presence.apply_beats

        def apply_beats(*args: Any, **named: Any) -> None:
            before = state.presence.beats
            beats(*args, **named)
            understood["presence"] += state.presence.beats - before

        state.presence.apply_beats = apply_beats  # type: ignore[method-assign]  # a witness in its place


def _count(store: Any, name: str, amount: Callable[..., int], reader: str, into: Counter[str]) -> None:
    apply = getattr(store, name)

    def counted(*args: Any, **named: Any) -> Any:
        into[reader] += amount(*args, **named)
        return apply(*args, **named)

    setattr(store, name, counted)


@asynccontextmanager
async def besieged(app: QApplication) -> AsyncIterator[Besieged]:
    """A console that is up and has read everything, with one device, one deployment and one topology open."""
    reports: list[str] = []
    tasks = Tasks(lambda name, error: reports.append(f"{name}: {error!r}"))
    clock, state = SystemClock(), ConsoleState()
    theme.apply(app, "dark")
    with NatsServer(jetstream=True) as nats:
        async with party(nats.url, "peer") as peer:
            await Buckets(peer.link, TENANT).ensure()
            fabric = Fabric(Context(servers=(nats.url,), tenant=TENANT), state, clock, tasks)
            here = Besieged(nats, fabric, state, clock, peer, reports)
            here.serve()
            await peer.link.flush()
            fabric.start()
            await until(lambda: state.link.state.phase is LinkPhase.UP)
            fabric.details.open(VICTIM)
            fabric.topologies.look(True)
            fabric.topologies.open(HALL)
            fabric.deployments.open(VICTIM)
            here.pages = _pages(state, clock, fabric)
            following = state.topologies.get(HALL)
            assert following is not None
            statuses = state.deployments.rollups.statuses
            await until(lambda: following.phase is Phase.FOLLOWED and statuses.phase is ReadPhase.FOLLOWED)
            await until(lambda: state.roster.loaded == 1)
            here.watch_stores()
            try:
                yield here
            finally:
                for page in here.pages:
                    page.close()
                    page.deleteLater()
                app.processEvents()
                await fabric.give_back()
                assert await tasks.cancel() == []
                await fabric.close()
    assert reports == []


def _pages(state: ConsoleState, clock: SystemClock, fabric: Fabric) -> list[QWidget]:
    devices = DevicesPage(state, clock)
    devices.view_moved.connect(fabric.view_moved)
    devices.wanted.connect(fabric.table.show)
    window = MainWindow(state, clock, context_name="noc", tenant=TENANT)
    window.close_requested.connect(window.really_close)
    pages = [
        window,
        devices,
        OverviewPage(state, clock),
        DeploymentsPage(state, clock),
        TopologyPage(state, clock),
        JournalPage(state.journal),
        DeviceDetail(VICTIM, state, clock),
    ]
    for page in pages:
        page.resize(1_280, 800)
        page.show()
    return pages

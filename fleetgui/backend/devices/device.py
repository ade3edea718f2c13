"""One simulated device: what phase it is in and what its status says. Pure state; `fleet` plays it on the fabric."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from fleetgui.backend.devices.chance import Key, between, choose, draw
from fleetgui.backend.devices.specs import Spec
from fleetgui.wire.times import rfc3339, rfc3339_seconds

CRITICAL_EVENTS_SHARE: Final = 0.04
REQUEST_REGISTRATION: Final = "requestRegistration"
"""The call with which a registry that has lost its records asks a device for its own."""
_WORDS: Final = ("north", "south", "east", "west", "inner", "outer")


class Phase(Enum):
    """DOWN: silent, no subscription. CUT_OFF: it runs, but the network does not reach it; until the broker notices,
    calls to it go unanswered. WAITING: for its turn to register: start-up jitter, backoff, or held back.
    REGISTERING: asked, no answer yet. UP: registered; beats and emits events."""

    DOWN = "down"
    CUT_OFF = "cut off"
    WAITING = "waiting"
    REGISTERING = "registering"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that waits for its turn: a device does one thing at a time."""

    method: str
    params: dict[str, Any]
    request_id: Any
    reply: str


@dataclass(slots=True, eq=False)
class Device:
    """`life` counts its connections and restarts: what was scheduled for an earlier life is void. `boots` counts its
    restarts alone: what it was at when it went down is forgotten, what it was at when it lost the network is not.

    `session` is random per connection, and tells the gateway a refresh from a reconnect. `battery` is in percent,
    None without one; `busy` is 0 to 1.
    """

    spec: Spec
    phase: Phase = Phase.DOWN
    life: int = 0
    boots: int = 0
    cut_until: float = 0.0
    """When the network is there again (`Clock.now()`), if it is not."""
    session: str = ""
    failures: int = 0
    storming: bool = False
    beats: int = 0
    events: int = 0
    battery: float | None = None
    busy: float = 0.0
    working: Call | None = None
    """What it is at; further calls wait meanwhile."""
    calls: list[Call] = field(default_factory=list)
    calls_served: int = 0
    memory: dict[str, Any] = field(default_factory=dict)
    """What functions have set."""

    def __post_init__(self) -> None:
        self.battery = self.spec.battery
        self.busy = self.spec.busy

    @property
    def is_reached(self) -> bool:
        """Whether a message finds it: it runs, and the network is there."""
        return self.phase not in (Phase.DOWN, Phase.CUT_OFF)

    @property
    def availability(self) -> str:
        if self.working is not None:
            return "calibrating" if self.working.method == "calibrate" else "busy"
        return "busy" if self.busy >= 0.6 else "idle"

    def live_status(self) -> dict[str, Any]:
        """The status fields that change, as heartbeats carry them."""
        status: dict[str, Any] = {"availability": self.availability, "busy_score": self.busy, "online": True}
        if self.battery is not None:
            status["battery"] = int(self.battery)  # the registry takes whole percents
        return status

    def registration(self, *, ttl: float, wall: float) -> dict[str, Any]:
        """The params of `registerDevice`; `wall` is epoch seconds."""
        status = {"ts": rfc3339_seconds(wall), **self.live_status(), "error_state": None}
        return {**self.spec.record(ttl=ttl, status=status), "session": self.session}

    def beat(self, wall: float) -> dict[str, Any]:
        """The next heartbeat: the load wanders, the battery drains and is charged again."""
        spec = self.spec
        self.beats += 1
        target = draw(spec.seed, spec.index, "load", self.beats)
        self.busy = round(min(1.0, 0.8 * self.busy + 0.2 * target * (1.6 if target > 0.7 else 0.9)), 2)
        if self.battery is not None:
            drained = self.battery - between(0.0, 0.12, spec.seed, spec.index, "drain", self.beats)
            self.battery = round(drained, 1) if drained > 5 else 100.0
        return {"device_id": spec.device_id, "ts": wall, **self.live_status()}

    def event(self, wall: float) -> tuple[str, dict[str, Any]]:
        """The next event: its name and payload, the payload made from its schema."""
        spec = self.spec
        self.events += 1
        key: tuple[Key, ...] = (spec.seed, spec.index, "event", self.events)
        grave = [event for event in spec.kind.events if event.safety == "critical"]
        usual = [event for event in spec.kind.events if event.safety != "critical"]
        event = choose(grave if grave and draw(*key, "grave") < CRITICAL_EVENTS_SHARE else usual, *key)
        payload = {name: _sample(schema, *key, name) for name, schema in event.properties.items()}
        event_id = f"{int(draw(*key, 'id') * 2**32):08x}"
        return event.name, {**payload, "event_id": event_id, "ts": rfc3339(wall)}


def _sample(schema: dict[str, Any], *key: Key) -> Any:
    """A value that fits `schema` (the simple types that events use)."""
    low, high = schema.get("minimum", 0), schema.get("maximum", 100)
    match schema["type"]:
        case "integer":
            return int(between(low, high + 1, *key))
        case "number":
            return round(between(low, high, *key), 2)
        case "boolean":
            return draw(*key) < 0.1
        case _:
            return choose(_WORDS, *key)

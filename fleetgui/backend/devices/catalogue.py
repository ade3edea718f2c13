"""The kinds of devices a simulated fleet is made of: data, read from top to bottom.

Parameters are JSON Schema as Device Connect carries it. Between them the kinds use every form that a console must be
able to ask for: integers with a range, enums of strings and of numbers, booleans, strings, numbers, nested objects,
arrays of strings and of objects, defaults and none, a default of null.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

Schema = dict[str, Any]


@dataclass(frozen=True)
class Function:
    """A function of a kind. `required` names parameters without which a call fails."""

    name: str
    description: str
    properties: Schema = field(default_factory=dict)
    required: tuple[str, ...] = ()
    labels: dict[str, str | list[str]] = field(default_factory=lambda: {"direction": "read"})

    def as_wire(self) -> Schema:
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {"type": "object", "properties": self.properties, "required": list(self.required)},
            "labels": self.labels,
            "tags": [],
        }


@dataclass(frozen=True)
class Event:
    """An event of a kind. `properties` are its payload's; `labels` say how grave it is."""

    name: str
    description: str
    properties: Schema
    safety: str = "informational"

    def as_wire(self) -> Schema:
        return {
            "name": self.name,
            "description": self.description,
            "payload_schema": {"type": "object", "properties": self.properties, "required": list(self.properties)},
            "labels": {"safety": self.safety},
            "tags": [],
        }


@dataclass(frozen=True)
class Kind:
    """A kind of device. `share` is its weight in the fleet; `battery` whether it runs on one."""

    name: str
    share: int
    category: str
    description: str
    makers: tuple[tuple[str, str], ...]
    functions: tuple[Function, ...]
    events: tuple[Event, ...]
    battery: bool
    areas: tuple[str, ...]


_WRITE: Final[dict[str, str | list[str]]] = {"direction": "write"}
_CRITICAL: Final[dict[str, str | list[str]]] = {"direction": "write", "safety": "critical"}


def _integer(low: int, high: int, **more: Any) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high, **more}


def _number(low: float, high: float, **more: Any) -> Schema:
    return {"type": "number", "minimum": low, "maximum": high, **more}


def _one_of(*options: str, **more: Any) -> Schema:
    return {"type": "string", "enum": list(options), **more}


SELF_TEST: Final = Function(
    "self_test", "Check the sensors and report.", {"deep": {"type": "boolean", "default": False}}
)
CALIBRATE: Final = Function(
    "calibrate", "Calibrate; takes as long as asked.", {"seconds": _number(0, 60, default=3.0)}, labels=_WRITE
)
REBOOT: Final = Function(
    "reboot",
    "Restart the device.",
    {"delay_s": _integer(0, 60, default=0), "reason": {"type": "string", "maxLength": 120}},
    labels=_CRITICAL,
)

KINDS: Final[tuple[Kind, ...]] = (
    Kind(
        name="camera",
        share=30,
        category="camera",
        description="Dome camera with motion detection",
        makers=(("Acme Optics", "C-1"), ("Acme Optics", "C-2 IR"), ("Northlight", "Dome 40")),
        functions=(
            CALIBRATE,
            Function(
                "capture_image",
                "Take a picture.",
                {
                    "resolution": _one_of("720p", "1080p", "2160p", default="1080p"),
                    "region": {
                        "type": "object",
                        "properties": {"x": _integer(0, 3839), "y": _integer(0, 2159), "wide": _integer(16, 3840)},
                        "required": ["x", "y"],
                    },
                    "exposure": {"type": "number", "default": None},
                },
            ),
            REBOOT,
            SELF_TEST,
            Function(
                "set_zoom",
                "Set the zoom level.",
                {"level": _integer(1, 12), "smooth": {"type": "boolean", "default": True}},
                ("level",),
                _WRITE,
            ),
        ),
        events=(
            Event(
                "motion_detected",
                "Something moved in view.",
                {"zone": {"type": "string"}, "confidence": _number(0, 1)},
            ),
        ),
        battery=True,
        areas=("dock", "gate", "hall-1", "hall-2", "roof"),
    ),
    Kind(
        name="charger",
        share=6,
        category="energy",
        description="Charging point, 22 kW",
        makers=(("Voltaro", "CP-22"), ("Voltaro", "CP-22 Duo")),
        functions=(
            Function(
                "limit_current",
                "Limit the charging current.",
                {
                    "amperes": _integer(6, 32),
                    "phases": {"type": "integer", "enum": [1, 3], "default": 3},
                    "until": {"type": "string", "description": "ISO 8601; empty: for good", "default": ""},
                },
                ("amperes",),
                _WRITE,
            ),
            REBOOT,
            SELF_TEST,
            Function(
                "stop_charging", "End the session.", {"force": {"type": "boolean", "default": False}}, (), _CRITICAL
            ),
        ),
        events=(
            Event(
                "session_started", "A vehicle began to charge.", {"connector": _integer(1, 2), "kwh": _number(0, 100)}
            ),
            Event("ground_fault", "Current leaks to ground.", {"milliamperes": _number(0, 1000)}, "critical"),
        ),
        battery=False,
        areas=("parking", "yard"),
    ),
    Kind(
        name="light",
        share=16,
        category="building",
        description="Dimmable luminaire",
        makers=(("Lumen & Co", "L-600"), ("Northlight", "Panel 3")),
        functions=(
            CALIBRATE,
            Function(
                "dim",
                "Dim to a level.",
                {"percent": _integer(0, 100), "fade_ms": _integer(0, 60_000, default=500)},
                ("percent",),
                _WRITE,
            ),
            SELF_TEST,
            Function(
                "set_scene",
                "Recall a scene.",
                {
                    "scene": _one_of("work", "clean", "night", "alarm"),
                    "zones": {"type": "array", "items": {"type": "string"}, "default": []},
                },
                ("scene",),
                _WRITE,
            ),
        ),
        events=(
            Event(
                "level_changed", "The light level changed.", {"percent": _integer(0, 100), "cause": {"type": "string"}}
            ),
        ),
        battery=False,
        areas=("hall-1", "hall-2", "office", "stairs"),
    ),
    Kind(
        name="lock",
        share=12,
        category="access",
        description="Door lock with reader",
        makers=(("Keystone", "K-7"), ("Keystone", "K-9 Fire")),
        functions=(
            REBOOT,
            SELF_TEST,
            Function(
                "set_access",
                "Replace the list of badges.",
                {
                    "badges": {"type": "array", "items": {"type": "string", "maxLength": 16}},
                    "window": {
                        "type": "object",
                        "properties": {"from_hour": _integer(0, 23), "to_hour": _integer(0, 23)},
                        "required": ["from_hour", "to_hour"],
                    },
                },
                ("badges",),
                _CRITICAL,
            ),
            Function(
                "set_lock",
                "Lock or unlock.",
                {"state": _one_of("locked", "unlocked"), "reason": {"type": "string", "default": ""}},
                ("state",),
                _CRITICAL,
            ),
        ),
        events=(
            Event("door_opened", "The door was opened.", {"badge": {"type": "string"}, "forced": {"type": "boolean"}}),
            Event("tamper", "The housing was opened.", {"sensor": {"type": "string"}}, "critical"),
        ),
        battery=True,
        areas=("gate", "office", "server-room", "stairs"),
    ),
    Kind(
        name="meter",
        share=12,
        category="energy",
        description="Three-phase energy meter",
        makers=(("Gridwise", "M3"), ("Gridwise", "M3 Class 0.5")),
        functions=(
            CALIBRATE,
            Function(
                "read_registers",
                "Read measured values.",
                {"first": _integer(0, 255, default=0), "count": _integer(1, 16, default=4)},
            ),
            SELF_TEST,
            Function(
                "set_thresholds",
                "Set the alarm limits.",
                {
                    "limits": {
                        "type": "object",
                        "properties": {"volts_low": _number(100, 240), "volts_high": _number(200, 280)},
                        "required": ["volts_low", "volts_high"],
                    }
                },
                ("limits",),
                _WRITE,
            ),
        ),
        events=(
            Event("level_changed", "Power moved by a step.", {"kilowatts": _number(0, 500), "phase": _integer(1, 3)}),
            Event("under_voltage", "A phase is low.", {"volts": _number(0, 280), "phase": _integer(1, 3)}, "critical"),
        ),
        battery=True,
        areas=("hall-1", "plant-room", "server-room"),
    ),
    Kind(
        name="pump",
        share=8,
        category="process",
        description="Circulation pump with drive",
        makers=(("Hydra", "P-40"), ("Hydra", "P-80")),
        functions=(
            CALIBRATE,
            REBOOT,
            SELF_TEST,
            Function(
                "set_speed",
                "Set the speed.",
                {"percent": _integer(0, 100), "ramp_s": _number(0, 120, default=5.0)},
                ("percent",),
                _CRITICAL,
            ),
        ),
        events=(
            Event("level_changed", "The tank's level moved.", {"percent": _number(0, 100), "tank": {"type": "string"}}),
            Event("dry_run", "The pump runs dry.", {"bar": _number(0, 16)}, "critical"),
        ),
        battery=False,
        areas=("plant-room", "yard"),
    ),
    Kind(
        name="robot",
        share=6,
        category="logistics",
        description="Autonomous carrier, 300 kg",
        makers=(("Ferry Robotics", "F-300"), ("Ferry Robotics", "F-300 Lift")),
        functions=(
            CALIBRATE,
            Function(
                "drive_to",
                "Drive along a route.",
                {
                    "route": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"x": {"type": "number"}, "y": {"type": "number"}},
                            "required": ["x", "y"],
                        },
                    },
                    "speed": _number(0.1, 2.0, default=1.0),
                    "carry": {"type": "boolean", "default": False},
                },
                ("route",),
                _CRITICAL,
            ),
            REBOOT,
            SELF_TEST,
        ),
        events=(
            Event("arrived", "A waypoint was reached.", {"x": {"type": "number"}, "y": {"type": "number"}}),
            Event("obstacle", "The way is blocked.", {"distance_m": _number(0, 10)}, "critical"),
        ),
        battery=True,
        areas=("dock", "hall-1", "hall-2"),
    ),
    Kind(
        name="thermostat",
        share=10,
        category="building",
        description="Room controller with humidity",
        makers=(("Calora", "T-2"), ("Calora", "T-2 Plus")),
        functions=(
            SELF_TEST,
            Function(
                "set_schedule",
                "Replace the day's schedule.",
                {
                    "entries": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"hour": _integer(0, 23), "celsius": _number(5, 30)},
                            "required": ["hour", "celsius"],
                        },
                    }
                },
                ("entries",),
                _WRITE,
            ),
            Function(
                "set_target",
                "Set the room's temperature.",
                {"celsius": _number(5, 30), "mode": _one_of("heat", "cool", "auto", default="auto")},
                ("celsius",),
                _WRITE,
            ),
        ),
        events=(
            Event(
                "level_changed",
                "The room moved by half a degree.",
                {"celsius": _number(-20, 60), "humidity": _integer(0, 100)},
            ),
        ),
        battery=True,
        areas=("hall-2", "office", "server-room"),
    ),
)

BY_NAME: Final = {kind.name: kind for kind in KINDS}

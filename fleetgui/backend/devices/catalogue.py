"""The kinds of devices a simulated fleet is made of: data, read from top to bottom.

Between them the kinds use every form of parameter that a console must be able to ask for: integers with a range,
choices of strings and of numbers, booleans, strings, numbers, nested objects, arrays of strings and of objects,
defaults and none, a default of null, and an optional number that is described as a string. Most are described as the
reference runtime describes them; chargers, locks and robots publish all that they check.
"""

from __future__ import annotations

from typing import Final

from fleetgui.backend.devices.kinds import (
    CRITICAL,
    UNREADABLE,
    WRITE,
    Event,
    Function,
    Kind,
    Runtime,
    integer,
    number,
    one_of,
)

SELF_TEST: Final = Function(
    "self_test", "Check the sensors and report.", {"deep": {"type": "boolean", "default": False}}
)
CALIBRATE: Final = Function(
    "calibrate", "Calibrate; takes as long as asked.", {"seconds": number(0, 60, default=3.0)}, labels=WRITE
)
REBOOT: Final = Function(
    "reboot",
    "Restart the device.",
    {"delay_s": integer(0, 60, default=0), "reason": {"type": "string", "maxLength": 120, "default": ""}},
    labels=CRITICAL,
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
                    "resolution": one_of("720p", "1080p", "2160p", default="1080p"),
                    "region": {
                        "type": "object",
                        "properties": {"x": integer(0, 3839), "y": integer(0, 2159), "wide": integer(16, 3840)},
                        "required": ["x", "y"],
                        "default": None,
                    },
                    "exposure": {"type": "number", "default": None},
                    "gain": number(0, 48, default=None, **{UNREADABLE: True}),
                },
            ),
            REBOOT,
            SELF_TEST,
            Function(
                "set_zoom",
                "Set the zoom level.",
                {"level": integer(1, 12), "smooth": {"type": "boolean", "default": True}},
                WRITE,
            ),
        ),
        events=(
            Event(
                "motion_detected",
                "Something moved in view.",
                {"zone": {"type": "string"}, "confidence": number(0, 1)},
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
                    "amperes": integer(6, 32),
                    "phases": {"type": "integer", "enum": [1, 3], "default": 3},
                    "until": {"type": "string", "description": "ISO 8601; empty: for good", "default": ""},
                },
                WRITE,
            ),
            REBOOT,
            SELF_TEST,
            Function("stop_charging", "End the session.", {"force": {"type": "boolean", "default": False}}, CRITICAL),
        ),
        events=(
            Event("session_started", "A vehicle began to charge.", {"connector": integer(1, 2), "kwh": number(0, 100)}),
            Event("ground_fault", "Current leaks to ground.", {"milliamperes": number(0, 1000)}, "critical"),
        ),
        battery=False,
        areas=("parking", "yard"),
        runtime=Runtime.FULL,
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
                {"percent": integer(0, 100), "fade_ms": integer(0, 60_000, default=500)},
                WRITE,
            ),
            SELF_TEST,
            Function(
                "set_scene",
                "Recall a scene.",
                {
                    "scene": one_of("work", "clean", "night", "alarm"),
                    "zones": {"type": "array", "items": {"type": "string"}, "default": []},
                },
                WRITE,
            ),
        ),
        events=(
            Event(
                "level_changed", "The light level changed.", {"percent": integer(0, 100), "cause": {"type": "string"}}
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
                        "properties": {"from_hour": integer(0, 23), "to_hour": integer(0, 23)},
                        "required": ["from_hour", "to_hour"],
                        "default": None,
                    },
                },
                CRITICAL,
            ),
            Function(
                "set_lock",
                "Lock or unlock.",
                {"state": one_of("locked", "unlocked"), "reason": {"type": "string", "default": ""}},
                CRITICAL,
            ),
        ),
        events=(
            Event("door_opened", "The door was opened.", {"badge": {"type": "string"}, "forced": {"type": "boolean"}}),
            Event("tamper", "The housing was opened.", {"sensor": {"type": "string"}}, "critical"),
        ),
        battery=True,
        areas=("gate", "office", "server-room", "stairs"),
        runtime=Runtime.FULL,
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
                {"first": integer(0, 255, default=0), "count": integer(1, 16, default=4)},
            ),
            SELF_TEST,
            Function(
                "set_thresholds",
                "Set the alarm limits.",
                {
                    "limits": {
                        "type": "object",
                        "properties": {"volts_low": number(100, 240), "volts_high": number(200, 280)},
                        "required": ["volts_low", "volts_high"],
                    }
                },
                WRITE,
            ),
        ),
        events=(
            Event("level_changed", "Power moved by a step.", {"kilowatts": number(0, 500), "phase": integer(1, 3)}),
            Event("under_voltage", "A phase is low.", {"volts": number(0, 280), "phase": integer(1, 3)}, "critical"),
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
                {"percent": integer(0, 100), "ramp_s": number(0, 120, default=5.0)},
                CRITICAL,
            ),
        ),
        events=(
            Event("level_changed", "The tank's level moved.", {"percent": number(0, 100), "tank": {"type": "string"}}),
            Event("dry_run", "The pump runs dry.", {"bar": number(0, 16)}, "critical"),
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
                    "speed": number(0.1, 2.0, default=1.0),
                    "carry": {"type": "boolean", "default": False},
                },
                CRITICAL,
            ),
            REBOOT,
            SELF_TEST,
        ),
        events=(
            Event("arrived", "A waypoint was reached.", {"x": {"type": "number"}, "y": {"type": "number"}}),
            Event("obstacle", "The way is blocked.", {"distance_m": number(0, 10)}, "critical"),
        ),
        battery=True,
        areas=("dock", "hall-1", "hall-2"),
        runtime=Runtime.FULL,
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
                            "properties": {"hour": integer(0, 23), "celsius": number(5, 30)},
                            "required": ["hour", "celsius"],
                        },
                    }
                },
                WRITE,
            ),
            Function(
                "set_target",
                "Set the room's temperature.",
                {"celsius": number(5, 30), "mode": one_of("heat", "cool", "auto", default="auto")},
                WRITE,
            ),
        ),
        events=(
            Event(
                "level_changed",
                "The room moved by half a degree.",
                {"celsius": number(-20, 60), "humidity": integer(0, 100)},
            ),
        ),
        battery=True,
        areas=("hall-2", "office", "server-room"),
    ),
)

BY_NAME: Final = {kind.name: kind for kind in KINDS}

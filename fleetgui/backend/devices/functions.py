"""What a simulated device answers to a call: parameters checked against the function's schema, then a result.

Failures are worded as the real device runtime words them: whatever goes wrong inside a function, wrong parameters
included, is one error −32000 whose text begins with `Error invoking <function>:`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fleetgui.backend.devices.chance import between, draw
from fleetgui.backend.devices.device import Device
from fleetgui.backend.devices.kinds import Function, Schema

CALLER: Final = "source_device"
"""The runtime's own word for who calls: taken out of the parameters before a function sees them."""
SENSOR_FAILURE: Final = "sensor failed: code 7"


class FunctionFailed(Exception):
    """A call failed; the text is the whole message of the error −32000."""


@dataclass(frozen=True)
class Work:
    """A call that was accepted: it takes `seconds`, then answers `result`. `reboot_after` asks for a restart so many
    seconds after that."""

    result: Any
    seconds: float = 0.0
    reboot_after: float | None = None


def start(device: Device, function: Function, params: dict[str, Any]) -> Work:
    """Check and begin one call. Raises `FunctionFailed`; then nothing has happened."""
    try:
        arguments = _bound(device, function, params)
        return _work(device, function.name, arguments)
    except _Wrong as wrong:
        raise FunctionFailed(f"Error invoking {function.name}: {wrong}") from None


class _Wrong(Exception):
    pass


def _bound(device: Device, function: Function, params: dict[str, Any]) -> dict[str, Any]:
    """`params` with defaults filled in, as Python would bind them to the driver's method, then checked by schema."""
    method = f"{device.spec.kind.name.capitalize()}.{function.name}()"
    params = {name: value for name, value in params.items() if name != CALLER}
    for name in params:
        if name not in function.properties:
            raise _Wrong(f"{method} got an unexpected keyword argument {name!r}")
    missing = [repr(name) for name in function.required if name not in params]
    if missing:
        plural = "" if len(missing) == 1 else "s"
        names = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
        raise _Wrong(f"{method} missing {len(missing)} required positional argument{plural}: {names}")
    for name, value in params.items():
        schema = function.properties[name]
        if value is None and schema.get("default", ...) is None:
            continue
        _check(name, value, schema)
    defaults = {name: schema["default"] for name, schema in function.properties.items() if "default" in schema}
    return defaults | params


_TYPES: Final[dict[str, tuple[str, type | tuple[type, ...]]]] = {
    "integer": ("an integer", int),
    "number": ("a number", (int, float)),
    "string": ("a string", str),
    "boolean": ("true or false", bool),
    "array": ("a list", list),
    "object": ("an object", dict),
}


def _check(where: str, value: Any, schema: Schema) -> None:
    """The part of JSON Schema that the catalogue uses; `where` names the value in the error."""
    kind = schema["type"]
    wanted, types = _TYPES[kind]
    fits = isinstance(value, types) and (kind == "boolean" or not isinstance(value, bool))
    if not fits:
        raise _Wrong(f"{where} must be {wanted}, got {str(value)[:40]!r}")
    if "enum" in schema and value not in schema["enum"]:
        raise _Wrong(f"{where} must be one of {', '.join(map(str, schema['enum']))}, got {str(value)[:40]!r}")
    if "minimum" in schema and not schema["minimum"] <= value <= schema["maximum"]:
        raise _Wrong(f"{where} must be between {schema['minimum']} and {schema['maximum']}, got {value}")
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        raise _Wrong(f"{where} must have at most {schema['maxLength']} characters, got {len(value)}")
    if kind == "array":
        for position, item in enumerate(value):
            _check(f"{where}[{position}]", item, schema["items"])
    if kind == "object":
        for name in schema["required"]:
            if name not in value:
                raise _Wrong(f"{where} lacks {name}")
        for name, item in value.items():
            if name in schema["properties"]:
                _check(f"{where}.{name}", item, schema["properties"][name])


def _work(device: Device, name: str, arguments: dict[str, Any]) -> Work:
    spec = device.spec
    if name == "self_test":
        if spec.faulty:
            raise _Wrong(SENSOR_FAILURE)
        return Work({"passed": True, "checks": {"clock": "ok", "memory": "ok", "sensor": "ok"}})
    if name == "calibrate":
        return Work({"calibrated": True, "seconds": arguments["seconds"]}, seconds=float(arguments["seconds"]))
    if name == "reboot":
        delay = arguments["delay_s"]
        return Work({"rebooting": True, "delay_s": delay}, reboot_after=float(delay))
    if name == "capture_image":
        size = int(between(80_000, 900_000, spec.seed, spec.index, "image", device.calls_served))
        return Work({"resolution": arguments["resolution"], "bytes": size, "region": arguments.get("region")})
    if name == "read_registers":
        first, count = arguments["first"], arguments["count"]
        values = [
            round(400 * draw(spec.seed, spec.index, "register", number), 2) for number in range(first, first + count)
        ]
        return Work({"first": first, "values": values})
    if name == "drive_to":
        return Work({"accepted": True, "waypoints": len(arguments["route"])})
    before = {key: device.memory.get(key) for key in arguments}
    device.memory.update(arguments)
    return Work({"applied": arguments, "before": before})

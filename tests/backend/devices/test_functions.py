"""What a device answers to a call: results, and failures worded as the real runtime words them."""

from __future__ import annotations

from typing import Any

import pytest

from fleetgui.backend.devices.catalogue import BY_NAME, KINDS
from fleetgui.backend.devices.device import Device
from fleetgui.backend.devices.functions import FunctionFailed, Work, start
from fleetgui.backend.devices.kinds import Schema
from fleetgui.backend.devices.specs import Specs

FLEET = Specs(400, 1)


def device(kind: str, *, faulty: bool = False) -> Device:
    return Device(next(spec for spec in FLEET if spec.kind.name == kind and spec.faulty is faulty))


def call(target: Device, name: str, **params: Any) -> Work:
    return start(target, next(each for each in target.spec.kind.functions if each.name == name), params)


def failure(target: Device, name: str, **params: Any) -> str:
    with pytest.raises(FunctionFailed) as caught:
        call(target, name, **params)
    return str(caught.value)


def test_what_is_set_is_remembered_and_defaults_are_filled_in() -> None:
    camera = device("camera")
    assert call(camera, "set_zoom", level=3).result == {
        "applied": {"level": 3, "smooth": True},
        "before": {"level": None, "smooth": None},
    }
    assert call(camera, "set_zoom", level=5, smooth=False).result["before"] == {"level": 3, "smooth": True}


def test_a_failing_device_fails_its_self_test_and_another_passes() -> None:
    assert failure(device("camera", faulty=True), "self_test") == "Error invoking self_test: sensor failed: code 7"
    assert call(device("camera"), "self_test").result["passed"] is True


def test_calibrate_takes_as_long_as_asked_and_reboot_reboots() -> None:
    assert call(device("camera"), "calibrate", seconds=2.5).seconds == 2.5
    assert call(device("camera"), "calibrate").seconds == 3.0
    assert call(device("camera"), "reboot", delay_s=3).reboot_after == 3.0
    assert call(device("camera"), "self_test").reboot_after is None


def test_null_is_taken_where_null_is_the_default() -> None:
    assert call(device("camera"), "capture_image", exposure=None).result["resolution"] == "1080p"


@pytest.mark.parametrize(
    ("kind", "name", "params", "text"),
    [
        ("camera", "set_zoom", {}, "Camera.set_zoom() missing 1 required positional argument: 'level'"),
        (
            "camera",
            "set_zoom",
            {"level": 1, "speed": 2},
            "Camera.set_zoom() got an unexpected keyword argument 'speed'",
        ),
        ("camera", "set_zoom", {"level": "x"}, "level must be an integer, got 'x'"),
        ("camera", "set_zoom", {"level": True}, "level must be an integer, got 'True'"),
        ("camera", "set_zoom", {"level": 2.5}, "level must be an integer, got '2.5'"),
        ("camera", "set_zoom", {"level": 13}, "level must be between 1 and 12, got 13"),
        ("camera", "set_zoom", {"level": None}, "level must be an integer, got 'None'"),
        ("camera", "set_zoom", {"level": 1, "smooth": "yes"}, "smooth must be true or false, got 'yes'"),
        ("camera", "capture_image", {"region": {"x": 1}}, "region lacks y"),
        ("camera", "capture_image", {"region": {"x": 1, "y": -1}}, "region.y must be between 0 and 2159, got -1"),
        ("camera", "capture_image", {"region": [1]}, "region must be an object, got '[1]'"),
        ("charger", "limit_current", {"amperes": 10, "phases": 2}, "phases must be one of 1, 3, got '2'"),
        ("lock", "set_lock", {"state": "ajar"}, "state must be one of locked, unlocked, got 'ajar'"),
        ("lock", "set_access", {"badges": ["1", 2]}, "badges[1] must be a string, got '2'"),
        ("lock", "reboot", {"reason": "x" * 121}, "reason must have at most 120 characters, got 121"),
        ("robot", "drive_to", {"route": [{"x": 1.0}]}, "route[0] lacks y"),
    ],
)
def test_wrong_parameters_fail_with_the_reason(kind: str, name: str, params: dict[str, Any], text: str) -> None:
    assert failure(device(kind), name, **params) == f"Error invoking {name}: {text}"


def a_value(schema: Schema) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "array":
            return [a_value(schema["items"])]
        case "object":
            return {name: a_value(inner) for name, inner in schema["properties"].items()}
        case _:
            return "text"


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_function_works_with_values_made_from_its_schema(kind: str) -> None:
    for function in BY_NAME[kind].functions:
        params = {name: a_value(schema) for name, schema in function.properties.items()}
        assert call(device(kind), function.name, **params).result is not None

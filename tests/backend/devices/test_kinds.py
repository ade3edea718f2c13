"""How kinds describe themselves: as the reference runtime does, or in full."""

from __future__ import annotations

from typing import Any

import pytest

from fleetgui.backend.devices.catalogue import BY_NAME, KINDS
from fleetgui.backend.devices.kinds import Kind, Runtime, Schema


def parameters(kind: str, name: str) -> Schema:
    described = next(each for each in BY_NAME[kind].functions_as_wire if each["name"] == name)
    schema: Schema = described["parameters"]
    return schema


def test_a_schema_is_what_the_reference_runtime_derives_from_a_signature() -> None:
    assert parameters("camera", "capture_image") == {
        "type": "object",
        "properties": {
            "resolution": {"type": "string", "default": "1080p"},
            "region": {"type": "object", "default": None},
            "exposure": {"type": "number", "default": None},
            "gain": {"type": "string", "default": None},
        },
        "required": [],
    }
    assert parameters("light", "set_scene") == {
        "type": "object",
        "properties": {
            "scene": {"type": "string"},
            "zones": {"type": "array", "items": {"type": "string"}, "default": []},
        },
        "required": ["scene"],
    }
    assert parameters("thermostat", "set_schedule")["properties"] == {
        "entries": {"type": "array", "items": {"type": "object"}}
    }


def test_a_runtime_of_another_make_publishes_what_it_checks() -> None:
    assert parameters("charger", "limit_current")["properties"] == {
        "amperes": {"type": "integer", "minimum": 6, "maximum": 32},
        "phases": {"type": "integer", "enum": [1, 3], "default": 3},
        "until": {"type": "string", "description": "ISO 8601; empty: for good", "default": ""},
    }


def keywords(schema: Any) -> set[str]:
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return set(schema).union(*map(keywords, inner))


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.runtime is Runtime.REFERENCE], ids=lambda kind: kind.name
)
def test_what_the_reference_runtime_describes_knows_neither_choices_nor_ranges(kind: Kind) -> None:
    for function in kind.functions_as_wire:
        assert keywords(function["parameters"]) <= {"type", "properties", "required", "items", "default", "description"}
    for event in kind.events_as_wire:
        assert keywords(event["payload_schema"]) <= {"type", "properties", "required", "items"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_functions_come_in_the_order_of_their_names_and_required_is_what_has_no_default(kind: Kind) -> None:
    names = [function["name"] for function in kind.functions_as_wire]
    assert names == sorted(names)
    for function in kind.functions_as_wire:
        schema = function["parameters"]
        assert schema["required"] == [name for name, each in schema["properties"].items() if "default" not in each]
        assert function["tags"] == []
        assert "unreadable" not in str(function)

"""What a kind of device is: its functions, its events, and how they are described on the fabric.

A parameter is written down as the JSON Schema of what the device checks. What the fabric gets to see depends on who
made the device: Device Connect's own runtime derives a schema from the Python signature of the driver's method, which
knows types and defaults, but neither ranges nor choices nor the inside of an object; another runtime may publish all
that it checks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, Final

Schema = dict[str, Any]
Labels = dict[str, str | list[str]]

READ: Final[Labels] = {"direction": "read"}
WRITE: Final[Labels] = {"direction": "write"}
CRITICAL: Final[Labels] = {"direction": "write", "safety": "critical"}

UNREADABLE: Final = "unreadable"
"""A key of our own in a schema: the driver's annotation is one that the reference runtime cannot read, such as
`float | None`, which it then describes as a string."""


class Runtime(Enum):
    """Whose way of describing a device's functions is followed."""

    REFERENCE = "reference"
    """Schemas as Device Connect's runtime derives them from signatures."""
    FULL = "full"
    """Schemas as the device checks them."""


@dataclass(frozen=True)
class Function:
    """A function of a kind. A parameter without a default is required, as it is in Python."""

    name: str
    description: str
    properties: Schema = field(default_factory=dict)
    labels: Labels | None = field(default_factory=READ.copy)

    @property
    def required(self) -> list[str]:
        return [name for name, schema in self.properties.items() if "default" not in schema]

    def as_wire(self, runtime: Runtime) -> Schema:
        return {
            "name": self.name,
            "description": self.description,
            "parameters": _parameters(self.properties, self.required, runtime),
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

    def as_wire(self, runtime: Runtime) -> Schema:
        return {
            "name": self.name,
            "description": self.description,
            "payload_schema": _parameters(self.properties, list(self.properties), runtime),
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
    runtime: Runtime = Runtime.REFERENCE

    @cached_property
    def functions_as_wire(self) -> list[Schema]:
        """Made once: records of a million devices share them. Not to be changed."""
        return [function.as_wire(self.runtime) for function in self.functions]

    @cached_property
    def events_as_wire(self) -> list[Schema]:
        return [event.as_wire(self.runtime) for event in self.events]

    def function(self, name: str) -> Function | None:
        return next((each for each in self.functions if each.name == name), None)


def integer(low: int, high: int, **more: Any) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high, **more}


def number(low: float, high: float, **more: Any) -> Schema:
    return {"type": "number", "minimum": low, "maximum": high, **more}


def one_of(*options: str, **more: Any) -> Schema:
    return {"type": "string", "enum": list(options), **more}


def _parameters(properties: Schema, required: list[str], runtime: Runtime) -> Schema:
    described = {
        name: _derived(schema) if runtime is Runtime.REFERENCE else _published(schema)
        for name, schema in properties.items()
    }
    return {"type": "object", "properties": described, "required": required}


def _derived(schema: Schema) -> Schema:
    """What the reference runtime makes of an annotation: `float`, `list[str]`, `dict` …, with its default."""
    derived: Schema = {"type": "string" if schema.get(UNREADABLE) else schema["type"]}
    if schema["type"] == "array":
        derived["items"] = {"type": schema["items"]["type"]}
    return derived | {name: schema[name] for name in ("description", "default") if name in schema}


def _published(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != UNREADABLE}

"""A function's JSON Schema, as far as a form needs it: fields out of it, and a check of values against it. No Qt.

Schemas come from devices. Nothing in one is fetched (`$ref`), run (`pattern`) or followed deeper than `DEEPEST`; one
that is too large, too strange or not a schema at all makes no form but a remark, and is then edited as JSON.
The device itself checks what it is sent: this is for telling people early, not for keeping anything out.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from fleetgui.policy import formats
from fleetgui.wire.codec import Malformed, decode_any, encode

MOST_FIELDS: Final = 60
MOST_CHOICES: Final = 200
MOST_CHECKED: Final = 20_000
"""Values looked at in one check; a longer array is sent as it is."""
DEEPEST: Final = 12

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL: Final = re.compile(r"[+-]?([0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?")
_FAR: Final = 2**63
_INDIRECT: Final = ("$ref", "$dynamicRef", "allOf", "oneOf", "anyOf", "not", "if")


class Kind(Enum):
    """How a parameter is edited."""

    TEXT = "text"
    INTEGER = "whole number"
    NUMBER = "number"
    BOOLEAN = "true or false"
    CHOICE = "one of a list"
    JSON = "JSON"


class _Absent(Enum):
    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT
"""No value: the parameter is not sent, or the schema gives no default. Not the same as null."""


@dataclass(frozen=True)
class Field:
    """One parameter. `schema` is its own part of the function's schema, for `problem`."""

    name: str
    kind: Kind
    schema: dict[str, Any]
    required: bool = False
    description: str = ""
    default: Any = ABSENT
    choices: tuple[Any, ...] = ()

    @property
    def hint(self) -> str:
        """What may stand there, in a few words: "whole number, 1 to 10"."""
        kind = _named_type(self.schema) if self.kind is Kind.JSON else self.kind.value
        low, high = (_number(self.schema.get(key)) for key in ("minimum", "maximum"))
        if low is not None and high is not None:
            return f"{kind}, {low:g} to {high:g}"
        if low is not None:
            return f"{kind}, from {low:g}"
        return kind if high is None else f"{kind}, up to {high:g}"


@dataclass(frozen=True)
class Form:
    """The fields of a function. `remark` says why there are none where one would expect some."""

    fields: tuple[Field, ...] = ()
    remark: str | None = None


def form_of(schema: object) -> Form:
    """The form for a function's `parameters`, whatever they are."""
    if schema is None or schema == {}:
        return Form(remark="This function does not say which parameters it takes: write them as JSON, or leave {}.")
    if not isinstance(schema, dict):
        return Form(remark="What describes the parameters is no JSON Schema: write them as JSON.")
    if any(key in schema for key in _INDIRECT):
        return Form(remark="The parameters are described indirectly, which is not followed: write them as JSON.")
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or schema.get("type", "object") != "object":
        return Form(remark="What describes the parameters cannot be made into a form: write them as JSON.")
    if len(properties) > MOST_FIELDS:
        return Form(remark=f"{len(properties):,} parameters are too many for a form: write them as JSON.")
    required = schema.get("required")
    names = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    return Form(tuple(_field(name, part, name in names) for name, part in properties.items()))


def _field(name: str, part: object, required: bool) -> Field:
    schema = _without_null(part) if isinstance(part, dict) else {}
    choices = _choices(schema)
    described = schema.get("description")
    return Field(
        name,
        Kind.CHOICE if choices else _kind(schema),
        schema,
        required,
        description=described if isinstance(described, str) else "",
        default=schema.get("default", ABSENT),
        choices=choices,
    )


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """`anyOf: [X, null]`, as other runtimes write what is optional, is X that may be null."""
    options = schema.get("anyOf")
    if isinstance(options, list) and len(options) == 2:
        rest = [option for option in options if option != {"type": "null"}]
        if len(rest) == 1 and isinstance(rest[0], dict) and isinstance(rest[0].get("type"), str):
            outer = {key: value for key, value in schema.items() if key != "anyOf"}
            return {**rest[0], **outer, "type": [rest[0]["type"], "null"]}
    return schema


def _choices(schema: dict[str, Any]) -> tuple[Any, ...]:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(values, list) or not 0 < len(values) <= MOST_CHOICES:
        return ()
    return tuple(values) if all(value is None or isinstance(value, str | int | float) for value in values) else ()


def _types(schema: dict[str, Any]) -> set[str]:
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return {kinds}
    return {kind for kind in kinds if isinstance(kind, str)} if isinstance(kinds, list) else set()


def _kind(schema: dict[str, Any]) -> Kind:
    if any(key in schema for key in _INDIRECT):
        return Kind.JSON
    kinds = _types(schema) - {"null"}
    return _KINDS.get(kinds.pop(), Kind.JSON) if len(kinds) == 1 else Kind.JSON


_KINDS: Final = {"string": Kind.TEXT, "integer": Kind.INTEGER, "number": Kind.NUMBER, "boolean": Kind.BOOLEAN}


def _named_type(schema: dict[str, Any]) -> str:
    return " or ".join(formats.text(kind, 20) for kind in sorted(_types(schema))[:4]) or "any JSON"


# From text to values


def value_of(field: Field, text: str) -> Any:
    """What `text` in the field's editor stands for: `ABSENT` when it is empty. Raises `ValueError` with a sentence."""
    stripped = text.strip()
    if field.kind is Kind.TEXT:
        return text if text else ABSENT
    if not stripped:
        return ABSENT
    if field.kind is Kind.INTEGER:
        if not _INTEGER.fullmatch(stripped) or not -_FAR <= int(stripped) < _FAR:
            raise ValueError("A whole number is needed.")
        return int(stripped)
    if field.kind is Kind.NUMBER:
        return _number_of(stripped)
    try:
        return decode_any(stripped)
    except Malformed as error:
        raise ValueError(f"This is no JSON: {error}") from None


def _number_of(text: str) -> int | float:
    if _INTEGER.fullmatch(text) and -_FAR <= int(text) < _FAR:
        return int(text)
    number = float(text) if _DECIMAL.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise ValueError("A number is needed, such as 0.5.")
    return number


def text_of(value: Any) -> str:
    """What stands in an editor for a value: the inverse of `value_of`, on one line and cut for what is long."""
    if value is ABSENT:
        return ""
    return value if isinstance(value, str) else shown_json(value)


def shown_json(value: Any, limit: int = 4_000) -> str:
    """Compact JSON of anything; a remark for what cannot be written."""
    try:
        text = encode(value).decode()
    except Malformed:
        return "(cannot be written as JSON)"
    return text if len(text) <= limit else text[:limit] + "…"


# Checking values


def problem(field: Field, value: Any) -> str | None:
    """What is wrong with a value for a field, as a sentence; None when it may be sent."""
    if value is ABSENT:
        return "This one is required." if field.required else None
    if value is None and field.default is None:
        return None  # runtimes write an optional parameter as its type with `default: null`
    if field.kind is Kind.TEXT and field.default is None and _number(value) is not None:
        return None  # and an optional number as a string
    return _problem(field.schema, value, _Budget(MOST_CHECKED), 0)


class _Budget:
    def __init__(self, left: int) -> None:
        self.left = left


def _problem(schema: object, value: Any, budget: _Budget, depth: int) -> str | None:
    budget.left -= 1
    if not isinstance(schema, dict) or depth > DEEPEST or budget.left < 0:
        return None
    known = _types(schema) & _TESTS.keys()
    if known and known == _types(schema) and not any(_TESTS[kind](value) for kind in known):
        return f"This must be {' or '.join(_article(kind) for kind in sorted(known))}."
    choices = _choices(schema)
    if choices and not any(_same(value, choice) for choice in choices):
        return f"This must be one of {', '.join(formats.text(shown_json(choice), 40) for choice in choices[:8])}."
    if (number := _number(value)) is not None:
        return _out_of_range(schema, number)
    if isinstance(value, str | list):
        return _wrong_length(schema, value) or _in_items(schema, value, budget, depth)
    return _in_properties(schema, value, budget, depth) if isinstance(value, dict) else None


def _article(kind: str) -> str:
    return kind if kind == "null" else f"{'an' if kind[0] in 'aio' else 'a'} {kind}"


def _same(value: Any, choice: Any) -> bool:
    return value == choice and isinstance(value, bool) is isinstance(choice, bool)


def _out_of_range(schema: dict[str, Any], value: float) -> str | None:
    for key, wrong, words in _RANGES:
        limit = _number(schema.get(key))
        if limit is not None and wrong(value, limit):
            return f"This must be {words} {limit:g}."
    return None


def _wrong_length(schema: dict[str, Any], value: str | list[Any]) -> str | None:
    keys = ("minLength", "maxLength") if isinstance(value, str) else ("minItems", "maxItems")
    what = "characters" if isinstance(value, str) else "items"
    low, high = (_number(schema.get(key)) for key in keys)
    if low is not None and len(value) < low:
        return f"At least {low:g} {what} are needed."
    return f"At most {high:g} {what} may stand here." if high is not None and len(value) > high else None


def _in_items(schema: dict[str, Any], value: str | list[Any], budget: _Budget, depth: int) -> str | None:
    items = schema.get("items")
    if isinstance(value, str) or not isinstance(items, dict):
        return None
    for position, item in enumerate(value):
        if budget.left < 0:
            return None
        if (wrong := _problem(items, item, budget, depth + 1)) is not None:
            return f"Item {position + 1}: {wrong}"
    return None


def _in_properties(schema: dict[str, Any], value: dict[str, Any], budget: _Budget, depth: int) -> str | None:
    required = schema.get("required")
    for name in required[:MOST_CHECKED] if isinstance(required, list) else []:
        if isinstance(name, str) and name not in value:
            return f"“{formats.text(name, 40)}” is missing in it."
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return None
    for name, part in value.items():
        if budget.left < 0:
            return None
        if name in properties and (wrong := _problem(properties[name], part, budget, depth + 1)) is not None:
            return f"In “{formats.text(name, 40)}”: {wrong}"
    return None


def _is_whole(value: object) -> bool:
    number = _number(value)
    return number is not None and number == math.floor(number)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


_RANGES: Final[tuple[tuple[str, Callable[[float, float], bool], str], ...]] = (
    ("minimum", operator.lt, "at least"),
    ("maximum", operator.gt, "at most"),
    ("exclusiveMinimum", operator.le, "more than"),
    ("exclusiveMaximum", operator.ge, "less than"),
)

_TESTS: Final[dict[str, Callable[[Any], bool]]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_whole,
    "number": lambda value: _number(value) is not None,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}

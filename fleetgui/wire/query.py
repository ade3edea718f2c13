"""The language in which devices are searched, filtered and sorted: one meaning for the registry and the console.

The registry evaluates it on the records that it keeps, the console on those that it holds; both read a record into
the same fields, so that the same question has the same answer on either side. What is asked, as JSON:

    query     text                                    case-insensitive substring of `device_id`, `device_type`,
                                                      `location` or `labels`
    where     {field: {operator: operand, …}, …}      every one of them must hold
    order_by  field, and descending: true or false    ties by device id, ascending; what is missing comes last, always

    field     one of FIELDS, which are a summary's (`wire.records.Summary`)
    operator  eq, ne                                  the same, or not; texts exactly, case included
              lt, le, gt, ge                          numbers and times by size, texts by code point
              contains                                texts: a substring, whatever the case
              in                                      one of a list
              exists                                  true: there is a value; false: there is none
    operand   of the field's kind: a text, a number, true or false; a time is ISO 8601 text or epoch seconds

A field is missing when the record has none, when it is null, empty text, or not of its kind (a time that is none).
On what is missing only `ne` and `exists: false` hold. There is no "or", no "not" and no regular expression: the cost
of a condition is bounded by its length, and that is bounded here.
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeVar

from fleetgui.wire.records import Summary
from fleetgui.wire.times import to_epoch

T = TypeVar("T")

Value = str | float | bool | None
"""Of a field, as it is compared: a time is epoch seconds, None is missing."""

MOST_CONDITIONS: Final = 16
MOST_CHARACTERS: Final = 256
"""Of a text to look for."""
MOST_OPTIONS: Final = 1_000
"""Of all `in` together."""

SEARCHED: Final = ("device_id", "device_type", "location", "labels")
"""The fields that `query` looks into."""


class BadQuery(ValueError):
    """What was asked is not in the language. The text says what is allowed, and is safe to show."""


class Kind(Enum):
    """What a field holds."""

    TEXT = "a text"
    NUMBER = "a number"
    TIME = "a time (ISO 8601 text or epoch seconds)"
    TRUTH = "true or false"


FIELDS: Final[dict[str, Kind]] = {
    "device_id": Kind.TEXT,
    "ttl": Kind.NUMBER,
    "device_type": Kind.TEXT,
    "manufacturer": Kind.TEXT,
    "model": Kind.TEXT,
    "serial_number": Kind.TEXT,
    "firmware": Kind.TEXT,
    "arch": Kind.TEXT,
    "location": Kind.TEXT,
    "availability": Kind.TEXT,
    "busy_score": Kind.NUMBER,
    "battery": Kind.NUMBER,
    "online": Kind.TRUTH,
    "error_state": Kind.TEXT,
    "functions": Kind.NUMBER,
    "events": Kind.NUMBER,
    "labels": Kind.TEXT,
    "status_ts": Kind.TIME,
    "registered_at": Kind.TIME,
    "offline_since": Kind.TIME,
}
"""Named as in `Summary`; `labels` are one text, `key=value key=value,value`."""

_OPERATORS: Final = {
    Kind.TEXT: ("eq", "ne", "lt", "le", "gt", "ge", "contains", "in", "exists"),
    Kind.NUMBER: ("eq", "ne", "lt", "le", "gt", "ge", "in", "exists"),
    Kind.TIME: ("eq", "ne", "lt", "le", "gt", "ge", "in", "exists"),
    Kind.TRUTH: ("eq", "ne", "exists"),
}


def value_of(summary: Summary, name: str) -> Value:
    """The field `name` of a record, as it is compared."""
    return comparable(FIELDS[name], getattr(summary, name))


def comparable(kind: Kind, value: object) -> Value:
    """`value` as a field of `kind` is compared; None for what is missing, or of another kind."""
    match kind:
        case Kind.TEXT:
            return value if isinstance(value, str) and value else None
        case Kind.NUMBER:
            return value if isinstance(value, int | float) and not isinstance(value, bool) else None
        case Kind.TIME:
            return to_epoch(value)
        case Kind.TRUTH:
            return value if isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one field. `holds(value)` decides; equal conditions decide alike."""

    field: str
    operator: str
    operand: str | float | bool | frozenset[Any]
    holds: Callable[[Value], bool] = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a record must be like: hold `text` (lower-cased, "" for any) where `query` looks, and meet `conditions`."""

    text: str = ""
    conditions: tuple[Condition, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it lets everything through."""
        return not self.text and not self.conditions

    def matches(self, value: Callable[[str], Value]) -> bool:
        """Decide on the record whose fields `value(name)` gives, as `value_of` does."""
        if self.text and not any(self.text in str(value(name) or "").lower() for name in SEARCHED):
            return False
        return all(condition.holds(value(condition.field)) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Order:
    field: str = "device_id"
    descending: bool = False

    @property
    def is_by_id(self) -> bool:
        """Whether this is the order that devices are in anyway."""
        return self == BY_ID


BY_ID: Final = Order()


def arranged(items: Iterable[tuple[Value, T]], order: Order) -> list[T]:
    """The second of each pair, sorted by the first; `items` come in order of device id."""
    present: list[tuple[Any, T]] = []
    missing: list[T] = []
    for value, item in items:
        if value is None:
            missing.append(item)
        else:
            present.append((value, item))
    present.sort(key=lambda pair: pair[0], reverse=order.descending)  # reversed, Python keeps ties as they were
    return [item for _, item in present] + missing


def condition(name: str, operator: str, operand: object) -> Condition:
    """One condition; raises `BadQuery` for what is not in the language."""
    kind = _kind(name)
    if operator not in _OPERATORS[kind]:
        raise BadQuery(f"{name} takes {', '.join(_OPERATORS[kind])}, not {shown(operator)}")
    wanted = _operand(name, kind, operator, operand)
    return Condition(name, operator, wanted, _test(operator, wanted))


def contains(name: str, text: str) -> Condition:
    """That the text field `name` holds `text`, whatever the case and the length."""
    return Condition(name, "contains", text.lower(), _test("contains", text.lower()))


def text_of(query: object) -> str:
    """What `query` looks for, lower-cased; "" for null. Raises `BadQuery`."""
    if query is None:
        return ""
    if not isinstance(query, str):
        raise BadQuery(f"query must be a text, got {shown(query)}")
    return _short("query", query).lower()


def conditions_of(where: object) -> tuple[Condition, ...]:
    """The conditions of a `where`, none for null. Raises `BadQuery`."""
    if where is None:
        return ()
    if not isinstance(where, dict):
        raise BadQuery(f"where must be an object {{field: {{operator: operand}}}}, got {shown(where)}")
    if len(where) > MOST_CONDITIONS:
        raise BadQuery(f"where has {len(where)} fields, {MOST_CONDITIONS} conditions are allowed")
    conditions: list[Condition] = []
    options = 0
    for name, clauses in where.items():
        _kind(name)
        if not isinstance(clauses, dict) or not clauses:
            raise BadQuery(f"where.{name} must be an object {{operator: operand}}, got {shown(clauses)}")
        if len(conditions) + len(clauses) > MOST_CONDITIONS:
            raise BadQuery(f"where has more than the {MOST_CONDITIONS} conditions allowed")
        for operator, operand in clauses.items():
            options += len(operand) if isinstance(operand, list) else 0
            if options > MOST_OPTIONS:
                raise BadQuery(f"where.{name}.{operator[:20]} has more values than the {MOST_OPTIONS} allowed in all")
            conditions.append(condition(name, operator, operand))
    return tuple(conditions)


def order_of(order_by: object, descending: object) -> Order:
    """The order asked for, by device id for null. Raises `BadQuery`."""
    if descending is not None and not isinstance(descending, bool):
        raise BadQuery(f"descending must be true or false, got {shown(descending)}")
    if order_by is None:
        return Order(descending=bool(descending))
    if not isinstance(order_by, str):
        raise BadQuery(f"order_by must be the name of a field, got {shown(order_by)}")
    _kind(order_by)
    return Order(order_by, bool(descending))


def _kind(name: str) -> Kind:
    kind = FIELDS.get(name)
    if kind is None:
        raise BadQuery(f"there is no field {shown(name)}; there are {', '.join(FIELDS)}")
    return kind


def _operand(name: str, kind: Kind, operator: str, operand: object) -> Any:
    where = f"where.{name}.{operator}"
    if operator == "exists":
        if not isinstance(operand, bool):
            raise BadQuery(f"{where} must be true or false, got {shown(operand)}")
        return operand
    if operator == "in":
        if not isinstance(operand, list):
            raise BadQuery(f"{where} must be a list, got {shown(operand)}")
        return frozenset(_scalar(where, kind, each) for each in operand)
    wanted = _scalar(where, kind, operand)
    return wanted.lower() if operator == "contains" else wanted


def _scalar(where: str, kind: Kind, operand: object) -> Any:
    if isinstance(operand, str) and kind is Kind.TEXT:
        return _short(where, operand)  # the empty text too: nothing is equal to it, and everything contains it
    value = comparable(kind, operand)
    if value is None:
        raise BadQuery(f"{where} must be {kind.value}, got {shown(operand)}")
    return value


def _short(where: str, text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        raise BadQuery(f"{where} has {len(text)} characters, {MOST_CHARACTERS} are allowed")
    return text


def _test(operator: str, wanted: Any) -> Callable[[Any], bool]:
    match operator:
        case "eq":
            return lambda value: bool(value == wanted)
        case "ne":
            return lambda value: bool(value != wanted)
        case "lt":
            return lambda value: value is not None and value < wanted
        case "le":
            return lambda value: value is not None and value <= wanted
        case "gt":
            return lambda value: value is not None and value > wanted
        case "ge":
            return lambda value: value is not None and value >= wanted
        case "contains":
            return lambda value: value is not None and wanted in value.lower()
        case "in":
            return lambda value: value in wanted
        case _:
            return lambda value: (value is not None) is wanted


_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlevel = 2


def shown(value: object) -> str:
    """A caller's value as an error repeats it: cut, and quickly, however large it is."""
    return _SHORT.repr(value)[:80]

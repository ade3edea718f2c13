"""What the parts of a broadcast's condition do: values, fields, operators, with CEL's rules about types.

`where.py` puts them together. Each function here returns a closure, which raises `WhereError` where CEL has an error.
Values are what JSON decodes to, and a number is never a truth value, nor the other way round. Nothing here recurses, so
a condition's depth is its brackets' depth.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

MOST_ELEMENTS: Final = 10_000

Context = Mapping[str, Any]
Condition = Callable[[Context], Any]
Step = Callable[[Any, Context], Any]
"""What follows a value: a field, an index, a method."""


class WhereError(ValueError):
    """An expression that does not compile, or fails on a device. The text says why, and is safe to show."""


METHODS: Final[dict[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, part: part in text,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}


def constant(value: Any) -> Condition:
    return lambda _context: value


def variable(name: str) -> Condition:
    def value(context: Context) -> Any:
        if name not in context:
            raise WhereError(f"there is no {name[:40]!r}")
        return context[name]

    return value


def followed(first: Condition, steps: list[Step]) -> Condition:
    def value(context: Context) -> Any:
        of = first(context)
        for step in steps:
            of = step(of, context)
        return of

    return value


def field(name: str) -> Step:
    def value(of: Any, _context: Context) -> Any:
        if not isinstance(of, dict) or name not in of:
            raise WhereError(f"there is no field {name[:40]!r}")
        return of[name]

    return value


def index(index: Condition) -> Step:
    def value(of: Any, context: Context) -> Any:
        at = index(context)
        if isinstance(of, dict) and isinstance(at, str) and at in of:
            return of[at]
        if isinstance(of, list) and isinstance(at, int) and not isinstance(at, bool) and 0 <= at < len(of):
            return of[at]
        raise WhereError("there is nothing at that index")

    return value


def on_texts(name: str, argument: Condition) -> Step:
    def value(of: Any, context: Context) -> bool:
        part = argument(context)
        if not isinstance(of, str) or not isinstance(part, str):
            raise WhereError(f"{name} needs texts")
        _check_length(of)
        _check_length(part)
        return METHODS[name](of, part)

    return value


def has(field: Condition) -> Condition:
    def value(context: Context) -> bool:
        try:
            field(context)
        except WhereError:
            return False
        return True

    return value


def logic(parts: list[Condition], *, decisive: bool) -> Condition:
    """`||` when `decisive` is True, `&&` when it is False: a part that decides outweighs one that fails."""

    def value(context: Context) -> bool:
        failure: WhereError | None = None
        for part in parts:
            try:
                result = part(context)
                if not isinstance(result, bool):
                    raise WhereError(f"{kind_of(result)} is neither true nor false")
            except WhereError as error:
                failure = error
                continue
            if result is decisive:
                return decisive
        if failure is not None:
            raise failure
        return not decisive

    return value


def choose(condition: Condition, then: Condition, other: Condition) -> Condition:
    def value(context: Context) -> Any:
        decided = condition(context)
        if not isinstance(decided, bool):
            raise WhereError(f"{kind_of(decided)} is neither true nor false")
        return then(context) if decided else other(context)

    return value


def signed(signs: list[str], condition: Condition) -> Condition:
    def value(context: Context) -> Any:
        of = condition(context)
        for sign in reversed(signs):
            if kind_of(of) != ("true or false" if sign == "!" else "a number"):
                raise WhereError(f"{sign} before {kind_of(of)}")
            of = not of if sign == "!" else -of
        return of

    return value


def folded(first: Condition, rest: list[tuple[str, Condition]]) -> Condition:
    def value(context: Context) -> Any:
        of = first(context)
        for sign, part in rest:
            of = _applied(sign, of, part(context))
        return of

    return value


def _divided(left: Any, right: Any) -> Any:
    """Between integers towards zero, as in CEL."""
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "%": lambda left, right: left - right * _divided(left, right),
}
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _applied(sign: str, left: Any, right: Any) -> Any:
    _check_length(left)
    _check_length(right)
    kind = kind_of(left)
    if sign == "in":
        if not isinstance(right, list | dict):
            raise WhereError(f"nothing can be in {kind_of(right)}")
        return any(_same(left, each) for each in right)
    if sign in ("==", "!="):
        return _same(left, right) is (sign == "==")
    allowed = {"a number": "+-*/%<>=", "a text": "+<>=", "a list": "+"}.get(kind, "")
    if kind != kind_of(right) or sign[0] not in allowed:
        raise WhereError(f"{kind} {sign} {kind_of(right)}")
    if sign in _ORDER:
        return _ORDER[sign](left, right)
    try:
        return _ARITHMETIC[sign](left, right)
    except ArithmeticError:
        raise WhereError(f"{sign} has no result") from None


def _check_length(value: Any) -> None:
    """What an operator looks through, or copies, costs what it is long: for every device, and again per operator."""
    if isinstance(value, str | list) and len(value) > MOST_ELEMENTS:
        raise WhereError(f"{kind_of(value)} of more than {MOST_ELEMENTS} is too long to be compared")


def _same(left: Any, right: Any) -> bool:
    """True is not 1 in CEL."""
    return bool(kind_of(left) == kind_of(right) and left == right)


def size(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise WhereError(f"{kind_of(value)} has no size")
    return len(value)


def kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"

"""What holds for the values of one field, as far as `wire.query` can say it: united by "and", joined by "or", written.

A value that is missing keeps within limits that ask for no value: `ne` and `exists: false` hold for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from fleetgui.wire.query import MOST_CHARACTERS, Kind, Value

Bound = tuple[float | str, bool]
"""A value, and whether the value itself is outside."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for the values of one field. `options`, where there are any, are all that the value can be."""

    low: Bound | None = None
    high: Bound | None = None
    options: frozenset[Any] | None = None
    others: frozenset[Any] = frozenset()
    """What it is not; a missing value is none of them either."""
    contains: frozenset[str] = frozenset()
    """Lower-cased."""
    exists: bool | None = None

    @property
    def needs_value(self) -> bool:
        """Whether a missing value is ruled out."""
        return bool(self.low or self.high or self.options is not None or self.contains or self.exists)


def both(one: Limits, other: Limits) -> Limits:
    options = one.options if other.options is None else other.options
    if one.options is not None and other.options is not None:
        options = one.options & other.options
    united = Limits(
        _stricter(one.low, other.low, upwards=True),
        _stricter(one.high, other.high, upwards=False),
        options,
        one.others | other.others,
        one.contains | other.contains,
        one.exists if other.exists is None else other.exists,
    )
    if False in (one.exists, other.exists) and (one.needs_value or other.needs_value):
        return replace(united, options=frozenset())  # nothing is both missing and there
    return united


def _stricter(one: Any, other: Any, *, upwards: bool) -> Any:
    if one is None or other is None:
        return other if one is None else one
    if one[0] == other[0]:
        return one if one[1] else other
    return one if (one[0] > other[0]) is upwards else other


def either_of(one: tuple[Limits, bool], other: tuple[Limits, bool]) -> tuple[Limits, bool]:
    """What holds for a value that is within one or the other, and whether it is no more than that."""
    (first, first_exact), (second, second_exact) = one, other
    if (first.options is None) is not (second.options is None):
        first_exact = first_exact and len(first.options or ()) <= 1
        second_exact = second_exact and len(second.options or ()) <= 1
        first, second = _spanned(first), _spanned(second)
    options = None
    if first.options is not None and second.options is not None:
        options = first.options | second.options
    joined = Limits(
        _looser(first.low, second.low, upwards=True),
        _looser(first.high, second.high, upwards=False),
        options,
        first.others & second.others,
        common(first.contains, second.contains),
        True if first.needs_value and second.needs_value else False if first.exists is second.exists is False else None,
    )
    if options is not None:
        only_options = Limits(options=options)
        exact = first == Limits(options=first.options) and second == Limits(options=second.options)
        if exact:
            return only_options, first_exact and second_exact
    exact = (_same(joined, first) and first_exact) or (_same(joined, second) and second_exact)
    return joined, exact


def _spanned(limits: Limits) -> Limits:
    """Options that are numbers as the bounds around them: the same for one of them, less strict for several."""
    numbers = [each for each in limits.options or () if isinstance(each, int | float) and not isinstance(each, bool)]
    if not numbers or limits.low is not None or limits.high is not None:
        return limits
    return replace(limits, low=(min(numbers), False), high=(max(numbers), False), options=None)


def _same(one: Limits, other: Limits) -> bool:
    """Whether two limits let the same values through, where `exists` may or may not be spelled out."""
    if one.needs_value and other.needs_value:
        one, other = replace(one, exists=None), replace(other, exists=None)
    return one == other


def _looser(one: Any, other: Any, *, upwards: bool) -> Any:
    if one is None or other is None:
        return None
    return other if _stricter(one, other, upwards=upwards) is one else one


def common(one: Iterable[str], other: Iterable[str]) -> frozenset[str]:
    """Texts that are in a text of either side, so that whatever holds one side holds them."""
    ones, others = tuple(one), tuple(other)
    found = {text for text in ones if any(text in each for each in others)}
    return frozenset(found | {text for text in others if any(text in each for each in ones)})


def pushable(texts: Iterable[str]) -> list[str]:
    """The longest first: it rules out the most."""
    return sorted(
        (each for each in texts if each and len(each) <= MOST_CHARACTERS), key=lambda each: (-len(each), each)
    )


_OPERATORS: Final = {(True, False): "ge", (True, True): "gt", (False, False): "le", (False, True): "lt"}


def conditions(limits: Limits, kind: Kind, room: int) -> tuple[dict[str, Any], bool]:
    """The operators of one field, the most telling first; `room` options may still be listed."""
    clauses: dict[str, Any] = {}
    whole = True
    if limits.options is not None:
        whole = _options(limits, kind, room, clauses)
    for bound, is_low in ((limits.low, True), (limits.high, False)):
        if bound is not None:
            clauses[_OPERATORS[is_low, bound[1]]] = bound[0]
    if limits.contains:
        longest = pushable(limits.contains)[:1]
        whole = whole and bool(longest) and all(text in longest[0] for text in limits.contains)
        if longest:
            clauses["contains"] = longest[0]
    others = sorted(limits.others, key=repr)
    if others:
        clauses["ne"] = others[0]
        whole = whole and len(others) == 1
    if limits.exists is False or (limits.exists and not clauses):
        clauses["exists"] = limits.exists
    elif limits.exists and set(clauses) == {"ne"}:
        clauses["exists"] = True
    return clauses, whole


def _options(limits: Limits, kind: Kind, room: int, clauses: dict[str, Value | list[Any] | bool]) -> bool:
    """Adds the condition that a value is one of the options; returns whether it could be said."""
    options = limits.options or frozenset()
    if len(options) == 1:
        (clauses["eq"],) = options
        return True
    if kind is Kind.TRUTH:
        clauses["exists"] = True
        if options:
            return True
        clauses["eq"], clauses["ne"] = True, True  # nothing is both
        return True
    if len(options) > room:
        clauses["exists"] = True
        return False
    clauses["in"] = sorted(options)
    return True

"""From a question to a plan: the registry's language and the filter language, each check by its quickest way."""

from __future__ import annotations

from collections.abc import Iterable

from fleetgui.policy.filters import checks, expression, payload
from fleetgui.policy.filters.operands import number_in
from fleetgui.stores.held.plan import (
    All,
    Among,
    Between,
    Contains,
    Each,
    Either,
    Expression,
    How,
    Leaf,
    Not,
    Plan,
    Present,
    plan_of_filter,
)
from fleetgui.wire import query
from fleetgui.wire.query import FIELDS, Kind

Asked = Expression | query.Filter | Plan
"""What may be asked of the held fleet."""


def plan_of(asked: Asked) -> Plan:
    """The plan of a question. What is not known here is asked of each summary by itself."""
    match asked:
        case Leaf() | All() | Either() | Not() | Each():
            return asked
        case query.Filter():
            return plan_of_filter(asked)
        case expression.All():
            return All(tuple(map(plan_of, asked.parts)))
        case expression.Either():
            return Either(tuple(map(plan_of, asked.parts)))
        case expression.Not():
            return Not(plan_of(asked.part))
        case expression.Clause():
            return _either(tuple(_of_check(name, asked.check) for name in asked.looks_into))
        case _:
            return Each(asked.holds)


def _of_check(name: str, check: checks.Check) -> Plan:
    if isinstance(check, checks.AnyOf):
        return _either(tuple(_of_check(name, each) for each in check.checks))
    return Leaf(name, check.accepts, _how(name, check), _needs(check))


def _either(parts: tuple[Plan, ...]) -> Plan:
    return parts[0] if len(parts) == 1 else Either(parts)


def _how(name: str, check: checks.Check) -> How | None:
    """The quicker way to what `check.accepts` says of a field's values, of its numbers where it may have any kind."""
    is_text = FIELDS.get(name) is Kind.TEXT
    match check:
        case checks.Present():
            return Present()
        case payload.Exactly():
            return _among_numbers(check.texts)
        case payload.Untyped():
            return _of_numbers(check)
        case checks.Contains() if is_text:
            return Contains(check.folded) if check.folded else Present()
        case checks.OneOf() if is_text:
            return Among(check.texts)
        case checks.Within() if FIELDS.get(name) in (Kind.NUMBER, Kind.TIME):
            return Between(check.low, check.high, check.low_open, check.high_open)
        case _:
            return None


def _among_numbers(texts: Iterable[str]) -> How:
    """The numbers among them: no number is any of the others."""
    numbers = (number_in(text) for text in texts)
    return Among(frozenset(each for each in numbers if each is not None))


def _of_numbers(check: payload.Untyped) -> How:
    """What a comparison of any kind says of numbers: nothing, where it is with a text."""
    bounds = [number_in(text) if text else None for text in (check.text, check.second)]
    if any(text and bound is None for text, bound in zip((check.text, check.second), bounds, strict=True)):
        return Among(frozenset())
    match check.sign:
        case ":":
            return _among_numbers([check.text])
        case "..":
            return Between(bounds[0], bounds[1])
        case "<" | "<=":
            return Between(high=bounds[0], high_open=check.sign == "<")
        case _:
            return Between(low=bounds[0], low_open=check.sign == ">")


def _needs(check: checks.Check) -> tuple[str, ...]:
    """What every text that is accepted has in its lower-cased form."""
    match check:
        case checks.Like() | checks.Finds():
            return tuple(each for each in check.needed if each)
        case checks.Labelled():
            return (check.key.lower(), *_needed_by_value(check.check))
        case _:
            return ()


def _needed_by_value(check: checks.Check) -> tuple[str, ...]:
    """As `_needs`, of a check that sees a part of the text."""
    match check:
        case checks.Contains():
            return (check.folded,) if check.folded else ()
        case checks.OneOf():
            return tuple(each.lower() for each in check.texts) if len(check.texts) == 1 else ()
        case _:
            return _needs(check)

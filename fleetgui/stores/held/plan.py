"""What is asked of the held fleet, as a tree whose leaves say how whole columns can answer them.

A leaf always carries the question for one value (`holds`), which is its meaning; `how` is a quicker way to the same
answer, and `needs` what every text that holds must have in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from fleetgui.wire import query
from fleetgui.wire.query import Value
from fleetgui.wire.records import Summary


@dataclass(frozen=True, slots=True)
class Contains:
    """A text has `lowered`, which is not empty, in its lower-cased form."""

    lowered: str


@dataclass(frozen=True, slots=True)
class Among:
    """The value is one of `values`."""

    values: frozenset[Any]


@dataclass(frozen=True, slots=True)
class Between:
    """The value is not below `low` and not above `high`, where they are given; nor equal to one that is open."""

    low: Any = None
    high: Any = None
    low_open: bool = False
    high_open: bool = False


@dataclass(frozen=True, slots=True)
class Present:
    """There is a value."""


How = Contains | Among | Between | Present
"""None of them holds for a missing value."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is asked of the value of one field. `holds` takes it as `wire.query.value_of` gives it."""

    field: str
    holds: Callable[[Value], bool]
    how: How | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Plan


@dataclass(frozen=True, slots=True)
class Each:
    """What can only be asked of one summary after the other."""

    holds: Callable[[Summary], bool]


Plan = Leaf | All | Either | Not | Each

EVERYTHING = All(())


class Expression(Protocol):
    """A question about one summary: what every quicker way must agree with."""

    def holds(self, summary: Summary) -> bool: ...


def plan_of_filter(asked: query.Filter) -> Plan:
    """The plan of what a registry may be asked."""
    parts: list[Plan] = [plan_of_condition(each) for each in asked.conditions]
    if asked.text:
        parts.append(Either(tuple(plan_of_condition(query.contains(name, asked.text)) for name in query.SEARCHED)))
    return All(tuple(parts))


def plan_of_condition(asked: query.Condition) -> Plan:
    """The plan of one condition."""
    wanted: Any = asked.operand

    def leaf(how: How) -> Leaf:
        return Leaf(asked.field, asked.holds, how)

    match asked.operator:
        case "eq":
            return leaf(Among(frozenset([wanted])))
        case "ne":
            return Not(Leaf(asked.field, lambda value: value == wanted, Among(frozenset([wanted]))))
        case "in":
            return leaf(Among(wanted))
        case "lt":
            return leaf(Between(high=wanted, high_open=True))
        case "le":
            return leaf(Between(high=wanted))
        case "gt":
            return leaf(Between(low=wanted, low_open=True))
        case "ge":
            return leaf(Between(low=wanted))
        case "contains":
            return leaf(Contains(wanted) if wanted else Present())
        case _:
            return leaf(Present()) if wanted else Not(Leaf(asked.field, lambda value: value is not None, Present()))

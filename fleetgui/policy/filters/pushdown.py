"""What of a filter a registry can be asked for, in the language of `wire.query`: as strict as that language allows.

A filter is read into a `Box`: for every field the limits that each match keeps within, and the texts that `query` finds
in it. "And" unites the limits of both sides, "or" keeps what both sides imply, and what cannot be said is left out,
so that a registry never withholds a match. `exact` says that nothing was left out: then its answer is the filter's.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from fleetgui.policy.filters import checks
from fleetgui.policy.filters.expression import All, Clause, Either, Expression, Not
from fleetgui.policy.filters.limits import Limits, both, common, conditions, either_of, pushable
from fleetgui.wire.query import FIELDS, MOST_CONDITIONS, MOST_OPTIONS, SEARCHED, Kind


@dataclass(frozen=True, slots=True)
class Pushed:
    """What to ask a registry for: `query` and `where` as `wire.query` has them, None for neither.

    Every device that the filter holds for is in the answer; with `exact` no other one is.
    """

    query: str | None
    where: dict[str, dict[str, Any]] | None
    exact: bool


@dataclass(frozen=True, slots=True)
class Box:
    """What holds for every match: limits by field, and lower-cased texts, each in one of the fields of `query`."""

    limits: dict[str, Limits] = field(default_factory=dict)
    texts: frozenset[str] = frozenset()


_Read = tuple[Box, bool]
"""A box, and whether it holds for nothing else."""


def pushed(expression: Expression | None, *, apart: Container[str] = ()) -> Pushed:
    """The strictest `query` and `where` that every match of `expression` keeps within; None matches any device.

    `apart` are fields of which the registry is not asked, because somebody else knows better.
    """
    known = frozenset(name for name in FIELDS if name not in apart)
    box, exact = (Box(), True) if expression is None else _read(expression, known, holds=True)
    query, queried = _query_of(box)
    where, whole = _where_of(box)
    return Pushed(query, where or None, exact and queried and whole)


def _read(expression: Expression, known: frozenset[str], *, holds: bool) -> _Read:
    """The box of the devices that `expression` holds for, or does not hold for; the registry has the `known` fields."""
    match expression:
        case Not(part):
            return _read(part, known, holds=not holds)
        case All(parts) | Either(parts):
            each = [_read(part, known, holds=holds) for part in parts]
            return reduce(_both if isinstance(expression, All) is holds else _one_of, each)
        case Clause(subject) if subject is None or subject.field in known:
            return _held(expression) if holds else _not_held(expression)
    return Box(), False


def _held(clause: Clause) -> _Read:
    check = clause.check
    if clause.subject is None:
        match check:
            case checks.Contains():
                return Box(texts=frozenset({check.folded})), True
            case checks.Like() | checks.Finds():
                return Box(texts=frozenset(check.needed)), False
            case _:
                return Box(), isinstance(check, checks.Present)  # every device has an id
    name = clause.subject.field
    limits, exact = _limits(check, FIELDS[name])
    return _boxed(name, limits), exact


def _limits(check: checks.Check, kind: Kind) -> tuple[Limits, bool]:
    """What `check` says of a value, and whether it says no more than that."""
    match check:
        case checks.Present():
            return Limits(exists=True), True
        case checks.Contains():
            return Limits(contains=frozenset({check.folded})), True
        case checks.OneOf(texts):
            return Limits(options=texts), True
        case checks.Is(wanted):
            return Limits(options=frozenset({wanted})), True
        case checks.Within(low, high, low_open, high_open):
            if low is not None and low == high and not (low_open or high_open):
                return Limits(options=frozenset({low})), True
            return Limits(
                low=None if low is None else (low, low_open), high=None if high is None else (high, high_open)
            ), True
        case checks.Like() | checks.Finds():
            return Limits(contains=frozenset(check.needed), exists=True), False
        case checks.Labelled(key, inner):
            within, _ = _limits(inner, kind)
            options = within.options
            alone = frozenset(text.lower() for text in options) if options is not None and len(options) == 1 else None
            return Limits(contains=within.contains | {f"{key.lower()}="} | (alone or frozenset())), False
        case checks.AnyOf(each):
            read = [_limits(one, kind) for one in each]
            return reduce(either_of, read)
        case _:
            return Limits(exists=True), False


def _not_held(clause: Clause) -> _Read:
    if clause.subject is None:
        return Box(), False
    match clause.check:
        case checks.Present():
            limits = Limits(exists=False)
        case checks.OneOf(texts):
            limits = Limits(others=texts)
        case checks.Is(wanted):
            limits = Limits(others=frozenset({wanted}))
        case checks.Within(low, high, low_open, high_open) if (
            low is not None and low == high and not (low_open or high_open)
        ):
            limits = Limits(others=frozenset({low}))
        case _:
            return Box(), False
    return _boxed(clause.subject.field, limits), True


def _boxed(name: str, limits: Limits) -> Box:
    return Box() if limits == Limits() else Box({name: limits})


def _both(one: _Read, other: _Read) -> _Read:
    (first, first_exact), (second, second_exact) = one, other
    names = dict.fromkeys((*first.limits, *second.limits))
    limits = {name: both(first.limits.get(name, Limits()), second.limits.get(name, Limits())) for name in names}
    return Box(limits, first.texts | second.texts), first_exact and second_exact


def _one_of(one: _Read, other: _Read) -> _Read:
    (first, first_exact), (second, second_exact) = one, other
    limits: dict[str, Limits] = {}
    union_exact = False
    for name in first.limits:
        if name in second.limits:
            either, _ = either_of((first.limits[name], True), (second.limits[name], True))
            if either != Limits():
                limits[name] = either
    box = Box(limits, common(_findable(first), _findable(second)))
    alone = len(first.limits) == len(second.limits) == 1 and first.limits.keys() == second.limits.keys()
    if alone and not first.texts and not second.texts:
        (name,) = first.limits
        _, union_exact = either_of((first.limits[name], True), (second.limits[name], True))
        if union_exact:
            box = replace(box, texts=frozenset())
    exact = (
        (box == first and first_exact)
        or (box == second and second_exact)
        or (union_exact and first_exact and second_exact)
    )
    return box, exact


def _findable(box: Box) -> frozenset[str]:
    """Texts that a match holds in one of the fields of `query`."""
    texts = set(box.texts)
    for name in SEARCHED:
        limits = box.limits.get(name)
        if limits is not None:
            texts |= limits.contains
            if limits.options is not None and len(limits.options) == 1:
                texts |= {str(each).lower() for each in limits.options}
    return frozenset(texts)


def _query_of(box: Box) -> tuple[str | None, bool]:
    """The text to look for, and whether it says all that the box says of texts."""
    of_query = pushable(box.texts)
    if of_query:
        return of_query[0], all(text in of_query[0] for text in box.texts)
    # A second text that a field must hold has no room in `where`; it is in one of the fields of `query` all the same.
    spare = [
        text
        for name in SEARCHED
        if name in box.limits
        for longest in pushable(box.limits[name].contains)[:1]
        for text in pushable(box.limits[name].contains)
        if text not in longest
    ]
    ordered = pushable(spare)
    return (ordered[0] if ordered else None), not box.texts


def _where_of(box: Box) -> tuple[dict[str, dict[str, Any]], bool]:
    """The conditions, and whether they say all that the box says of fields."""
    where: dict[str, dict[str, Any]] = {}
    whole = True
    room, options = MOST_CONDITIONS, MOST_OPTIONS
    for name, limits in box.limits.items():
        clauses, said = conditions(limits, FIELDS[name], options)
        whole = whole and said
        if len(clauses) > room:
            whole = False
            clauses = dict(list(clauses.items())[:room])
        room -= len(clauses)
        options -= len(clauses.get("in", ()))
        if clauses:
            where[name] = clauses
    return where, whole

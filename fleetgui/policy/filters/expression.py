"""A filter as a tree: clauses, joined by "and", "or" and "not". What it means, and how it is written.

The tree is in normal form: no "and" directly in an "and", no "or" in an "or", no "not" of a "not". `str` of it parses
to an equal tree, given the same vocabulary and the same moment.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fleetgui.policy.filters.checks import Check
from fleetgui.policy.filters.vocabulary import Field
from fleetgui.policy.filters.writing import term
from fleetgui.wire.query import FIELDS, SEARCHED, Value, value_of
from fleetgui.wire.records import Summary


class Expression(ABC):
    """What a device must be like."""

    __slots__ = ()

    @abstractmethod
    def matches(self, value: Callable[[str], Value]) -> bool:
        """Decide on the device whose fields `value(name)` gives, as `wire.query.value_of` does; None is missing."""

    @abstractmethod
    def clauses(self) -> Iterator[Clause]:
        """All clauses in it, from left to right."""

    def holds(self, summary: Summary) -> bool:
        """Decide on one record: the reference for every other way to decide. What a summary lacks is missing."""
        return self.matches(lambda name: value_of(summary, name) if name in FIELDS else None)

    def fields(self) -> set[str]:
        """The fields it looks at; one that is not in `wire.query.FIELDS` is in no summary."""
        return {name for clause in self.clauses() for name in clause.looks_into}

    @property
    def is_relative(self) -> bool:
        """Whether it was read against the clock (`age<2h`), so that parsed again later it means something else."""
        return any(clause.check.is_relative for clause in self.clauses())


@dataclass(frozen=True, slots=True)
class Clause(Expression):
    """One check of one field, or, where `subject` is None, of the fields in which bare words are looked for."""

    subject: Field | None
    check: Check

    @property
    def looks_into(self) -> tuple[str, ...]:
        """The fields one of which has to pass the check."""
        return SEARCHED if self.subject is None else (self.subject.field,)

    def matches(self, value: Callable[[str], Value]) -> bool:
        return any(self.check.accepts(value(name)) for name in self.looks_into)

    def clauses(self) -> Iterator[Clause]:
        yield self

    def __str__(self) -> str:
        return term(self.subject, self.check)


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """What `part` does not hold for; so also what `part` asks of a value that is missing."""

    part: Expression

    def matches(self, value: Callable[[str], Value]) -> bool:
        return not self.part.matches(value)

    def clauses(self) -> Iterator[Clause]:
        return self.part.clauses()

    def __str__(self) -> str:
        return f"-{self.part}" if isinstance(self.part, Clause) else f"-({self.part})"


@dataclass(frozen=True, slots=True)
class All(Expression):
    """What every one of two or more parts holds for."""

    parts: tuple[Expression, ...]

    def matches(self, value: Callable[[str], Value]) -> bool:
        return all(part.matches(value) for part in self.parts)

    def clauses(self) -> Iterator[Clause]:
        for part in self.parts:
            yield from part.clauses()

    def __str__(self) -> str:
        return " ".join(f"({part})" if isinstance(part, Either) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either(Expression):
    """What at least one of two or more parts holds for."""

    parts: tuple[Expression, ...]

    def matches(self, value: Callable[[str], Value]) -> bool:
        return any(part.matches(value) for part in self.parts)

    def clauses(self) -> Iterator[Clause]:
        for part in self.parts:
            yield from part.clauses()

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


def negated(part: Expression) -> Expression:
    return part.part if isinstance(part, Not) else Not(part)


def every(parts: Iterable[Expression]) -> Expression | None:
    """The parts joined by "and", None of none."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, All) else (part,))]
    return None if not flat else flat[0] if len(flat) == 1 else All(tuple(flat))


def some(parts: Iterable[Expression]) -> Expression | None:
    """The parts joined by "or", None of none."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, Either) else (part,))]
    return None if not flat else flat[0] if len(flat) == 1 else Either(tuple(flat))

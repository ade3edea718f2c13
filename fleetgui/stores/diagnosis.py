"""What the program knows of itself, as sections of names and values: for the Diagnostics window and the report file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Fact(NamedTuple):
    name: str
    value: str


class Section(NamedTuple):
    title: str
    facts: tuple[Fact, ...]


def section(title: str, values: Mapping[str, object]) -> Section:
    """A section of values as text; whole numbers in groups of three, None as a dash."""
    return Section(title, tuple(Fact(name, _text(value)) for name, value in values.items()))


def as_json(sections: Sequence[Section]) -> dict[str, dict[str, str]]:
    return {each.title: dict(each.facts) for each in sections}


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return str(value)

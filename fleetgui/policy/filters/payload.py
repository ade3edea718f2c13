"""Fields of a device's record that no summary has, named by where they stand in it: `status.temperature>40`.

Nobody knows beforehand what such a field holds, so what is asked of it is decided value by value: as numbers where
both sides are numbers, else as text. A word with a dot in it that names nothing else is such a path; its case counts.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from fleetgui.policy import formats
from fleetgui.policy.filters.checks import Check
from fleetgui.policy.filters.operands import TRUTHS, number_in
from fleetgui.policy.filters.vocabulary import Field, Reads, Vocabulary
from fleetgui.wire.query import Value

LONGEST_PATH: Final = 256
LABELS: Final = "capabilities.labels."
"""Where a record has its labels; a path that begins so is a label like any other."""

_DEEPEST: Final = 16


def field_of(path: str) -> Field | None:
    """The field at `path`, names with dots between them; None where it is no path."""
    steps = path.split(".")
    if not 2 <= len(steps) <= _DEEPEST or not all(steps) or len(path) > LONGEST_PATH:
        return None
    return Field(path, path, Reads.PAYLOAD, formats.text(path, 60), "a field of its record", f"{path}>40")


def misspelt(path: str, vocabulary: Vocabulary) -> str | None:
    """The word that was meant by the first step of `path`, where that is all but a word for labels."""
    word, _, _ = path.partition(".")
    near = vocabulary.nearest(word)
    found = vocabulary.find(near) if near else None
    return near if found is not None and found.reads is Reads.LABELS else None


@dataclass(frozen=True, slots=True)
class Untyped(Check):
    """That a value of whatever kind compares with what was written.

    `sign` is `:`, `<`, `<=`, `>`, `>=`, or `..` for from `text` to `second`, either of which may be empty. A colon
    takes a text that holds `text`, a number that is it, a truth that is said by it. By size numbers go with numbers,
    where a text that spells one is one; other texts go with other texts by code point, whatever the case, so that
    what is written as ISO 8601 is in order of time. A number never goes with a text that spells none.
    """

    sign: str
    text: str
    second: str = ""
    _first: float | str = field(init=False, compare=False, repr=False)
    _last: float | str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_first", _weighed(self.text))
        object.__setattr__(self, "_last", _weighed(self.second))

    def accepts(self, value: Value) -> bool:
        if value is None:
            return False
        if self.sign == ":":
            return self._is_alike(value)
        if self.sign == "..":
            return (not self.text or _compares(value, ">=", self._first)) and (
                not self.second or _compares(value, "<=", self._last)
            )
        return _compares(value, self.sign, self._first)

    def _is_alike(self, value: Value) -> bool:
        if isinstance(value, bool):
            return TRUTHS.get(self.text.lower()) is value
        if isinstance(value, str):
            return self.text.lower() in value.lower()
        return value == self._first


@dataclass(frozen=True, slots=True)
class Exactly(Check):
    """That a value is one of `texts`: a text case included, a number as a number, a truth as `yes`, `true`, `no` …"""

    texts: frozenset[str]
    _numbers: frozenset[float] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        numbers = (number_in(text) for text in self.texts)
        object.__setattr__(self, "_numbers", frozenset(each for each in numbers if each is not None))

    def accepts(self, value: Value) -> bool:
        if isinstance(value, bool):
            return any(TRUTHS.get(text.lower()) is value for text in self.texts)
        return value in self.texts if isinstance(value, str) else value in self._numbers


def _weighed(text: str) -> float | str:
    number = number_in(text)
    return text.lower() if number is None else number


def _compares(value: Value, sign: str, other: float | str) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    one: float | str = _weighed(value) if isinstance(value, str) else value
    return isinstance(one, str) is isinstance(other, str) and bool(_ORDERED[sign](one, other))


_ORDERED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

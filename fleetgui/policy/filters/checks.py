"""What one term asks of one value. Every check says no to a missing value; "not" is outside of them.

A check is data: who holds a million values in columns may evaluate it column by column instead, and is right as long
as the answer is that of `accepts` for each value.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Final

from fleetgui.policy.filters import patterns
from fleetgui.wire.query import Value

_MOST_VERSION: Final = 256
"""Characters of a version that are looked at."""


class Check(ABC):
    __slots__ = ()

    @abstractmethod
    def accepts(self, value: Value) -> bool:
        """Whether a value, as `wire.query.value_of` gives it, is what is asked for; False for None."""

    @property
    def is_relative(self) -> bool:
        """Whether it was read against the clock."""
        return False


@dataclass(frozen=True, slots=True)
class Present(Check):
    """That there is a value."""

    def accepts(self, value: Value) -> bool:
        return value is not None


@dataclass(frozen=True, slots=True)
class Contains(Check):
    """That a text holds `text`, whatever the case."""

    text: str
    folded: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folded", self.text.lower())

    def accepts(self, value: Value) -> bool:
        return isinstance(value, str) and self.folded in value.lower()


@dataclass(frozen=True, slots=True)
class OneOf(Check):
    """That a text is exactly one of `texts`, case included."""

    texts: frozenset[str]

    def accepts(self, value: Value) -> bool:
        return value in self.texts


@dataclass(frozen=True, slots=True)
class Like(Check):
    """That a whole text is like `pattern`, in which `*` is any run of characters and `?` one, whatever the case."""

    pattern: str
    _compiled: re.Pattern[str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_compiled", patterns.wildcards(self.pattern))

    @property
    def needed(self) -> tuple[str, ...]:
        """Lower-cased texts that every accepted value holds."""
        return tuple(piece.lower() for piece in patterns.pieces_of(self.pattern) if isinstance(piece, str))

    def accepts(self, value: Value) -> bool:
        return isinstance(value, str) and self._compiled.fullmatch(value.lower()) is not None


@dataclass(frozen=True, slots=True)
class Finds(Check):
    """That the regular expression `source` matches somewhere in a text, whatever the case.

    `needed` are lower-cased texts that every accepted value holds: part of the meaning, so that what they spare is
    never a match. (RE2 takes U+017F for an s; `wire.query` does not.) Raises `patterns.BadPattern`.
    """

    source: str
    needed: tuple[str, ...] = field(init=False, compare=False, repr=False)
    _compiled: Any = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_compiled", patterns.expression(self.source))
        object.__setattr__(self, "needed", patterns.needed_by(self.source))

    def accepts(self, value: Value) -> bool:
        if not isinstance(value, str):
            return False
        if self.needed:
            folded = value.lower()
            if not all(each in folded for each in self.needed):
                return False
        return self._compiled.search(value.encode("utf-8", "replace")) is not None


@dataclass(frozen=True, slots=True)
class Within(Check):
    """That a number or a time lies between two bounds; None is no bound.

    How it was written is not part of what it means: `operator` is `=`, `<`, `<=`, `>`, `>=` or `..`, the latter with
    `first` or `second` empty for an open end. `relative`: the bounds are of the moment at which it was read.
    """

    low: float | None
    high: float | None
    low_open: bool = False
    high_open: bool = False
    operator: str = field(default="..", compare=False)
    first: str = field(default="", compare=False)
    second: str = field(default="", compare=False)
    relative: bool = field(default=False, compare=False)

    @property
    def is_relative(self) -> bool:
        return self.relative

    def accepts(self, value: Value) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.low is not None and not (value > self.low if self.low_open else value >= self.low):
            return False
        return self.high is None or (value < self.high if self.high_open else value <= self.high)


@dataclass(frozen=True, slots=True)
class Version(Check):
    """That a version lies between two others, as versions are ordered; what has no digit is no version."""

    low: str | None
    high: str | None
    low_open: bool = False
    high_open: bool = False
    _low: VersionKey | None = field(init=False, compare=False, repr=False)
    _high: VersionKey | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_low", None if self.low is None else version_key(self.low))
        object.__setattr__(self, "_high", None if self.high is None else version_key(self.high))

    def accepts(self, value: Value) -> bool:
        at = version_key(value) if isinstance(value, str) else None
        if at is None:
            return False
        if self._low is not None and not (at > self._low if self.low_open else at >= self._low):
            return False
        return self._high is None or (at < self._high if self.high_open else at <= self._high)


@dataclass(frozen=True, slots=True)
class Is(Check):
    """That a truth is `wanted`."""

    wanted: bool

    def accepts(self, value: Value) -> bool:
        return value is self.wanted


@dataclass(frozen=True, slots=True)
class Labelled(Check):
    """That there is a label `key`, whatever the case of the key, with a value that `check` accepts.

    A label with several values (`a,b`) is accepted for any one of them, and as a whole.
    """

    key: str
    check: Check

    def accepts(self, value: Value) -> bool:
        if not isinstance(value, str):
            return False
        wanted = self.key.lower()
        return any(self._suits(text) for key, text in labels_in(value) if key.lower() == wanted)

    def _suits(self, text: str) -> bool:
        return self.check.accepts(text) or ("," in text and any(map(self.check.accepts, text.split(","))))


@dataclass(frozen=True, slots=True)
class AnyOf(Check):
    """That one of several checks accepts the value."""

    checks: tuple[Check, ...]

    @property
    def is_relative(self) -> bool:
        return any(each.is_relative for each in self.checks)

    def accepts(self, value: Value) -> bool:
        return any(each.accepts(value) for each in self.checks)


_LABEL: Final = re.compile(r"(?:^|(?<= ))([^ =]+)=")


def labels_in(text: str) -> list[tuple[str, str]]:
    """Keys and values in a summary's `labels`; a value runs to the next ` key=`, so that it may hold spaces."""
    found = list(_LABEL.finditer(text))
    ends = (each.start() - 1 for each in found[1:])
    return [(each[1], text[each.end() : next(ends, len(text))]) for each in found]


def next_label(text: str, start: int) -> int | None:
    """Where a value that begins at `start` ends, when another label follows it; None when it is the last."""
    found = _LABEL.search(text, start)
    return None if found is None else found.start() - 1


_PART: Final = re.compile(r"[0-9]+|[^\W\d_]+")

VersionKey = tuple[tuple[tuple[int, int, str], ...], int, tuple[tuple[int, int, str], ...]]


def version_key(text: str) -> VersionKey | None:
    """What versions are ordered by: numbers by size, 2.4 as 2.4.0, 2.4.0-rc1 before 2.4.0, what follows + not at all.

    None for what holds no digit.
    """
    release, dash, pre = text[:_MOST_VERSION].lower().split("+", 1)[0].partition("-")
    if not any(char in "0123456789" for char in release):
        return None
    parts = _parts(release.removeprefix("v"))
    while len(parts) > 1 and parts[-1] == (0, 0, ""):
        parts.pop()
    return tuple(parts), 0 if dash else 1, tuple(_parts(pre))


def _parts(text: str) -> list[tuple[int, int, str]]:
    """Digits without leading zeros are ordered by how many they are, then as text: no number is too large."""
    parts: list[tuple[int, int, str]] = []
    for part in _PART.findall(text):
        digits = part.lstrip("0")
        parts.append((0, len(digits), digits) if part[0] in "0123456789" else (1, 0, part))
    return parts

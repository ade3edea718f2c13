"""How a term of the language is written, so that reading it gives the same check of the same field."""

from __future__ import annotations

import re
from typing import Final

from fleetgui.policy.filters import checks, patterns, payload
from fleetgui.policy.filters.checks import Check
from fleetgui.policy.filters.vocabulary import Field

KEYWORDS: Final = frozenset({"or", "and", "not"})
PRESENCE: Final = {"online": True, "offline": False}
"""Bare words that ask for the truth `online`."""

_PLAIN: Final = re.compile(r"[^\W_][\w.-]*")
_SAFE: Final = re.compile(r"[\w.-]")


def term(subject: Field | None, check: Check) -> str:
    """`type:camera`, `battery<20`, `"hall 3"`; where there is no subject, as a bare word."""
    if subject is None:
        return _value(check, bare=True)
    if isinstance(check, checks.Labelled):
        return f"{subject.word}.{check.key}{_asked(check.check)}"
    if isinstance(check, checks.Is) and subject.field == "online":
        return next(word for word, wanted in PRESENCE.items() if wanted is check.wanted)
    return subject.word + _asked(check)


def _asked(check: Check) -> str:
    """Operator and operand."""
    match check:
        case checks.Present():
            return ":*"
        case checks.OneOf(texts) | payload.Exactly(texts):
            return "=" + ",".join(map(quoted, sorted(texts)))
        case checks.Is():
            return ":" + _value(check)
        case checks.Within():
            return (check.operator if check.operator in _COMPARES else ":") + _value(check)
        case checks.Version(low, high, low_open, high_open):
            if not low_open and not high_open:
                return ":" + _value(check)
            return f">{low}" if low_open else f"<{high}"
        case payload.Untyped(operator):
            return (":" if operator == ".." else operator) + _value(check)
        case checks.AnyOf(each):
            return ":" + ",".join(map(_value, each))
    return ":" + _value(check)


_COMPARES: Final = ("<", "<=", ">", ">=", "=")


def _value(check: Check, *, bare: bool = False) -> str:
    """One operand."""
    match check:
        case checks.Contains(text):
            return quoted(text, bare=bare)
        case checks.Finds(source):
            return f"/{source}/"
        case checks.Like(pattern):
            written = "".join(_escaped(piece) for piece in patterns.pieces_of(pattern))
            return "\\" + written if bare and written.startswith("-") else written
        case checks.Present():
            return patterns.Wild.ANY.value
        case checks.Is(wanted):
            return "yes" if wanted else "no"
        case checks.Within(operator="..", first=first, second=second):
            return f"{first}..{second}"
        case checks.Within(first=first):
            return first
        case payload.Untyped("..", first, second):
            return f"{_escaped(first)}..{_escaped(second)}"
        case payload.Untyped(_, text):
            return quoted(text) if ".." not in text else _in_quotes(text)
        case checks.Version(low, high):
            return f"{low or ''}..{high or ''}"
    raise TypeError(f"{check} is no value")


def quoted(text: str, *, bare: bool = False) -> str:
    """`text` as it stands in the language: in quotes wherever it could be taken for anything but itself."""
    word = text.lower()
    if _PLAIN.fullmatch(text) and not (bare and (word in KEYWORDS or word in PRESENCE)):
        return text
    return _in_quotes(text)


def _in_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(piece: str | patterns.Wild) -> str:
    if isinstance(piece, patterns.Wild):
        return piece.value
    return "".join(char if _SAFE.match(char) else "\\" + char for char in piece)

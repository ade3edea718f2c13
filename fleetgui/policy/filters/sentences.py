"""A filter in words, for above the table and for screen readers: "type contains camera and battery below 20 %".

What came from somebody's hand or from a device is cut and escaped as everywhere (`formats.text`).
"""

from __future__ import annotations

import re
from typing import Final

from fleetgui.policy import formats
from fleetgui.policy.filters import checks, payload
from fleetgui.policy.filters.checks import Check
from fleetgui.policy.filters.expression import All, Clause, Either, Expression, Not
from fleetgui.policy.filters.vocabulary import Field, Reads

_LONGEST: Final = 60
"""Characters that a sentence repeats of one value."""

_MOST_VALUES: Final = 6
_ANYWHERE: Final = "its id, type, location or labels"


def sentence(expression: Expression | None) -> str:
    """What `expression` asks for, on one line and without a full stop; "every device" for None."""
    return "every device" if expression is None else _words(expression)


def _words(expression: Expression) -> str:
    match expression:
        case Clause():
            return _clause(expression, yes=True)
        case Not(Clause() as clause):
            return _clause(clause, yes=False)
        case Not(part):
            return f"not ({_words(part)})"
        case All(parts):
            searched: list[str] = []
            said: list[str] = []
            for part in parts:
                match part:
                    case Clause(None, checks.Contains(text)):
                        searched.append(_shown(text))
                    case Either():
                        said.append(f"({_words(part)})")
                    case _:
                        said.append(_words(part))
            if searched:
                said.append(f"{_listed(searched, 'and')} in {_ANYWHERE}")
            return " and ".join(said)
        case Either(parts):
            return " or ".join(f"({_words(part)})" if isinstance(part, All) else _words(part) for part in parts)
    return str(expression)


def _clause(clause: Clause, *, yes: bool) -> str:
    if clause.subject is None:
        return _anywhere(clause.check, yes=yes)
    if isinstance(clause.check, checks.Labelled):
        title = f"label {formats.text(clause.check.key, _LONGEST)}"
        return _asked(title, Reads.TEXT, clause.check.check, yes=yes)
    return _field(clause.subject, clause.check, yes=yes)


def _anywhere(check: Check, *, yes: bool) -> str:
    match check:
        case checks.Contains(text):
            return f"{_shown(text)} {'in' if yes else 'not in'} {_ANYWHERE}"
        case checks.Like(pattern):
            return f"{'one' if yes else 'none'} of {_ANYWHERE} is like {_raw(pattern)}"
        case checks.Finds(source):
            return f"/{_raw(source)}/ {'matches' if yes else 'does not match'} {_ANYWHERE}"
    return "every device" if yes else "no device"


def _field(field: Field, check: Check, *, yes: bool) -> str:
    if isinstance(check, checks.Is):
        no = "" if yes else "not "
        if field.field == "online":
            return f"{no}online" if check.wanted else f"{no}said to be offline"
        return f"{field.title} {no}{'yes' if check.wanted else 'no'}"
    return _asked(field.title, field.reads, check, yes=yes)


_VERBS: Final = {
    checks.Contains: ("contains", "does not contain"),
    payload.Untyped: ("is or contains", "neither is nor contains"),
    checks.Like: ("is like", "is not like"),
    checks.Finds: ("matches", "does not match"),
}


def _asked(title: str, reads: Reads, check: Check, *, yes: bool) -> str:
    match check:
        case checks.Present():
            return f"has {title}" if yes else f"has no {title}"
        case checks.OneOf(texts) | payload.Exactly(texts):
            return f"{title} {'is' if yes else 'is not'} {_listed([_shown(text) for text in sorted(texts)])}"
        case checks.AnyOf(each):
            kinds = {type(one) for one in each}
            kind = kinds.pop() if len(kinds) == 1 else None
            if kind in _VERBS:
                return f"{title} {_VERBS[kind][not yes]} {_listed([_value(one) for one in each])}"
            joined = _listed([_asked("", reads, one, yes=True).strip() for one in each])
            return f"{title} {joined}" if yes else f"{title} not ({joined})"
        case checks.Within():
            return _within(title, reads, check, yes=yes)
        case checks.Version(low, high, low_open, high_open):
            return _version(title, low, high, low_open, high_open, yes=yes)
        case payload.Untyped(operator, first, second) if operator != ":":
            ends = (_raw(first), _raw(second))
            return _sized(title, _SIZES, operator, *ends, yes=yes)
    verbs = _VERBS.get(type(check), ("is", "is not"))
    return f"{title} {verbs[not yes]} {_value(check)}"


def _listed(values: list[str], joined: str = "or") -> str:
    if len(values) > _MOST_VALUES:
        values = [*values[: _MOST_VALUES - 1], f"{len(values) - _MOST_VALUES + 1} others"]
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} {joined} {values[-1]}"


def _value(check: Check) -> str:
    match check:
        case checks.Contains(text):
            return _shown(text)
        case payload.Untyped(_, text):
            return _shown(text)
        case checks.Like(pattern):
            return _raw(pattern)
        case checks.Finds(source):
            return f"/{_raw(source)}/"
    return "?"


_SIZES: Final = {"<": "below", "<=": "at most", ">": "above", ">=": "at least", "=": "is"}
_TIMES: Final = {"<": "before", "<=": "not after", ">": "after", ">=": "not before", "=": "at"}
_AGES: Final = {"<": "under", "<=": "at most", ">": "over", ">=": "at least"}


def _within(title: str, reads: Reads, check: checks.Within, *, yes: bool) -> str:
    no = "" if yes else "not "
    first, second = (_figure(reads, text) if text else "" for text in (check.first, check.second))
    words = {Reads.TIME: _TIMES, Reads.AGE: _AGES}.get(reads, _SIZES)
    if check.operator != "..":
        if words is _SIZES and check.operator == "=" and not yes:
            return f"{title} is not {first}"
        if words is _TIMES and no and check.operator in ("<=", ">="):
            return f"{title} {'after' if check.operator == '<=' else 'before'} {first}"
    return _sized(title, words, check.operator, first, second, yes=yes)


def _sized(title: str, words: dict[str, str], operator: str, first: str, second: str, *, yes: bool) -> str:
    no = "" if yes else "not "
    if operator != "..":
        return f"{title} {no}{words[operator]} {first}"
    if first and second:
        return f"{title} {no}from {first} to {second}"
    return f"{title} {no}from {first} on" if first else f"{title} {no}up to {second}"


def _figure(reads: Reads, text: str) -> str:
    if reads is Reads.PERCENT or text.endswith("%"):
        return f"{text.rstrip('%')} %"
    if reads is Reads.SECONDS and not text[-1:].isalpha():
        return f"{text} s"
    if reads is Reads.TIME and text[:1].isdigit() and "-" in text and not text.endswith("Z"):
        return text if re.search(r"T.*[+-]", text) else f"{text} UTC"
    return text


def _version(title: str, low: str | None, high: str | None, low_open: bool, high_open: bool, *, yes: bool) -> str:
    no = "" if yes else "not "
    if low is not None and high is not None:
        return f"{title} {no}from {low} to {high}"
    if low is not None:
        return f"{title} {no}{'above' if low_open else 'at least'} {low}"
    return f"{title} {no}{'below' if high_open else 'at most'} {high}"


_PLAIN: Final = re.compile(r"[\w.-]+")


def _raw(text: str) -> str:
    return formats.text(text, _LONGEST)


def _shown(text: str) -> str:
    shown = _raw(text)
    return shown if _PLAIN.fullmatch(shown) else f'"{shown}"'

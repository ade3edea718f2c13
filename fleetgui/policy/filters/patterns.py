"""Wildcards and regular expressions, with a bounded cost whatever the pattern and whatever the text.

A search looks at 1,000,000 texts that devices wrote, with a pattern that somebody typed. Python's `re` backtracks, and
`(a+)+$` on 40 characters outlasts a shift. Regular expressions therefore run on RE2, whose time is linear in the text:
no backtracking, no look-around, no back-references, and its memory is bounded here. Wildcards become an expression
for `re` in which every step is atomic: what it found is never tried again.

Case never matters: wildcards see texts in lower case, as `wire.query` compares them, and RE2 ignores case by itself.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Any, Final

_MEMORY: Final = 1 << 20
"""Bytes that one compiled expression may take; RE2 refuses what needs more."""


class BadPattern(ValueError):
    """A regular expression that cannot be used. The text says what is wrong with it."""


class Wild(Enum):
    """A wildcard: any run of characters, or exactly one."""

    ANY = "*"
    ONE = "?"


def pieces_of(pattern: str) -> tuple[str | Wild, ...]:
    """The literals and wildcards of `pattern`, in which a backslash makes the next character literal."""
    pieces: list[str | Wild] = []
    literal = ""
    characters = iter(pattern)
    for char in characters:
        if char in "*?":
            pieces += [literal, Wild(char)] if literal else [Wild(char)]
            literal = ""
        else:
            literal += next(characters, char) if char == "\\" else char
    return (*pieces, literal) if literal else tuple(pieces)


@lru_cache(maxsize=64)
def wildcards(pattern: str) -> re.Pattern[str]:
    """What `fullmatch`es the lower-cased texts that are like `pattern` from the first character to the last."""
    steps: list[str] = []
    tail = ""
    after_any = False
    for piece in pieces_of(pattern):
        if piece is Wild.ANY:
            steps.append(f"(?>.*?{tail})" if after_any else tail)
            tail, after_any = "", True
        else:
            tail += "." if isinstance(piece, Wild) else re.escape(piece.lower())
    # What follows the last `*` stands at the end: the only place from which to look backwards is known.
    steps.append(f".*{tail}" if after_any else tail)
    return re.compile("".join(steps), re.DOTALL)


@lru_cache(maxsize=64)
def expression(source: str) -> Any:
    """The compiled regular expression, whose `search` takes UTF-8; raises `BadPattern`."""
    import re2  # here: a console without a regular expression does not wait for it

    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(source, options)
    except UnicodeEncodeError:
        raise BadPattern("it holds half of a character") from None
    except re2.error as error:
        why = error.args[0] if error.args else ""
        raise BadPattern(_WHY.get(_code(why), "it is not one that can be used")) from None


_WHY: Final = {
    "missing ]": "a [ is not closed",
    "missing )": "a ( is not closed",
    "missing closing )": "a ( is not closed",
    "unexpected )": "a ) closes nothing",
    "no argument for repetition operator": "nothing stands before a *, + or ?",
    "bad repetition operator": "two repetitions follow one another",
    "invalid repetition size": "its repetitions {…} run backwards or come to more than 1000",
    "invalid character class range": "a range or a class in [ ] is not one",
    "invalid escape sequence": "a backslash stands before a letter that has no meaning there",
    "trailing \\": "it ends in a backslash",
    "invalid perl operator": "look-around and other (?…) groups are not available",
    "invalid character class": "a class in [ ] is not one",
    "pattern too large - compile failed": "it is too large",
}


def _code(why: object) -> str:
    text = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
    return text.split(":", 1)[0].strip()


_NEEDED: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_ /=,:@#%&~<>\"'")
"""Characters that stand for themselves alone, anywhere outside of brackets."""

_REPEATS: Final = "*?{"


def needed_by(source: str) -> tuple[str, ...]:
    """Lower-cased literals that every text with a match of this regular expression holds; none where it is not plain.

    Only what stands outside of groups and classes is looked at, and nothing at all where there are alternatives: the
    rest is what a registry can be asked for, and what spares most texts the expression itself.
    """
    if "|" in source or "\\Q" in source:
        return ()
    needed: list[str] = []
    run = ""
    depth = 0
    at = 0
    while at < len(source):
        char = source[at]
        after = source[at + 1 : at + 2]
        if depth == 0 and char in _NEEDED and not (after and after in _REPEATS):
            run += char
            at += 1
            continue
        needed.append(run)
        run = ""
        if char == "\\":
            at = _past_escape(source, at)
        elif char == "[":
            at = _past_class(source, at)
        elif char == "{":
            at = source.find("}", at) + 1 or len(source)
        else:
            depth += (char == "(") - (char == ")")
            at += 1
    needed.append(run)
    return tuple(dict.fromkeys(each.lower() for each in needed if each))


def _past_escape(source: str, at: int) -> int:
    """Past `\\d`, `\\x41`, `\\x{41}`, `\\pL`, `\\p{Greek}`, `\\012`: too far rather than not far enough."""
    at += 2
    before = source[at - 1 : at]
    if before in ("x", "p", "P") and source[at : at + 1] == "{":
        return source.find("}", at) + 1 or len(source)
    if before == "x":
        return at + 2
    if before in ("p", "P"):
        return at + 1
    while before.isdigit() and source[at : at + 1].isdigit():
        at += 1
    return at


def _past_class(source: str, at: int) -> int:
    """Past `[…]`, in which a `]` right at the start, and `[:alpha:]`, are part of it."""
    at += 1
    if source[at : at + 1] == "^":
        at += 1
    if source[at : at + 1] == "]":
        at += 1
    while at < len(source) and source[at] != "]":
        if source[at] == "\\":
            at += 2
        elif source.startswith("[:", at):
            at = source.find(":]", at) + 2 if ":]" in source[at:] else at + 1
        else:
            at += 1
    return at + 1

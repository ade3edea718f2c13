"""What a text was read as: its items in order, what to colour, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

MOST_MISTAKES: Final = 50
"""That are told of one text."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in `text[start:end]`, in a sentence that says what would be right, and is safe to show."""

    start: int
    end: int
    sentence: str


class Colour(Enum):
    """What a stretch of the text is, for those who colour it."""

    FIELD = "field"
    OPERATOR = "operator"
    WORD = "word"
    QUOTED = "quoted"
    PATTERN = "pattern"
    """A word with wildcards."""
    REGULAR = "regular expression"
    NEGATION = "negation"
    KEYWORD = "keyword"
    PARENTHESIS = "parenthesis"


@dataclass(frozen=True, slots=True)
class Token:
    start: int
    end: int
    colour: Colour


@dataclass(frozen=True, slots=True)
class Operand:
    """One value as it was written.

    `text` is what it stands for: unescaped, without quotes or slashes. For a `PATTERN` literal characters that could
    be taken for wildcards are escaped in it.
    """

    start: int
    end: int
    text: str
    form: Colour


@dataclass(frozen=True, slots=True)
class Term:
    """A bare word (without `operator`), or a name, an operator and one or more operands.

    Without operands its values are the bare words in the parentheses that follow: `type:(camera or lamp)`.
    """

    start: int
    end: int
    name: str
    operator: str
    operands: tuple[Operand, ...]


class Mark(Enum):
    OPEN = "("
    CLOSE = ")"
    NOT = "not"
    AND = "and"
    OR = "or"


@dataclass(frozen=True, slots=True)
class Item:
    """A mark or a term; a term that was read with a mistake is None."""

    start: int
    end: int
    what: Mark | Term | None


@dataclass(slots=True)
class Reading:
    items: list[Item] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    def wrong(self, start: int, end: int, sentence: str) -> None:
        mistake = Mistake(start, end, sentence)
        if len(self.mistakes) < MOST_MISTAKES and mistake not in self.mistakes:
            self.mistakes.append(mistake)

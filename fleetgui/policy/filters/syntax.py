"""From text to a filter: "or" binds loosest, then "and" (written or not), then "not"; parentheses as usual.

A part that is mistaken is left out, and what stands beside it counts. Nothing raises, whatever the text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from fleetgui.policy import formats
from fleetgui.policy.filters import lexer
from fleetgui.policy.filters.expression import Expression, every, negated, some
from fleetgui.policy.filters.reading import Item, Mark, Mistake, Reading, Term, Token
from fleetgui.policy.filters.terms import Misread, understood
from fleetgui.policy.filters.vocabulary import SUMMARY, Vocabulary

MOST_CHARACTERS: Final = 32_768
"""Of a filter; of a longer one nothing is read."""

MOST_TERMS: Final = 200
DEEPEST: Final = 32
"""Parentheses in one another."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a text says. `filter` is None where it says nothing: an empty text, or mistakes alone.

    `mistakes` are in order of position, `tokens` are what to colour; positions are indices of the Python text (see
    `positions` for those of Qt). `terms` are what was read, in order, whether it was understood or not.
    """

    text: str
    filter: Expression | None
    mistakes: tuple[Mistake, ...]
    tokens: tuple[Token, ...]
    terms: tuple[Term, ...]


def parse(text: str, *, fields: Vocabulary = SUMMARY, now: float | None = None) -> Parsed:
    """Read `text`. `now`, in epoch seconds, is what `age<2h` and `today` count from; without it they are mistakes."""
    if len(text) > MOST_CHARACTERS:
        sentence = f"The filter is longer than {MOST_CHARACTERS:,} characters; shorten it."
        return Parsed(text, None, (Mistake(0, len(text), sentence),), (), ())
    reading = lexer.read(text)
    found = _Parser(reading, fields, now).parse()
    mistakes = tuple(sorted(reading.mistakes, key=lambda each: (each.start, each.end)))
    terms = tuple(item.what for item in reading.items if isinstance(item.what, Term))
    return Parsed(text, found, mistakes, tuple(reading.tokens), terms)


class _Parser:
    def __init__(self, reading: Reading, fields: Vocabulary, now: float | None) -> None:
        self._reading = reading
        self._items = reading.items
        self._at = 0
        self._fields = fields
        self._now = now
        self._terms = 0
        self._before: Term | None = None
        """What stands before the parentheses that the parser is in, as `type:` in `type:(camera or lamp)`."""

    def parse(self) -> Expression | None:
        parts: list[Expression] = []
        while self._at < len(self._items):
            part = self._either(0)
            if part is not None:
                parts.append(part)
            if self._at < len(self._items):  # only a ) ends what is outside of all parentheses
                self._wrong(self._items[self._at], "This ) closes nothing; delete it, or put a ( before it.")
                self._at += 1
        return every(parts)

    def _next(self) -> Mark | Term | None:
        return self._items[self._at].what if self._at < len(self._items) else Mark.CLOSE

    def _wrong(self, item: Item, sentence: str) -> None:
        self._reading.wrong(item.start, item.end, sentence)

    def _either(self, depth: int) -> Expression | None:
        """Up to the ) that ends it, or the end of the text."""
        parts: list[Expression] = []
        before = self._at
        while True:
            start = self._at
            part = self._all(depth)
            if part is not None:
                parts.append(part)
            read_none = self._at == start
            is_or = self._next() is Mark.OR
            if read_none and (is_or or start != before):
                self._wrong(self._items[self._at if is_or else start - 1], 'Something is missing beside this "or".')
            if not is_or:
                return some(parts)
            self._at += 1

    def _all(self, depth: int) -> Expression | None:
        """Up to an "or", a ) or the end."""
        parts: list[Expression] = []
        while (mark := self._next()) not in (Mark.OR, Mark.CLOSE):
            if mark is Mark.AND:
                self._at += 1
                continue
            part = self._one(depth)
            if part is not None:
                parts.append(part)
        return every(parts)

    def _one(self, depth: int) -> Expression | None:
        """A term or a parenthesis, and the negations before it."""
        first = self._at
        while self._next() is Mark.NOT:
            self._at += 1
        negations = self._at - first
        what = self._next()
        if negations and what in (Mark.OR, Mark.AND, Mark.CLOSE):
            self._wrong(self._items[self._at - 1], "What to exclude is missing here.")
            return None
        item = self._items[self._at]
        self._at += 1
        part: Expression | None = None
        if what is Mark.OPEN:
            part = self._inside(item, depth + 1)
        elif isinstance(what, Term):
            part = self._term(what) if what.operands else self._values(what, depth)
        return negated(part) if part is not None and negations % 2 else part

    def _inside(self, opened: Item, depth: int) -> Expression | None:
        """What stands in parentheses, up to and with the ) that closes them."""
        if depth > DEEPEST:
            self._wrong(opened, f"Parentheses are nested more than {DEEPEST} deep here; take some away.")
            self._skip()
            return None
        start = self._at
        part = self._either(depth)
        if self._at == len(self._items):
            self._wrong(opened, "This ( is not closed; put a ) where it ends.")
        else:
            if self._at == start:
                self._wrong(opened, "There is nothing in these parentheses; delete them.")
            self._at += 1
        return part

    def _values(self, before: Term, depth: int) -> Expression | None:
        """The parentheses after a field and an operator."""
        opened = self._items[self._at]
        self._at += 1
        outer, self._before = self._before, before
        part = self._inside(opened, depth + 1)
        self._before = outer
        return part

    def _skip(self) -> None:
        """Past the ) that closes a ( which was just read, or to the end."""
        depth = 1
        while depth and self._at < len(self._items):
            what = self._items[self._at].what
            depth += (what is Mark.OPEN) - (what is Mark.CLOSE)
            self._at += 1

    def _term(self, term: Term) -> Expression | None:
        self._terms += 1
        if self._terms > MOST_TERMS:
            if self._terms == MOST_TERMS + 1:
                self._reading.wrong(
                    term.start, term.end, f"Only the first {MOST_TERMS} terms count; list values as in id=one,two."
                )
            return None
        if self._before is not None:
            if term.operator:
                shown = formats.text(self._before.name, 40) + self._before.operator
                sentence = f"Only values, without a field, stand in the parentheses after {shown}; take this out."
                self._reading.wrong(term.start, term.end, sentence)
                return None
            term = replace(term, start=self._before.start, name=self._before.name, operator=self._before.operator)
        try:
            return understood(term, self._fields, self._now)
        except Misread as misread:
            self._reading.wrong(misread.start, misread.end, misread.sentence)
            return None

"""From a term to a clause: the field by its name, the operator by what the field holds, each operand as it reads."""

from __future__ import annotations

import re
from typing import Final

from fleetgui.policy import formats
from fleetgui.policy.filters import checks, lexer, operands, payload
from fleetgui.policy.filters.checks import Check
from fleetgui.policy.filters.expression import Clause, Expression, every, negated, some
from fleetgui.policy.filters.operands import Wrong
from fleetgui.policy.filters.patterns import BadPattern, Wild, pieces_of
from fleetgui.policy.filters.reading import Colour, Operand, Term
from fleetgui.policy.filters.vocabulary import Field, Reads, Special, Vocabulary
from fleetgui.policy.filters.writing import PRESENCE
from fleetgui.wire.query import MOST_CHARACTERS, MOST_OPTIONS


class Misread(ValueError):
    """A term that cannot be understood: which stretch of it, and a sentence that says what would be right."""

    def __init__(self, start: int, end: int, sentence: str) -> None:
        super().__init__(sentence)
        self.start = start
        self.end = end
        self.sentence = sentence


def understood(term: Term, vocabulary: Vocabulary, now: float | None) -> Expression:
    """What `term` asks; `now` in epoch seconds, None where nothing may count from now. Raises `Misread`."""
    if len(term.operands) > MOST_OPTIONS:
        raise Misread(term.start, term.end, f"There are more than {MOST_OPTIONS:,} values here; split the list.")
    for operand in term.operands:
        if len(operand.text) > MOST_CHARACTERS:
            raise Misread(operand.start, operand.end, f"This is longer than {MOST_CHARACTERS} characters; shorten it.")
    try:
        if not term.operator:
            return _bare(term.operands[0], vocabulary)
        special = next((each for each in Special if each.value == term.name.lower()), None)
        if special is not None:
            return _special(special, term, vocabulary)
        field, key = _field_of(term.name, term, vocabulary)
        check = _Reader(field, key, now).check(term)
    except Wrong as wrong:
        raise Misread(term.start, term.end, str(wrong)) from None
    test = Clause(field, checks.Labelled(key, check) if key else check)
    return negated(test) if term.operator == "!=" else test


def _bare(operand: Operand, vocabulary: Vocabulary) -> Expression:
    online = vocabulary.find("online")
    if operand.form is Colour.WORD and operand.text.lower() in PRESENCE and online is not None:
        return Clause(online, checks.Is(PRESENCE[operand.text.lower()]))
    return Clause(None, _searched(operand))


def _searched(operand: Operand) -> Check:
    """What a text is searched for; raises `Misread`."""
    if operand.form is Colour.REGULAR:
        try:
            return checks.Finds(operand.text)
        except BadPattern as error:
            sentence = f"This regular expression cannot be used: {error}."
            raise Misread(operand.start, operand.end, sentence) from None
    if operand.form is Colour.PATTERN:
        return _like(operand.text)
    return checks.Contains(operand.text)


def _like(pattern: str) -> Check:
    """The plainest check for a pattern: `*` is any value, `*x*` what contains x."""
    pieces = pieces_of(pattern)
    literals = [piece for piece in pieces if isinstance(piece, str)]
    if not literals and Wild.ONE not in pieces:
        return checks.Present()
    if len(literals) == 1 and Wild.ONE not in pieces and pieces[0] is pieces[-1] is Wild.ANY:
        return checks.Contains(literals[0])
    return checks.Like(pattern)


def _field_of(name: str, at: Term, vocabulary: Vocabulary) -> tuple[Field, str]:
    """The field that `name` is a word for, and the label that it names, "" for none; raises `Misread`."""
    field = vocabulary.find(name)
    if field is not None:
        return field, ""
    word, dot, key = name.partition(".")
    field = vocabulary.find(word)
    if field is not None and field.reads is Reads.LABELS and dot:
        if key:
            return field, key
        raise Misread(at.start, at.start + len(name), f"Write which label after the dot, as in {field.example}.")
    labels, label = vocabulary.find("labels"), name.removeprefix(payload.LABELS)
    if labels is not None and label and label != name:
        return labels, label
    shown = formats.text(name, 40)
    if dot and (meant := payload.misspelt(name, vocabulary)) is not None:
        raise Misread(
            at.start,
            at.start + len(name),
            f'There is no field "{shown}"; did you mean {meant}.{formats.text(key, 40)}?',
        )
    path = payload.field_of(name)
    if path is not None and lexer.NAME.fullmatch(name):
        return path, ""
    near = vocabulary.nearest(name)
    hints = [f"did you mean {near}?" if near else f"a label is label.{shown}."]
    if at.operator:
        hints.append("To look for the text, put all of it in quotes.")
    raise Misread(at.start, at.start + len(name), f'There is no field "{shown}"; {" ".join(hints)}')


def _special(special: Special, term: Term, vocabulary: Vocabulary) -> Expression:
    """`has:field`, `no:field`, `is:online`; raises `Misread`."""
    word = special.value
    if term.operator not in (":", "="):
        raise Misread(term.start, term.end, f"{word} goes with a colon, as in {_EXAMPLES[special]}.")
    parts: list[Expression] = []
    for operand in term.operands:
        if special in (Special.IS, Special.STATE):
            wanted, online = PRESENCE.get(operand.text.lower()), vocabulary.find("online")
            if wanted is None or online is None:
                raise Misread(operand.start, operand.end, f"Write {word}:online or {word}:offline.")
            parts.append(Clause(online, checks.Is(wanted)))
            continue
        at = Term(operand.start, operand.end, operand.text, "", ())
        field, key = _field_of(operand.text, at, vocabulary)
        test = Clause(field, checks.Labelled(key, checks.Present()) if key else checks.Present())
        parts.append(negated(test) if special is Special.NO else test)
    # No battery and no error: a list after "no" is of what is missing, each of them.
    joined = every(parts) if special is Special.NO else some(parts)
    if joined is None:
        raise Misread(term.start, term.end, f"{word} needs a value, as in {_EXAMPLES[special]}.")
    return joined


_EXAMPLES: Final = {
    Special.HAS: "has:battery",
    Special.NO: "no:battery",
    Special.IS: "is:online",
    Special.STATE: "state:offline",
}
_SIZES: Final = ("<", "<=", ">", ">=")
_VERSION: Final = re.compile(r"[^\W_]+(?:[.+~_-][^\W_]+)*")


class _Reader:
    """The operands of one term, after one field or one label (`key`)."""

    def __init__(self, field: Field, key: str, now: float | None) -> None:
        self._field = field
        self._key = key
        self._now = now
        self._reads = Reads.TEXT if key else field.reads
        self._word = f"{field.word}.{formats.text(key, 40)}" if key else field.word

    def check(self, term: Term) -> Check:
        """Raises `Wrong`, `Misread`."""
        if self._reads is Reads.PAYLOAD and (loose := self._loose(term)) is not None:
            return loose
        if term.operator in _SIZES:
            return self._sized(term)
        if self._reads.is_text and term.operator != ":":
            return self._exactly(term)
        each: list[Check] = []
        for operand in term.operands:
            try:
                each.append(self._one(operand))
            except Wrong as wrong:
                raise Misread(operand.start, operand.end, str(wrong)) from None
        distinct = tuple(dict.fromkeys(each))
        present = next((one for one in distinct if isinstance(one, checks.Present)), None)
        return present or (distinct[0] if len(distinct) == 1 else checks.AnyOf(distinct))

    def _loose(self, term: Term) -> Check | None:
        """A comparison of what may be of any kind; None after a colon, where each operand is a check of its own."""
        if term.operator in _SIZES:
            if len(term.operands) != 1:
                raise Wrong(f"Compare with one value; for several write {self._word}:one,two.")
            return payload.Untyped(term.operator, self._literal(term.operands[0]))
        if term.operator == ":":
            return None
        exactly = self._exactly(term)
        return payload.Exactly(exactly.texts)

    def _sized(self, term: Term) -> Check:
        if not self._reads.is_ordered:
            raise Wrong(self._unordered(term.operator))
        if len(term.operands) != 1:
            raise Wrong(f"Compare with one value; for several write {self._word}:one,two.")
        operand = term.operands[0]
        if self._reads is Reads.VERSION:
            version = self._version(operand.text)
            is_open = term.operator in ("<", ">")
            if term.operator in ("<", "<="):
                return checks.Version(None, version, high_open=is_open)
            return checks.Version(version, None, low_open=is_open)
        within = operands.compared(term.operator, operands.read(self._field, self._literal(operand), self._now))
        return self._aged(within)

    def _unordered(self, operator: str) -> str:
        if self._reads is Reads.TRUTH:
            return f"{self._word} is yes or no and has no size; write {self._word}:yes or {self._word}:no."
        return (
            f"{self._word} is a text, which {operator} does not compare; "
            f"write {self._word}:part for a part of it or {self._word}=whole for the whole."
        )

    def _exactly(self, term: Term) -> checks.OneOf:
        for operand in term.operands:
            if operand.form in (Colour.PATTERN, Colour.REGULAR):
                raise Misread(
                    operand.start,
                    operand.end,
                    f"{term.operator} takes a text as it is; for a pattern write a colon, as in {self._word}:cam-*, "
                    "or quotes for the text.",
                )
        return checks.OneOf(frozenset(operand.text for operand in term.operands))

    def _one(self, operand: Operand) -> Check:
        """One operand after a colon, or of a number, time or truth after an equals sign."""
        if self._reads is Reads.PAYLOAD and operand.form in (Colour.WORD, Colour.QUOTED):
            first, dots, second = operand.text.partition("..")
            ranged = dots and operand.form is Colour.WORD and (first or second)
            return payload.Untyped("..", first, second) if ranged else payload.Untyped(":", operand.text)
        if self._reads.is_text or self._reads is Reads.PAYLOAD:
            if self._reads is Reads.VERSION and operand.form is Colour.WORD and ".." in operand.text:
                return self._versions(operand.text)
            return _searched(operand)
        if operand.form is Colour.PATTERN and not operand.text.strip("*"):
            return checks.Present()
        text = self._literal(operand)
        if self._reads is Reads.TRUTH:
            return checks.Is(operands.truth(self._field, text))
        first, dots, second = text.partition("..")
        if dots:
            if not first and not second:
                raise Wrong(f"A range needs a value on one side at least; all values are {self._word}:*.")
            ends = [operands.read(self._field, end, self._now) if end else None for end in (first, second)]
            return self._aged(operands.between(ends[0], ends[1]))
        bounds = operands.read(self._field, text, self._now)
        if self._reads is Reads.AGE:
            raise Wrong(f"An age is never met to the second; write {self._word}<{text} or {self._word}:{text}..2d.")
        return operands.compared("=", bounds)

    def _aged(self, within: checks.Within) -> checks.Within:
        if self._reads is not Reads.AGE:
            return within
        if self._now is None:
            raise Wrong("Ages cannot be used here; write a date, as in registered>2026-11-01.")
        return operands.aged(within, self._now)

    def _literal(self, operand: Operand) -> str:
        if operand.form in (Colour.PATTERN, Colour.REGULAR):
            raise Wrong(f"{self._word} is no text, so there are no patterns of it; write {self._field.example}.")
        return operand.text

    def _versions(self, text: str) -> Check:
        low, _, high = text.partition("..")
        if not low and not high:
            raise Wrong(f"A range needs a version on one side at least, as in {self._word}:2.1..2.4.")
        first, last = (self._version(end) if end else None for end in (low, high))
        if first is not None and last is not None:
            start, end = checks.version_key(first), checks.version_key(last)
            if start is not None and end is not None and end < start:
                raise Wrong(f"The range runs backwards; write {last}..{first}.")
        return checks.Version(first, last)

    def _version(self, text: str) -> str:
        if not _VERSION.fullmatch(text) or checks.version_key(text) is None:
            raise Wrong(f'"{formats.text(text, 40)}" is no version; write one such as {self._field.example}.')
        return text

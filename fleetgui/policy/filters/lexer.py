"""From text to terms: where each word, quote, expression and operator begins and ends. Knows no field by name.

Every text has a reading. What cannot be read becomes a `Mistake` over just that stretch, and reading goes on after it.
One pass, left to right; no character is looked at more often than a fixed number of times.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from fleetgui.policy import formats
from fleetgui.policy.filters.reading import Colour, Item, Mark, Operand, Reading, Term, Token


def read(text: str) -> Reading:
    """The terms of `text`, in order."""
    return _Reader(text).read()


NAME: Final = re.compile(r"[^\W\d][\w-]*(?:\.[^\s:=<>!()\"',]*)?")
OPERATOR: Final = re.compile(r":(?:[<>]=?|!?=)?|\s*(?:!=|<>|<=|>=|==|=<|=>|<|>|=)")
_SPACES: Final = re.compile(r"\s*")
_PLAIN: Final = re.compile(r"[^\s()\\,*?]+")
_KEYWORDS: Final = {"or": Mark.OR, "and": Mark.AND, "not": Mark.NOT}
_SYMBOLS: Final = {"|": Mark.OR, "||": Mark.OR, "&": Mark.AND, "&&": Mark.AND}
_QUOTES: Final = {'"': '"', "'": "'", "“": "”"}
_SPELLED: Final = {"==": "=", "=<": "<=", "=>": ">=", "<>": "!="}


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.reading = Reading()

    def read(self) -> Reading:
        while self._skip_spaces() < len(self.text):
            start, char = self.at, self.text[self.at]
            if char in "()":
                self.at += 1
                self._item(start, Mark(char), Colour.PARENTHESIS)
            elif char in "-!" and self._negates():
                self.at += 1
                self._item(start, Mark.NOT, Colour.NEGATION)
            else:
                self._word()
        return self.reading

    def _skip_spaces(self) -> int:
        self.at = _SPACES.match(self.text, self.at).end()  # type: ignore[union-attr] # it matches nothing as well
        return self.at

    def _item(self, start: int, what: Mark | Term | None, colour: Colour | None = None) -> None:
        self.reading.items.append(Item(start, self.at, what))
        if colour is not None:
            self.reading.tokens.append(Token(start, self.at, colour))

    def _wrong(self, start: int, sentence: str) -> None:
        self.reading.wrong(start, self.at, sentence)

    def _negates(self) -> bool:
        """Whether the - or ! here stands right before what it negates."""
        after = self.text[self.at + 1 : self.at + 2]
        return bool(after) and not after.isspace() and after != ")"

    def _word(self) -> None:
        """A term, a keyword, or a mistake; at least one character of it."""
        start = self.at
        name = NAME.match(self.text, start)
        operator = OPERATOR.match(self.text, name.end()) if name else None
        if name is not None and operator is not None:
            self._term(name.group(), name.end(), operator)
            return
        if self.text[start] in "<>":
            self.at = start + 1
            self._wrong(start, "A comparison needs a field before it, as in battery<20.")
            self._item(start, None)
            return
        operand = self._operand(bare=True)
        if operand is None:
            self._item(start, None)
            return
        keyword = _KEYWORDS.get(operand.text.lower()) if operand.form is Colour.WORD else None
        raw = self.text[start : self.at]
        if keyword is not None and raw.lower() == operand.text.lower():
            self._item(start, keyword, Colour.KEYWORD)
        elif raw in _SYMBOLS:
            self._wrong(start, f"Write the word {_SYMBOLS[raw].value}.")
            self._item(start, _SYMBOLS[raw], Colour.KEYWORD)
        elif raw in ("-", "!"):
            self._wrong(start, f"{raw} stands right before what it excludes, as in -online.")
            self._item(start, None)
        else:
            self._item(start, Term(start, self.at, "", "", (operand,)), operand.form)

    def _term(self, name: str, end: int, operator: re.Match[str]) -> None:
        start = self.at
        tokens = self.reading.tokens
        tokens.append(Token(start, end, Colour.FIELD))
        self.at = operator.end()
        sign = operator.group().strip()
        tokens.append(Token(self.at - len(sign), self.at, Colour.OPERATOR))
        sign = sign.removeprefix(":") or ":"
        sign = _SPELLED.get(sign, sign)
        self._to_operand()
        operands: list[Operand] = []
        whole = True
        while True:
            if self.text[self.at : self.at + 1] == "(" and not operands and whole:
                break
            if self._at_end():
                self._empty(start, name, sign, bool(operands))
                whole = whole and bool(operands)
                if self._at_end():
                    break
            operand = self._operand(bare=False)
            whole = whole and operand is not None
            if operand is not None:
                operands.append(operand)
                tokens.append(Token(operand.start, operand.end, operand.form))
            if self.text[self.at : self.at + 1] != ",":
                break
            self.at += 1
        self._item(start, Term(start, self.at, name, sign, tuple(operands)) if whole else None)

    def _at_end(self) -> bool:
        char = self.text[self.at : self.at + 1]
        return not char or char.isspace() or char in "(),"

    def _empty(self, start: int, name: str, sign: str, some: bool) -> None:
        shown = formats.text(name, 40)
        if some:
            sentence = "A value is missing at the comma."
        else:
            sentence = f"{shown}{sign} needs a value right after it; what has any value is found with has:{shown}."
        while self.text[self.at : self.at + 1] == ",":
            self.at += 1
        self._wrong(start, sentence)

    def _to_operand(self) -> None:
        """Over the spaces between an operator and its operand, unless what comes is a term of its own."""
        after = _SPACES.match(self.text, self.at).end()  # type: ignore[union-attr] # it matches nothing as well
        if after == self.at or after == len(self.text) or self.text[after] in "()":
            return
        if self.text[after] in "-!" and not self.text[after + 1 : after + 2].isdecimal():
            return
        name = NAME.match(self.text, after)
        if name is not None and (name.group().lower() in _KEYWORDS or OPERATOR.match(self.text, name.end())):
            return
        self.at = after

    def _operand(self, *, bare: bool) -> Operand | None:
        """One value; None, and a mistake told, for what is none."""
        char = self.text[self.at]
        if char in _QUOTES:
            return self._quoted(_QUOTES[char])
        if char == "/":
            return self._regular(bare=bare)
        return self._plain(bare=bare)

    def _quoted(self, closing: str) -> Operand | None:
        start = self.at
        parts: list[str] = []
        at = start + 1
        while at < len(self.text) and self.text[at] != closing:
            if self.text[at] == "\\" and self.text[at + 1 : at + 2] in (closing, "\\") and at + 1 < len(self.text):
                at += 1
            parts.append(self.text[at])
            at += 1
        self.at = min(at + 1, len(self.text))
        value = "".join(parts)
        if at >= len(self.text):
            self._wrong(start, f"The quote is not closed; put {closing} where it ends.")
        elif not value:
            self._wrong(start, "There is nothing in the quotes; devices without a value are found with no:field.")
        elif (surrogate := _surrogate(value)) is not None:
            self._wrong(start, surrogate)
        else:
            return Operand(start, self.at, value, Colour.QUOTED)
        return None

    def _regular(self, *, bare: bool) -> Operand | None:
        start = self.at
        at = start + 1
        in_class = False
        while at < len(self.text) and (in_class or self.text[at] != "/"):
            char = self.text[at]
            in_class = char == "[" or (in_class and char != "]")
            at += 2 if char == "\\" else 1
        source = self.text[start + 1 : at]
        if at >= len(self.text):
            self.at = len(self.text)
            self._wrong(
                start,
                "In the regular expression a [ is not closed; put a ] where it ends, or write \\[ for the character."
                if in_class
                else 'The regular expression needs a / where it ends; text with a / goes in quotes: "a/b".',
            )
            return None
        self.at = at + 1
        flags = re.compile(r"[^\s()]*" if bare else r"[^\s(),]*").match(self.text, self.at)
        rest = flags.group() if flags else ""
        self.at += len(rest)
        if rest not in ("", "i"):
            self._wrong(start, 'A regular expression ends at its second /; text with a / goes in quotes: "a/b".')
        elif not source:
            self._wrong(start, "The regular expression is empty; write one between the slashes, as in /^cam-[0-9]+$/.")
        elif (surrogate := _surrogate(source)) is not None:
            self._wrong(start, surrogate)
        else:
            return Operand(start, self.at, source, Colour.REGULAR)
        return None

    def _plain(self, *, bare: bool) -> Operand | None:
        """A word up to a space, a parenthesis or, where values are listed, a comma."""
        start = self.at
        plain: list[str] = []
        pattern: list[str] = []
        seen: list[str] = []
        is_pattern = False
        while self.at < len(self.text):
            run = _PLAIN.match(self.text, self.at)
            char = run.group() if run else self.text[self.at]
            if run is None:
                if char.isspace() or char in "()" or (char == "," and not bare):
                    break
                after = self.text[self.at + 1 : self.at + 2]
                if char in "*?":
                    is_pattern = True
                    self.at += 1
                    plain.append(char)
                    pattern.append(char)
                    continue
                if char == "\\" and after and not after.isalnum():
                    self.at += 2
                    plain.append(after)
                    pattern.append("\\" + after if after in "*?\\" else after)
                    continue
            self.at += len(char)
            plain.append(char)
            pattern.append(char.replace("\\", "\\\\"))
            seen.append(char)
        value = "".join(plain)
        hidden = _surrogate(value) or _invisible("".join(seen))
        if hidden is not None:
            self._wrong(start, hidden)
            return None
        return Operand(start, self.at, "".join(pattern) if is_pattern else value, _FORMS[is_pattern])


_FORMS: Final = {False: Colour.WORD, True: Colour.PATTERN}


def _surrogate(text: str) -> str | None:
    if text.isprintable() or not any("\ud800" <= char <= "\udfff" for char in text):
        return None
    return "There is half of a character here; delete it."


def _invisible(text: str) -> str | None:
    """What to say of a word that holds a character that nobody sees: it came with a paste, as a rule."""
    if text.isprintable():
        return None
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cf"):
            return f"There is an invisible character (U+{ord(char):04X}) here; delete it, or put the text in quotes."
    return None

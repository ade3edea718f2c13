"""What could come next: fields, operators and values for the word at the cursor, each with what it means.

The values that devices have are not known here: whoever shows the completions gives them by a callback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from fleetgui.policy import formats
from fleetgui.policy.filters import lexer
from fleetgui.policy.filters.payload import field_of
from fleetgui.policy.filters.reading import Mark, Term
from fleetgui.policy.filters.syntax import MOST_CHARACTERS
from fleetgui.policy.filters.vocabulary import SUMMARY, Field, Reads, Special, Vocabulary
from fleetgui.policy.filters.writing import quoted

MOST: Final = 20

Values = Callable[[str, str], list[str]]
"""(what, prefix) → values that begin with or hold the prefix, likeliest first. What is a field's name as in
`wire.query.FIELDS`, `labels.` for the keys of labels, or `labels.KEY` for the values of one; `PATHS` for the paths of
records, or such a path for the values that stand there."""
PATHS: Final = "*"


@dataclass(frozen=True, slots=True)
class Completion:
    """`insert` in the place of `text[start:end]`; `explain` says in a few words what that means, safe to show."""

    start: int
    end: int
    insert: str
    explain: str


def completions(text: str, cursor: int, values: Values, *, fields: Vocabulary = SUMMARY) -> list[Completion]:
    """What the word at `cursor` (a Python index) could become, the likeliest first, at most `MOST`."""
    if len(text) > MOST_CHARACTERS:
        return []
    cursor = max(0, min(cursor, len(text)))
    start, around = _word_at(text[:cursor])
    name, operator, typed = _taken_apart(text[start:cursor])
    if not operator and around is not None:
        name, operator = around.name, around.operator
    if not operator:
        at, end = start, _end(text, cursor, ":=<>!,")
        offers = _fields(typed, values, fields, any_before=bool(text[:start].strip()))
        if lexer.OPERATOR.match(text, end):  # the word alone is to be replaced: an operator stands behind it already
            offers = ((insert.rstrip(":"), explain) for insert, explain in offers)
    else:
        at, typed, end = cursor - len(typed), typed.lstrip("\"'"), _end(text, cursor, ",")
        offers = _values(name, operator, typed, values, fields)
    return [Completion(at, end, insert, explain) for insert, explain in islice(_distinct(offers), MOST)]


def _word_at(before: str) -> tuple[int, Term | None]:
    """Where the word begins that ends the text, and the term around the parentheses that it stands in."""
    items = lexer.read(before).items
    around: list[Term | None] = []
    for previous, item in zip([None, *items], items, strict=False):
        if item.what is Mark.OPEN:
            what = previous.what if previous is not None else None
            outer = around[-1] if around else None
            around.append(what if isinstance(what, Term) and not what.operands else outer)
        elif item.what is Mark.CLOSE and around:
            around.pop()
    last = items[-1] if items else None
    marks = (Mark.OPEN, Mark.CLOSE)
    open_word = last is not None and last.end == len(before) and last.what not in marks and before[-1:] not in "-!"
    if last is not None and last.what is None and not open_word:
        name, operator, rest = _taken_apart(before[last.start :])
        open_word = bool(name and operator) and not rest  # `type: ` waits for its value, spaces or not
    return last.start if last is not None and open_word else len(before), around[-1] if around else None


def _taken_apart(word: str) -> tuple[str, str, str]:
    """Name, operator and the operand at the end of an unfinished term; a bare word is all operand."""
    name = lexer.NAME.match(word)
    operator = lexer.OPERATOR.match(word, name.end()) if name else None
    if name is None or operator is None:
        return "", "", word
    rest = word[operator.end() :].lstrip()
    if rest[:1] in ("'", '"', "/"):
        return name.group(), operator.group().strip(), rest
    return name.group(), operator.group().strip(), rest.rpartition(",")[2]


def _end(text: str, cursor: int, stops: str) -> int:
    end = cursor
    while end < len(text) and not text[end].isspace() and text[end] not in "()" and text[end] not in stops:
        end += 1
    return end


def _distinct(offers: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for insert, explain in offers:
        if insert not in seen:
            seen.add(insert)
            yield insert, explain


_PRESENCE: Final = (("online", "it is heard to be online"), ("offline", "it is announced or said to be offline"))
_SPECIALS: Final = (
    ("has:", Special.HAS, "has a value of a field"),
    ("no:", Special.NO, "has no value of a field"),
    ("is:", Special.IS, "is online, is offline"),
)
_KEYWORDS: Final = (
    ("or", "either side"),
    ("not", "not what follows; also -"),
    ("and", "both sides; a space says the same"),
)


def _fields(typed: str, values: Values, fields: Vocabulary, *, any_before: bool) -> Iterator[tuple[str, str]]:
    """What a term can begin with."""
    prefix = typed.lower()
    if prefix[:1] in ('"', "'", "/"):
        return
    word, dot, key = typed.partition(".")
    labels = fields.find(word) if dot else None
    if labels is not None and labels.reads is Reads.LABELS:
        for each in values("labels.", key):
            if lexer.NAME.fullmatch(f"{word}.{each}"):
                yield f"{word}.{each}:", f"devices by their label {formats.text(each, 60)}"
        return
    exact = fields.find(prefix)
    if exact is not None:
        for operator, meaning in _operators(exact):
            yield typed + operator, meaning
    if prefix:
        yield from (each for each in _KEYWORDS if any_before and each[0].startswith(prefix))
    yield from (each for each in _PRESENCE if each[0].startswith(prefix) and prefix)
    for field in fields:
        found = next((word for word in fields.words_of(field) if word.startswith(prefix)), None)
        if found is not None:
            yield found + _opening(field), f"{field.explains}, as in {field.example}"
    for insert, special, explain in _SPECIALS:
        if special.value.startswith(prefix):
            yield insert, explain
    for path in values(PATHS, typed) if typed else ():
        if fields.find(path) is None and field_of(path) is not None and lexer.NAME.fullmatch(path):
            yield f"{path}:", f"devices by {formats.text(path, 60)} of their records"


def _opening(field: Field) -> str:
    """What follows a field's name most often."""
    return "" if field.reads.is_ordered else ":"


_SIZES: Final = (("<", "below"), (">", "above"), ("<=", "at most"), (">=", "at least"))


def _operators(field: Field) -> Iterator[tuple[str, str]]:
    title = field.title
    match field.reads:
        case Reads.TRUTH:
            yield ":yes", f"{title}: yes"
            yield ":no", f"{title}: no"
        case Reads.TEXT | Reads.LABELS:
            yield ":", f"{title} contains; * ? and /…/ are patterns"
            yield "=", f"{title} is exactly, case included"
            yield "!=", f"{title} is not exactly"
        case Reads.AGE:
            yield from ((sign, f"{title} {meaning} a length of time, such as 10m or 2d") for sign, meaning in _SIZES)
        case _:
            yield from ((sign, f"{title} {meaning}") for sign, meaning in _SIZES)
            yield ":", f"{title} contains" if field.reads is Reads.VERSION else f"{title} is, or lies in a range a..b"


_TRUTHS: Final = (("yes", "yes"), ("no", "no, and not missing"))
_TIMES: Final = (
    ("today", "since midnight UTC"),
    ("yesterday", "the day before, UTC"),
    ("now-1h", "an hour ago"),
    ("now-1d", "a day ago"),
    ("now-7d", "a week ago"),
)
_AGES: Final = (("10m", "ten minutes"), ("1h", "an hour"), ("1d", "a day"), ("7d", "a week"))


def _values(name: str, operator: str, typed: str, values: Values, fields: Vocabulary) -> Iterator[tuple[str, str]]:
    """What can stand after a field and an operator."""
    if typed[:1] == "/":
        return
    prefix = typed.lower()
    match next((each for each in Special if each.value == name.lower()), None):
        case Special.HAS | Special.NO:
            found = ((field.word, field.explains) for field in fields)
            yield from (each for each in found if each[0].startswith(prefix))
            return
        case Special.IS | Special.STATE:
            yield from (each for each in _PRESENCE if each[0].startswith(prefix))
            return
    field, key = fields.find(name), ""
    if field is None:
        word, _, key = name.partition(".")
        field = fields.find(word) or field_of(name)
    if field is None:
        return
    fixed = {Reads.TRUTH: _TRUTHS, Reads.TIME: _TIMES, Reads.AGE: _AGES}.get(field.reads, ())
    yield from (each for each in fixed if each[0].startswith(prefix))
    if field.reads.is_text or field.reads is Reads.PAYLOAD:
        key = "" if field.reads is Reads.PAYLOAD else key
        what = f"{field.field}.{key}" if key else field.field
        title = f"label {formats.text(key, 40)}" if key else field.title
        verb = "contains" if operator == ":" else "is"
        for each in filter(None, values(what, typed)):
            yield quoted(each), f"{title} {verb} {formats.text(each, 60)}"
    if operator == ":" and not typed:
        yield "*", f"any {field.title} at all"

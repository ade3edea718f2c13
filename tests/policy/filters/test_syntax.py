"""Reading: what binds to what, what is told of a mistake, and that no text at all makes it fail."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.filters import Colour, Parsed, completions, exact_id, parse, pushed, sentence
from fleetgui.policy.filters.reading import MOST_MISTAKES
from fleetgui.policy.filters.syntax import DEEPEST, MOST_CHARACTERS, MOST_TERMS
from tests.policy.filters import strategies
from tests.policy.filters.strategies import NOW

SIGNS = "()\"'/\\*?:=<>!-,.|&[]{}%_“”"
STRANGE = "\u202e\u200b\x00\x1b\ud800\U0001f4f7İſKςΣ\u00a0\u2028\n\t٣²"


def whole(read: Parsed) -> None:
    """What holds for whatever was read."""
    ends = 0
    for token in read.tokens:
        assert 0 <= token.start < token.end <= len(read.text)
        assert token.start >= ends
        ends = token.end
    starts = [mistake.start for mistake in read.mistakes]
    assert starts == sorted(starts)
    assert len(starts) <= MOST_MISTAKES
    for mistake in read.mistakes:
        assert 0 <= mistake.start < mistake.end <= len(read.text)
        assert mistake.sentence.isprintable()
        assert mistake.sentence.endswith((".", "?"))
    assert sentence(read.filter).isprintable()
    assert pushed(read.filter).exact in (True, False)
    assert exact_id(read) is None or exact_id(read)
    if read.filter is not None:
        again = parse(str(read.filter), now=NOW)
        assert again.filter == read.filter
        assert not again.mistakes


@given(st.text(st.one_of(st.sampled_from("ab1 " + SIGNS + STRANGE), st.characters()), max_size=60))
def test_any_text_is_read(text: str) -> None:
    whole(parse(text, now=NOW))


@given(strategies.filters, st.randoms(use_true_random=False))
def test_what_was_nearly_right_is_read(text: str, chance: random.Random) -> None:
    characters = list(text)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(characters) + 1)
        match chance.randrange(3):
            case 0:
                characters.insert(at, chance.choice(SIGNS + STRANGE))
            case 1:
                del characters[at : at + chance.randint(1, 3)]
            case _:
                characters[at:at] = characters[: chance.randint(0, len(characters))]
    mutated = "".join(characters)
    read = parse(mutated, now=NOW)
    whole(read)
    for cursor in {0, len(mutated) // 2, len(mutated)}:
        for each in completions(mutated, cursor, lambda _what, prefix: [prefix, "x y", 'a"b\\']):
            assert 0 <= each.start <= cursor <= each.end <= len(mutated)


@pytest.mark.parametrize(
    "unit",
    [
        "(", ")", "()", "-", "-(", "not ", "or ", "a or ", '"', "'", "/", "//", "\\", "*", "?", "*a", ",", "a,", ":",
        "a:", "a:,", "type:(",
        "<", "a<", "a =", "battery:..", "..", "/(", "/[", "has:", "label.", "label.a:",
        "-online ", "\u202e", "\x00", "\ud800", " ", "a ", "é", "type:a or -(", "fw:1..", "battery<1", "9", "id=a,",
        "type:a,", "“",
        "now-", "1h", "&", "a-", "a.", "a\\ ",
    ],
)  # fmt: skip
def test_a_text_as_long_as_they_come_is_read(unit: str) -> None:
    for text in (unit * (MOST_CHARACTERS // len(unit)), "battery:" + unit * 5_000, "a" + unit * 5_000 + ' "b" c'):
        read = parse(text, now=NOW)
        assert len(read.mistakes) <= MOST_MISTAKES
        sentence(read.filter)
        pushed(read.filter)
        completions(text, len(text), lambda _what, _prefix: [])


def test_a_longer_text_is_refused_whole() -> None:
    read = parse("a " * MOST_CHARACTERS)
    assert read.filter is None
    assert [(each.start, each.end) for each in read.mistakes] == [(0, 2 * MOST_CHARACTERS)]


def test_so_many_terms_and_no_more() -> None:
    read = parse("a " * (MOST_TERMS + 5))
    assert read.filter is not None
    assert len(list(read.filter.clauses())) == MOST_TERMS
    assert len(read.mistakes) == 1


def test_parentheses_so_deep_and_no_deeper() -> None:
    assert str(parse("(" * DEEPEST + "a" + ")" * DEEPEST).filter) == "a"
    read = parse("(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1) + " b")
    assert str(read.filter) == "b"
    assert f"more than {DEEPEST} deep" in read.mistakes[0].sentence


@pytest.mark.parametrize(
    ("text", "marked", "sentence_part", "left"),
    [
        ("batery<20 dock", "batery", "did you mean battery?", "dock"),
        ("tpye:camera", "tpye", "did you mean type?", "None"),
        ("safety=critical x", "safety", "label.safety", "x"),
        ("type>3 dock", "type>3", "write type:part", "dock"),
        ("label.zone<3", "label.zone<3", "label.zone is a text", "None"),
        ("online>1", "online>1", "yes or no", "None"),
        ("online:maybe", "maybe", "online:yes or online:no", "None"),
        ('dock "hall 3', '"hall 3', "not closed", "dock"),
        ('dock ""', '""', "nothing in the quotes", "dock"),
        ("dock //", "//", "empty", "dock"),
        ("dock /(/", "/(/", "a ( is not closed", "dock"),
        ("dock /(?=a)/", "/(?=a)/", "look-around", "dock"),
        ("dock /[/", "/[/", "a [ is not closed", "dock"),
        ("dock /a", "/a", "needs a /", "dock"),
        ("dock /a{9999}/", "/a{9999}/", "more than 1000", "dock"),
        ("location:/a/b dock", "/a/b", "in quotes", "dock"),
        ("battery:40..20 dock", "40..20", "write 20..40", "dock"),
        ("fw:2.10..2.9", "2.10..2.9", "write 2.9..2.10", "None"),
        ("age:2d..1h", "2d..1h", "write 1h..2d", "None"),
        ("registered:2026-11-02..2026-11-01", "2026-11-02..2026-11-01", "write 2026-11-01..2026-11-02", "None"),
        ("battery<20s dock", "battery<20s", "in percent", "dock"),
        ("busy>80", "busy>80", "busy>=80%", "None"),
        ("functions>5%", "functions>5%", "plain number", "None"),
        ("ttl>5q", "ttl>5q", "length of time", "None"),
        ("battery<low", "battery<low", "no number", "None"),
        ("battery<1e999", "battery<1e999", "too large", "None"),
        ("battery:2*", "2*", "no patterns", "None"),
        ("battery:..", "..", "on one side", "None"),
        ("battery<1,2", "battery<1,2", "one value", "None"),
        ("registered>2h", "registered>2h", "now-2h", "None"),
        ("registered>soon", "registered>soon", "write a date", "None"),
        ("registered>2026-02-30", "registered>2026-02-30", "no calendar", "None"),
        ("registered>9999-12", "registered>9999-12", "no calendar", "None"),
        ("registered>now-999999999w", "registered>now-999999999w", "no calendar", "None"),
        ("age<10", "age<10", "length of time", "None"),
        ("age:1h", "1h", "age<1h", "None"),
        ("fw<latest", "fw<latest", "no version", "None"),
        ("type=cam*", "cam*", "takes a text as it is", "None"),
        ("type: dock", "", "", "type:dock"),
        ("type:", "type:", "needs a value", "None"),
        ("type: battery<20", "type:", "needs a value", "battery<20"),
        ("type:a,,b", "type:a,,", "missing at the comma", "type:a,b"),
        ("label.:x", "label.", "which label", "None"),
        ("type:(a b<2)", "b<2", "Only values", "type:a"),
        ("tpye:(a b) c", "tpye", "did you mean type?", "c"),
        ("battery:(1 x 2)", "x", "no number", "battery=1 battery=2"),
        ("has:bettery", "bettery", "did you mean battery?", "None"),
        ("is:red", "red", "is:online", "None"),
        ("is<3", "is<3", "is:online", "None"),
        ("a or", "or", "missing beside", "a"),
        ("or a", "or", "missing beside", "a"),
        ("(a or) b", "or", "missing beside", "a b"),
        ("a | b", "|", "Write the word or", "a or b"),
        ("(a b", "(", "not closed", "a b"),
        ("a) b", ")", "closes nothing", "a b"),
        ("() b", "(", "nothing in these", "b"),
        ("a - b", "-", "right before", "a b"),
        ("a -(", "(", "not closed", "a"),
        ("<20 a", "<", "needs a field", "20 a"),
        ("ze\u200bro a", "ze\u200bro", "U+200B", "a"),
        ('"ze\u200bro" a', "", "", '"ze\u200bro" a'),
        ("\ud83d a", "\ud83d", "half of a character", "a"),
    ],
)
def test_a_mistake_is_told_where_it_is_and_the_rest_counts(
    text: str, marked: str, sentence_part: str, left: str
) -> None:
    read = parse(text, now=NOW)
    assert [text[each.start : each.end] for each in read.mistakes] == ([marked] if marked else [])
    if marked:
        assert sentence_part in read.mistakes[0].sentence
    assert str(read.filter) == left


def test_a_mistake_repeats_what_was_written_safely() -> None:
    read = parse("x\u202e<b>" + "y" * 500 + ":1 battery<\u202e9")
    assert all(each.sentence.isprintable() and len(each.sentence) < 200 for each in read.mistakes)


def test_times_that_count_from_now_need_a_now() -> None:
    for text in ("age<2h", "registered>today", "gone>now-1h"):
        assert parse(text).filter is None
        assert "cannot be used here" in parse(text).mistakes[0].sentence
        assert parse(text, now=NOW).filter is not None
    assert parse("registered>2026-11-01").filter is not None


def test_what_counts_from_now_says_so() -> None:
    for text, relative in (("a age<2h", True), ("registered:today,2026-10", True), ("registered>2026-10", False)):
        read = parse(text, now=NOW).filter
        assert read is not None
        assert read.is_relative is relative


def test_what_is_what_for_colouring() -> None:
    text = '-type:cam* or ("hall 3" /x/ battery<20)'
    assert [(text[each.start : each.end], each.colour) for each in parse(text).tokens] == [
        ("-", Colour.NEGATION),
        ("type", Colour.FIELD),
        (":", Colour.OPERATOR),
        ("cam*", Colour.PATTERN),
        ("or", Colour.KEYWORD),
        ("(", Colour.PARENTHESIS),
        ('"hall 3"', Colour.QUOTED),
        ("/x/", Colour.REGULAR),
        ("battery", Colour.FIELD),
        ("<", Colour.OPERATOR),
        ("20", Colour.WORD),
        (")", Colour.PARENTHESIS),
    ]


def test_an_empty_text_asks_for_nothing() -> None:
    assert parse(" \t ") == Parsed(" \t ", None, (), (), ())

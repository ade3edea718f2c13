"""Wildcards and regular expressions: what they find, and that none of them can hang a search."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fleetgui.policy.filters.checks import Finds, Like
from fleetgui.policy.filters.patterns import BadPattern, Wild, needed_by, pieces_of
from tests.policy.filters import strategies


def plainly(pieces: tuple[str | Wild, ...], text: str) -> bool:
    """What wildcards mean, in as few words as possible."""
    if not pieces:
        return not text
    first, rest = pieces[0], pieces[1:]
    if isinstance(first, str):
        return text.startswith(first.lower()) and plainly(rest, text[len(first) :])
    if first is Wild.ONE:
        return bool(text) and plainly(rest, text[1:])
    return any(plainly(rest, text[skipped:]) for skipped in range(len(text) + 1))


@given(st.text("aB*?\\", min_size=1, max_size=7), st.text("aAbB*\n", max_size=8))
def test_wildcards_mean_what_they_say(pattern: str, text: str) -> None:
    assert Like(pattern).accepts(text) is plainly(pieces_of(pattern), text.lower())


@given(strategies.expressions, st.text("aAbBsSkK1-./]", max_size=8))
def test_expressions_find_what_others_find(source: str, text: str) -> None:
    try:
        finds = Finds(source)
    except BadPattern:
        assume(False)
    expected = re.search(source, text, re.IGNORECASE | re.ASCII) is not None
    assert finds.accepts(text) is expected
    if expected:
        assert all(needed in text.lower() for needed in finds.needed)


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        ("^cam-0[0-9]+$", ("cam-0",)),
        ("Hall-[12]/dock", ("hall-", "/dock")),
        ("a|b", ()),
        ("(abc)def", ("def",)),
        ("ab*c", ("a", "c")),
        ("ab+c", ("ab", "c")),
        ("ab{0,3}c", ("a", "c")),
        (r"a\d\.b\pLc\x41d\x{41}e\p{Greek}f\0123g", ("a", "b", "c", "d", "e", "f", "g")),
        ("[]x]y[^]z]w[[:alpha:]]v[a\\]b]u", ("y", "w", "v", "u")),
        (r"\Qa*b\E", ()),
        ("x(?i:y)z", ("x", "z")),
        ("a([)])b", ("a", "b")),
    ],
)  # fmt: skip
def test_what_every_match_holds(source: str, needed: tuple[str, ...]) -> None:
    assert needed_by(source) == needed


@pytest.mark.parametrize(
    "source", ["(a+)+$", "^(a|a)*$", "(a*)*b", "(.*)(.*)(.*)(.*)x$", "((a?){500}a{500}){1}$", "(?:a{0,30}){30}b"]
)
def test_no_expression_takes_for_ever(source: str) -> None:
    # A backtracking engine would not come back from the first of these within the age of the universe.
    assert Finds(source).accepts("a" * 20_000 + "!") is False


@pytest.mark.parametrize("pattern", ["*a" * 100 + "*!", "?*" * 120, "*a?" * 80 + "b", "*" * 255, "*aaaaab" * 30])
def test_no_wildcards_take_for_ever(pattern: str) -> None:
    Like(pattern).accepts("a" * 20_000)


@pytest.mark.parametrize("source", ["((a{100}){10}){2}", "\\p{L}{900}", "(((x{9}){9}){9}){9}"])
def test_an_expression_that_needs_too_much_memory_is_refused(source: str) -> None:
    with pytest.raises(BadPattern):
        Finds(source)


@pytest.mark.parametrize(
    "source",
    [
        "[", "(", ")", "*", "a**", "\\", "\\q", "(?=a)", "(?<!a)", "(a)\\1", "[z-a]", "[[:no:]]", "a{9999}",
        "\\p{Nope}", "\udfff",
    ],
)  # fmt: skip
def test_a_bad_expression_is_refused_in_words(source: str) -> None:
    with pytest.raises(BadPattern) as refused:
        Finds(source)
    assert str(refused.value).isprintable()


def test_half_characters_in_a_text_are_no_trouble() -> None:
    assert Finds("^a.b$").accepts("a\udfffb")
    assert not Like("a*c").accepts("a\udfffb")

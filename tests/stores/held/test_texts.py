"""Texts as bytes: found, compared and ranked as Python finds, compares and sorts them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.stores.held import texts as module
from fleetgui.stores.held.ranks import TextRanks, ranks_of
from fleetgui.stores.held.texts import Texts
from tests.stores.held import fleets

alike = st.text("a\0b", max_size=18)
many = st.lists(fleets.texts, max_size=40) | st.lists(alike, max_size=40) | st.lists(alike.map("abcdefg".__add__))


def unchecked() -> None:
    """Nobody wants it to stop."""


def added(values: Sequence[str]) -> Texts:
    texts = Texts()
    for start in range(0, len(values), 7):
        texts.extend(values[start : start + 7])
    return texts


def check_ranks(values: Sequence[str], ranks: TextRanks) -> None:
    distinct = sorted(set(values))
    assert ranks.rank.tolist() == [distinct.index(value) for value in values]
    assert [values[code] for code in ranks.first.tolist()] == distinct


@pytest.fixture(autouse=True, scope="module", params=[5, 32_768])
def _segments(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT_TEXTS", request.param)
        yield


@given(many)
def test_a_text_is_given_back(values: list[str]) -> None:
    texts = added(values)
    view = texts.view()
    assert [texts.text(code) for code in range(len(texts))] == values
    assert [view.text(code) for code in range(len(view))] == values
    assert view.is_empty.tolist() == [not value for value in values]


@given(many, st.text("a\0b", min_size=1, max_size=3) | fleets.texts.filter(bool))
def test_a_text_is_found_in_others_and_never_across_two(values: list[str], wanted: str) -> None:
    found = added(values).view().containing(wanted.lower(), unchecked)
    assert found.tolist() == [wanted.lower() in value.lower() for value in values]


@given(many, alike | fleets.texts)
def test_texts_are_compared_by_code_point(values: list[str], wanted: str) -> None:
    signs = added(values).view().compared(wanted, unchecked)
    assert signs.tolist() == [(value > wanted) - (value < wanted) for value in values]


@given(many)
def test_ranks_are_places_in_the_sorted_order(values: list[str]) -> None:
    check_ranks(values, ranks_of(added(values).view(), None, unchecked))


@given(many, many)
def test_few_new_texts_are_put_among_those_that_are_ranked(values: list[str], new: list[str]) -> None:
    texts = added(values)
    before = ranks_of(texts.view(), None, unchecked)
    texts.extend(new)
    check_ranks(values + new, ranks_of(texts.view(), before, unchecked))


@given(many)
def test_ranks_of_other_texts_are_not_taken_for_those_of_these(values: list[str]) -> None:
    before = ranks_of(added(values[::-1]).view(), None, unchecked)
    check_ranks(values, ranks_of(added(values).view(), before, unchecked))


def test_texts_that_differ_in_nuls_alone_are_ranked_by_length() -> None:
    values = ["a\0\0", "a", "", "\0", "a\0", "a", "abcdefgh\0", "abcdefgh", "a\0" + "\0" * 9]
    check_ranks(values, ranks_of(added(values).view(), None, unchecked))


def test_a_text_is_not_found_where_one_ends_and_the_next_begins() -> None:
    values = ["ab", "cd", "abcd", "bc"]
    assert added(values).view().containing("bc", unchecked).tolist() == [False, False, True, True]

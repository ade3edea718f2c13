"""Positions in sorted ids, and in the union of two."""

from __future__ import annotations

from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st
from sortedcontainers import SortedDict

from fleetgui.backend.registry.order import SortedKeys, Union, page

IDS = st.sets(st.text("abc", min_size=1, max_size=4), max_size=40)


@given(IDS, IDS, st.integers(0, 90), st.integers(0, 20), st.text("abcd", max_size=4))
def test_a_union_is_what_sorting_both_would_give(
    one: set[str], other: set[str], position: int, limit: int, some: str
) -> None:
    other -= one
    ids = Union(SortedKeys(SortedDict.fromkeys(one)), SortedKeys(SortedDict.fromkeys(other)))
    wanted = sorted(one | other)
    assert len(ids) == len(wanted)
    assert page(ids, position, limit) == wanted[position : position + limit]
    assert ids.rank(some) == bisect_right(wanted, some)
    assert [ids.at(each) for each in range(len(wanted))] == wanted

"""One label out of the text of all: what the filter language finds in it, found more quickly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.filters.checks import labels_in
from fleetgui.stores.held.labels import label_in

texts = st.text("aAbB= ,\u017fK\u0130", max_size=14) | st.sampled_from(
    ["a=1 b=2", "b=x a=1 2 b=3", "ba=1 a=2", "a= b=1", "a==b", " a=1", "a =1", "a=1  b=2", "note=all a clear", "=a"]
)


@given(texts, st.text("aAbB= \u017fk", max_size=3))
def test_it_is_the_first_of_the_labels_by_that_key(text: str, key: str) -> None:
    found = [value for name, value in labels_in(text) if name.lower() == key.lower()]
    assert label_in(text, key) == ((found[0] if found else None) or None)


@pytest.mark.parametrize(
    ("text", "value"), [("site=hall 3 b=1", "hall 3"), ("x=1 SITE=a,b", "a,b"), ("website=1", None), (None, None)]
)
def test_a_value_runs_to_the_next_key(text: str | None, value: str | None) -> None:
    assert label_in(text, "Site") == value

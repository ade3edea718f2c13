"""Taking JSON apart without decoding it: the same pieces as a reader's, and none lost for one that is no JSON."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.wire.codec import Malformed
from fleetgui.wire.pieces import elements, members

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values), st.sampled_from([None, 2]), st.booleans())
def test_members_are_what_a_reader_finds(value: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert {name: json.loads(piece) for name, piece in members(data).items()} == value


@given(st.lists(json_values), st.sampled_from([None, 2]))
def test_elements_are_what_a_reader_finds(value: list[Any], indent: int | None) -> None:
    assert [json.loads(piece) for piece in elements(json.dumps(value, indent=indent).encode())] == value


def test_a_piece_that_is_no_json_is_given_out_as_it_came() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert elements(b'[ NaN, {"a": 1e999}, "\xff, ]", ' + deep + b"]") == [b"NaN", b'{"a": 1e999}', b'"\xff, ]"', deep]


@pytest.mark.parametrize(
    "data", [b"", b"[", b"[]", b"{", b'{"a": "b', b'{"a": 1} {}', b"{1: 2}", b"{,}", b'"{}"', b"}"]
)
def test_what_is_no_object_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        members(data)


@given(st.text(alphabet='{}[]",:\\ 1a').map(str.encode))
def test_nothing_else_is_raised(data: bytes) -> None:
    for take in (members, elements):
        with contextlib.suppress(Malformed):
            take(data)

"""Fields of a record by their paths: what stands there, and that no record makes reading it slow, wrong or loud."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.wire.payload import (
    LONGEST_TEXT,
    MOST_PATHS,
    is_left_out,
    path_of,
    paths_in,
    piece_at,
    value_at,
    value_of,
    value_within,
)
from fleetgui.wire.query import Value

RECORD: dict[str, Any] = {
    "device_id": "cam-1",
    "status": {
        "temperature": 21.5,
        "count": 3,
        "huge": 2**60,
        "exact": 2**60 + 1,
        "negative": -(2**53) - 1,
        "serials": [2**53 + 1, -(2**53) - 1],
        "on": False,
        "text": "warm",
        "empty": "",
        "null": None,
        "tags": ["a", 1, True, None, 2.5],
        "none": [],
        "nothing": {},
        "lens": {"zoom": 4, "a.b": {"c.d": "dotted"}},
        "ports": [{"name": "eth0"}, {"name": "eth1"}],
    },
    "capabilities": {"labels": {"site": "04", "k8s.io/app": "web"}},
}


def at(record: Any, text: str) -> Value:
    path = path_of(text)
    assert path is not None
    return value_at(record if isinstance(record, bytes) else json.dumps(record).encode(), path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("status.temperature", 21.5),
        ("status.count", 3.0),
        ("status.huge", float(2**60)),
        ("status.exact", 2**60 + 1),
        ("status.negative", -(2**53) - 1),
        ("status.serials", "9007199254740993, -9007199254740993"),
        ("status.on", False),
        ("status.text", "warm"),
        ("status.empty", None),
        ("status.null", None),
        ("status.tags", "a, 1, true, null, 2.5"),
        ("status.none", None),
        ("status.nothing", None),
        ("status.lens.zoom", 4.0),
        ("status.lens.a.b.c.d", "dotted"),
        ("status.ports.1.name", "eth1"),
        ("status.ports.2.name", None),
        ("status.ports.name", None),
        ("status.ports", '[{"name": "eth0"}, {"name": "eth1"}]'),
        ("status.text.more", None),
        ("status.missing", None),
        ("capabilities.labels.k8s.io/app", "web"),
    ],
)
def test_what_stands_at_a_path(path: str, value: Value) -> None:
    found = at(RECORD, path)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text", ["", "status", ".", "a.", ".a", "a..b", "a." * 16 + "b", "a." + "b" * 300, "a.\u202eb"]
)
def test_what_is_no_path(text: str) -> None:
    assert path_of(text) is None


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"null",
        b"[]",
        b'{"status":',
        b'{"status":{"x":1},"a":NaN}',
        b'{"status":{"x":"\xff"',
        b'{"status":' * 20_000 + b"1" + b"}" * 20_000,
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b',"status":{"x":1}}',
        b'{"status":{"x":null}}',
        b'{"status":"x"}',
    ],
)
def test_a_record_that_cannot_be_read_has_no_value(record: bytes) -> None:
    assert at(record, "status.x") is None


def test_the_last_of_equal_keys_counts() -> None:
    many = b'{"status":{"x":1},' + b'"status":{"x":2,"x":3},' * 20_000 + b'"device_id":"a"}'
    assert at(many, "status.x") == 3


@pytest.mark.parametrize(
    ("piece", "value"),
    [
        (b"1e999", "1e999"),
        (b"-0.0", 0.0),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b'"\\ud800"', '"\\ud800"'),
        (b'"\xff"', '"\ufffd"'),
        (b"[1e999]", "[1e999]"),
        (b'{"a": 1}', '{"a": 1}'),
        (b"[ ]", None),
        (None, None),
    ],
)
def test_what_has_no_plain_value_is_shown_as_it_came(piece: bytes | None, value: Value) -> None:
    assert value_of(piece) == value


def test_what_is_long_is_cut() -> None:
    for long in (
        b'"' + b"x" * 200_000 + b'"',
        b"[" + b"1," * 100_000 + b"1]",
        b'{"a":"' + b"\xc3\xa4" * 100_000 + b'"}',
    ):
        found = value_of(long)
        assert isinstance(found, str)
        assert len(found) == LONGEST_TEXT


def test_a_heartbeat_s_status_is_read_the_same_way() -> None:
    for name in RECORD["status"]:
        path = path_of(f"status.{name}")
        assert path is not None
        assert value_within(RECORD["status"], path) == at(RECORD, f"status.{name}")
    deep: Any = 1
    for _ in range(20_000):
        deep = [deep]
    assert value_within({"x": deep}, ("status", "x")) is None


def test_every_path_that_is_offered_leads_to_something() -> None:
    data = json.dumps(RECORD).encode()
    found = paths_in(data)
    assert {"status.temperature", "status.lens.zoom", "status.tags", "capabilities.labels.k8s.io/app"} <= set(found)
    for text in found:
        path = path_of(text)
        assert path is not None
        assert piece_at(data, path) is not None


def test_a_record_of_nothing_but_keys_offers_no_more_than_may_be() -> None:
    wide = {"status": {f"k{number}": {f"m{each}": 1 for each in range(10)} for number in range(5_000)}}
    assert len(paths_in(json.dumps(wide).encode())) <= MOST_PATHS
    assert paths_in(b"[1]") == paths_in(b"7") == paths_in(b"{") == []


def test_a_summary_leaves_out_the_bodies_of_the_capabilities() -> None:
    assert is_left_out("capabilities.functions.0.name")
    assert not is_left_out("capabilities.labels.site")
    assert not is_left_out("status.temperature")


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1), _json, max_size=4))
def test_whatever_a_record_has_its_offered_paths_have_values_of_the_language(status: dict[str, Any]) -> None:
    try:
        data = json.dumps({"status": status}).encode()
    except UnicodeEncodeError:
        return
    for text in paths_in(data):
        path = path_of(text)
        assert path is not None
        assert isinstance(value_at(data, path), str | float | bool | None)


@given(st.binary(max_size=60), st.sampled_from(["status.x", "a.b", "0.1"]))
def test_no_bytes_raise(data: bytes, path: str) -> None:
    at(data, path)
    paths_in(data)

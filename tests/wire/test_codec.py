"""The one JSON reader refuses what the fabric must not carry, quickly, and says why in one line."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.wire.codec import Malformed, decode, decode_any, decode_object, encode, pretty, refuse_non_finite
from fleetgui.wire.devices import Heartbeat, event_of, heartbeat_status, presence_of
from fleetgui.wire.gateway import gateway_message
from fleetgui.wire.records import page_of, summarize
from fleetgui.wire.rpc import RpcError, result_of

HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "cut": b'{"a": 1',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "1e999": b'{"a": 1e999}',
    "5,000 digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "100,000 levels": b'{"a": ' + b"[" * 100_000,
    "100,000 objects": b'{"a":' * 100_000,
    "lone surrogate": b'{"a": "\\ud800"}',
    "not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "two values": b"{} {}",
    "comment": b'{"a": 1} // b',
    "single quotes": b"{'a': 1}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_the_fabric_must_not_carry_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode_any(HOSTILE[name])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 300


def test_of_duplicate_keys_the_last_counts_as_everywhere_on_the_fabric() -> None:
    assert decode_any(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("data", [b"[]", b"1", b'"text"', b"null"])
def test_an_object_is_an_object(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_object(data)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    readers: list[Any] = [
        decode_any,
        heartbeat_status,
        presence_of,
        gateway_message,
        summarize,
        page_of,
        result_of,
        lambda each: decode(each, Heartbeat),
        lambda each: event_of(each, "x"),
        lambda each: event_of(each, "async_reply.1"),
    ]
    for reader in readers:
        with contextlib.suppress(Malformed, RpcError):
            reader(data)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert decode_any(encode(value)) == value
    assert decode_any(pretty(value)) == value


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": {"b": (-float("inf"),)}}])
def test_numbers_that_json_has_no_word_for_are_not_sent(value: object) -> None:
    with pytest.raises(Malformed):
        refuse_non_finite(value)
    refuse_non_finite({"a": [1.5, None, "nan"]})


@given(json_values)
def test_any_json_for_a_message_is_taken_or_refused(value: Any) -> None:
    for body in (
        value,
        {"method": "gateway/lag", "params": value},
        {"result": value},
        {"device_id": "a", "status": value},
    ):
        data = encode(body)
        for reader in (presence_of, gateway_message, summarize, page_of):
            with contextlib.suppress(Malformed, RpcError):
                reader(data)

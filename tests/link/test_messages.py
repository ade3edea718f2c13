"""Header blocks: read when whole, refused when not."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.link.messages import headers_of


def test_status_and_headers() -> None:
    assert headers_of(b"NATS/1.0 503\r\n\r\n") == {"Status": "503"}
    assert headers_of(b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Stream: 7\r\n\r\n") == {
        "Status": "100",
        "Description": "Idle Heartbeat",
        "Nats-Last-Stream": "7",
    }
    assert headers_of(b"NATS/1.0\r\na: b\r\nc:d:e\r\n\r\n") == {"a": "b", "c": "d:e"}
    assert headers_of(b"NATS/1.0\r\n\r\n") == {}


def test_values_that_are_not_utf8_are_replaced_and_odd_lines_left_out() -> None:
    assert headers_of(b"NATS/1.0\r\na: \xff\r\nno colon\r\n\xff: x\r\n\r\n") == {"a": "\ufffd"}


@pytest.mark.parametrize(
    "block",
    [b"NATS/1.0", b"NATS/1.0\r\n", b"NATS/1.0 \xff\xfe\r\n\r\n", b"NATS/2.0\r\n\r\n", b"", b"NATS/1.0x\r\n\r\n"],
)
def test_a_block_that_is_cut_short_or_not_utf8_is_refused(block: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        headers_of(block)


@given(st.binary(max_size=100))
def test_nothing_else_is_raised(block: bytes) -> None:
    for candidate in (block, b"NATS/1.0" + block, b"NATS/1.0" + block + b"\r\n\r\n"):
        with contextlib.suppress(ValueError):
            headers_of(candidate)

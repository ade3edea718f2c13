"""When a filter is a device's id, and where positions are for Qt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.filters import exact_id, parse
from fleetgui.policy.filters.positions import from_utf16, to_utf16


@pytest.mark.parametrize(
    ("text", "device_id"),
    [
        ("cam-0147", "cam-0147"),
        ("  Cam-0147 ", "Cam-0147"),
        ('"cam-0147"', "cam-0147"),
        ("id:cam-0147", "cam-0147"),
        ("id=cam-0147", "cam-0147"),
        ('id="hall 3"', "hall 3"),
        ("device:0147", "0147"),
        ("cam:1", "cam:1"),
        ("caméra", "caméra"),
        ('"hall 3"', None),
        ("id=a,b", None),
        ("cam-*", None),
        ("/cam/", None),
        ("-cam", None),
        ("cam lamp", None),
        ("cam:1 lamp", None),
        ("type:cam", None),
        ("batery<20", None),
        ("online", None),
        ("id:", None),
        ("*", None),
        ("x" * 256, None),
        ("", None),
    ],
)
def test_which_device_is_asked_for(text: str, device_id: str | None) -> None:
    assert exact_id(parse(text)) == device_id


def test_an_expression_will_do() -> None:
    assert exact_id(parse("cam").filter) == "cam"
    assert exact_id(None) is None


@given(st.text(max_size=20))
def test_positions_go_to_qt_and_back(text: str) -> None:
    for index in range(len(text) + 1):
        units = to_utf16(text, index)
        assert units == len(text[:index].encode("utf-16-le", "surrogatepass")) // 2
        assert from_utf16(text, units) == index
    assert from_utf16(text, 100) == len(text)

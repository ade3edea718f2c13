"""A filter that was read, written and read again is the same."""

from __future__ import annotations

import pytest
from hypothesis import given

from fleetgui.policy.filters import Expression, parse
from tests.policy.filters import strategies
from tests.policy.filters.strategies import NOW


@given(strategies.parsed())
def test_what_is_written_is_read_as_the_same_filter(filter_: Expression) -> None:
    again = parse(str(filter_), now=NOW)
    assert not again.mistakes, (str(filter_), again.mistakes)
    assert again.filter == filter_
    assert str(again.filter) == str(filter_)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('  TYPE:camera   battery < 20 not online "hall 3" ', 'type:camera battery<20 -online "hall 3"'),
        ("a and (b or c)", "a (b or c)"),
        ("((a)) or b c", "a or b c"),
        ("not (a b)", "-(a b)"),
        ("--a", "a"),
        ("'or' \"online\" “x y”", '"or" "online" "x y"'),
        ('"say \\"hi\\" \\\\"', '"say \\"hi\\" \\\\"'),
        ("type:(camera or lamp)", "type:camera or type:lamp"),
        ("*x*", "x"),
        ("id:cam-*-07 \\-x*", "id:cam-*-07 \\-x*"),
        ("age<10m", "age<10m"),
        ("registered>=2026-11-01", "registered>=2026-11-01"),
        ("firmware:2.1..2.10", "fw:2.1..2.10"),
        ("fw>=2.1", "fw:2.1.."),
        ("/a b\\/c/i", "/a b\\/c/"),
        ("label.Safety=critical,read", "label.Safety=critical,read"),
        ("no:battery has:label.x", "-battery:* label.x:*"),
        ("is:offline", "offline"),
    ],
)
def test_the_normal_form(text: str, written: str) -> None:
    read = parse(text, now=NOW)
    assert not read.mistakes
    assert str(read.filter) == written

"""A filter said in words."""

from __future__ import annotations

import pytest
from hypothesis import given

from fleetgui.policy.filters import Expression, parse, sentence
from tests.policy.filters import strategies
from tests.policy.filters.strategies import NOW

ANYWHERE = "its id, type, location or labels"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "every device"),
        ("type=camera battery<20%", "type is camera and battery below 20 %"),
        (
            'type:camera battery<20 -online "hall 3"',
            'type contains camera and battery below 20 % and not online and "hall 3" in ' + ANYWHERE,
        ),
        ("cam hall -dock", f"dock not in {ANYWHERE} and cam and hall in {ANYWHERE}"),
        ("id:cam-* or /^x/", "id is like cam-* or /^x/ matches its id, type, location or labels"),
        ("-cam-*-7", "none of its id, type, location or labels is like cam-*-7"),
        ("cam-*-7", "one of its id, type, location or labels is like cam-*-7"),
        ("type:a,b", "type contains a or b"),
        ("-type=a,b", "type is not a or b"),
        ("id=a,b,c,d,e,f,g", "id is a, b, c, d, e or 2 others"),
        ("label.safety:critical", "label safety contains critical"),
        ("offline -offline", "said to be offline and not said to be offline"),
        ("no:battery has:error", "has no battery and has error"),
        ("age<10m offline>=5m", "age under 10m and offline for at least 5m"),
        ("registered>2026-11-01 reported:today", "registered after 2026-11-01 UTC and status reported at today"),
        ("-registered<=2026-11", "registered after 2026-11 UTC"),
        ("registered:2026-10..2026-11", "registered from 2026-10 UTC to 2026-11 UTC"),
        ("battery:20..40,50 -battery=3", "battery from 20 % to 40 % or is 50 % and battery is not 3 %"),
        ("busy>=0.8 ttl>90 ttl<2m", "busy at least 0.8 and lease above 90 s and lease below 2m"),
        ("fw<2.4 fw:2.1.. -fw:1..2", "firmware below 2.4 and firmware at least 2.1 and firmware not from 1 to 2"),
        ("a b or -(c or d)", f"(a and b in {ANYWHERE}) or not (c in {ANYWHERE} or d in {ANYWHERE})"),
        ('"\u202e\x1b[31m"', '"\\u202e\\x1b[31m" in its id, type, location or labels'),
    ],
)  # fmt: skip
def test_what_is_said(text: str, said: str) -> None:
    read = parse(text, now=NOW)
    assert not read.mistakes
    assert sentence(read.filter) == said


@given(strategies.parsed())
def test_whatever_it_is_it_is_said_on_one_line(filter_: Expression) -> None:
    assert sentence(filter_).isprintable()

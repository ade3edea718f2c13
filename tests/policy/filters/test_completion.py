"""What is offered for the word at the cursor."""

from __future__ import annotations

import pytest

from fleetgui.policy.filters import completions, parse
from fleetgui.policy.filters.completion import MOST, PATHS
from tests.policy.filters.strategies import NOW

KNOWN = {
    "device_type": ["camera", "Lamp", "valve 3"],
    "labels.": ["safety", "zone", "two words"],
    "labels.safety": ["critical"],
    "labels": ["safety=critical"],
    "firmware": ["2.4"],
    PATHS: ["status.temperature", "status.lens.zoom", "status.battery", "status.two words"],
    "status.lens.zoom": ["4", "4 m"],
}


def values(what: str, prefix: str) -> list[str]:
    return [each for each in KNOWN.get(what, []) if prefix.lower() in each.lower()]


def offered(marked: str) -> list[str]:
    """The whole texts that are offered for one with a | at the cursor."""
    cursor = marked.index("|")
    text = marked.replace("|", "")
    found = completions(text, cursor, values)
    assert len(found) <= MOST
    assert all(each.explain.isprintable() and each.explain for each in found)
    return [text[: each.start] + each.insert + text[each.end :] for each in found]


@pytest.mark.parametrize(
    ("marked", "first"),
    [
        ("ty|", ["type:"]),
        ("x -ty|", ["x -type:"]),
        ("(ty|", ["(type:"]),
        ("TY|", ["type:"]),
        ("ty|:cam dock", ["type:cam dock"]),
        ("bat|<20", ["battery<20"]),
        ("typ| <20", ["type <20"]),
        ("type|", ["type:", "type=", "type!="]),
        ("bat|", ["battery"]),
        ("battery|", ["battery<", "battery>", "battery<=", "battery>=", "battery:"]),
        ("fw|", ["fw<", "fw>", "fw<=", "fw>=", "fw:"]),
        ("age|", ["age<", "age>", "age<=", "age>="]),
        ("off|", ["offline"]),
        ("x o|", ["x or", "x online", "x offline"]),
        ("type:|", ["type:camera", "type:Lamp", 'type:"valve 3"', "type:*"]),
        ("type:ca|", ["type:camera"]),
        ("type=l|amp x", ["type=Lamp x"]),
        ("type:camera,la|", ["type:camera,Lamp"]),
        ('type:"val|', ['type:"valve 3"']),
        ("type:(camera or la|)", ["type:(camera or Lamp)"]),
        ("type: ca|", ["type: camera"]),
        ("x type: |", ["x type: camera"]),
        ("type:a,|", ["type:a,camera"]),
        ("label.|", ["label.safety:", "label.zone:"]),
        ("label.sa|", ["label.safety:"]),
        ("label.safety:|", ["label.safety:critical", "label.safety:*"]),
        ("label:sa|", ['label:"safety=critical"']),
        ("online:|", ["online:yes", "online:no", "online:*"]),
        ("is:|", ["is:online", "is:offline"]),
        ("has:bu|", ["has:busy"]),
        ("no:err|", ["no:error"]),
        ("registered>|", ["registered>today", "registered>yesterday", "registered>now-1h"]),
        ("age<|", ["age<10m", "age<1h", "age<1d"]),
        ("fw=2|", ["fw=2.4"]),
        ("h|", ["has:"]),
        ("status.temp|", ["status.temperature:"]),
        ("x -status.lens|", ["x -status.lens.zoom:"]),
        ("status.lens.zoom:|", ["status.lens.zoom:4", 'status.lens.zoom:"4 m"', "status.lens.zoom:*"]),
        ("status.lens.zoom=4|", ["status.lens.zoom=4", 'status.lens.zoom="4 m"']),
    ],
)
def test_the_likeliest_come_first(marked: str, first: list[str]) -> None:
    assert offered(marked)[: len(first)] == first


@pytest.mark.parametrize(
    "marked", ["/a|", '"hal|', "xyzzy|", "nofield:x|", "battery<|", "location:/a|", "type:(a) xyzzy|"]
)
def test_nothing_is_offered_where_nothing_is_known(marked: str) -> None:
    assert offered(marked) == []


def test_an_empty_line_offers_the_fields() -> None:
    assert offered("|")[:3] == ["id:", "type:", "location:"]
    assert offered("type:a |")[:1] == ["type:a id:"]


def test_what_is_offered_for_a_value_is_read_as_that_value() -> None:
    for marked in ("type:|", "type=|", "label.safety:|", "online:|", "age<|", "registered>|", "has:|", "is:|", "fw=|"):
        for text in offered(marked):
            read = parse(text, now=NOW)
            assert not read.mistakes, text


def test_hostile_values_are_offered_quoted_and_explained_safely() -> None:
    found = completions("type:", 5, lambda _what, _prefix: ['a" or "b', "\u202ex", "or", "-x", ""])
    assert [each.insert for each in found][:4] == ['"a\\" or \\"b"', '"\u202ex"', "or", '"-x"']
    assert all(each.explain.isprintable() for each in found)
    assert all(each.insert != '""' for each in found)

"""What a filter holds for, one record at a time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from fleetgui.policy.filters import SUMMARY, Expression, Field, Reads, parse
from fleetgui.policy.filters.checks import labels_in, version_key
from fleetgui.wire.query import FIELDS, Value
from fleetgui.wire.records import Summary
from tests.policy.filters import strategies
from tests.policy.filters.strategies import NOW

ONE = Summary(
    device_id="cam-0147",
    ttl=45,
    device_type="Camera",
    firmware="v2.10.1",
    location="site-04/Hall 3",
    availability="idle",
    busy_score=0.8,
    battery=19.5,
    online=True,
    functions=3,
    labels="safety=critical,audited note=all clear zone=3",
    registered_at="2026-11-20T12:00:00Z",
    status_ts="2026-11-20T23:30:00",
)
GONE = Summary(device_id="lamp-1", online=False, offline_since=NOW - 600)


def holds(text: str, device: Summary = ONE) -> bool:
    read = parse(text, now=NOW)
    assert not read.mistakes
    assert read.filter is not None
    return read.filter.holds(device)


@pytest.mark.parametrize(
    "text",
    [
        "cam", "CAM-01", "0147", "camera", '"hall 3"', "'HALL 3'", "audited", "label:safety=crit",
        "type:camera battery<20 online", "type:cam", "type:lamp,cam", "type=Camera", "type=lamp,Camera", "-type=camera",
        "type!=camera", "type:(lamp or camera)", "site:site-04", "location:site-04/*", "location:*3",
        "id:cam-*-* or cam",
        "id:cam-*47", "id:cam-014?", "cam-*", "c*m*7", "id:/^cam-0[0-9]+$/", "/^CAM/",
        "location:/hall [12]/ or /HALL [3]/",
        "battery=19.5", "battery:19.5", "battery<=19.5%", "battery:19..20", "battery:..19.5", "battery:19.5..",
        "battery:3,19.5",
        "battery!=20", "battery > 19", "busy>=0.8", "busy=80%", "busy:50%..90%", "ttl=45s", "ttl<1m", "functions:3",
        "online", "online:yes", "is:online", "-offline", "online!=no", "state:online",
        "fw<2.11", "fw>2.9", "fw>=2.10.1", "fw:2.9..2.11", "fw:10", "fw=v2.10.1", "fw:2.*,v2*",
        "label.safety:critical", "label.safety=audited", "label.SAFETY:crit*", "label.note:clear",
        'label.note="all clear"',
        "label.zone=3", "label.zone:*", "has:label.zone", "label:zone=3", "no:label.x", "-label.zone=4", "label.x!=y",
        "has:battery", "has:error,battery", "no:error", "no:error,model", "-has:model", "battery:*", "*",
        "registered:2026-11-20", "registered:2026-11", "registered<2026-11-21", "registered<=2026-11-20",
        "registered>=2026-11-20",
        "registered>2026-11-19", "registered:2026-11-20T12:00", "registered=2026-11-20T13:00+01:00",
        "registered:yesterday",
        "registered:2026-11-19..2026-11-20", "registered<now-11h", "reported>now-1h", "age<13h", "age:11h..13h",
        "age>=12h", "age<=12h",
        "not lamp", "-lamp -offline", "lamp or cam", "lamp or (cam -lamp)", "--cam", "-(lamp or offline)",
        "device_type:camera",
    ],
)  # fmt: skip
def test_what_holds(text: str) -> None:
    assert holds(text)
    assert not holds(f"-({text})")


@pytest.mark.parametrize(
    "text",
    [
        "lamp", "idle", "type=camera", "type:lamp", "-type:camera", "id:0147 -cam", "battery<19.5",
        "battery>19.5", "battery:20", "battery!=19.5", "busy>80%", "offline", "-online", "online:no", "fw<2.9",
        "fw>2.10.1",
        "fw=2.10.1", "label.safety:zone", "label.all:clear", "label.zone=33", "label.note=all",
        "label.afety:critical", "no:battery",
        "has:model", "model:x", "model!=x -x -cam", "registered>2026-11-20", "registered<2026-11-20",
        "registered:2026-11-21",
        "registered!=2026-11-20", "registered:today", "age<12h", "age>12h", "offline>1s", "gone:*", "cam-*-07", "c?m",
        "/^0147/", "type:/^ca$/",
    ],
)  # fmt: skip
def test_what_does_not_hold(text: str) -> None:
    assert not holds(text)


def test_what_is_missing_meets_no_comparison_and_every_negation() -> None:
    for text in (
        "battery<20",
        "battery>=20",
        "battery:..100",
        "type:a",
        "type=a",
        "fw<3",
        "age<9w",
        "label.a:*",
        "online:yes",
        "busy=0",
    ):
        bare = Summary(device_id="x")
        assert not holds(text, bare)
        assert holds(f"-{text}", bare)
        if "=" in text.replace(">=", ""):
            assert holds(text.replace("=", "!="), bare)


def test_offline_is_what_says_so_and_not_online_also_what_says_nothing() -> None:
    silent = Summary(device_id="x")
    assert [holds("offline", each) for each in (ONE, GONE, silent)] == [False, True, False]
    assert [holds("-online", each) for each in (ONE, GONE, silent)] == [False, True, True]
    assert [holds("offline>5m", each) for each in (ONE, GONE, silent)] == [False, True, False]


@given(strategies.parsed(), strategies.parsed(), strategies.summaries)
def test_and_or_and_not_are_what_they_are(one: Expression, other: Expression, device: Summary) -> None:
    first, second = one.holds(device), other.holds(device)
    assert holds(f"({one}) ({other})", device) is (first and second)
    assert holds(f"({one}) or ({other})", device) is (first or second)
    assert holds(f"-({one})", device) is not first


@given(strategies.parsed(), strategies.summaries)
def test_nothing_else_is_looked_at_than_what_it_says(filter_: Expression, device: Summary) -> None:
    looked: set[str] = set()

    def value(name: str) -> Value:
        looked.add(name)
        return None

    filter_.matches(value)
    assert looked <= filter_.fields() <= set(FIELDS)


def test_versions_are_ordered_as_versions() -> None:
    ordered = [
        "0.9",
        "1",
        "1.2-alpha",
        "1.2-rc1",
        "1.2-rc2",
        "1.2-rc10",
        "1.2",
        "1.2.1",
        "1.2b",
        "1.10",
        "v2.0",
        "2.0.1",
    ]
    keys = [version_key(each) for each in ordered]
    assert None not in keys
    assert sorted(keys, key=lambda key: key or ((), 0, ())) == keys
    assert version_key("2.4") == version_key("v2.4.0") == version_key("02.4.0+build7")
    assert version_key("unknown") is None
    assert version_key("9" * 100_000) == version_key("9" * 256)


def test_a_label_s_value_runs_to_the_next_key() -> None:
    assert labels_in("a=1 b=x y,z c== d=") == [("a", "1"), ("b", "x y,z"), ("c", "="), ("d", "")]
    assert labels_in("nothing") == labels_in("") == []


def test_a_column_of_somebody_else_s_is_a_field_as_well() -> None:
    fields = SUMMARY.with_fields(
        Field("rssi", "status.rssi", Reads.NUMBER, "signal", "signal strength, dBm", "rssi<-70", ("status.rssi",))
    )
    read = parse("status.rssi<-70 cam", fields=fields)
    assert read.filter is not None
    assert not read.mistakes
    assert str(read.filter) == "rssi<-70 cam"
    assert "status.rssi" in read.filter.fields()
    assert not read.filter.holds(ONE)  # a summary has none: missing
    row: dict[str, Any] = {"status.rssi": -71, "device_id": "cam-1"}
    assert read.filter.matches(row.get)


def test_every_field_of_a_summary_has_its_words() -> None:
    assert {each.field for each in SUMMARY} == set(FIELDS)
    for each in SUMMARY:
        assert each.reads.kind is FIELDS[each.field]
        assert SUMMARY.find(each.word.upper()) == each
        example = parse(each.example, now=NOW)
        assert not example.mistakes
        assert example.filter is not None
        assert each.field in example.filter.fields()
    for name in FIELDS:
        found = SUMMARY.find(name)
        assert found is not None
        assert found.field == name

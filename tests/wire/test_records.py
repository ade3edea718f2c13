"""Device records and pages: every field may be missing or wrong, and one bad record is one bad row."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, encode
from fleetgui.wire.records import Summary, device_id_of, device_of, page_of, summarize, what_is_readable

FULL: dict[str, Any] = {
    "device_id": "cam-1",
    "device_ttl": 15,
    "identity": {
        "device_type": "camera",
        "manufacturer": "Globex",
        "model": "C-7",
        "serial_number": "SN1",
        "firmware_version": "1.2.3",
        "arch": "arm64",
        "anything": {"else": True},
    },
    "status": {
        "ts": "2026-11-21T03:12:07Z",
        "location": "hall 3",
        "availability": "idle",
        "busy_score": 0.5,
        "battery": 88,
        "online": True,
        "error_state": {"code": 7},
    },
    "capabilities": {
        "description": "a camera",
        "functions": [{"name": "pan", "parameters": {}}, {"name": "zoom"}],
        "events": [{"name": "motion"}],
        "labels": {"location": "site/hall", "category": ["camera", "indoor"]},
    },
    "registry": {"device_registration_id": "r", "registered_at": 1_795_219_927.5},
}

TEXT, NUMBER, TIME, YES_NO, OBJECT, LIST = "text", "number", "time", "yes or no", "object", "list"
TYPED: dict[tuple[str, ...], str] = {
    ("device_id",): TEXT,
    ("device_ttl",): NUMBER,
    ("identity",): OBJECT,
    ("identity", "device_type"): TEXT,
    ("identity", "manufacturer"): TEXT,
    ("identity", "model"): TEXT,
    ("identity", "serial_number"): TEXT,
    ("identity", "firmware_version"): TEXT,
    ("identity", "arch"): TEXT,
    ("status",): OBJECT,
    ("status", "ts"): TIME,
    ("status", "location"): TEXT,
    ("status", "availability"): TEXT,
    ("status", "busy_score"): NUMBER,
    ("status", "battery"): NUMBER,
    ("status", "online"): YES_NO,
    ("capabilities",): OBJECT,
    ("capabilities", "description"): TEXT,
    ("capabilities", "functions"): LIST,
    ("capabilities", "events"): LIST,
    ("capabilities", "labels"): OBJECT,
    ("registry",): OBJECT,
    ("registry", "registered_at"): TIME,
}
VALUES: list[tuple[object, set[str]]] = [
    ("text", {TEXT, TIME}),
    (-1.5, {NUMBER, TIME}),
    (True, {YES_NO}),
    ({"no": []}, {OBJECT}),
    ([[]], set()),
    ([{"name": 7}], set()),
    ([], {LIST}),
]


def changed(path: tuple[str, ...], value: object) -> bytes:
    record = json.loads(json.dumps(FULL))
    inner = record
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return json.dumps(record).encode()


def reply(devices: bytes, rest: str = '"next_offset": 5, "total_matched": 9, "revision": 3') -> bytes:
    return b'{"jsonrpc": "2.0", "id": "x", "result": {"devices": [' + devices + b"], " + rest.encode() + b"}}"


def test_a_row_has_what_the_record_says() -> None:
    summary = summarize(json.dumps(FULL).encode())
    assert (summary.device_id, summary.ttl, summary.device_type, summary.firmware) == ("cam-1", 15, "camera", "1.2.3")
    assert (summary.location, summary.battery, summary.busy_score, summary.online) == ("hall 3", 88, 0.5, True)
    assert (summary.functions, summary.events) == (2, 1)
    assert summary.labels == "location=site/hall category=camera,indoor"
    assert summary.error_state == "{'code': 7}"
    assert summary.registered_at == 1_795_219_927.5


@pytest.mark.parametrize("path", TYPED, ids=".".join)
@pytest.mark.parametrize(("value", "fits"), VALUES, ids=[str(value) for value, _ in VALUES])
def test_a_wrong_type_in_any_field_makes_the_record_malformed(
    path: tuple[str, ...], value: object, fits: set[str]
) -> None:
    data = changed(path, value)
    if TYPED[path] in fits:
        summarize(data)
    else:
        with pytest.raises(Malformed, match="Expected"):
            summarize(data)
    if path != ("device_id",):
        assert device_id_of(data) == "cam-1"


@pytest.mark.parametrize("path", list(TYPED)[1:], ids=".".join)
def test_any_part_may_be_null_or_missing(path: tuple[str, ...]) -> None:
    assert summarize(changed(path, None)).device_id == "cam-1"


@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "Infinity", "9" * 5_000])
def test_a_number_that_is_none_makes_its_row_malformed_and_no_other(value: str) -> None:
    """Python's own writer emits NaN: one device with a broken sensor must not hide two hundred others."""
    bad = '{"device_id": "cam-2", "status": {"battery": ' + value + "}}"
    page = page_of(reply(b", ".join([json.dumps(FULL).encode(), bad.encode(), b'{"device_id": "cam-3"}'])))
    assert (page.next_offset, page.total_matched, page.revision) == (5, 9, 3)
    assert [device_id_of(device) for device in page.devices] == ["cam-1", "cam-2", "cam-3"]
    with pytest.raises(Malformed):
        summarize(page.devices[1])
    assert summarize(page.devices[2]).device_id == "cam-3"


@pytest.mark.parametrize("levels", [500, 900, 950, 980, 990, 995, 1_000, 2_000, 100_000])
def test_a_record_of_any_depth_costs_its_own_row_at_most(levels: int) -> None:
    deep = b'{"device_id": "deep", "status": {"error_state": ' + b"[" * levels + b"]" * levels + b"}}"
    page = page_of(reply(deep + b', {"device_id": "flat"}'))
    assert [device_id_of(device) for device in page.devices] == ["deep", "flat"]
    assert summarize(page.devices[1]).device_id == "flat"
    try:
        summarize(page.devices[0])
    except Malformed:
        assert levels > 500


@pytest.mark.parametrize(
    "data",
    [
        reply(b"NaN", '"next_offset": "5", "total_matched": 9'),
        reply(b"NaN", '"next_offset": NaN'),
        reply(b"NaN")[:-1],
        reply(b"NaN") + b"x",
        b'{"result": {"devices": {"a": NaN}}}',
        b'{"result": [NaN]}',
        b'{"result": NaN}',
        b'{"error": {"code": 1, "message": NaN}, "result": {"devices": [NaN]}}',
        b"NaN",
        b"",
    ],
)
def test_what_is_at_fault_outside_its_records_is_no_page(data: bytes) -> None:
    with pytest.raises(Malformed):
        page_of(data)


def test_an_empty_page_and_one_of_an_old_server() -> None:
    empty = page_of(reply(b"", '"next_offset": null, "total_matched": 0'))
    assert (empty.devices, empty.next_offset, empty.total_matched) == ([], None, 0)
    old = page_of(b'{"result": {"devices": [NaN]}}')
    assert (len(old.devices), old.next_offset) == (1, msgspec.UNSET)


@pytest.mark.parametrize(("result", "device"), [({"device": None}, None), ({"device": {"a": 1}}, {"a": 1})])
def test_one_device(result: object, device: object) -> None:
    assert device_of(rpc.result("x", result)) == device


@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: json.dumps({"device_id": text}).encode()))
def test_an_id_is_a_text_or_none(data: bytes) -> None:
    assert isinstance(device_id_of(data), str | None)


def test_what_is_readable_leaves_out_what_has_the_wrong_type() -> None:
    record = encode(
        {
            "device_id": "x",
            "device_ttl": "soon",
            "identity": {"device_type": "camera", "model": 5},
            "status": {"battery": "full", "location": "site-01", "error_state": {"code": 1}},
            "capabilities": {"functions": [{"name": "a"}, 5], "events": [{"name": "e"}], "labels": {"a": ["b", "c"]}},
            "registry": [],
        }
    )
    with pytest.raises(Malformed):
        summarize(record)
    assert what_is_readable(record) == Summary(
        device_id="x",
        device_type="camera",
        location="site-01",
        error_state="{'code': 1}",
        events=1,
        labels="a=b,c",
    )
    for nothing in (b"[]", b"{}", b'{"device_id":5}', b"{"):
        with pytest.raises(Malformed):
            what_is_readable(nothing)


def test_what_is_readable_of_a_good_record_is_its_summary() -> None:
    record = encode({"device_id": "x", "status": {"online": False, "offline_since": "2026-11-21T00:00:00Z"}})
    assert what_is_readable(record) == summarize(record)
    assert summarize(record).offline_since == "2026-11-21T00:00:00Z"

"""Pages read in one pass: the same summaries as record by record, and what fits none given out as it came."""

from __future__ import annotations

import json

import pytest

from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed
from fleetgui.wire.records import Listed, Summary, hint_of, listed_in, page_of, summarize, summary_of
from tests.wire.test_records import FULL, TYPED, VALUES, changed

GOOD = json.dumps(FULL).encode()
OTHER = json.dumps(FULL | {"device_id": "cam-9"}).encode()


def reply(*records: bytes, frame: str = '"next_offset": 5, "total_matched": 9') -> bytes:
    return b'{"jsonrpc": "2.0", "id": "x", "result": {"devices": [' + b", ".join(records) + f"], {frame}}}}}".encode()


def apart(record: bytes) -> Summary | None:
    try:
        return summarize(record)
    except Malformed:
        return None


def together(record: Listed | bytes) -> Summary | None:
    if isinstance(record, bytes):
        return apart(record)
    try:
        return summary_of(record)
    except Malformed:
        return None


@pytest.mark.parametrize("path", TYPED, ids=".".join)
@pytest.mark.parametrize("value", [value for value, _ in VALUES], ids=str)
def test_whatever_stands_in_a_field_it_is_read_as_record_by_record(path: tuple[str, ...], value: object) -> None:
    record = changed(path, value)
    frame, records = listed_in(reply(GOOD, record, OTHER))
    assert [together(each) for each in records] == [apart(GOOD), apart(record), apart(OTHER)]
    assert (frame.next_offset, frame.total_matched) == (5, 9)
    if apart(record) is None:
        assert records[1] == record  # as it came, for its row to say why


@pytest.mark.parametrize(
    "record",
    [
        b'"text"',
        b"7",
        b"null",
        b"[]",
        b"{}",
        b'{"device_id": "cam", "status": {"battery": NaN}}',
        b'{"device_id": "cam", "status": {"battery": 1e999}}',
        b'{"device_id": "c\xff"}',
        b'{"device_id": "cam", "status": {"error_state": ' + b"[" * 3_000 + b"]" * 3_000 + b"}}",
        b'{"device_id": "cam", "capabilities": {"labels": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}}",
    ],
    ids=lambda record: record[:40].decode("ascii", "replace"),
)
def test_one_record_that_is_none_costs_its_own_row_at_most(record: bytes) -> None:
    _, records = listed_in(reply(GOOD, record, OTHER))
    assert [together(each) for each in (records[0], records[2])] == [apart(GOOD), apart(OTHER)]
    assert together(records[1]) == apart(record)


@pytest.mark.parametrize(
    "data", [b"", b"[]", reply(frame='"next_offset": "5"'), rpc.result("x", None), rpc.result("x", {"devices": {}})]
)
def test_what_is_no_page_is_refused_alike(data: bytes) -> None:
    for read in (page_of, listed_in):
        with pytest.raises(Malformed):
            read(data)


def test_an_error_is_an_error() -> None:
    with pytest.raises(rpc.RpcError):
        listed_in(rpc.error("x", -32000, "no"))


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (reply(GOOD), 5),
        (reply(GOOD, frame='"next_after":"cam-1","applied":["after"],"revision":7'), "cam-1"),
        (reply(GOOD, frame='"next_offset": null, "total_matched": 9'), None),
        (reply(GOOD, frame='"next_after":null'), None),
        (reply(GOOD, frame='"next_offset": -5'), None),
        (reply(GOOD, frame='"next_offset": ' + "9" * 30), None),
        (reply(b'{"device_id": "a", "next_offset": 7}'), 5),
        (b"", None),
        (b"\xff" * 5_000, None),
    ],
)
def test_the_last_bytes_hint_at_where_a_page_leads(data: bytes, hint: int | str | None) -> None:
    assert hint_of(data) == hint

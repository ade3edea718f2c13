"""Decoding a page of 200 records for the table: ours (split into records, summarise each) beside plain `json.loads`."""

from __future__ import annotations

import json
from typing import Any

from fleetgui.wire.records import page_of, summarize
from tests.bench.timing import milliseconds, side_by_side
from tests.interop.services import records


def reply(count: int, padding: int) -> bytes:
    """A registry's reply with `count` records, each about 1.6 KB plus `padding` bytes of function descriptions."""
    devices = []
    for record in records(count):
        for function in record["capabilities"]["functions"]:
            function["description"] += " and more of it" * (padding // 30)
        devices.append(record)
    return json.dumps(
        {"jsonrpc": "2.0", "id": "b", "result": {"devices": devices, "next_offset": count, "total_matched": 10_000}}
    ).encode()


def run(quick: bool) -> dict[str, Any]:
    results = {}
    for name, padding in (("small_records", 0), ("large_records", 12_000)):
        data = reply(200, padding)

        def ours(data: bytes = data) -> None:
            for record in page_of(data).devices:
                summarize(bytes(record))

        def peer(data: bytes = data) -> None:
            json.loads(data)["result"]["devices"]

        results[name] = {
            "bytes_per_record": len(data) // 200,
            **side_by_side(lambda: milliseconds(ours), lambda: milliseconds(peer), 5 if quick else 50),
        }
    return {"what": "decode of a page of 200, ms; peer: json.loads", **results}

"""`discovery/…`, case by case as the real registry was recorded to answer. Shapes and codes are the contract."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from fleetgui.backend.registry.discovery import DiscoveryHandler, DiscoverySettings
from fleetgui.backend.registry.records import record_of, registration_of
from fleetgui.backend.registry.store import RecordStore
from fleetgui.wire.codec import decode_any, encode
from fleetgui.wire.records import summarize
from tests.backend.registry.samples import call, error, params, result

FLEET = 450


def fleet_store() -> RecordStore:
    """450 devices whose ids sort as they count: every third a camera, the others sensors, ten sites in turn."""
    store = RecordStore()
    for number in range(FLEET):
        registration = registration_of(
            params(
                f"device-{number:05}",
                identity={"device_type": "Camera" if number % 3 == 0 else "sensor"},
                status={"ts": "2026-11-21T00:00:00Z", "location": f"Site-{number % 10:02}"},
            )
        )
        store.put("t", record_of(registration, registration_id=f"r{number}", registered_at="2026-11-21T00:00:00Z"))
    return store


STORE = fleet_store()


@pytest.fixture
def handler() -> DiscoveryHandler:
    return DiscoveryHandler(STORE, DiscoverySettings(), lambda: 8 * 1024 * 1024)


def listed(handler: DiscoveryHandler, **arguments: Any) -> dict[str, Any]:
    page: dict[str, Any] = result(handler.handle("t", call("discovery/listDevices", arguments)))
    return page


def refused(handler: DiscoveryHandler, **arguments: Any) -> tuple[int, str]:
    request_id, code, message = error(handler.handle("t", call("discovery/listDevices", arguments)))
    assert request_id == "e1"
    return code, message


def numbers(page: dict[str, Any]) -> list[int]:
    return [int(device["device_id"].removeprefix("device-")) for device in page["devices"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limit": 0}, "limit must be positive, got 0"),
        ({"limit": -1}, "limit must be positive, got -1"),
        ({"limit": False}, "limit must be positive, got 0"),
        ({"limit": "x"}, "limit must be an integer, got 'x'"),
        ({"limit": ""}, "limit must be an integer, got ''"),
        ({"limit": []}, "limit must be an integer, got []"),
        ({"limit": {}}, "limit must be an integer, got {}"),
        ({"limit": 2, "offset": -1}, "offset must be non-negative, got -1"),
        ({"offset": -1}, "offset must be non-negative, got -1"),
        ({"limit": 2, "offset": "x"}, "offset must be an integer, got 'x'"),
        ({"offset": [1]}, "offset must be an integer, got [1]"),
        ({"limit": 0, "offset": -1}, "offset must be non-negative, got -1"),
    ],
)
def test_bad_paging_is_refused(handler: DiscoveryHandler, arguments: dict[str, Any], message: str) -> None:
    assert refused(handler, **arguments) == (-32602, message)


@pytest.mark.parametrize(
    ("arguments", "first", "count", "following"),
    [
        ({"limit": 2}, 0, 2, 2),
        ({"limit": "2"}, 0, 2, 2),
        ({"limit": 2.9}, 0, 2, 2),
        ({"limit": True}, 0, 1, 1),
        ({"limit": 1, "offset": "3"}, 3, 1, 4),
        ({"limit": 1, "offset": None}, 0, 1, 1),
        ({"limit": 1, "offset": ""}, 0, 1, 1),
        ({"limit": 100_000}, 0, 200, 200),
        ({"limit": 1e300}, 0, 200, 200),
        ({"limit": 100, "offset": 350}, 350, 100, None),
        ({"limit": 100, "offset": 349}, 349, 100, 449),
        ({"limit": 200, "offset": 400}, 400, 50, None),
        ({"limit": 2, "offset": FLEET}, None, 0, None),
        ({"limit": 2, "offset": 999_999}, None, 0, None),
        ({"limit": 2, "offset": 1e300}, None, 0, None),
        ({"limit": 1, "capabilities": ["no_such"]}, 0, 1, 1),
    ],
)
def test_a_page(
    handler: DiscoveryHandler, arguments: dict[str, Any], first: int | None, count: int, following: int | None
) -> None:
    page = listed(handler, **arguments)
    assert set(page) == {"devices", "next_offset", "total_matched"}
    assert numbers(page) == ([] if first is None else list(range(first, first + count)))
    assert (page["next_offset"], page["total_matched"]) == (following, FLEET)


def test_following_next_offset_walks_the_whole_fleet_once(handler: DiscoveryHandler) -> None:
    seen: list[int] = []
    offset: int | None = 0
    while offset is not None:
        page = listed(handler, limit=97, offset=offset)
        seen += numbers(page)
        offset = page["next_offset"]
    assert seen == list(range(FLEET))


@pytest.mark.parametrize("arguments", [{}, {"limit": None}, {"offset": 440}, {"offset": None, "limit": None}])
def test_without_a_limit_the_whole_fleet_comes_without_paging_fields(
    handler: DiscoveryHandler, arguments: dict[str, Any]
) -> None:
    page = listed(handler, **arguments)
    assert set(page) == {"devices"}
    assert numbers(page) == list(range(FLEET))


def test_filters_are_substrings_in_any_case_and_come_before_the_slice(handler: DiscoveryHandler) -> None:
    page = listed(handler, limit=2, offset=1, device_type="CAM")
    assert (numbers(page), page["next_offset"], page["total_matched"]) == ([3, 6], 3, 150)
    both = listed(handler, limit=200, device_type="camera", location="ite-03")
    assert numbers(both) == [number for number in range(FLEET) if number % 30 == 3]
    assert both["total_matched"] == 15
    assert listed(handler, limit=1, location="nowhere") == {"devices": [], "next_offset": None, "total_matched": 0}
    assert listed(handler, limit=None, device_type="zzz") == {"devices": []}


@pytest.mark.parametrize("empty", [None, "", 0, [], False])
def test_an_empty_filter_is_none(handler: DiscoveryHandler, empty: Any) -> None:
    assert listed(handler, limit=1, device_type=empty, location=empty)["total_matched"] == FLEET


@pytest.mark.parametrize("wrong", [123, True, ["camera"], {"a": 1}])
def test_a_filter_that_is_no_text_is_a_failure(handler: DiscoveryHandler, wrong: Any) -> None:
    code, message = refused(handler, limit=1, device_type=wrong)
    assert code == -32000
    assert message.startswith("device_type must be text")


def test_a_record_has_the_real_ones_fields_in_its_order(handler: DiscoveryHandler) -> None:
    device = listed(handler, limit=1)["devices"][0]
    assert list(device) == ["device_id", "device_ttl", "capabilities", "identity", "status", "registry"]
    assert device["registry"] == {"device_registration_id": "r0", "registered_at": "2026-11-21T00:00:00Z"}


def test_the_cap_can_be_set_and_warns_once_per_distinct_higher_limit(caplog: pytest.LogCaptureFixture) -> None:
    settings = DiscoverySettings.from_environ({"DC_LIST_DEVICES_MAX_LIMIT": "10"})
    handler = DiscoveryHandler(STORE, settings, lambda: None)
    with caplog.at_level(logging.WARNING):
        for limit in (11, 11, 10, 12, 11, 12):
            assert len(listed(handler, limit=limit)["devices"]) == 10
    assert [record.args for record in caplog.records] == [(11, 10), (12, 10)]


def test_the_warnings_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    handler = DiscoveryHandler(STORE, DiscoverySettings(max_limit=1), lambda: None)
    with caplog.at_level(logging.WARNING):
        for limit in range(2, 300):
            listed(handler, limit=limit)
    assert len(caplog.records) == 100


@pytest.mark.parametrize("text", ["", "0", "-1", "many"])
def test_a_senseless_cap_is_the_default(text: str) -> None:
    assert DiscoverySettings.from_environ({"DC_LIST_DEVICES_MAX_LIMIT": text}).max_limit == 200


@pytest.mark.parametrize("arguments", [{}, {"device_type": "camera"}])
def test_a_reply_without_a_limit_over_the_brokers_limit_is_an_error(arguments: dict[str, Any]) -> None:
    handler = DiscoveryHandler(STORE, DiscoverySettings(), lambda: 20_000)
    code, message = refused(handler, **arguments)
    assert code == -32000
    assert "maximum payload exceeded" in message
    assert len(listed(handler, limit=20)["devices"]) == 20


@pytest.mark.parametrize("arguments", [{}, {"device_type": "camera"}, {"location": "site-07"}])
@pytest.mark.parametrize("most", [3_000, 20_000, 65_536])
def test_a_page_that_would_not_fit_is_cut_and_points_on(most: int, arguments: dict[str, Any]) -> None:
    wanted = numbers(listed(DiscoveryHandler(STORE, DiscoverySettings(max_limit=FLEET), lambda: None), **arguments))
    handler = DiscoveryHandler(STORE, DiscoverySettings(), lambda: most)
    walked: list[int] = []
    offset: int | None = 0
    while offset is not None:
        request = call("discovery/listDevices", {"offset": offset, "limit": 200, **arguments})
        reply = handler.handle("t", request)
        assert isinstance(reply, bytes)
        assert len(reply) <= most
        page = result(reply)
        assert page["total_matched"] == len(wanted)
        assert page["next_offset"] in (None, offset + len(page["devices"]))
        walked += numbers(page)
        offset = page["next_offset"]
    assert walked == wanted


def test_a_record_that_does_not_fit_by_itself_is_an_error_and_the_next_is_not() -> None:
    store = RecordStore()
    for number, text in enumerate(("small", "large" * 1000, "small")):
        registration = registration_of(params(f"device-{number:05}", identity={"model": text}))
        store.put("t", record_of(registration, registration_id="r", registered_at="2026-11-21T00:00:00Z"))
    handler = DiscoveryHandler(store, DiscoverySettings(), lambda: 3_000)
    first = listed(handler, offset=0, limit=100)
    assert (numbers(first), first["next_offset"]) == ([0], 1)
    assert "maximum payload exceeded" in refused(handler, offset=1, limit=100)[1]
    assert numbers(listed(handler, offset=2, limit=100)) == [2]


def test_a_reply_that_just_fits_is_sent() -> None:
    fits = DiscoveryHandler(STORE, DiscoverySettings(), lambda: None).handle("t", call("discovery/listDevices"))
    assert isinstance(fits, bytes)
    exact = DiscoveryHandler(STORE, DiscoverySettings(), lambda: len(fits)).handle("t", call("discovery/listDevices"))
    assert exact == fits
    less = DiscoveryHandler(STORE, DiscoverySettings(), lambda: len(fits) - 1)
    assert refused(less)[0] == -32000


def test_get_device(handler: DiscoveryHandler) -> None:
    def got(arguments: dict[str, Any]) -> Any:
        return result(handler.handle("t", call("discovery/getDevice", arguments)))

    assert got({"device_id": "device-00007"})["device"]["device_id"] == "device-00007"
    for missing in ("no-such", 5, ["a"], {"a": 1}, True):
        assert got({"device_id": missing}) == {"device": None}
    for nothing in ({}, {"device_id": ""}, {"device_id": None}, {"device_id": 0}):
        _, code, message = error(handler.handle("t", call("discovery/getDevice", nothing)))
        assert (code, message) == (-32602, "device_id required")


def test_describe_fleet(handler: DiscoveryHandler) -> None:
    fleet = result(handler.handle("t", call("discovery/describeFleet")))
    assert (fleet["total_devices"], fleet["total_functions"]) == (FLEET, 2 * FLEET)
    assert {kind: entry["count"] for kind, entry in fleet["by_type"].items()} == {"Camera": 150, "sensor": 300}
    assert fleet["by_type"]["Camera"]["locations"] == [f"Site-{site:02}" for site in range(10)]
    assert fleet["by_location"]["Site-03"] == {"count": 45, "types": ["Camera", "sensor"]}


def test_describe_fleet_calls_what_is_missing_unknown() -> None:
    store = RecordStore()
    registration = registration_of(params(identity={}, status={"ts": "x"}, capabilities={}))
    store.put("t", record_of(registration, registration_id="r", registered_at="x"))
    reply = DiscoveryHandler(store, DiscoverySettings(), lambda: None).handle("t", call("discovery/describeFleet"))
    assert result(reply) == {
        "total_devices": 1,
        "total_functions": 0,
        "by_type": {"unknown": {"count": 1, "locations": ["unknown"]}},
        "by_location": {"unknown": {"count": 1, "types": ["unknown"]}},
    }


def test_a_tenant_without_devices_has_an_empty_fleet(handler: DiscoveryHandler) -> None:
    reply = handler.handle("nobody", call("discovery/listDevices", {"limit": 10}))
    assert result(reply) == {"devices": [], "next_offset": None, "total_matched": 0}
    assert "nobody" not in STORE.tenants


@pytest.mark.parametrize(
    "request_",
    [
        call("discovery/nope"),
        b'{"jsonrpc":"2.0","id":"e1"}',
        b'{"jsonrpc":"2.0","id":"e1","method":null}',
        b'{"jsonrpc":"2.0","id":"e1","method":5,"params":[1]}',
        b"{}",
    ],
)
def test_an_unknown_method_gets_no_reply(handler: DiscoveryHandler, request_: bytes) -> None:
    assert handler.handle("t", request_) is None


@pytest.mark.parametrize(
    ("request_", "request_id"),
    [
        (b'{"jsonrpc": "2.0", "id": "e1", ', None),
        (b"", None),
        (b'[{"jsonrpc":"2.0","id":1,"method":"discovery/listDevices","params":{"limit":1}}]', None),
        (b'"hi"', None),
        (b'\xff\xfe{"a":1}', None),
        (b"[" * 100_000, None),
        (b'{"id":1e999,"method":"discovery/listDevices"}', None),
        (b'{"jsonrpc":"2.0","id":"e1","method":"discovery/listDevices","params":[1]}', "e1"),
        (b'{"jsonrpc":"2.0","id":"e1","method":"discovery/listDevices","params":"x"}', "e1"),
    ],
)
def test_what_is_no_request_is_a_failure(handler: DiscoveryHandler, request_: bytes, request_id: str | None) -> None:
    got_id, code, message = error(handler.handle("t", request_))
    assert (got_id, code) == (request_id, -32000)
    assert message


@pytest.mark.parametrize("request_id", [7, None, "x", [1, {"a": 2}], 1.5])
def test_any_id_is_echoed(handler: DiscoveryHandler, request_id: Any) -> None:
    reply = handler.handle("t", call("discovery/listDevices", {"limit": 1, "location": "nowhere"}, request_id))
    assert isinstance(reply, bytes)
    assert decode_any(reply)["id"] == request_id


def test_no_id_is_null(handler: DiscoveryHandler) -> None:
    reply = handler.handle("t", b'{"method":"discovery/listDevices","params":{"limit":1,"location":"nowhere"}}')
    assert isinstance(reply, bytes)
    assert decode_any(reply)["id"] is None


# Extensions


@pytest.mark.parametrize("most", [3_000, 65_536, None])
@pytest.mark.parametrize("arguments", [{}, {"device_type": "CAMERA"}, {"projection": "summary"}, {"limit": 7}])
def test_paging_by_id_gives_each_device_once_in_order(arguments: dict[str, Any], most: int | None) -> None:
    only = {name: value for name, value in arguments.items() if name == "device_type"}
    wanted = numbers(listed(DiscoveryHandler(STORE, DiscoverySettings(), lambda: None), **only))
    handler = DiscoveryHandler(STORE, DiscoverySettings(), lambda: most)
    walked: list[int] = []
    after: str | None = None
    while True:
        page = listed(handler, after=after, **arguments)
        assert "next_offset" not in page
        assert page["total_matched"] == len(wanted)
        assert "after" in page["applied"]
        walked += numbers(page)
        after = page["next_after"]
        if after is None:
            break
        assert page["devices"][-1]["device_id"] == after
    assert walked == wanted


def test_paging_by_id_goes_on_behind_a_device_that_left(handler: DiscoveryHandler) -> None:
    assert numbers(listed(handler, after="device-00007x", limit=2)) == [8, 9]
    assert listed(handler, after="zzz", limit=2)["devices"] == []


def test_a_summary_reads_as_the_whole_record_does(handler: DiscoveryHandler) -> None:
    whole = listed(handler, limit=5)["devices"]
    brief = listed(handler, limit=5, projection="summary")
    assert brief["applied"] == ["projection"]
    for one, other in zip(whole, brief["devices"], strict=True):
        assert set(one) == set(other)
        assert set(other["capabilities"]) == {"labels", "function_count", "event_count"}
        assert summarize(encode(one)) == summarize(encode(other))


def test_a_plain_reply_names_no_extension(handler: DiscoveryHandler) -> None:
    assert set(listed(handler, limit=5)) == {"devices", "next_offset", "total_matched"}
    assert set(listed(handler)) == {"devices"}
    assert set(listed(handler, projection="summary")) == {"devices", "applied", "revision"}


@pytest.mark.parametrize(
    "arguments", [{"after": 5}, {"after": ["a"]}, {"after": "a", "offset": 1}, {"projection": "all"}, {"projection": 1}]
)
def test_bad_extensions_are_refused(handler: DiscoveryHandler, arguments: dict[str, Any]) -> None:
    assert refused(handler, limit=5, **arguments)[0] == -32602


def test_the_revision_rises_with_devices_that_come_and_go_and_not_with_heartbeats() -> None:
    store = RecordStore()
    handler = DiscoveryHandler(store, DiscoverySettings(), lambda: None)

    def revision() -> int:
        return int(listed(handler, after=None)["revision"])

    seen = [revision()]
    record = record_of(registration_of(params("a")), registration_id="r", registered_at="2026-11-21T00:00:00Z")
    store.put("t", record)
    seen.append(revision())
    store.put("t", record)
    seen.append(revision())
    store.fleet("t").merge_status(record, {"battery": 3})
    assert revision() == seen[-1]
    store.remove("t", "nobody")
    assert revision() == seen[-1]
    store.remove("t", "a")
    seen.append(revision())
    assert seen == sorted(set(seen))

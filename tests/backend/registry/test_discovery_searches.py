"""Searching, filtering, sorting and listing what has ended, over random fleets and held against the language itself."""

from __future__ import annotations

import asyncio
import inspect
import random
from typing import Any

import pytest

from fleetgui.backend.registry import discovery
from fleetgui.backend.registry.discovery import DiscoveryHandler, DiscoverySettings
from fleetgui.backend.registry.records import record_of, registration_of
from fleetgui.backend.registry.store import RecordStore
from fleetgui.policy.clock import ManualClock
from fleetgui.wire.codec import decode_any, encode
from fleetgui.wire.query import FIELDS, Filter, arranged, conditions_of, order_of, text_of, value_of
from fleetgui.wire.records import Summary, what_is_readable
from tests.backend import hostile
from tests.backend.registry.samples import call, error, params, result

FLEET = 300


def fleet_store(devices: int = FLEET) -> RecordStore:
    """Devices of every sort: values missing, of the wrong type, in odd case; the last ten of a hundred have ended."""
    chance = random.Random(7)
    store = RecordStore()
    for number in range(devices):
        device_id = f"device-{number:05}"
        registration = registration_of(
            params(
                device_id,
                device_ttl=chance.choice([15, 45]),
                identity={
                    "device_type": chance.choice(["Camera", "lock", None, ""]),
                    "model": chance.choice(["C-1", "C-2 IR", None]),
                    "serial_number": f"SN{chance.randrange(10**6)}",
                },
                status={
                    "ts": chance.choice(["2026-11-20T00:00:00Z", "2026-11-21T00:00:00+02:00", "soon"]),
                    "location": chance.choice(["Site-01/Dock", "site-02", None]),
                    "battery": chance.choice([None, 5, 19, 20, 88]),
                    "busy_score": chance.choice([None, 0.0, 0.25, 1.0]),
                    "online": chance.choice([True, False, None]),
                },
                capabilities={
                    "functions": [{"name": f"f{each}"} for each in range(chance.randrange(4))],
                    "labels": chance.choice([None, {"category": "Optics", "location": ["site-01/dock", "x"]}]),
                },
            )
        )
        at = f"2026-11-21T0{chance.randrange(10)}:00:00Z"
        store.put("t", record_of(registration, registration_id=f"r{number}", registered_at=at))
        if number % 7 == 0:
            junk: Any = chance.choice(["full", [1], {"a": 1}, None])
            store.merge_status("t", device_id, {"battery": junk, "error_state": junk, "offline_since": "2026-01-01"})
        if number % 100 >= 90:
            store.end("t", device_id, ended_at=1_795_219_200.0 + number)
    return store


STORE = fleet_store()
WHERE: list[dict[str, Any]] = [
    {},
    {"battery": {"lt": 20}},
    {"battery": {"exists": False}},
    {"battery": {"ne": 88}, "device_type": {"eq": "Camera"}},
    {"device_type": {"exists": False}, "location": {"contains": "DOCK"}},
    {"functions": {"ge": 2}, "ttl": {"in": [15]}},
    {"online": {"eq": True}, "busy_score": {"le": 0.25}},
    {"status_ts": {"lt": "2026-11-21T00:00:00Z"}},
    {"error_state": {"exists": True}},
    {"labels": {"contains": "category=optics"}},
    {"device_id": {"gt": "device-00100", "le": "device-00200"}},
    {"registered_at": {"gt": "2026-11-21T05:00:00Z"}, "serial_number": {"contains": "7"}},
    {"offline_since": {"exists": True}},
]


def handler(store: RecordStore = STORE, max_payload: int | None = 8 * 1024 * 1024) -> DiscoveryHandler:
    return DiscoveryHandler(store, DiscoverySettings(), lambda: max_payload, clock=ManualClock())


def listed(of: DiscoveryHandler, **arguments: Any) -> dict[str, Any]:
    page: dict[str, Any] = result(of.handle("t", call("discovery/listDevices", arguments)))
    return page


def walked(of: DiscoveryHandler, **arguments: Any) -> list[dict[str, Any]]:
    devices: list[dict[str, Any]] = []
    offset: int | None = 0
    while offset is not None:
        page = listed(of, offset=offset, limit=arguments.get("limit", 70), **arguments)
        devices += page["devices"]
        offset = page["next_offset"]
    assert len(devices) == page["total_matched"]
    return devices


def by_the_console(arguments: dict[str, Any]) -> list[str]:
    """What somebody who holds all records finds among them: the same language, on the records as they are listed."""
    offline = {"include_offline": True} if arguments.get("include_offline") else {}
    rows: list[Summary] = [what_is_readable(encode(device)) for device in listed(handler(), **offline)["devices"]]
    what = Filter(text_of(arguments.get("query")), conditions_of(arguments.get("where")))
    order = order_of(arguments.get("order_by"), arguments.get("descending"))
    hits = [row for row in rows if what.matches(lambda name: value_of(row, name))]  # noqa: B023 - called at once
    return arranged([(value_of(row, order.field), row.device_id) for row in hits], order)


def ids(devices: list[dict[str, Any]]) -> list[str]:
    return [device["device_id"] for device in devices]


@pytest.mark.parametrize("offline", [False, True])
@pytest.mark.parametrize("where", WHERE)
def test_the_registry_finds_what_the_console_finds(where: dict[str, Any], offline: bool) -> None:
    arguments = {"where": where, "include_offline": offline}
    found = walked(handler(), **arguments)
    assert ids(found) == by_the_console(arguments)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("field", list(FIELDS))
def test_every_field_sorts_as_it_does_in_the_console(field: str, descending: bool) -> None:
    arguments = {"order_by": field, "descending": descending, "include_offline": True}
    assert ids(walked(handler(), **arguments)) == by_the_console(arguments)


@pytest.mark.parametrize("query", ["CAMERA", "00042", "site-01/d", "optics", "x", "nothing at all", "", None])
def test_a_query_finds_what_it_does_in_the_console(query: str | None) -> None:
    arguments = {"query": query, "order_by": "battery", "where": {"ttl": {"ne": 7}}}
    assert ids(walked(handler(), **arguments)) == by_the_console(arguments)


def test_extensions_go_with_the_contracts_own_filters_and_are_named() -> None:
    page = listed(
        handler(),
        limit=5,
        device_type="cam",
        query="site",
        where={"battery": {"exists": True}},
        order_by="battery",
        descending=False,
        include_offline=True,
        projection="summary",
    )
    assert page["applied"] == ["projection", "query", "where", "order_by", "descending", "include_offline"]
    assert page["revision"] == STORE.fleet("t").revision
    assert {device["identity"]["device_type"] for device in page["devices"]} == {"Camera"}
    assert "functions" not in page["devices"][0]["capabilities"]
    assert set(listed(handler(), limit=5, device_type="cam")) == {"devices", "next_offset", "total_matched"}


@pytest.mark.parametrize("where", [{}, {"battery": {"lt": 50}}])
@pytest.mark.parametrize("most", [6_000, 100_000])
def test_paging_by_id_through_what_was_found(where: dict[str, Any], most: int) -> None:
    of = handler(max_payload=most)
    arguments = {"where": where, "include_offline": True, "projection": "summary"}
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = listed(of, after=after, **arguments)
        seen += ids(page["devices"])
        after = page["next_after"]
    assert seen == by_the_console(arguments)
    assert ids(listed(of, after="device-00007x", limit=2)["devices"]) == ["device-00008", "device-00009"]


def test_what_has_ended_stands_in_its_place_and_says_since_when() -> None:
    page = listed(handler(), include_offline=True, offset=88, limit=4)
    assert ids(page["devices"]) == [f"device-{number:05}" for number in (88, 89, 90, 91)]
    assert [device["status"].get("offline_since") for device in page["devices"][2:]] == [
        "2026-11-21T00:01:30Z",
        "2026-11-21T00:01:31Z",
    ]
    assert [device["status"]["online"] for device in page["devices"][2:]] == [False, False]
    assert page["total_matched"] == FLEET
    assert listed(handler(), offset=88, limit=4)["total_matched"] == FLEET - 30
    plain = result(handler().handle("t", call("discovery/getDevice", {"device_id": "device-00090"})))
    assert plain == {"device": None}
    asked = {"device_id": "device-00090", "include_offline": True}
    got = result(handler().handle("t", call("discovery/getDevice", asked)))
    assert (got["device"]["status"]["online"], got["applied"]) == (False, ["include_offline"])
    whole = listed(handler(), include_offline=True)
    assert len(whole["devices"]) == FLEET


def test_a_walk_sees_one_fleet_whatever_happens_meanwhile() -> None:
    store = fleet_store(100)
    of = handler(store)
    arguments: dict[str, Any] = {"where": {"battery": {"ne": 3}}, "limit": 10}
    first = listed(of, **arguments)
    store.remove("t", "device-00012")
    store.merge_status("t", "device-00013", {"battery": 3})
    store.put("t", record_of(registration_of(params("device-00000a")), registration_id="r", registered_at="2026-11-21"))
    second = listed(of, offset=10, **arguments)
    assert second["revision"] == first["revision"]
    assert second["next_offset"] == 20
    assert ids(second["devices"]) == [f"device-{number:05}" for number in (10, 11, *range(13, 20))]
    assert second["devices"][2]["status"]["battery"] == 3, "which is found is of the beginning, what it says of now"
    again = listed(of, **arguments)
    assert again["revision"] > first["revision"]
    assert "device-00000a" in ids(again["devices"])
    assert of.searches.worked == 2


def test_what_heartbeats_change_is_found_soon_though_the_revision_stays() -> None:
    store = fleet_store(100)
    clock = ManualClock()
    of = DiscoveryHandler(store, DiscoverySettings(), lambda: None, clock=clock)
    arguments = {"where": {"battery": {"eq": 3}}, "limit": 10}
    assert ids(listed(of, **arguments)["devices"]) == []
    store.merge_status("t", "device-00013", {"battery": 3})
    clock.advance(2.1)
    assert ids(listed(of, **arguments)["devices"]) == ["device-00013"]


async def test_a_large_fleet_is_searched_in_turns_once_for_a_walk_and_for_all_who_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "LITTLE", 10)
    monkeypatch.setattr(discovery, "AT_ONCE_S", 0.0)
    of = handler()
    arguments = {"where": {"battery": {"lt": 50}}, "order_by": "serial_number", "limit": 30}

    async def asked(**more: Any) -> dict[str, Any]:
        reply = of.handle("t", call("discovery/listDevices", arguments | more))
        assert inspect.isawaitable(reply)
        page: dict[str, Any] = result(await reply)
        return page

    pages = await asyncio.gather(*(asked() for _ in range(5)))
    assert of.searches.worked == 1
    assert all(page == pages[0] for page in pages)
    devices = pages[0]["devices"] + listed(of, offset=30, **arguments)["devices"]
    assert ids(devices) == by_the_console(arguments)[:60]
    assert of.searches.worked == 1
    whole = await asked(limit=None)
    assert ids(whole["devices"]) == by_the_console(arguments)
    refused = of.handle("t", call("discovery/listDevices", {"query": "x" * 300}))
    assert error(refused)[1] == -32602


async def test_a_whole_reply_that_does_not_fit_is_an_error_however_large_the_fleet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "LITTLE", 10)
    monkeypatch.setattr(discovery, "AT_ONCE_S", 0.0)
    reply = handler(max_payload=20_000).handle("t", call("discovery/listDevices", {"order_by": "battery"}))
    assert inspect.isawaitable(reply)
    _, code, message = error(await reply)
    assert code == -32000
    assert message.startswith("maximum payload exceeded: at least")


def test_a_description_that_does_not_fit_is_an_error_before_it_is_made() -> None:
    store = RecordStore()
    for number in range(20):
        registration = registration_of(params(f"d{number}", identity={"device_type": f"{number}" + "x" * 300_000}))
        store.put("t", record_of(registration, registration_id="r", registered_at="x"))
    _, code, message = error(handler(store, 1024 * 1024).handle("t", call("discovery/describeFleet")))
    assert code == -32000
    assert message.startswith("maximum payload exceeded: at least")
    assert result(handler(store, None).handle("t", call("discovery/describeFleet")))["total_devices"] == 20


async def test_a_description_of_very_many_places_is_made_in_turns() -> None:
    store = RecordStore()
    for number in range(1_500):
        registration = registration_of(params(f"d{number}", status={"ts": "x", "location": f"place {number}"}))
        store.put("t", record_of(registration, registration_id="r", registered_at="x"))
    reply = handler(store).handle("t", call("discovery/describeFleet"))
    assert inspect.isawaitable(reply)
    assert len(result(await reply)["by_location"]) == 1_500


@pytest.mark.parametrize(
    "arguments",
    [
        {"query": 5},
        {"query": "x" * 1_000_000},
        {"where": [1]},
        {"where": {"colour": {"eq": 1}}},
        {"where": {f"f{number}": {"eq": 1} for number in range(10_000)}},
        {"where": {"battery": {"in": list(range(1_000_000))}}},
        {"where": {"device_id": {"matches": "^(a+)+$"}}},
        {"order_by": "colour"},
        {"order_by": 5},
        {"descending": "yes"},
        {"include_offline": "yes"},
        {"include_offline": 1},
        {"after": "", "order_by": "battery"},
        {"after": "", "descending": True},
    ],
)
def test_what_is_not_understood_is_refused_with_what_is_allowed(arguments: dict[str, Any]) -> None:
    _, code, message = error(handler().handle("t", call("discovery/listDevices", {"limit": 5, **arguments})))
    assert code == -32602
    assert message
    assert len(message) < 600


def test_every_wrong_type_in_every_place_is_a_result_or_a_clear_error() -> None:
    of = handler()
    asked = {
        "offset": 0,
        "limit": 2,
        "device_type": "cam",
        "location": "site",
        "projection": "summary",
        "query": "x",
        "where": {"battery": {"lt": 3, "in": [1, 2]}, "location": {"contains": "x"}},
        "order_by": "battery",
        "descending": True,
        "include_offline": True,
        "requester_id": "me",
    }
    for request in hostile.wrong_types({"id": 1, "method": "discovery/listDevices", "params": asked}):
        reply = of.handle("t", request)
        if reply is not None:
            assert isinstance(reply, bytes)
            body = decode_any(reply)
            assert "result" in body or body["error"]["code"] in (-32602, -32000)
            assert "internal" not in body.get("error", {}).get("message", "")

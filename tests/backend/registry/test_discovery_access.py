"""What a caller gets where an access policy hides devices from it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from fleetgui.backend.registry import discovery
from fleetgui.backend.registry.discovery import DiscoveryHandler, DiscoverySettings
from fleetgui.backend.registry.records import record_of, registration_of
from fleetgui.backend.registry.store import RecordStore
from fleetgui.policy.access import AccessPolicy, Acl
from tests.backend.registry.samples import call, error, params, result

POLICY = AccessPolicy(
    [
        Acl(device_id="door-*", tenant="t", visible_to=["ops-*"]),
        Acl(device_id="cam-3", tenant="t", hidden_from=["ops-b"]),
    ]
)
DOORS = [f"door-{number}" for number in range(10)]
CAMS = [f"cam-{number}" for number in range(10)]


def fleet() -> RecordStore:
    store = RecordStore()
    for number, device_id in enumerate(sorted(CAMS + DOORS)):
        kind = device_id.split("-")[0]
        registration = registration_of(
            params(device_id, identity={"device_type": kind}, status={"ts": "x", "battery": number})
        )
        store.put("t", record_of(registration, registration_id="r", registered_at="x"))
    store.put("t", record_of(registration_of(params("door-x")), registration_id="r", registered_at="x"))
    store.end("t", "door-x", ended_at=5.0)
    return store


@pytest.fixture
def handler() -> DiscoveryHandler:
    return DiscoveryHandler(fleet(), DiscoverySettings(), lambda: None, policy=POLICY)


def asked(handler: DiscoveryHandler, method: str = "listDevices", **arguments: Any) -> dict[str, Any]:
    answer: dict[str, Any] = result(handler.handle("t", call(f"discovery/{method}", arguments)))
    return answer


def ids(page: dict[str, Any]) -> list[str]:
    return [device["device_id"] for device in page["devices"]]


def test_pages_of_the_contract_are_sliced_first(handler: DiscoveryHandler) -> None:
    first, second = (asked(handler, limit=10, offset=offset) for offset in (0, 10))
    assert (ids(first), first["next_offset"], first["total_matched"]) == (CAMS, 10, 20)
    assert (ids(second), second["next_offset"], second["total_matched"]) == ([], None, 20)
    doors = asked(handler, limit=5, device_type="door", requester_id="guard")
    assert (ids(doors), doors["next_offset"], doors["total_matched"]) == ([], 5, 10)
    everything = asked(handler, limit=20, requester_id="ops-a")
    assert ids(everything) == sorted(CAMS + DOORS)
    assert ids(asked(handler, limit=20, requester_id="ops-b")) == sorted(set(CAMS + DOORS) - {"cam-3"})


def test_the_whole_list_has_what_may_be_seen(handler: DiscoveryHandler) -> None:
    assert asked(handler) == {"devices": asked(handler, limit=10)["devices"]}
    assert ids(asked(handler, device_type="door")) == []
    assert len(ids(asked(handler, requester_id="ops-a"))) == 20


@pytest.mark.parametrize(
    "arguments",
    [
        {"where": {"battery": {"exists": True}}},
        {"query": "-"},
        {"order_by": "battery", "descending": True},
        {"include_offline": True},
    ],
)
def test_where_an_extension_selects_only_what_may_be_seen_is_looked_at(
    handler: DiscoveryHandler, arguments: dict[str, Any]
) -> None:
    page = asked(handler, limit=4, **arguments)
    assert (len(ids(page)), page["next_offset"], page["total_matched"]) == (4, 4, 10)
    assert set(ids(page)) <= set(CAMS)
    mine = asked(handler, limit=20, requester_id="ops-a", **arguments)
    assert mine["total_matched"] == 20 + ("include_offline" in arguments)


def test_paging_by_id_names_no_hidden_device(handler: DiscoveryHandler) -> None:
    page = asked(handler, limit=10, after="")
    assert (ids(page), page["next_after"], page["total_matched"]) == (CAMS, None, 10)


def test_a_hidden_device_is_none(handler: DiscoveryHandler) -> None:
    assert asked(handler, "getDevice", device_id="door-1") == {"device": None}
    assert asked(handler, "getDevice", device_id="door-x", include_offline=True)["device"] is None
    assert asked(handler, "getDevice", device_id="door-1", requester_id="ops-a")["device"]["device_id"] == "door-1"


async def test_the_fleet_is_described_as_the_caller_sees_it(
    handler: DiscoveryHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def totals(answer: dict[str, Any]) -> tuple[int, list[str]]:
        return answer["total_devices"], sorted(answer["by_type"])

    assert totals(asked(handler, "describeFleet")) == (10, ["cam"])
    assert totals(asked(handler, "describeFleet", requester_id="ops-a")) == (20, ["cam", "door"])
    assert totals(asked(handler, "describeFleet", requester_id="ops-b")) == (19, ["cam", "door"])
    monkeypatch.setattr(discovery, "LITTLE", 5)
    reply = handler.handle("t", call("discovery/describeFleet", {"requester_id": "else"}))
    assert inspect.isawaitable(reply)
    assert totals(result(await reply)) == (10, ["cam"])


@pytest.mark.parametrize("identity", [5, ["ops-a"], {"a": 1}, True, "x" * 257])
def test_a_name_that_is_none_is_refused(handler: DiscoveryHandler, identity: Any) -> None:
    for method in ("listDevices", "getDevice", "describeFleet"):
        reply = handler.handle("t", call(f"discovery/{method}", {"device_id": "cam-1", "requester_id": identity}))
        assert error(reply)[1] == -32602


def test_without_a_policy_nobody_asks_for_a_name() -> None:
    handler = DiscoveryHandler(fleet(), DiscoverySettings(), lambda: None)
    assert len(ids(asked(handler, requester_id=5))) == 20


def test_another_tenant_is_another_matter(handler: DiscoveryHandler) -> None:
    registration = registration_of(params("door-1"))
    store = handler._store
    store.put("u", record_of(registration, registration_id="r", registered_at="x"))
    assert ids(result(handler.handle("u", call("discovery/listDevices", {"limit": 5})))) == ["door-1"]

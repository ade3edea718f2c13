"""What a registration is made into, and what heartbeats may do to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.backend.registry.records import MAX_STATUS_BYTES, BadRegistration, Record, record_of, registration_of
from fleetgui.backend.registry.store import RecordStore
from fleetgui.wire.codec import Malformed, decode_any
from tests.backend.registry.samples import params


def made(**changes: Any) -> Record:
    return record_of(registration_of(params(**changes)), registration_id="r1", registered_at="2026-11-21T00:00:44Z")


def test_a_minimal_registration_gets_the_defaults() -> None:
    record = made(device_id="d1", device_ttl=60, capabilities={}, identity={}, status={"ts": "2026-01-01T00:00:00Z"})
    assert decode_any(record.json()) == {
        "device_id": "d1",
        "device_ttl": 60,
        "capabilities": {"description": "", "functions": [], "events": [], "labels": None},
        "identity": {
            "arch": "arm64",
            "host_cpu": "generic",
            "dram_mb": 0,
            "device_type": None,
            "manufacturer": None,
            "model": None,
            "serial_number": None,
            "firmware_version": None,
            "capabilities": [],
        },
        "status": {
            "ts": "2026-01-01T00:00:00Z",
            "location": None,
            "busy_score": None,
            "availability": None,
            "task_stack": None,
            "battery": None,
            "online": None,
        },
        "registry": {"device_registration_id": "r1", "registered_at": "2026-11-21T00:00:44Z"},
    }


def test_functions_and_events_get_theirs_and_schemas_stay_as_they_are() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "default": None, "x-y": [1, {}]}}}
    capabilities = {
        "functions": [{"name": "a"}, {"name": "b", "parameters": schema, "labels": {"direction": ["read"]}, "x": 1}],
        "events": [{"name": "e"}],
    }
    got = decode_any(made(capabilities=capabilities).json())["capabilities"]
    assert got["functions"] == [
        {
            "name": "a",
            "description": "",
            "parameters": {"type": "object", "properties": {}, "required": []},
            "labels": None,
            "tags": [],
        },
        {"name": "b", "description": "", "parameters": schema, "labels": {"direction": ["read"]}, "tags": []},
    ]
    assert got["events"] == [{"name": "e", "description": "", "payload_schema": None, "labels": None, "tags": []}]


def test_unknown_keys_are_dropped() -> None:
    record = decode_any(
        made(
            identity={"device_type": "x", "commissioning_comment": "cc", "halo": 1},
            status={"ts": "2026-01-01T00:00:00.123456", "online": True, "error_state": "E1", "custom": 1},
            extra_top=1,
            session="s",
        ).json()
    )
    assert set(record) == {"device_id", "device_ttl", "capabilities", "identity", "status", "registry"}
    assert "halo" not in record["identity"]
    assert "error_state" not in record["status"]
    assert record["status"]["ts"] == "2026-01-01T00:00:00.123456"


@pytest.mark.parametrize("device_id", ["a b/c.d", "caméra", "a..b", "x" * 10_000, '"\\', "\u202e\x00\x1b"])
def test_any_id_is_kept_as_it_is(device_id: str) -> None:
    assert decode_any(made(device_id=device_id).json())["device_id"] == device_id


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"device_ttl": 0}, "device_ttl"),
        ({"device_ttl": "soon"}, "device_ttl"),
        ({"device_ttl": None}, "device_ttl"),
        ({"device_id": ""}, "device_id"),
        ({"device_id": 5}, "device_id"),
        ({"capabilities": None}, "capabilities"),
        ({"identity": []}, "identity"),
        ({"status": {}}, "status.ts"),
        ({"status": {"ts": "x", "battery": 50.5}}, "status.battery"),
        ({"capabilities": {"events": [{"name": "event/x"}]}}, "capabilities.events.0.name"),
        ({"capabilities": {"functions": [{}]}}, "capabilities.functions.0.name"),
        ({"capabilities": {"labels": {"a": 1}}}, "capabilities.labels"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(BadRegistration, match=f"^{names}"):
        registration_of(params(**changes))


def test_a_missing_part_is_named() -> None:
    body = params()
    del body["status"]
    with pytest.raises(BadRegistration, match=r"^status: Field required"):
        registration_of(body)


def test_a_hundred_faults_make_a_short_error() -> None:
    with pytest.raises(BadRegistration) as caught:
        registration_of(params(capabilities={"functions": [{}] * 100}))
    assert str(caught.value).endswith("and 95 more")


def test_a_heartbeat_merges_key_by_key() -> None:
    record = made()
    assert record.merge_status({"battery": 55, "halo": {"zone": "a", "n": 3}, "location": "Site-09"})
    assert record.merge_status({"halo": {"n": 4}})
    status = decode_any(record.json())["status"]
    assert status["halo"] == {"n": 4}
    assert (status["battery"], status["availability"], status["ts"]) == (55, "idle", "2026-11-21T00:00:44Z")
    assert (record.location, record.location_folded) == ("Site-09", "site-09")


def test_nothing_new_changes_nothing() -> None:
    record = made()
    before = record.status
    assert not record.merge_status({"battery": 88})
    assert not record.merge_status({})
    assert record.status is before


def test_a_status_cannot_grow_without_bound() -> None:
    record = made()
    before = record.status
    with pytest.raises(Malformed, match="status"):
        record.merge_status({"junk": "x" * MAX_STATUS_BYTES})
    assert record.status is before


def test_a_location_that_is_no_text_is_no_location() -> None:
    record = made()
    record.merge_status({"location": ["a"]})
    assert (record.location, record.location_folded) == (None, "")


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["put", "drop", "merge"]), st.integers(0, 99))))
def test_a_fleet_stays_sorted_and_knows_its_bytes(steps: list[tuple[str, str, int]]) -> None:
    store = RecordStore()
    present: set[str] = set()
    for device_id, step, number in steps:
        if step == "put":
            store.put("t", made(device_id=device_id, status={"ts": "x" * number}))
            present.add(device_id)
        elif step == "drop":
            assert (store.remove("t", device_id) is not None) is (device_id in present)
            present.discard(device_id)
        elif (record := store.get("t", device_id)) is not None:
            store.fleet("t").merge_status(record, {"n": "y" * number})
        fleet = store.fleet("t")
        assert [record.device_id for record in fleet] == sorted(present)
        assert fleet.bytes == sum(len(record.json()) for record in fleet)
        assert store.tenants == (["t"] if present else [])

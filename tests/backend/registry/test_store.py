"""Records as a bucket brings them: revisions, ended ones, and records read back from their JSON."""

from __future__ import annotations

import pytest

from fleetgui.backend.registry.records import Record, record_from, record_of, registration_of
from fleetgui.backend.registry.store import RecordStore
from fleetgui.wire.codec import Malformed, decode_any
from tests.backend.registry.samples import params


def made(device_id: str = "a") -> Record:
    return record_of(registration_of(params(device_id)), registration_id="r1", registered_at="2026-11-21T00:00:44Z")


def test_an_ended_record_leaves_the_fleet_and_is_kept_until_it_is_removed() -> None:
    store = RecordStore()
    store.put("t", made(), 7)
    assert store.fleet("t").revision == 7
    assert store.end("t", "a", 9, ended_at=5.0) is not None
    fleet = store.fleet("t")
    assert (len(fleet), fleet.bytes, fleet.revision, fleet.ended["a"].at) == (0, 0, 9, 5.0)
    assert (store.tenants, store.get("t", "a")) == ([], None)
    assert store.end("t", "a", ended_at=6.0) is None
    assert store.fleet("t").ended["a"].at == 5.0
    assert store.remove("t", "a", 11) is None
    assert store.fleet("t").ended == {}


def test_a_device_that_returns_is_no_longer_ended() -> None:
    store = RecordStore()
    store.put("t", made())
    store.end("t", "a", ended_at=5.0)
    store.put("t", made())
    assert store.fleet("t").ended == {}
    assert store.tenants == ["t"]


def test_a_revision_told_again_does_not_go_back() -> None:
    store = RecordStore()
    store.put("t", made(), 7)
    store.put("t", made(), 3)
    assert store.fleet("t").revision == 7


def test_status_is_merged_by_id_and_counted() -> None:
    store = RecordStore()
    store.put("t", made())
    assert store.merge_status("t", "a", {"battery": 3})
    assert not store.merge_status("t", "a", {"battery": 3})
    assert not store.merge_status("t", "nobody", {"battery": 3})
    assert store.fleet("t").bytes == made().size - len("88") + len("3")


def test_a_record_read_back_is_the_record_that_was_kept() -> None:
    assert record_from(made().json()) == made()


def test_fields_nobody_knows_are_kept() -> None:
    data = (
        b'{"device_id":"x","device_ttl":5,"new":[1],"status":{"y":2},"registry":{"device_registration_id":"r","z":3}}'
    )
    assert decode_any(record_from(data).json()) == decode_any(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"{}",
        b'{"device_id":"x","device_ttl":0,"registry":{"device_registration_id":"r"}}',
        b'{"device_id":"x","device_ttl":5}',
        b'{"device_id":"x","device_ttl":5,"status":[1],"registry":{"device_registration_id":"r"}}',
        b'{"device_id":"x","device_ttl":5,"capabilities":{"events":3},"registry":{"device_registration_id":"r"}}',
    ],
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        record_from(data)

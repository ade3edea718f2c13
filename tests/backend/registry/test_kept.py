"""How records lie in the bucket: pinned as literals, and read back as what was put."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.backend.registry import kept
from fleetgui.backend.registry.records import Record, record_of, registration_of
from fleetgui.wire.codec import Malformed, decode_any
from tests.backend.registry.samples import params

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


def record(device_id: str = "cam-001", registration_id: str = "r1") -> Record:
    return record_of(
        registration_of(params(device_id)), registration_id=registration_id, registered_at="2026-11-21T00:00:00Z"
    )


def test_keys_are_what_they_are() -> None:
    assert kept.BUCKET == "registry"
    assert kept.record_key(("default", "cam-001")) == "record.default.cam-001"
    assert kept.status_key(("a b", "cam:1")) == "status.a=20b.cam=3A1"


@given(TEXTS, TEXTS)
def test_a_key_says_whose_it_is(tenant: str, device_id: str) -> None:
    assert kept.parsed(kept.record_key((tenant, device_id))) == ("record", (tenant, device_id))
    assert kept.parsed(kept.status_key((tenant, device_id))) == ("status", (tenant, device_id))


@pytest.mark.parametrize(
    "key", ["", "record", "record.t", "other.t.cam", "record.t.a.b", "record..cam", "record.t.=zz"]
)
def test_a_foreign_key_is_malformed(key: str) -> None:
    with pytest.raises(Malformed):
        kept.parsed(key)


def test_a_registered_record_comes_back_with_every_byte() -> None:
    one = record()
    found = kept.kept_in(kept.registered_entry(one, 12.5))
    assert found.ended_at is None
    assert decode_any(found.record.json()) == decode_any(one.json())
    assert (found.record.ttl, found.record.registration_id, found.record.functions) == (one.ttl, "r1", one.functions)


def test_an_ended_record_comes_back_with_its_time() -> None:
    assert kept.kept_in(kept.ended_entry(record(), 12.5)).ended_at == 12.5


def test_a_status_comes_back_with_its_registration() -> None:
    one = record()
    one.merge_status({"battery": 7, "nested": {"a": [1]}})
    found = kept.status_in(kept.status_entry(one))
    assert found.registration_id == "r1"
    assert (found.status["battery"], found.status["nested"]) == (7, {"a": [1]})


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"state":"registered","at":1}',
        b'{"state":"gone","at":1,"record":{}}',
        b'{"state":"registered","at":"x","record":{}}',
        b'{"state":"registered","at":1,"record":7}',
        b'{"state":"registered","at":1,"record":{"device_id":"x"}}',
        b'{"state":"ended","at":-1,"record":{"device_id":"x","device_ttl":5}}',
        b"\xff\xfe",
    ],
)
def test_what_says_nothing_is_malformed(value: bytes) -> None:
    with pytest.raises(Malformed):
        kept.kept_in(value)
    with pytest.raises(Malformed):
        kept.status_in(value)

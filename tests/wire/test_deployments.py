"""Buckets and keys as literals, what decodes and what does not, and that an id never passes for a name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.wire.codec import Malformed
from fleetgui.wire.deployments import (
    ALL_DEPLOYMENTS,
    ALL_INFOS,
    ALL_STATES,
    BucketNames,
    Deployment,
    DeploymentName,
    DeploymentStatus,
    DeviceInfo,
    DeviceKey,
    DeviceState,
    Heartbeat,
    LastError,
    Moment,
    Phase,
    device_of_info,
    heartbeat_key,
    info_key,
    parts_of_state,
    state_key,
    states_of,
)
from fleetgui.wire.subjects import NotAddressable

CAM, NAME, AT = DeviceKey("cam-1"), DeploymentName("release-3"), Moment(1_795_219_200.125)
NAMES = st.text("-/_=abcXYZ019", min_size=1, max_size=253)


def test_the_buckets_of_the_contract() -> None:
    names = BucketNames("default")
    assert (names.info, names.state, names.heartbeat) == ("device-info", "device-state", "device-heartbeat")
    assert (names.deployment, names.status) == ("deployment", "deployment-status")
    names = BucketNames("acme")
    assert names.info == "device-info_acme"
    assert names.state == "device-state_acme"
    assert names.heartbeat == "device-heartbeat_acme"
    assert names.deployment == "deployment_acme"
    assert names.status == "deployment-status_acme"


def test_the_keys_of_the_contract() -> None:
    assert info_key(CAM) == "info.cam-1"
    assert state_key(CAM, NAME) == "state.cam-1.release-3"
    assert heartbeat_key(CAM) == "heartbeat.cam-1"
    assert states_of(NAME) == "state.*.release-3"
    assert (ALL_INFOS, ALL_STATES) == ("info.*", "state.*.*")
    assert ALL_DEPLOYMENTS == "*"


def test_the_records_of_the_contract() -> None:
    info = DeviceInfo(device_id=CAM, labels={"ring": "early"}, inventory={"arch": "arm"}, updated_at=AT)
    assert json.loads(info.encode()) == {
        "device_id": "cam-1",
        "labels": {"ring": "early"},
        "inventory": {"arch": "arm"},
        "updated_at": "2026-11-21T00:00:00.125Z",
    }
    state = DeviceState(device_id=CAM, deployment=NAME, phase=Phase.FAILED, last_event_at=AT, last_error="no room")
    assert json.loads(state.encode()) == {
        "device_id": "cam-1",
        "deployment": "release-3",
        "phase": "Failed",
        "last_event_at": "2026-11-21T00:00:00.125Z",
        "last_error": "no room",
    }
    assert json.loads(Heartbeat(device_id=CAM, at=AT).encode()) == {
        "device_id": "cam-1",
        "at": "2026-11-21T00:00:00.125Z",
    }
    assert [phase.value for phase in Phase] == ["Pending", "Running", "Failed"]


def test_the_deployment_and_its_status_of_the_contract() -> None:
    by_label = Deployment(name=NAME, target_selector={"ring": "early"}, generation=2, created_at=AT)
    assert json.loads(by_label.encode()) == {
        "name": "release-3",
        "target_selector": {"ring": "early"},
        "generation": 2,
        "created_at": "2026-11-21T00:00:00.125Z",
    }
    by_name = Deployment(name=NAME, target_devices=(CAM,), generation=1, created_at=AT)
    assert json.loads(by_name.encode())["target_devices"] == ["cam-1"]
    assert "target_selector" not in json.loads(by_name.encode())
    status = DeploymentStatus(
        name=NAME,
        target=6,
        succeeded=1,
        failed=2,
        pending=3,
        updated_at=AT,
        last_error=LastError(device_id=CAM, message="no room", at=AT),
    )
    assert json.loads(status.encode()) == {
        "name": "release-3",
        "target": 6,
        "succeeded": 1,
        "failed": 2,
        "pending": 3,
        "last_error": {"device_id": "cam-1", "message": "no room", "at": "2026-11-21T00:00:00.125Z"},
        "updated_at": "2026-11-21T00:00:00.125Z",
    }


@pytest.mark.parametrize(
    "record",
    [
        DeviceInfo(device_id=CAM, labels={}, updated_at=AT),
        DeviceState(device_id=CAM, deployment=NAME, phase=Phase.RUNNING, last_event_at=AT),
        Heartbeat(device_id=CAM, at=AT),
        Deployment(name=NAME, target_selector={}, generation=0, created_at=AT),
        Deployment(name=NAME, target_devices=(CAM,), generation=0, created_at=AT),
        DeploymentStatus(name=NAME, target=0, succeeded=0, failed=0, pending=0, updated_at=AT),
        DeploymentStatus(
            name=NAME,
            target=1,
            succeeded=0,
            failed=1,
            pending=0,
            updated_at=AT,
            last_error=LastError(device_id=CAM, message="x", at=AT),
        ),
    ],
    ids=lambda record: type(record).__name__,
)
def test_a_record_is_read_as_it_was_written(record: Any) -> None:
    again = type(record).decode(record.key, record.encode())
    assert again == record
    with pytest.raises(Malformed, match="says that it is"):
        type(record).decode("other" if isinstance(record, Deployment | DeploymentStatus) else "info.o", record.encode())


def test_a_heartbeat_is_under_96_bytes_for_ids_of_44() -> None:
    assert len(Heartbeat(device_id=DeviceKey("x" * 44), at=Moment(253_402_300_799.0)).encode()) < 96


@given(NAMES, NAMES)
def test_keys_are_taken_apart_as_they_were_built(device: str, deployment: str) -> None:
    assert parts_of_state(state_key(DeviceKey(device), DeploymentName(deployment))) == (device, deployment)
    assert device_of_info(info_key(DeviceKey(device))) == device


BAD_NAMES = ("", ".", "a.b", "*", ">", "a*", "a b", "a\n", "é", "\x00", "x" * 254, "a\\", "😀")


@pytest.mark.parametrize("bad", BAD_NAMES)
def test_what_a_key_cannot_hold_is_refused_when_it_is_decoded(bad: str) -> None:
    for kind in (DeviceKey, DeploymentName):
        with pytest.raises(Malformed, match="1 to 253"):
            kind(bad)
    time = "2026-11-21T00:00:00Z"
    for data in (
        {"device_id": bad, "deployment": "d", "phase": "Failed", "last_event_at": time},
        {"device_id": "d", "deployment": bad, "phase": "Failed", "last_event_at": time},
    ):
        with pytest.raises(Malformed, match="1 to 253"):
            DeviceState.decode("state.d.d", json.dumps(data).encode())
    listed = {"name": "d", "target_devices": ["a", bad], "generation": 1, "created_at": time}
    with pytest.raises(Malformed, match="1 to 253"):
        Deployment.decode("d", json.dumps(listed).encode())


@pytest.mark.parametrize("key", ["", "state", "state.a", "state..a", "state.a.", "state.a.b.c", "info.a.b", "x.a.b"])
def test_a_key_of_another_shape_is_no_state(key: str) -> None:
    with pytest.raises(Malformed):
        parts_of_state(key)


@pytest.mark.parametrize("key", ["", "info", "info.", "infos.a", "info.a.b", "state.a"])
def test_a_key_of_another_shape_is_no_info(key: str) -> None:
    with pytest.raises(Malformed):
        device_of_info(key)


def test_an_id_and_a_name_cannot_be_swapped() -> None:
    with pytest.raises(TypeError, match="a DeviceKey is wanted here, not a DeploymentName"):
        state_key(NAME, CAM)  # type: ignore[arg-type] # the point: mypy objects too
    with pytest.raises(TypeError):
        states_of(CAM)  # type: ignore[arg-type] # likewise
    with pytest.raises(TypeError):
        info_key(NAME)  # type: ignore[arg-type] # likewise
    with pytest.raises(TypeError):
        info_key("cam-1")  # type: ignore[arg-type] # text that nobody looked at


@pytest.mark.parametrize("tenant", ["", "a.b", "a b", "*", "é", "a:b"])
def test_a_tenant_that_no_bucket_can_be_named_after_is_refused(tenant: str) -> None:
    with pytest.raises(NotAddressable, match="has no buckets"):
        BucketNames(tenant)


STATE = {
    "device_id": "cam-1",
    "deployment": "release-3",
    "phase": "Failed",
    "last_event_at": "2026-11-21T00:00:00.125Z",
    "last_error": None,
}


@pytest.mark.parametrize("at", ["2026-11-21T00:00:00.125Z", "2026-11-21T01:00:00.125+01:00", 1_795_219_200.125])
def test_a_time_may_be_text_or_epoch_seconds(at: object) -> None:
    state = DeviceState.decode("state.cam-1.release-3", json.dumps(STATE | {"last_event_at": at}).encode())
    assert state.last_event_at == AT


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "pending"},
        {"phase": None},
        {"last_event_at": "yesterday"},
        {"last_event_at": None},
        {"last_event_at": True},
        {"last_event_at": 1e300},
        {"last_error": 1},
        {"device_id": 1},
        {"deployment": ["release-3"]},
    ],
)
def test_a_field_that_does_not_fit_is_malformed(change: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        DeviceState.decode("state.cam-1.release-3", json.dumps(STATE | change).encode())


def test_fields_of_a_newer_sender_are_ignored() -> None:
    assert DeviceState.decode("state.cam-1.release-3", json.dumps(STATE | {"new": 1}).encode()).phase is Phase.FAILED


@pytest.mark.parametrize(
    "targets",
    [
        {},
        {"target_selector": None, "target_devices": None},
        {"target_selector": {}, "target_devices": []},
        {"target_selector": {"a": 1}},
        {"target_devices": "cam-1"},
        {"target_selector": {}, "generation": -1},
        {"target_selector": {}, "generation": 1.5},
    ],
)
def test_a_deployment_says_in_exactly_one_way_whom_it_means(targets: dict[str, object]) -> None:
    body = {"name": "d", "generation": 1, "created_at": 1.0, **targets}
    with pytest.raises(Malformed):
        Deployment.decode("d", json.dumps(body).encode())


def test_counters_are_never_below_zero() -> None:
    body = {"name": "d", "target": 1, "succeeded": -1, "failed": 1, "pending": 1, "last_error": None, "updated_at": 1.0}
    with pytest.raises(Malformed):
        DeploymentStatus.decode("d", json.dumps(body).encode())


def test_a_long_error_is_cut_when_it_is_written() -> None:
    state = DeviceState(device_id=CAM, deployment=NAME, phase=Phase.FAILED, last_event_at=AT, last_error="x" * 10_000)
    assert len(state.encode()) < 1_000

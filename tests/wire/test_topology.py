"""The topology stream's contract as literals: subjects, messages, ids; and that nothing else passes for them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_object
from fleetgui.wire.subjects import NotAddressable, token
from fleetgui.wire.topology import (
    METHODS,
    Keepalive,
    Listed,
    Member,
    MembersEvent,
    MutationEvent,
    ServiceEvent,
    Snapshot,
    StatusEvent,
    TopologySubjects,
    UnknownEvent,
    place_of,
    topology_id_of,
    topology_message,
    topology_of,
    validate,
)

HEAD = {"topology_id": "hall-7", "epoch": "e1", "seq": 5, "ts": "2026-11-21T08:00:00.000Z"}
ROOT = "device-connect.acme.topology.hall-7"

MESSAGES = {
    f"{ROOT}.status": ("topology/status", {**HEAD, "status": "degraded"}),
    f"{ROOT}.members": (
        "topology/members",
        {**HEAD, "changed": [{"device_id": "cam-1", "online": True, "services": ["web"]}], "left": ["cam-2"]},
    ),
    f"{ROOT}.mutation.failed": (
        "topology/mutation",
        {**HEAD, "mutation_id": "web.3", "kind": "deployment", "state": "failed", "error": "cam-1: no room"},
    ),
    f"{ROOT}.device.cam-1.service_added": (
        "topology/service",
        {**HEAD, "device_id": "cam-1", "service_name": "web", "services": ["db", "web"]},
    ),
}


def test_the_subjects_of_the_contract() -> None:
    subjects = TopologySubjects("acme")
    assert subjects.requests == "device-connect.acme.topology"
    assert subjects.keepalive == "device-connect.acme.topology.keepalive"
    assert subjects.all == "device-connect.acme.topology.>"
    assert subjects.events_of("hall-7") == f"{ROOT}.>"
    assert subjects.status("hall-7") == f"{ROOT}.status"
    assert subjects.members("hall-7") == f"{ROOT}.members"
    assert subjects.mutation("hall-7", "applying") == f"{ROOT}.mutation.applying"
    assert subjects.service("hall-7", "cam-1", "service_added") == f"{ROOT}.device.cam-1.service_added"
    assert subjects.service("hall-7", "cam-1", "service_removed") == f"{ROOT}.device.cam-1.service_removed"


@pytest.mark.parametrize("name", ["", "a.b", "a*", ">", "a b", "a\0", "a\x1b[0m", "x" * 256])
def test_every_token_is_checked(name: str) -> None:
    subjects = TopologySubjects("acme")
    for build in (
        lambda: TopologySubjects(name),
        lambda: subjects.events_of(name),
        lambda: subjects.status(name),
        lambda: subjects.members(name),
        lambda: subjects.mutation(name, "applied"),
        lambda: subjects.mutation("hall-7", name),
        lambda: subjects.service(name, "cam-1", "service_added"),
        lambda: subjects.service("hall-7", name, "service_added"),
        lambda: subjects.service("hall-7", "cam-1", name),
    ):
        with pytest.raises(NotAddressable):
            build()


@pytest.mark.parametrize(
    ("location", "topology_id"),
    [
        ("site-01", "site-01"),
        ("site-01/dock/3", "site-01"),
        ("Halle 7/a", "Halle%207"),
        ("a.b", "a%2Eb"),
        ("*", "%2A"),
        (">", "%3E"),
        ("100%", "100%25"),
        ("%2E", "%252E"),
        ("Köln", "Köln"),
        ("a\u2028b", "a%E2%80%A8b"),
        ("tab\tnul\0", "tab%09nul%00"),
        ("", None),
        ("/dock", None),
        ("x" * 255, "x" * 255),
        ("x" * 256, None),
        ("ö" * 128, None),
        ("." * 100, None),
        ("\ud800", None),
    ],
)
def test_a_place_becomes_a_topology(location: str, topology_id: str | None) -> None:
    assert topology_id_of(location) == topology_id


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_no_two_places_are_one_topology_and_every_topology_is_a_token(location: str) -> None:
    topology_id = topology_id_of(location)
    site = location.partition("/")[0]
    if topology_id is None:
        assert not site or len(site.encode()) * 3 > 255
        return
    assert token(topology_id) == topology_id
    assert place_of(topology_id) == site


@pytest.mark.parametrize("subject", MESSAGES)
def test_what_is_written_is_what_is_read(subject: str) -> None:
    method, params = MESSAGES[subject]
    event = topology_message(subject, rpc.notification(method, params))
    assert type(event) is METHODS[method]
    assert event.model_dump(mode="json") == params
    assert topology_of(subject) == "hall-7"


def test_the_fields_that_matter() -> None:
    events = {
        type(event): event
        for subject, (method, params) in MESSAGES.items()
        for event in [topology_message(subject, rpc.notification(method, params))]
    }
    status, members = events[StatusEvent], events[MembersEvent]
    assert isinstance(status, StatusEvent)
    assert (status.topology_id, status.epoch, status.seq, status.status) == ("hall-7", "e1", 5, "degraded")
    assert isinstance(members, MembersEvent)
    assert members.changed == (Member(device_id="cam-1", online=True, services=("web",)),)
    mutation, service = events[MutationEvent], events[ServiceEvent]
    assert isinstance(mutation, MutationEvent)
    assert (mutation.mutation.mutation_id, mutation.mutation.error) == ("web.3", "cam-1: no room")
    assert isinstance(service, ServiceEvent)
    assert service.change == "service_added"
    assert service.model_copy(update={"services": ("db",)}).change == "service_removed"


def test_a_family_that_is_not_known_comes_under_its_own_name() -> None:
    params = {**HEAD, "temperature": 21}
    event = topology_message(f"{ROOT}.climate", rpc.notification("topology/climate", params))
    assert isinstance(event, UnknownEvent)
    assert (event.method, event.seq, event.params) == ("topology/climate", 5, params)


def test_unknown_fields_are_ignored() -> None:
    method, params = MESSAGES[f"{ROOT}.status"]
    event = topology_message(f"{ROOT}.status", rpc.notification(method, {**params, "later": {"x": 1}}))
    assert isinstance(event, StatusEvent)


def test_an_event_counts_only_where_it_says_that_it_belongs() -> None:
    method, params = MESSAGES[f"{ROOT}.status"]
    for subject in ("device-connect.acme.topology.hall-8.status", "device-connect.acme.topology.status", "x"):
        with pytest.raises(Malformed):
            topology_message(subject, rpc.notification(method, params))


@pytest.mark.parametrize("subject", MESSAGES)
def test_a_wrong_type_in_any_field_is_malformed(subject: str) -> None:
    method, params = MESSAGES[subject]
    wrong: list[Any] = [None, True, -1, 1.5, "", "no time", [], [1], {}, {"a": 1}]
    optional: dict[str, list[Any]] = {"changed": [[]], "left": [[]], "error": [None, "", "no time"]}
    text: dict[str, list[Any]] = {
        "kind": ["", "no time"],
        "mutation_id": ["no time"],
        "epoch": ["no time"],
        "service_name": ["no time"],
    }
    fitting: dict[str, list[Any]] = {**optional, **text, "services": [[]]}
    for name in params:
        for value in wrong:
            if value in fitting.get(name, ()):
                continue
            with pytest.raises(Malformed):
                topology_message(subject, rpc.notification(method, {**params, name: value}))
        if name not in optional:
            with pytest.raises(Malformed):
                topology_message(
                    subject, rpc.notification(method, {each: params[each] for each in params if each != name})
                )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"method":5,"params":{}}',
        b'{"method":"topology/status"}',
        b'{"method":"topology/status","params":[]}',
        b'{"method":"topology/status","params":{"seq":1e999}}',
    ],
)
def test_what_is_no_notification_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        topology_message(f"{ROOT}.status", data)


def test_a_keepalive_names_last_numbers() -> None:
    keepalive = topology_message(
        "device-connect.acme.topology.keepalive",
        b'{"jsonrpc":"2.0","method":"topology/keepalive","params":'
        b'{"epoch":"e1","ts":"2026-11-21T08:00:00.000Z","last":{"hall-7":5}}}',
    )
    assert keepalive == Keepalive(epoch="e1", ts="2026-11-21T08:00:00.000Z", last={"hall-7": 5})


def test_replies_as_they_were_agreed_on_are_enough() -> None:
    row = validate(Listed, {"topology_id": "hall-7", "status": "active", "devices": 3, "in_flight": 0})
    assert (row.devices, row.online) == (3, None)
    data = (
        b'{"topology_id":"hall-7","status":"active","epoch":"e1","seq":5,"members":[{"device_id":"cam.1","online":true}],'
        b'"in_flight":[{"mutation_id":"web.3","kind":"deployment","state":"applying"}]}'
    )
    snapshot = validate(Snapshot, decode_object(data))
    assert snapshot.members == (Member(device_id="cam.1", online=True),)
    assert snapshot.next_after is None
    for status in ("", "happy", None, 1):
        with pytest.raises(Malformed):
            validate(Listed, {**row.model_dump(), "status": status})

"""Subjects as literals, and that no subject is ever built from a name that cannot stand in one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.wire.subjects import (
    NotAddressable,
    Subjects,
    device_of,
    event_name_of,
    tenant_of,
    token,
    why_not_addressable,
)


def test_the_subjects_of_the_contract() -> None:
    subjects = Subjects("acme")
    assert subjects.registry == "device-connect.acme.registry"
    assert subjects.discovery == "device-connect.acme.discovery"
    assert subjects.gateway == "device-connect.acme.gateway"
    assert subjects.cmd("cam-1") == "device-connect.acme.cam-1.cmd"
    assert subjects.heartbeat("cam-1") == "device-connect.acme.cam-1.heartbeat"
    assert subjects.event("cam-1", "motion") == "device-connect.acme.cam-1.event.motion"
    assert subjects.broadcast == "device-connect.acme.broadcast"
    assert subjects.async_reply("cam-1", "br-1") == "device-connect.acme.cam-1.event.async_reply.br-1"
    assert subjects.async_reply("cam-1", "br.1") == "device-connect.acme.cam-1.event.async_reply.br.1"
    assert subjects.gateway_node("gw-1", "lag") == "device-connect.acme.gateway.gw-1.lag"
    assert (subjects.online, subjects.offline) == (
        "device-connect.acme.device.online",
        "device-connect.acme.device.offline",
    )


def test_nothing_subscribes_to_everything_of_a_tenant() -> None:
    """Such a subscriber counts as a responder, and calls to absent devices would time out for everybody."""
    subjects = Subjects("acme")
    wildcards = [subject for subject in vars(subjects).values() if isinstance(subject, str) and subject[-1] in "*>"]
    assert sorted(wildcards) == [
        "device-connect.acme.*.event.>",
        "device-connect.acme.device.*",
        "device-connect.acme.gateway.>",
    ]


@pytest.mark.parametrize(
    "name", ["", "a.b", "a*", ">", "a b", "a\tb", "a\0", "a\x1b[0m", "\x85", "a\u2028b", "\ud800", "x" * 10_000]
)
def test_a_name_that_is_no_token_builds_nothing_and_says_why(name: str) -> None:
    with pytest.raises(NotAddressable, match="cannot be addressed"):
        Subjects("acme").cmd(name)
    with pytest.raises(NotAddressable):
        Subjects(name)
    if name != "a.b":  # a correlation id may be several tokens
        with pytest.raises(NotAddressable):
            Subjects("acme").async_reply("cam-1", name)
    assert why_not_addressable(name)


@pytest.mark.parametrize("name", ["a", "cam:1", "caméra", "A_b-9", "x" * 255])
def test_a_token_is_a_token(name: str) -> None:
    assert token(name) == name


@given(st.text(max_size=30))
def test_a_token_never_changes_the_shape_of_a_subject(name: str) -> None:
    try:
        subject = Subjects("acme").cmd(name)
    except NotAddressable:
        return
    assert subject.split(".") == ["device-connect", "acme", name, "cmd"]
    assert device_of(subject) == name
    assert subject.split() == [subject]


def test_taking_subjects_apart() -> None:
    assert tenant_of("device-connect.acme.registry") == "acme"
    assert event_name_of("device-connect.acme.cam-1.event.async_reply.c.1") == "async_reply.c.1"
    for foreign in ("", "x", "other.acme.cam.heartbeat", "device-connect.acme"):
        with pytest.raises(ValueError, match="not a"):
            device_of(foreign)
        with pytest.raises(ValueError, match="not a"):
            tenant_of(foreign)

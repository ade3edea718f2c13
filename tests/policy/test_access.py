"""Who sees which devices, entry by entry, and files that are no policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fleetgui.policy.access import AccessPolicy, BadPolicy, policy_from_environ, policy_of


def policy(tmp_path: Path, *acls: dict[str, Any]) -> AccessPolicy:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"acls": list(acls)}))
    return policy_of(path)


def test_a_device_without_an_entry_is_seen_by_all(tmp_path: Path) -> None:
    some = policy(tmp_path, {"device_id": "door-1", "visible_to": ["ops-*"]})
    assert some.may_see("default", "", "cam-1")
    assert some.may_see("other", "", "door-1"), "the entry is one of the tenant default"
    assert not some.may_see("default", "", "door-1")
    assert not some.may_see("default", "guard", "door-1")
    assert some.may_see("default", "ops-anna", "door-1")


def test_deny_lists_come_before_visible_to(tmp_path: Path) -> None:
    some = policy(
        tmp_path,
        {"device_id": "a", "hidden_from": ["ops-b*"]},
        {"device_id": "b", "visible_to": ["ops-*"], "global_deny_list": ["ops-[ac]*"]},
        {"device_id": "c", "visible_to": []},
    )
    seen = {(who, what): some.may_see("default", who, what) for who in ("ops-anna", "ops-bob", "") for what in "abc"}
    assert [key for key, yes in seen.items() if yes] == [("ops-anna", "a"), ("ops-bob", "b"), ("", "a")]


def test_the_devices_own_entry_counts_alone_and_else_the_first_pattern(tmp_path: Path) -> None:
    some = policy(
        tmp_path,
        {"device_id": "door-00*", "visible_to": ["night"]},
        {"device_id": "door-*", "visible_to": ["day"]},
        {"device_id": "door-0001", "visible_to": ["anna"]},
    )
    for device_id, who in (("door-0001", "anna"), ("door-0002", "night"), ("door-0100", "day")):
        assert [each for each in ("anna", "day", "night") if some.may_see("default", each, device_id)] == [who]


def test_entries_of_all_tenants_stand_where_the_file_has_them(tmp_path: Path) -> None:
    some = policy(
        tmp_path,
        {"device_id": "a*", "tenant": "acme", "visible_to": ["x"]},
        {"device_id": "*", "tenant": "*", "visible_to": ["y"]},
        {"device_id": "b*", "tenant": "acme", "visible_to": ["x"]},
    )
    assert some.may_see("acme", "x", "a1")
    assert not some.may_see("acme", "x", "b1")
    assert some.may_see("elsewhere", "y", "a1")
    assert not some.may_see("elsewhere", "x", "a1")


def test_a_view_knows_when_nothing_is_hidden(tmp_path: Path) -> None:
    some = policy(tmp_path, {"device_id": "a", "visible_to": ["x"]}, {"device_id": "b*", "visible_to": ["x", "y"]})
    assert some.view("default", "x").sees_all
    assert not some.view("default", "y").sees_all
    assert some.view("default", "y").sees("b2")
    assert some.view("default", "y") is some.view("default", "y")
    assert some.view("nobody", "").sees_all


def test_case_counts_and_signs_are_taken_as_they_are(tmp_path: Path) -> None:
    some = policy(tmp_path, {"device_id": "a", "visible_to": ["Ops.x", "a?c"]})
    assert some.may_see("default", "Ops.x", "a")
    assert some.may_see("default", "abc", "a")
    for other in ("ops.x", "Ops-x", "Ops.x\n", "ac", "\x00", "x" * 100_000):
        assert not some.may_see("default", other, "a")


def test_what_concerns_calls_and_events_is_taken(tmp_path: Path) -> None:
    entry = {
        "device_id": "a",
        "event_acls": [{"event_name": "x", "allowed_subscribers": []}],
        "default_event_subscribers": ["orchestrator-*"],
        "function_acls": [],
        "default_function_callers": [],
        "description": None,
        "tags": ["x"],
    }
    assert policy(tmp_path, entry).may_see("default", "", "a")


def test_patterns_that_would_take_for_ever_elsewhere(tmp_path: Path) -> None:
    some = policy(tmp_path, {"device_id": "*a" * 100 + "b", "visible_to": ["*a" * 100 + "b"]})
    assert some.may_see("default", "a" * 256, "a" * 10_000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"acls": {}}',
        '{"acls": [5]}',
        '{"acls": [{}]}',
        '{"acls": [{"device_id": 5}]}',
        '{"acls": [{"device_id": "a", "visible_to": "ops"}]}',
        '{"acls": [{"device_id": "a", "visible_too": ["ops"]}]}',
        '{"acls": [], "acl": []}',
        '{"acls": [{"device_id": "a"}, {"device_id": "a"}]}',
        json.dumps({"acls": [{"device_id": "a" * 300 + "*"}]}),
        "[" * 100_000,
    ],
)
def test_a_file_that_is_no_policy_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "policy.json"
    path.write_text(text)
    with pytest.raises(BadPolicy) as refused:
        policy_of(path)
    assert str(refused.value).startswith(f"the access policy {path} is not valid: ")
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(BadPolicy, match="cannot be read"):
            policy_of(path)
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(BadPolicy, match="is larger"):
        policy_of(large)


def test_no_name_in_the_environment_is_no_policy(tmp_path: Path) -> None:
    assert policy_from_environ({}) is None
    assert policy_from_environ({"REGISTRY_ACCESS_POLICY": " "}) is None
    with pytest.raises(BadPolicy):
        policy_from_environ({"REGISTRY_ACCESS_POLICY": str(tmp_path / "none.json")})

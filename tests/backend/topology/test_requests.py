"""What consoles ask: pages that lead on and fit, rights before ids, and nonsense answered with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from fleetgui.backend.topology.picture import Picture
from fleetgui.backend.topology.requests import REFUSED_FOR_S, PolicyRights, TopologyRequests
from fleetgui.policy.access import AccessPolicy, Acl
from fleetgui.policy.clock import ManualClock
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_object
from fleetgui.wire.times import rfc3339
from fleetgui.wire.topology import Listed, Mutation, Snapshot, TopologyList, validate

POLICY = AccessPolicy(
    [
        Acl(device_id="door-*", visible_to=["ops-*"]),
        Acl(device_id="lamp"),
        Acl(device_id="*", hidden_from=["stranger"]),
    ]
)


class Rig:
    def __init__(self, policy: AccessPolicy | None = None, max_payload: int = 1_000_000) -> None:
        self.clock = ManualClock()
        self.picture = Picture(self.clock)
        self.told = 0
        rights = None if policy is None else PolicyRights(policy, "default", self.picture, self.clock)
        self.requests = TopologyRequests(self.picture, self.clock, lambda: max_payload, self._tell, rights)

    def _tell(self) -> None:
        self.told += 1
        self.picture.settle()

    def ask(self, method: str, params: Any = None) -> Any:
        """The result, or the error's code."""
        data = self.requests.handle(rpc.request(f"topology/{method}", params or {}, "x"))
        body = decode_object(data)
        assert body["id"] == "x"
        return body["result"] if "result" in body else body["error"]["code"]

    def page(self, **params: Any) -> TopologyList:
        return validate(TopologyList, self.ask("list", params))

    def snapshot(self, topology_id: str, **params: Any) -> Snapshot:
        return validate(Snapshot, self.ask("snapshot", {"topology_id": topology_id, **params}))


def test_the_list_has_every_topology_once_page_by_page() -> None:
    rig = Rig()
    for number in range(25):
        rig.picture.place(f"cam-{number}", f"site-{number:02}", online=number % 2 == 0)
    rows: list[Listed] = []
    offset = pages = 0
    while True:
        page = rig.page(offset=offset, limit=10)
        rows += page.topologies
        pages += 1
        if page.next_offset is None:
            break
        offset = page.next_offset
    assert [row.topology_id for row in rows] == [f"site-{number:02}" for number in range(25)]
    assert pages == 3
    assert (rows[0].status, rows[0].devices, rows[0].online, rows[0].in_flight) == ("active", 1, 1, 0)
    assert (rows[1].status, rows[1].online) == ("failed", 0)
    assert rig.page(offset=25).topologies == ()
    assert len(rig.page().topologies) == 25


def test_every_reply_fits_and_leads_on() -> None:
    rig = Rig(max_payload=8_192)
    for number in range(300):
        rig.picture.place(f"camera-{number:04}", "hall" if number % 2 else f"site-{number}", online=True)
    for mutation in range(200):
        rig.picture.sites.set_mutation(
            "hall", Mutation(mutation_id=f"deployment-{mutation}.1", kind="deployment", state="applying")
        )
    members, after = [], None
    while True:
        data = rig.requests.handle(rpc.request("topology/snapshot", {"topology_id": "hall", "after": after}, "x"))
        assert len(data) <= 8_192
        result = decode_object(data)["result"]
        snapshot = validate(Snapshot, result)
        assert 0 < len(snapshot.in_flight) < 200
        assert len(snapshot.in_flight) + result["in_flight_left_out"] == 200
        members += [each.device_id for each in snapshot.members]
        if (after := snapshot.next_after) is None:
            break
    assert members == [f"camera-{number:04}" for number in range(1, 300, 2)]
    offset: int | None = 0
    rows = 0
    while offset is not None:
        data = rig.requests.handle(rpc.request("topology/list", {"offset": offset, "limit": 1_000}, "x"))
        assert len(data) <= 8_192
        page = validate(TopologyList, decode_object(data)["result"])
        rows, offset = rows + len(page.topologies), page.next_offset
    assert rows == 151


def test_a_snapshot_carries_everything_and_was_told_before() -> None:
    rig = Rig()
    rig.picture.place("cam-1", "hall", online=True)
    snapshot = rig.snapshot("hall")
    assert rig.told == 1
    assert (snapshot.status, snapshot.seq, snapshot.epoch) == ("active", 2, rig.picture.sites.epoch)
    assert [each.device_id for each in snapshot.members] == ["cam-1"]
    assert (snapshot.in_flight, snapshot.next_after) == ((), None)


def test_a_site_that_everybody_left_is_pending_and_can_be_asked_for() -> None:
    rig = Rig()
    rig.picture.place("cam-1", "hall", online=True)
    rig.page()
    rig.picture.place("cam-1", None, online=True)
    [row] = rig.page().topologies
    assert (row.status, row.devices) == ("pending", 0)
    assert rig.snapshot("hall").members == ()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("list", {"offset": -1}),
        ("list", {"offset": "0"}),
        ("list", {"offset": 1.5}),
        ("list", {"offset": True}),
        ("list", {"limit": 0}),
        ("list", {"limit": []}),
        ("list", {"requester_id": 5}),
        ("list", {"requester_id": "x" * 257}),
        ("snapshot", {}),
        ("snapshot", {"topology_id": 5}),
        ("snapshot", {"topology_id": "hall", "after": 5}),
    ],
)
def test_params_that_do_not_fit_are_refused(method: str, params: dict[str, Any]) -> None:
    rig = Rig()
    rig.picture.place("cam", "hall", online=True)
    assert rig.ask(method, params) == rpc.INVALID_PARAMS


@pytest.mark.parametrize("data", [b"", b"[]", b"5", b"\xff", b'{"method":"topology/list","params":[]}', b"[" * 9_999])
def test_nonsense_is_answered(data: bytes) -> None:
    assert decode_object(Rig().requests.handle(data))["error"]["code"] == rpc.INVALID_PARAMS


def test_an_unknown_method_and_an_unknown_id_are_errors_of_their_own() -> None:
    rig = Rig()
    assert rig.ask("nonsense") == rpc.METHOD_NOT_FOUND
    assert rig.ask("snapshot", {"topology_id": "nowhere"}) == rpc.UNKNOWN_TOPOLOGY == -32004


def test_who_may_not_ask_learns_of_no_id_whether_it_exists() -> None:
    rig = Rig(POLICY)
    rig.picture.place("door-1", "vault", online=True)
    rig.picture.place("cam-1", "hall", online=True)
    replies = {
        rig.requests.handle(rpc.request("topology/snapshot", {"topology_id": each, "requester_id": "stranger"}, "x"))
        for each in ("vault", "hall", "nowhere")
    }
    assert len(replies) == 1
    assert decode_object(replies.pop())["error"]["code"] == rpc.NOT_PERMITTED
    assert rig.ask("snapshot", {"requester_id": "stranger"}) == rpc.NOT_PERMITTED
    assert rig.ask("list", {"requester_id": "stranger"}) == rpc.NOT_PERMITTED
    assert rig.told == 0, "not even the time that it takes depends on what there is"


def test_a_site_without_a_visible_member_is_none_to_whoever_asks() -> None:
    rig = Rig(POLICY)
    rig.picture.place("door-1", "vault", online=True)
    rig.picture.place("door-2", "hall", online=False)
    rig.picture.place("cam-1", "hall", online=True)
    replies = {
        rig.requests.handle(rpc.request("topology/snapshot", {"topology_id": each}, "x"))
        for each in ("vault", "nowhere")
    }
    assert len(replies) == 1
    assert rig.ask("snapshot", {"topology_id": "vault"}) == rpc.UNKNOWN_TOPOLOGY
    [row] = rig.page().topologies
    assert (row.topology_id, row.devices, row.online) == ("hall", 1, 1)
    assert [each.device_id for each in rig.snapshot("hall").members] == ["cam-1"]
    assert [row.topology_id for row in rig.page(requester_id="ops-anna").topologies] == ["hall", "vault"]
    assert [each.device_id for each in rig.snapshot("hall", requester_id="ops-anna").members] == ["cam-1", "door-2"]


def test_who_was_refused_is_asked_about_again_after_a_while() -> None:
    rig = Rig(POLICY)
    rig.picture.place("cam-1", "hall", online=True)
    assert rig.ask("list", {"requester_id": "stranger"}) == rpc.NOT_PERMITTED
    rig.picture.place("lamp", "hall", online=True)
    assert rig.ask("list", {"requester_id": "stranger"}) == rpc.NOT_PERMITTED
    rig.clock.advance(REFUSED_FOR_S)
    [row] = rig.page(requester_id="stranger").topologies
    assert row.devices == 1


def test_who_sees_nothing_yet_may_ask_for_what_may_come() -> None:
    rig = Rig(POLICY)
    assert rig.page().topologies == ()
    rig.picture.place("door-1", "vault", online=True)
    assert rig.page().topologies == ()
    rig.picture.place("cam-1", "hall", online=True)
    assert [row.topology_id for row in rig.page().topologies] == ["hall"]


@dataclass
class Membership:
    as_of: float | None = None
    stale: bool = False


def test_every_reply_says_how_old_the_membership_is() -> None:
    clock, age = ManualClock(epoch=1_795_219_200.0), Membership()
    picture = Picture(clock)
    picture.place("cam-1", "hall", online=True)
    picture.place("cam-2", "yard", online=True)
    requests = TopologyRequests(picture, clock, lambda: None, picture.settle, age=age)

    def ages() -> set[tuple[str | None, bool]]:
        def result(method: str, **params: Any) -> Any:
            return decode_object(requests.handle(rpc.request(f"topology/{method}", params, "x")))["result"]

        whole = validate(TopologyList, result("list"))
        part = validate(TopologyList, result("list", limit=1))
        snapshot = validate(Snapshot, result("snapshot", topology_id="hall"))
        return {(whole.as_of, whole.stale), (part.as_of, part.stale), (snapshot.as_of, snapshot.stale)}

    assert ages() == {(None, False)}
    age.stale = True
    assert ages() == {(None, True)}
    age.as_of = 1_795_219_200.0
    assert ages() == {(rfc3339(1_795_219_200.0), True)}
    age.stale = False
    assert ages() == {(rfc3339(1_795_219_200.0), False)}

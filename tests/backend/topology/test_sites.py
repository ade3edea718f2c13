"""Sites: what makes each status, what is told together, what is bounded, and what nobody else may learn."""

from __future__ import annotations

import pytest

from fleetgui.backend.topology.site import STALLED_S
from fleetgui.backend.topology.sites import EMPTY_KEPT_S, Event, Sites
from fleetgui.policy.clock import ManualClock
from fleetgui.wire.topology import MembersEvent, Mutation, MutationEvent, MutationState, ServiceEvent, StatusEvent


def told(sites: Sites) -> list[Event]:
    sites.flush()
    return sites.take()


def mutation(state: MutationState, mutation_id: str = "web.1") -> Mutation:
    return Mutation(mutation_id=mutation_id, kind="deployment", state=state)


def with_members(sites: Sites, online: int, offline: int) -> None:
    for number in range(online + offline):
        sites.place(f"cam-{number}", "hall", online=number < online)


def status(sites: Sites) -> str:
    sites.flush()
    topology = sites.get("hall")
    assert topology is not None
    return topology.status


@pytest.mark.parametrize(
    ("online", "offline", "expected"),
    [(1, 0, "active"), (9, 1, "degraded"), (5, 5, "degraded"), (4, 5, "failed"), (0, 1, "failed")],
)
def test_the_status_follows_from_who_is_online(online: int, offline: int, expected: str) -> None:
    sites = Sites("e", ManualClock())
    with_members(sites, online, offline)
    assert status(sites) == expected
    sites.set_mutation("hall", mutation("enqueued"))
    assert status(sites) == expected
    sites.set_mutation("hall", mutation("applying"))
    assert status(sites) == ("failed" if expected == "failed" else "deploying")
    sites.set_mutation("hall", mutation("applied"))
    assert status(sites) == expected
    for number in range(online + offline):
        sites.place(f"cam-{number}", None, online=False)
    assert status(sites) == "pending"


def test_a_deployment_that_makes_no_step_for_long_is_no_longer_what_the_site_is_about() -> None:
    clock = ManualClock()
    sites = Sites("e", clock)
    with_members(sites, 3, 1)
    sites.set_mutation("hall", mutation("applying"))
    assert status(sites) == "deploying"
    clock.advance(STALLED_S - 0.1)
    assert status(sites) == "deploying"
    sites.take()
    clock.advance(0.2)
    [event] = told(sites)
    assert isinstance(event, StatusEvent)
    assert event.status == "degraded"
    topology = sites.get("hall")
    assert topology is not None
    assert [each.state for each in topology.mutations()] == ["applying"]


def test_a_herd_is_one_event_and_a_huge_one_a_few() -> None:
    sites = Sites("e", ManualClock())
    with_members(sites, 450, 0)
    events = told(sites)
    assert [len(each.changed) for each in events if isinstance(each, MembersEvent)] == [200, 200, 50]
    assert [type(each) for each in events[3:]] == [StatusEvent]
    assert [each.seq for each in events] == [1, 2, 3, 4]
    assert told(sites) == []


def test_what_changes_and_changes_back_between_two_flushes_is_told_as_it_is() -> None:
    sites = Sites("e", ManualClock())
    with_members(sites, 2, 0)
    told(sites)
    sites.set_online("cam-0", False)
    sites.set_online("cam-0", True)
    [event] = told(sites)
    assert isinstance(event, MembersEvent)
    assert [(each.device_id, each.online) for each in event.changed] == [("cam-0", True)]


def test_several_services_at_once_are_told_one_by_one() -> None:
    sites = Sites("e", ManualClock())
    sites.place("cam", "hall", online=True, services=("a", "b"))
    [members, _] = told(sites)
    assert isinstance(members, MembersEvent)
    assert members.changed[0].services == ("a", "b")
    sites.set_services("cam", ("b", "c", "d"))
    events = [each for each in told(sites) if isinstance(each, ServiceEvent)]
    assert [(each.service_name, each.change, each.services) for each in events] == [
        ("a", "service_removed", ("b",)),
        ("c", "service_added", ("b", "c")),
        ("d", "service_added", ("b", "c", "d")),
    ]
    sites.set_services("nobody", ("a",))
    assert told(sites) == []


def test_two_sites_with_a_device_that_moves_between_them() -> None:
    sites = Sites("e", ManualClock())
    sites.place("cam", "hall", online=True)
    sites.place("other", "hall", online=True)
    told(sites)
    sites.place("cam", "yard", online=True)
    events = {each.topology_id: each for each in told(sites) if isinstance(each, MembersEvent)}
    assert events["hall"].left == ("cam",)
    assert [each.device_id for each in events["yard"].changed] == ["cam"]
    assert sites.site_of("cam") == "yard"


def test_one_that_everybody_left_stays_for_a_while_and_goes_on_counting_when_it_comes_back() -> None:
    clock = ManualClock()
    sites = Sites("e", clock)
    sites.place("cam", "hall", online=True)
    told(sites)
    sites.place("cam", None, online=True)
    last = told(sites)[-1]
    assert isinstance(last, StatusEvent)
    assert last.status == "pending"
    assert len(sites) == 1
    clock.advance(EMPTY_KEPT_S + 1)
    assert told(sites) == []
    assert len(sites) == 0
    sites.place("cam", "yard", online=True)
    assert min(each.seq for each in told(sites)) > last.seq, "nobody can take them for events that it has heard"


def test_bounds_hold_and_are_counted() -> None:
    sites = Sites("e", ManualClock(), most_topologies=2, most_members=3)
    for number, site in enumerate(["a", "b", "c", "a", "b", "a"]):
        sites.place(f"cam-{number}", site, online=True)
    assert (len(sites), sites.crowded_out) == (2, 3)
    assert sites.site_of("cam-2") is None
    told(sites)
    sites.place("cam-0", None, online=True)
    sites.place("cam-3", None, online=True)
    told(sites)
    assert sites.place("cam-2", "c", online=True), "an empty topology makes room"
    assert [each.topology_id for each in sites] == ["b", "c"]


def test_a_new_epoch_begins_at_nothing_with_nothing_untold() -> None:
    sites = Sites("e", ManualClock())
    with_members(sites, 3, 0)
    sites.mute()
    sites.set_mutation("hall", mutation("applying"))
    sites.flush()
    sites.renew("f")
    assert sites.take() == []
    assert sites.last_seqs(0) == {"hall": 0}
    assert status(sites) == "deploying"
    sites.set_online("cam-0", False)
    [event] = told(sites)
    assert (event.epoch, event.seq) == ("f", 1)


def test_of_devices_that_not_everybody_may_see_no_event_says_anything() -> None:
    sites = Sites("e", ManualClock(), public=lambda device_id: not device_id.startswith("secret"))
    sites.place("secret-1", "bunker", online=True)
    sites.set_mutation("bunker", mutation("applying"))
    sites.set_services("secret-1", ("web",))
    assert told(sites) == []
    sites.place("secret-2", "hall", online=True)
    sites.place("cam", "hall", online=True)
    told(sites)
    sites.set_services("secret-2", ("web",))
    sites.set_online("secret-2", False)
    sites.set_mutation("hall", mutation("applying"))
    events = told(sites)
    assert [type(each) for each in events] == [MutationEvent, StatusEvent]
    assert "secret" not in "".join(each.model_dump_json() for each in events)

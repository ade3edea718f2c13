"""Deployments as mutations: every step in its order, from whatever side the facts come; services beside them."""

from __future__ import annotations

import pytest

from fleetgui.backend.topology import rollouts as module
from fleetgui.backend.topology.picture import Picture
from fleetgui.policy.clock import ManualClock
from fleetgui.wire.deployments import Deployment, DeploymentName, DeviceKey, DeviceState, Moment, Phase
from fleetgui.wire.topology import MutationEvent, ServiceEvent

WEB = DeploymentName("web")
CAMS = [DeviceKey("cam-1"), DeviceKey("cam-2")]


def deployment(generation: int = 1, selector: dict[str, str] | None = None) -> Deployment:
    """Of the two cameras, unless it selects."""
    return Deployment(
        name=WEB,
        generation=generation,
        created_at=Moment(1),
        target_selector=selector,
        target_devices=None if selector else tuple(CAMS),
    )


class Rig:
    """A hall with two cameras, and what is told of it."""

    def __init__(self) -> None:
        self.picture = Picture(ManualClock())
        self.at = 0.0
        for device in CAMS:
            self.picture.place(device, "hall", online=True)
        self.steps()

    def write(self, device: DeviceKey, phase: Phase | None, error: str | None = None, at: float | None = None) -> None:
        self.at += 1
        state = phase and DeviceState(
            device_id=device, deployment=WEB, phase=phase, last_event_at=Moment(at or self.at), last_error=error
        )
        self.picture.rollouts.set_state(device, WEB, state, anew=False)

    def steps(self) -> list[str]:
        """The mutations told since the last call."""
        events = [each for each in self.picture.settle() if isinstance(each, MutationEvent)]
        return [
            f"{each.topology_id} {each.mutation_id} {each.state}" + (f": {each.error}" if each.error else "")
            for each in events
        ]

    def services(self) -> list[tuple[str, str, tuple[str, ...]]]:
        events = [each for each in self.picture.settle() if isinstance(each, ServiceEvent)]
        return [(each.device_id, each.change, each.services) for each in events]


def test_the_life_of_a_mutation() -> None:
    rig = Rig()
    rig.picture.rollouts.set_deployment(WEB, deployment())
    assert rig.steps() == ["hall web.1 enqueued"]
    rig.write(CAMS[0], Phase.PENDING)
    assert rig.steps() == ["hall web.1 applying"]
    rig.write(CAMS[0], Phase.RUNNING)
    assert rig.steps() == []
    rig.write(CAMS[1], Phase.RUNNING)
    assert rig.steps() == ["hall web.1 applied"]


def test_one_that_fails_says_on_which_device_and_why() -> None:
    rig = Rig()
    rig.picture.rollouts.set_deployment(WEB, deployment())
    rig.write(CAMS[0], Phase.FAILED, "no room")
    assert rig.steps() == ["hall web.1 enqueued", "hall web.1 applying"]
    rig.write(CAMS[1], Phase.RUNNING)
    assert rig.steps() == ["hall web.1 failed: cam-1: no room"]
    rig.write(CAMS[0], Phase.RUNNING)
    assert rig.steps() == ["hall web.1 applied"]
    rig.write(CAMS[1], Phase.FAILED, "x" * 5_000)
    [step] = rig.steps()
    assert len(step) < 600


def test_no_step_is_left_out_when_it_all_happens_at_once() -> None:
    rig = Rig()
    for device in CAMS:
        rig.write(device, Phase.RUNNING)
    rig.picture.rollouts.set_deployment(WEB, deployment())
    assert rig.steps() == ["hall web.1 enqueued", "hall web.1 applying", "hall web.1 applied"]


def test_a_later_generation_takes_the_place_of_one_that_is_in_flight() -> None:
    rig = Rig()
    rig.picture.rollouts.set_deployment(WEB, deployment())
    rig.write(CAMS[0], Phase.PENDING)
    rig.steps()
    rig.picture.rollouts.set_deployment(WEB, deployment(generation=2))
    assert rig.steps() == [
        "hall web.1 failed: Generation 2 took its place.",
        "hall web.2 enqueued",
        "hall web.2 applying",
    ]


def test_one_that_is_withdrawn_fails_unless_it_was_done() -> None:
    rig = Rig()
    rig.picture.rollouts.set_deployment(WEB, deployment())
    rig.steps()
    rig.picture.rollouts.set_deployment(WEB, None)
    assert rig.steps() == ["hall web.1 failed: It was withdrawn: it means nobody here any more."]
    for device in CAMS:
        rig.write(device, Phase.RUNNING)
    rig.picture.rollouts.set_deployment(WEB, deployment())
    rig.steps()
    rig.picture.rollouts.set_deployment(WEB, None)
    assert rig.steps() == []


def test_labels_decide_whom_a_selector_means() -> None:
    rig = Rig()
    rig.picture.rollouts.set_deployment(WEB, deployment(selector={"ring": "a"}))
    assert rig.steps() == []
    rig.picture.rollouts.set_labels(CAMS[0], {"ring": "a", "kind": "cam"})
    assert rig.steps() == ["hall web.1 enqueued"]
    rig.write(CAMS[0], Phase.RUNNING)
    assert rig.steps() == ["hall web.1 applying", "hall web.1 applied"]
    rig.picture.rollouts.set_labels(CAMS[1], {"ring": "a"})
    assert rig.steps() == ["hall web.1 applying"]
    rig.picture.place(CAMS[1], "yard", online=True)
    assert rig.steps() == ["hall web.1 applied", "yard web.1 enqueued"]
    rig.picture.rollouts.set_labels(CAMS[1], None)
    assert rig.steps() == ["yard web.1 failed: It was withdrawn: it means nobody here any more."]


def test_what_runs_is_a_service_whoever_is_meant() -> None:
    rig = Rig()
    rig.write(CAMS[0], Phase.RUNNING)
    assert rig.services() == [("cam-1", "service_added", ("web",))]
    rig.write(CAMS[0], Phase.FAILED)
    assert rig.services() == [("cam-1", "service_removed", ())]
    rig.write(CAMS[0], Phase.RUNNING)
    rig.services()
    rig.write(CAMS[0], None)
    assert rig.services() == [("cam-1", "service_removed", ())]


def test_older_news_are_none_unless_everything_is_read_anew() -> None:
    rig = Rig()
    rig.write(CAMS[0], Phase.RUNNING, at=100)
    rig.services()
    rig.write(CAMS[0], Phase.FAILED, at=100)
    rig.write(CAMS[0], Phase.FAILED, at=99)
    assert rig.services() == []
    assert rig.picture.rollouts.ignored == 2
    older = DeviceState(device_id=CAMS[0], deployment=WEB, phase=Phase.FAILED, last_event_at=Moment(5))
    rig.picture.rollouts.set_state(CAMS[0], WEB, older, anew=True)
    assert rig.services() == [("cam-1", "service_removed", ())]


def test_a_device_that_comes_later_brings_what_runs_on_it() -> None:
    rig = Rig()
    rig.picture.place(CAMS[0], None, online=False)
    rig.write(CAMS[0], Phase.RUNNING)
    rig.picture.settle()
    rig.picture.place(CAMS[0], "hall", online=True)
    assert rig.services() == []
    member = rig.picture.sites.member(CAMS[0])
    assert member is not None
    assert member.services == ("web",)


def test_bounds_hold_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("MOST_DEPLOYMENTS", 2), ("MOST_LISTED", 3), ("MOST_STATES", 4), ("MOST_SERVICES", 2)):
        monkeypatch.setattr(module, name, most)
    rig = Rig()
    for name in "abc":
        rig.picture.rollouts.set_deployment(
            DeploymentName(name),
            Deployment(name=DeploymentName(name), generation=1, created_at=Moment(1), target_devices=tuple(CAMS)),
        )
    assert rig.picture.rollouts.crowded_out == 2, "c, and the devices that b names"
    assert rig.steps() == ["hall a.1 enqueued"]
    for number in range(6):
        name = DeploymentName(f"s{number}")
        state = DeviceState(device_id=CAMS[0], deployment=name, phase=Phase.RUNNING, last_event_at=Moment(1))
        rig.picture.rollouts.set_state(CAMS[0], name, state, anew=False)
    assert rig.picture.rollouts.services_on(CAMS[0]) == ("s0", "s1")
    assert rig.picture.rollouts.crowded_out == 2 + 2 + 2

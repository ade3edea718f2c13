"""Numbers that differ only until events arrive, numbers that go on to differ, and those that no walk makes the same."""

from __future__ import annotations

from fleetgui.backend.topology.agreement import (
    EVENTS_TAKE_S,
    JITTER,
    LONGEST_BETWEEN_WALKS_S,
    LOOK_EVERY_S,
    Agreement,
)
from fleetgui.policy.clock import ManualClock


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.agreement = Agreement(self.clock)

    def look(self, total: int, known: int, revision: int | None = None) -> bool | None:
        """What comes of one look after which nothing more arrives."""
        self.clock.advance(LOOK_EVERY_S * (1 + JITTER))
        assert self.agreement.due
        self.agreement.put_off()
        self.agreement.told(total, revision, known)
        first = self.agreement.holds(known)
        if first is not None:
            return first
        self.clock.advance(EVENTS_TAKE_S)
        return self.agreement.holds(known)


def test_equal_numbers_agree_at_once_and_others_not_at_all() -> None:
    rig = Rig()
    assert rig.look(5, 5) is True
    assert rig.look(0, 7_529) is False
    assert rig.look(0, 0) is True
    assert rig.look(3_955, 2_590) is False


def test_a_look_is_due_now_and_then() -> None:
    rig = Rig()
    assert rig.agreement.due is False
    rig.look(5, 5)
    assert rig.agreement.due is False
    rig.look(5, 5)


def test_what_arrives_in_time_is_no_disagreement() -> None:
    rig = Rig()
    rig.agreement.told(100, 1, 60)
    assert rig.agreement.holds(60) is None
    rig.clock.advance(EVENTS_TAKE_S - 1)
    assert rig.agreement.holds(99) is None
    assert rig.agreement.holds(130) is True, "the fleet grew on: it has passed that number"
    assert rig.agreement.holds(0) is None, "nothing is asked any more"
    rig.agreement.told(100, 1, 160)
    assert rig.agreement.holds(90) is True, "it shrank"


def test_what_two_walks_leave_as_it_is_cannot_be_seen() -> None:
    rig = Rig()
    assert rig.look(100, 90) is False
    assert rig.look(100, 90) is True, "the walk brought nobody: ten are hidden"
    assert rig.look(120, 110) is True
    assert rig.look(120, 100) is False, "ten are hidden, and ten are missing"
    assert rig.look(120, 110) is True
    assert rig.look(110, 110) is True, "nobody is hidden any more"


def test_walks_that_bring_no_agreement_get_rarer() -> None:
    rig = Rig()
    walks = 0
    began = rig.clock.now()
    for number in range(1_000):
        walks += rig.look(100 + 2 * number, 90 + number) is False
    took = rig.clock.now() - began
    assert 2 <= walks <= 8 + took / LONGEST_BETWEEN_WALKS_S
    assert rig.look(90, 90) is True
    assert rig.look(90, 80) is None, "the distance from the last of them holds"
    rig.clock.advance(LONGEST_BETWEEN_WALKS_S)
    assert rig.look(90, 80) is False


def test_a_revision_that_goes_back_is_another_fleet_whatever_its_number() -> None:
    rig = Rig()
    assert rig.look(5, 5, revision=40) is True
    assert rig.look(5, 5, revision=41) is True
    assert rig.look(5, 5, revision=3) is False
    assert rig.look(5, 5, revision=3) is True
    assert rig.look(5, 5) is True, "one that has no revisions"

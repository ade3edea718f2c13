"""Journal lines of deployments that fail: told once when it begins and once when it is over, and never a flood."""

from __future__ import annotations

from fleetgui.feeds.failing import GATHER_S, MOST_NAMED, FailingLines
from fleetgui.policy.states import State
from fleetgui.stores.deployments.rollups import Rollups
from fleetgui.stores.journal import Journal
from fleetgui.stores.sources import Sources
from fleetgui.wire.deployments import DeploymentStatus
from tests.widgets.fill_deployments import status

WALL = 1_795_219_300.0


class Told:
    """Lines over roll-ups that were read, on a time that goes on by itself."""

    def __init__(self, *, is_read: bool = True) -> None:
        self.rollups, self.journal, self.now = Rollups(Sources()), Journal(), 0.0
        self.lines = FailingLines(self.rollups, self.journal)
        if is_read:
            self.rollups.statuses.follows(lambda: self.now)

    def put(self, *each: DeploymentStatus) -> None:
        self.rollups.apply_statuses((str(one.name), one) for one in each)

    def after(self, seconds: float = GATHER_S) -> list[str]:
        """What was written by then, since the last time."""
        before = self.journal.total
        self.now += seconds
        self.lines.write(self.now, WALL)
        new = self.journal.total - before
        return [entry.text for entry in list(self.journal.entries)[len(self.journal.entries) - new :]]


def test_it_begins_to_fail_and_is_well_again_each_once() -> None:
    told = Told()
    told.put(status("web", running=4, pending=2))
    assert told.after() == []
    told.put(status("web", running=4, pending=1, failed=1, error="no room"))
    assert told.after() == ["web fails on 1 of 6 devices; last camera-0147: no room"]
    entry = told.journal.entries[-1]
    assert (entry.state, entry.source, entry.device_id) == (State.FAILED, "deployments", "camera-0147")
    told.put(status("web", running=3, failed=3))
    assert told.after() == []  # it fails still
    told.put(status("web", running=5, pending=1))
    assert told.after() == ["web fails no more: it runs on 5 of 6 devices, 1 pending"]
    assert told.journal.entries[-1].state is State.RUNNING


def test_what_fails_and_recovers_at_once_is_no_news_and_what_goes_back_and_forth_no_flood() -> None:
    told = Told()
    told.put(status("web", running=6))
    told.after()
    told.put(status("web", running=5, failed=1))
    told.put(status("web", running=6))
    assert told.after() == []
    for number in range(100):  # in ten seconds
        told.put(status("web", running=5, failed=1) if number % 2 else status("web", running=6))
        told.after(GATHER_S / 10)
    assert told.journal.total <= 12


def test_of_many_the_worst_are_named_and_all_are_counted() -> None:
    told = Told()
    told.after()
    told.put(*(status(f"d-{number:04}", failed=number + 1) for number in range(1_000)))
    lines = told.after()
    assert [line.split()[0] for line in lines[:-1]] == [f"d-{number:04}" for number in range(999, 999 - MOST_NAMED, -1)]
    assert lines[-1] == f"{1_000 - MOST_NAMED} more deployments began to fail"
    told.put(*(status(f"d-{number:04}", running=1) for number in range(1_000)))
    assert told.after()[-1] == f"{1_000 - MOST_NAMED} more deployments fail no more"


def test_nothing_is_told_before_all_were_read() -> None:
    told = Told(is_read=False)
    told.put(status("web", failed=1))
    assert told.after() == []
    told.rollups.statuses.follows(lambda: told.now)
    assert [line.split(";")[0] for line in told.after(0.25)] == ["web fails on 1 of 1 devices"]


def test_one_that_cannot_be_read_is_neither_well_nor_gone() -> None:
    told = Told()
    told.put(status("web", failed=1))
    told.after()
    told.rollups.apply_statuses([("web", "The record cannot be read.")])
    assert told.after() == []
    told.rollups.apply_statuses([("web", None)])
    assert told.after() == ["web, which failed, was withdrawn"]
    told.put(status("web", failed=1))
    assert len(told.after()) == 1

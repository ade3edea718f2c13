"""Ledger, journal and details: what is counted, what is bounded, and what comes too late."""

from __future__ import annotations

from fleetgui.policy.states import State
from fleetgui.stores.details import EVENTS_KEPT, DetailPhase, Details, SeenEvent
from fleetgui.stores.journal import Journal
from fleetgui.stores.ledger import Ledger


def test_losses_add_up_by_source_and_cause() -> None:
    ledger = Ledger()
    ledger.lose("heartbeat", "intake overflow", 5, 10.0)
    ledger.lose("heartbeat", "intake overflow", 7, 20.0)
    ledger.lose("event", "intake overflow", 1, 15.0)
    ledger.lose("link", "reconnect gap", None, 30.0)
    assert ledger.total == 13
    assert ledger.count("heartbeat", "intake overflow") == 12
    assert ledger.count("nobody", "intake overflow") == 0
    by_source = {loss.source: loss for loss in ledger.losses}
    heartbeat = by_source["heartbeat"]
    assert (heartbeat.first, heartbeat.last, len(heartbeat.spans), heartbeat.gaps) == (10.0, 20.0, 2, 0)
    assert (by_source["link"].count, by_source["link"].gaps, ledger.gaps) == (0, 1, 1)


def test_a_publishers_clock_that_goes_back_does_not_shorten_a_loss() -> None:
    ledger = Ledger()
    ledger.lose("gateway gw-1", "sequence gap", 1, 20.0)
    ledger.lose("gateway gw-1", "sequence gap", 1, 10.0)
    assert ledger.losses[0].last == 20.0


def test_the_journal_is_bounded_and_counts_on() -> None:
    journal = Journal(capacity=3)
    for number in range(5):
        journal.write(float(number), State.LIVE, "link", f"line {number}")
    assert [entry.text for entry in journal.entries] == ["line 2", "line 3", "line 4"]
    assert journal.total == 5


def test_a_closed_detail_ignores_what_comes_late() -> None:
    details, told = Details(), list[str]()
    assert details.open("a")
    assert not details.open("a")
    details.changed.connect(told.append)
    details.close("a")
    details.close("a")
    details.update("a", phase=DetailPhase.READ, record={})
    details.events_came("a", [SeenEvent(0.0, "x", {})])
    assert details.get("a") is None
    assert told == ["a"]


def test_events_of_an_open_detail_are_bounded_and_counted_on() -> None:
    details = Details()
    details.open("a")
    details.events_came("a", [SeenEvent(float(number), "x", {}) for number in range(EVENTS_KEPT + 3)])
    detail = details.get("a")
    assert detail is not None
    assert len(detail.events) == EVENTS_KEPT
    assert detail.events[0].at == 3.0
    assert detail.events_seen == EVENTS_KEPT + 3

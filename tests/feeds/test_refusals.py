"""Journal lines of a storm: the first says why, the rest are counted, none is lost."""

from __future__ import annotations

from fleetgui.feeds.refusals import BURST_S, RefusalLines
from fleetgui.stores.journal import Journal
from tests.stores.test_series import engagement

WALL = 1_795_219_300.0


def test_a_storm_is_two_lines_and_every_refusal_is_in_them() -> None:
    journal = Journal()
    lines = RefusalLines(journal)
    lines.write([engagement(seq, "noisy") for seq in range(1, 31)], 0.0, WALL)
    lines.write([engagement(31, "noisy", count=12), engagement(1, "other")], 5.0, WALL)
    lines.write([], BURST_S, WALL)
    told = [entry.text.split(".")[0] for entry in journal.entries]
    assert told == ["noisy refused", "other refused", "noisy refused 41 more times"]
    assert journal.entries[-1].at == WALL  # when it was written: a journal goes forward


def test_a_device_that_is_refused_once_is_one_line() -> None:
    journal = Journal()
    lines = RefusalLines(journal)
    lines.write([engagement(1)], 0.0, WALL)
    lines.write([], 100.0, WALL)
    lines.write([engagement(2)], 101.0, WALL)
    assert len(journal.entries) == 2

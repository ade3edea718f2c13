"""Deployments that begin to fail, and those that are well again, as journal lines: a few by name, the rest counted.

A roll-up is written anew whenever a device speaks, so what changed is gathered for `GATHER_S`, and told is how it
stands then: one that failed and recovered meanwhile is no news. A roll-up that cannot be read says neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fleetgui.policy.formats import count, text
from fleetgui.policy.states import State
from fleetgui.stores.deployments.rollups import Rollup, Rollups
from fleetgui.stores.journal import Journal

GATHER_S: Final = 1.0
MOST_NAMED: Final = 5
"""Lines of one kind that name a deployment, each time; one more counts those that go beyond."""

SOURCE: Final = "deployments"


class FailingLines:
    """Listens to `rollups`; to be given the time (`write`) a few times a second."""

    def __init__(self, rollups: Rollups, journal: Journal) -> None:
        self._rollups = rollups
        self._journal = journal
        self._touched: set[str] = set()
        self._failing: set[str] = set()
        """Those that the journal has told of as failing, and not as well again."""
        self._written_at = float("-inf")
        self._has_begun = False
        rollups.changed.connect(self._touched.update)

    def write(self, now: float, wall: float) -> None:
        """Tell what changed, at `now` (`Clock.now()`), `wall` (epoch seconds); nothing before all were read."""
        if not self._rollups.statuses.is_read or now - self._written_at < GATHER_S:
            return
        verb = "began to fail" if self._has_begun else "were failing when they were first read"
        self._has_begun = True
        if not self._touched:
            return
        self._written_at = now
        touched, rows = sorted(self._touched), self._rollups.rows
        self._touched.clear()
        began = [rows[name] for name in touched if name in rows and name not in self._failing and _fails(rows[name])]
        over = [name for name in touched if name in self._failing and _is_over(rows.get(name))]
        self._failing.update(row.name for row in began)
        self._failing.difference_update(over)
        worst_first = sorted(began, key=_failures, reverse=True)
        self._tell(wall, State.FAILED, (_failing(row) for row in worst_first[:MOST_NAMED]), len(began), verb)
        self._tell(
            wall, State.RUNNING, (_over(name, rows.get(name)) for name in over[:MOST_NAMED]), len(over), "fail no more"
        )

    def _tell(self, wall: float, state: State, named: Iterable[tuple[str, str | None]], all_of: int, verb: str) -> None:
        for sentence, device_id in named:
            self._journal.write(wall, state, SOURCE, sentence, device_id)
        if all_of > MOST_NAMED:
            self._journal.write(wall, state, SOURCE, f"{count(all_of - MOST_NAMED)} more deployments {verb}")


def _fails(row: Rollup) -> bool:
    return row.state is State.FAILED


def _is_over(row: Rollup | None) -> bool:
    """Whether one that failed does so no more, as far as is known; None: it is gone."""
    return row is None or row.state not in (State.FAILED, State.UNKNOWN)


def _failures(row: Rollup) -> int:
    return 0 if row.counted is None else row.counted.failed


def _failing(row: Rollup) -> tuple[str, str | None]:
    """A sentence, and the device that it is about."""
    figures = row.counted
    if figures is None:
        return f"{text(row.name, 60)} fails", None
    sentence = f"{text(row.name, 60)} fails on {count(figures.failed)} of {count(figures.target)} devices"
    error = figures.last_error
    if error is None:
        return sentence, None
    return f"{sentence}; last {text(error.device_id, 60)}: {text(error.message, 160)}", str(error.device_id)


def _over(name: str, row: Rollup | None) -> tuple[str, str | None]:
    figures = None if row is None else row.counted
    if figures is None:
        return f"{text(name, 60)}, which failed, was withdrawn", None
    running = f"runs on {count(figures.succeeded)} of {count(figures.target)} devices"
    return f"{text(name, 60)} fails no more: it {running}, {count(figures.pending)} pending", None

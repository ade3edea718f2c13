"""The throttle's refusals, merged from history and live by (node, epoch, seq), bounded; and who is held back now.

The newest are kept one by one; those before them are counted by the minute and the band, for days.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from fleetgui.policy.signals import Signal
from fleetgui.policy.throttle import explain
from fleetgui.stores.ledger import Ledger
from fleetgui.stores.minutes import MinuteCounts
from fleetgui.stores.sequences import Sequences
from fleetgui.wire.gateway import Engagement
from fleetgui.wire.times import to_epoch

CAPACITY: Final = 20_000

BANDS: Final = ("normal", "elevated", "critical")
"""In the order of the counts of `Engagements.minutes`."""

LONGEST_BLOCK_S: Final = 366 * 86_400.0
"""No block is shown to last longer: a time beyond what calendars hold could not be shown at all."""


@dataclass(frozen=True)
class Refusal:
    """One engagement on the time axis. `at` and `until` are epoch seconds of the gateway's clock."""

    at: float
    seq: int
    node: str
    epoch: str
    until: float
    engagement: Engagement

    @property
    def device_id(self) -> str:
        return self.engagement.device_id


@dataclass(frozen=True, slots=True)
class Run:
    """A device's refusals in a row: since epoch second `first`, `count` of them up to the latest."""

    first: float
    count: int


def why_refused(
    engagement: Engagement, *, in_a_row: int | None = None, multiplier: float | None = None, left_s: float | None = None
) -> str:
    """One sentence for people, with what else is known of it: see `policy.throttle.explain`."""
    return explain(
        reason=engagement.reason,
        observed=engagement.observed,
        allowed=engagement.allowed,
        window_ms=engagement.window_ms,
        backoff_ms=engagement.backoff_ms,
        level=engagement.level,
        band=engagement.band,
        in_a_row=in_a_row,
        multiplier=multiplier,
        left_s=left_s,
    )


class Engagements:
    def __init__(self, ledger: Ledger, capacity: int = CAPACITY) -> None:
        self.changed = Signal[[list[Refusal]]]()
        """The refusals that are new; once a batch."""
        self.total = 0
        """Engagements taken in, a merged one (`count`) as that many."""
        self.refused = 0
        """Engagements without a usable time."""
        self.skews: dict[str, float] = {}
        """Of gateways whose clock is wrong: by how many seconds it is ahead of this machine's. Blocks end by it."""
        self.minutes = MinuteCounts(len(BANDS))
        """Those that there was no more room for."""
        self._capacity = capacity
        self._refusals: list[Refusal] = []
        self._sequences = Sequences(ledger)
        self._until: dict[str, Refusal] = {}
        self._of: dict[str, deque[Refusal]] = {}
        self._runs: dict[str, Run] = {}

    @property
    def refusals(self) -> list[Refusal]:
        """Oldest first. Not to be changed."""
        return self._refusals

    def apply(self, engagements: list[Engagement], *, live: bool) -> None:
        """Take in engagements; a jump in `seq` among live ones of one epoch is a counted loss."""
        new = []
        for engagement in engagements:
            at = to_epoch(engagement.ts)
            if at is None:
                self.refused += 1
                continue
            if not self._sequences.take(engagement.node, engagement.epoch, engagement.seq, at, live=live):
                continue
            until = at + min(engagement.backoff_ms / 1000, LONGEST_BLOCK_S)
            refusal = Refusal(at, engagement.seq, engagement.node, engagement.epoch, until, engagement)
            _insert(self._refusals, refusal)
            of_device = self._of.setdefault(refusal.device_id, deque())
            before = of_device[-1] if of_device else None
            _insert(of_device, refusal)
            self._runs[refusal.device_id] = self._run_after(before, of_device[-1])
            self.total += engagement.count
            current = self._until.get(refusal.device_id)
            if current is None or _order(current) <= _order(refusal):
                self._until[refusal.device_id] = refusal
            new.append(refusal)
        self._forget(len(self._refusals) - self._capacity)
        if new:
            self.changed.emit(new)

    def held_back(self, epoch_now: float) -> list[Refusal]:
        """The latest refusal of every device whose block has not ended, soonest release first."""
        ended = [device_id for device_id, refusal in self._until.items() if self._is_over(refusal, epoch_now)]
        for device_id in ended:
            del self._until[device_id]
        return sorted(self._until.values(), key=lambda refusal: refusal.until)

    def of_device(self, device_id: str, epoch_now: float) -> Refusal | None:
        """The refusal that holds `device_id` back now, None when none does."""
        refusal = self._until.get(device_id)
        return refusal if refusal is not None and not self._is_over(refusal, epoch_now) else None

    def _is_over(self, refusal: Refusal, epoch_now: float) -> bool:
        """Whether the block has ended at epoch second `epoch_now` of this machine."""
        return refusal.until - self.skews.get(refusal.node, 0.0) <= epoch_now

    def row_of(self, refusal: Refusal) -> int | None:
        """Where a refusal stands among `refusals`, None once it was counted into its minute."""
        row = bisect_left(self._refusals, _order(refusal), key=_order)
        return row if row < len(self._refusals) and self._refusals[row] is refusal else None

    def latest_run(self, device_id: str) -> Run | None:
        """The latest refusals in a row of a device, None without any."""
        return self._runs.get(device_id)

    def flagged_since(self, epoch: float) -> list[float]:
        """When devices that had been calm were refused, from epoch second `epoch` on; in no order."""
        return [run.first for run in self._runs.values() if run.first >= epoch]

    def run_of(self, refusal: Refusal) -> list[Refusal]:
        """The refusals in a row up to this one, newest first: none came later than a window after the block before.

        A device that was let in and flagged anew within a window is still in the same row: nothing on the wire tells.
        """
        of_device = self._of.get(refusal.device_id, deque())
        before = (each for each in reversed(of_device) if _order(each) < _order(refusal))
        run = [refusal]
        for each in before:
            if not _in_a_row(each, run[-1]):
                break
            run.append(each)
        return run

    def published(self, node: str, epoch: str, last_seq: int, at: float) -> None:
        """`last_seq` was published by this process: what did not come while we listened is lost."""
        self._sequences.reach(node, epoch, last_seq, at)

    def _run_after(self, before: Refusal | None, latest: Refusal) -> Run:
        """The latest run of a device whose latest refusal was `before` until now."""
        if before is None:
            return Run(latest.at, latest.engagement.count)
        if before is latest or _order(before) > _order(latest):  # what came is older than what was there
            run = self.run_of(latest)
            return Run(run[-1].at, sum(each.engagement.count for each in run))
        if not _in_a_row(before, latest):
            return Run(latest.at, latest.engagement.count)
        run_before = self._runs[latest.device_id]
        return Run(run_before.first, run_before.count + latest.engagement.count)

    def _forget(self, count: int) -> None:
        """Count the oldest into their minutes."""
        if count <= 0:
            return
        oldest = self._refusals[:count]
        del self._refusals[:count]
        for old in oldest:
            if self._until.get(old.device_id) is old:
                del self._until[old.device_id]
            of_device = self._of[old.device_id]
            of_device.popleft()  # the oldest of all is the oldest of its device
            if not of_device:
                del self._of[old.device_id], self._runs[old.device_id]
        self.minutes.add((old.at, BANDS.index(old.engagement.band), old.engagement.count) for old in oldest)


def _in_a_row(before: Refusal, after: Refusal) -> bool:
    return after.at - before.until <= after.engagement.window_ms / 1000


def _insert(refusals: list[Refusal] | deque[Refusal], refusal: Refusal) -> None:
    """Into its place by `_order`, which is nearly always the end."""
    if not refusals or _order(refusals[-1]) <= _order(refusal):
        refusals.append(refusal)
    elif isinstance(refusals, list):
        insort(refusals, refusal, key=_order)
    else:
        later = sum(1 for _ in takewhile(lambda each: _order(each) > _order(refusal), reversed(refusals)))
        refusals.insert(len(refusals) - later, refusal)


def _order(refusal: Refusal) -> tuple[float, int, str, str]:
    return refusal.at, refusal.seq, refusal.node, refusal.epoch

"""The throttle's refusals, merged from history and live by (node, epoch, seq), bounded; and who is held back now."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import Final

from fleetgui.policy.signals import Signal
from fleetgui.stores.ledger import Ledger
from fleetgui.stores.sequences import Sequences
from fleetgui.wire.gateway import Engagement
from fleetgui.wire.times import to_epoch

CAPACITY: Final = 20_000

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


class Engagements:
    def __init__(self, ledger: Ledger, capacity: int = CAPACITY) -> None:
        self.changed = Signal[[list[Refusal]]]()
        """The refusals that are new; once a batch."""
        self.total = 0
        """Engagements taken in, a merged one (`count`) as that many."""
        self.refused = 0
        """Engagements without a usable time."""
        self._capacity = capacity
        self._refusals: list[Refusal] = []
        self._sequences = Sequences(ledger)
        self._until: dict[str, Refusal] = {}

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
            insort(self._refusals, refusal, key=_order)
            self.total += engagement.count
            current = self._until.get(refusal.device_id)
            if current is None or _order(current) <= _order(refusal):
                self._until[refusal.device_id] = refusal
            new.append(refusal)
        if len(self._refusals) > self._capacity:
            for old in self._refusals[: -self._capacity]:
                if self._until.get(old.device_id) is old:
                    del self._until[old.device_id]
            del self._refusals[: -self._capacity]
        if new:
            self.changed.emit(new)

    def held_back(self, epoch_now: float) -> list[Refusal]:
        """The latest refusal of every device whose block has not ended, soonest release first."""
        ended = [device_id for device_id, refusal in self._until.items() if refusal.until <= epoch_now]
        for device_id in ended:
            del self._until[device_id]
        return sorted(self._until.values(), key=lambda refusal: refusal.until)

    def of_device(self, device_id: str, epoch_now: float) -> Refusal | None:
        """The refusal that holds `device_id` back now, None when none does."""
        refusal = self._until.get(device_id)
        return refusal if refusal is not None and refusal.until > epoch_now else None

    def published(self, node: str, epoch: str, last_seq: int, at: float) -> None:
        """`last_seq` was published by this process: what did not come while we listened is lost."""
        self._sequences.reach(node, epoch, last_seq, at)


def _order(refusal: Refusal) -> tuple[float, int, str, str]:
    return refusal.at, refusal.seq, refusal.node, refusal.epoch

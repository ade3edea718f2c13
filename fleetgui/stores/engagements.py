"""The throttle's refusals, merged from history and live by (node, epoch, seq), bounded; and who is held back now."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import Final

from fleetgui.policy.signals import Signal
from fleetgui.stores.ledger import Ledger
from fleetgui.wire.gateway import Engagement
from fleetgui.wire.times import to_epoch

CAPACITY: Final = 20_000


@dataclass(frozen=True, order=True)
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
        self._ledger = ledger
        self._capacity = capacity
        self._refusals: list[Refusal] = []
        self._known: set[tuple[str, str, int]] = set()
        self._last_seq: dict[tuple[str, str], int] = {}
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
            key = (engagement.node, engagement.epoch, engagement.seq)
            if at is None or key in self._known:
                continue
            if live:
                self.published(engagement.node, engagement.epoch, engagement.seq - 1, at)
                stream = (engagement.node, engagement.epoch)
                self._last_seq[stream] = max(engagement.seq, self._last_seq.get(stream, 0))
            self._known.add(key)
            until = at + engagement.backoff_ms / 1000
            refusal = Refusal(at, engagement.seq, engagement.node, engagement.epoch, until, engagement)
            insort(self._refusals, refusal, key=lambda other: (other.at, other.seq))
            self.total += engagement.count
            current = self._until.get(refusal.device_id)
            if current is None or current.at <= refusal.at:
                self._until[refusal.device_id] = refusal
            new.append(refusal)
        if len(self._refusals) > self._capacity:
            for old in self._refusals[: -self._capacity]:
                self._known.discard((old.node, old.epoch, old.seq))
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
        """`last_seq` was published by this process: what lies between it and the last that came live is lost, once."""
        last = self._last_seq.get((node, epoch))
        if last is not None and last_seq > last:
            self._last_seq[node, epoch] = last_seq
            self._ledger.lose(f"gateway {node}", "sequence gap", last_seq - last, at)

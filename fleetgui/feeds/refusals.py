"""The throttle's refusals as journal lines: one for each that says something new, one that counts the rest of a storm.

A device that does not obey is refused many times a second. Each refusal is on the plot and in the engagements' store;
in the journal the first of a burst is a sentence, and what follows within `BURST_S` is counted into one line after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleetgui.policy.formats import text
from fleetgui.policy.states import State
from fleetgui.stores.engagements import why_refused
from fleetgui.stores.journal import Journal
from fleetgui.wire.gateway import Engagement
from fleetgui.wire.times import to_epoch

BURST_S: Final = 10.0


@dataclass
class _Burst:
    """One device's: when its line was written (`Clock.now()`), and what came since."""

    written_at: float
    last: Engagement
    more: int = 0


class RefusalLines:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._bursts: dict[str, _Burst] = {}

    def write(self, refusals: list[Engagement], now: float, wall: float) -> None:
        """Take in refusals that came by `now` (`wall` epoch seconds); called often, also without any, so that counts do
        not wait for ever."""
        for refusal in refusals:
            burst = self._bursts.get(refusal.device_id)
            if burst is None:
                self._line(to_epoch(refusal.ts) or wall, refusal, sentence(refusal))
                self._bursts[refusal.device_id] = _Burst(now, refusal)
            else:
                burst.more += refusal.count
                burst.last = refusal
        for device_id, burst in list(self._bursts.items()):
            if now - burst.written_at >= BURST_S:
                del self._bursts[device_id]
                if burst.more:
                    words = f"{text(device_id, 60)} refused {burst.more:,} more times. {why_refused(burst.last)}"
                    self._line(wall, burst.last, words)

    def _line(self, at: float, refusal: Engagement, words: str) -> None:
        self._journal.write(at, State.ELEVATED, f"gateway {text(refusal.node, 40)}", words, refusal.device_id)


def sentence(refusal: Engagement) -> str:
    """A refusal for people: who, why, and for how long."""
    times = f" {refusal.count:,} times" if refusal.count > 1 else ""
    return f"{text(refusal.device_id, 60)} refused{times}. {why_refused(refusal)}"

"""How far one bucket is read: followed, not there, not permitted; and so how far what came of it may be trusted.

A bucket that is followed speaks up every `HEARTBEAT_S`, be it that nothing has changed, and that is what keeps its
figures live. What was read before it fell silent stays, as of then. That a bucket is heard says nothing of whoever
fills it, though: what shows that nobody may do so any more (`lags`) makes its figures late.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from fleetgui.policy.freshness import freshness, reading_limits
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State, worst
from fleetgui.stores.sources import Sources

HEARTBEAT_S: Final = 2.0


class ReadPhase(Enum):
    UNREAD = "not read yet"
    FOLLOWED = "followed"
    AGAIN = "being read again"
    NO_BUCKET = "no such bucket"
    NO_STREAMS = "no JetStream"
    DENIED = "not permitted"
    FAILED = "cannot be read"


_BROKEN: Final = (ReadPhase.NO_BUCKET, ReadPhase.NO_STREAMS, ReadPhase.DENIED, ReadPhase.FAILED)


class Reading:
    """One bucket, under `source` among the sources. `changed` after each change of `phase` or `why` (a sentence).

    `behind`: a part of a sentence, why what it says may be older than what it is about; "" where nothing says so.
    `is_read`: everything in it was told at least once, so that "nothing" is an answer.
    """

    def __init__(self, source: str, sources: Sources) -> None:
        self.changed = Signal[[]]()
        self.source = source
        self.phase = ReadPhase.UNREAD
        self.why = ""
        self.behind = ""
        self.is_read = False
        self._sources = sources
        self._evidence: Callable[[], float | None] = lambda: None
        self._heard_at: float | None = None
        sources.watch(source, self.state)

    @property
    def is_broken(self) -> bool:
        return self.phase in _BROKEN

    @property
    def heard_at(self) -> float | None:
        """When the bucket last spoke up while it was followed (`Clock.now()`)."""
        if self.phase is ReadPhase.FOLLOWED:
            self._heard_at = self._evidence() or self._heard_at
        return self._heard_at

    def state(self, now: float) -> State:
        """Live, late, stale, unconfirmed or unknown."""
        own = freshness(
            heard_at=self.heard_at,
            limits=reading_limits(HEARTBEAT_S),
            confirmed_from=self._sources.confirmed_from,
            now=now,
        )
        if self.is_broken:
            own = worst(own, State.STALE)
        elif self.phase is ReadPhase.AGAIN:
            own = worst(own, State.UNCONFIRMED)
        elif self.behind:
            own = worst(own, State.LATE)
        return self._sources.under_link(own, now)

    # What the feed tells

    def follows(self, evidence: Callable[[], float | None]) -> None:
        """All there is was told, and changes come; `evidence()` is when the broker last spoke of the bucket."""
        self._evidence = evidence
        self.is_read = True
        self._enter(ReadPhase.FOLLOWED, "")

    def fell_behind(self) -> None:
        """What was told is to be confirmed; the first time there is nothing to confirm."""
        if self.is_read:
            self._enter(ReadPhase.AGAIN, self.why)

    def lags(self, behind: str) -> None:
        """What speaks for nobody filling the bucket any more, "" for nothing."""
        if behind != self.behind:
            self.behind = behind
            self.changed.emit()

    def broke(self, phase: ReadPhase, why: str) -> None:
        self._enter(phase, why)

    def _enter(self, phase: ReadPhase, why: str) -> None:
        heard_at = self.heard_at  # asked while it still speaks for what was followed
        if (phase, why) != (self.phase, self.why):
            self._heard_at = heard_at
            self.phase, self.why = phase, why
            self.changed.emit()

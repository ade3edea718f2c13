"""How late this console's own loop runs, by the rule that gateways go by; and when it ran too late to be believed.

What is seen late is dated late: while the own loop is not normal, ages, edges and lags that it notes may be its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from fleetgui.policy.band import Band, BandTracker, WindowStats
from fleetgui.policy.lag import Window
from fleetgui.policy.settings import LagSettings
from fleetgui.policy.signals import Signal

MOST_SPANS: Final = 1_000


class Span(NamedTuple):
    """Epoch seconds."""

    begins: float
    ends: float


class Observer:
    """`changed` is emitted after each window, about once a second."""

    def __init__(self, settings: LagSettings | None = None) -> None:
        self.settings = settings or LagSettings()
        self.changed = Signal[[]]()
        self.ran_late = Signal[[Sequence[Span]]]()
        """With `late`, after each window that adds to it."""
        self.last: WindowStats | None = None
        """The window that closed last; None before the first."""
        self._tracker = BandTracker(self.settings)
        self._late: deque[Span] = deque(maxlen=MOST_SPANS)

    @property
    def band(self) -> Band:
        return self._tracker.band

    @property
    def late(self) -> Sequence[Span]:
        """When a window reached a higher band than normal, oldest first; neighbours are one span."""
        return self._late

    def closed(self, window: Window, ended: float) -> None:
        """Take in a window that ended at epoch second `ended`."""
        self.last = window.stats
        self._tracker.close_window(window.stats.p99_ms)
        if self._tracker.reached_by(window.stats.p99_ms) is not Band.NORMAL:
            length = window.length_ms / 1000
            begins = ended - length
            # A window begins where the one before ended; both were dated by a wall clock, which may be nudged.
            if self._late and abs(begins - self._late[-1].ends) < length / 2:
                begins = self._late.pop().begins
            self._late.append(Span(begins, ended))
            self.ran_late.emit(tuple(self._late))
        self.changed.emit()

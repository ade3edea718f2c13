"""When the registry's list is walked, and how old the picture is for as long as it is not. Pure; time is passed in.

A walk keeps a distance of nine times its own length from the last one, so a fleet in turmoil costs its registry no more
than a quiet one; but of a minute at most, or of its own length where that is longer.
"""

from __future__ import annotations

from typing import Final

from fleetgui.policy.clock import Clock

WALKS_APART: Final = 9.0
"""A walk begins so many times the length of the last one after it …"""
LEAST_APART_S: Final = 2.0
"""… so many seconds after it at least …"""
MOST_APART_S: Final = 60.0
"""… and so many at most, unless the walk took longer than that: then as long as it took …"""
FURTHEST_APART_S: Final = 600.0
"""… and never more than this."""
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 15.0
STALE_S: Final = 30.0
"""A picture for which a walk has been due for so long is called stale."""


def distance_s(took: float) -> float:
    """How long after a walk of `took` seconds the next one may begin."""
    most = min(FURTHEST_APART_S, max(MOST_APART_S, took))
    return min(most, max(LEAST_APART_S, WALKS_APART * took))


class Pace:
    """A walk is due from the beginning. `as_of` is when the members were last known to be whole, epoch seconds."""

    def __init__(self, clock: Clock) -> None:
        self.as_of: float | None = None
        self._clock = clock
        self._due_since: float | None = clock.now()
        self._again_since: float | None = None
        """Since when another walk is due than the one that is under way."""
        self._began: float | None = None
        """When the walk that is under way began, epoch seconds."""
        self._not_before = float("-inf")
        self._retry_s = FIRST_RETRY_S

    @property
    def walking(self) -> bool:
        return self._began is not None

    @property
    def may_walk(self) -> bool:
        """Whether a walk is due, and may begin now."""
        return self.due and not self.walking and self._clock.now() >= self._not_before

    @property
    def due(self) -> bool:
        """Whether a walk is due, or the one that is under way was."""
        return self._due_since is not None

    @property
    def behind_s(self) -> float:
        """For how long something has been missing that only a walk brings."""
        return 0.0 if self._due_since is None else self._clock.now() - self._due_since

    @property
    def stale(self) -> bool:
        return self.behind_s > STALE_S

    def want(self) -> None:
        """A walk that begins after this is due, as soon as the distance allows."""
        now = self._clock.now()
        if not self.walking:
            self._due_since = now if self._due_since is None else self._due_since
        elif self._again_since is None:
            self._again_since = now

    def want_at_once(self) -> None:
        """Likewise, and it need not keep a distance."""
        self.want()
        self._not_before = float("-inf")
        self._retry_s = FIRST_RETRY_S

    def agreed(self) -> None:
        """The registry counts as many devices as are known: the members are whole, unless a walk is due."""
        if not self.due:
            self.as_of = self._clock.wall()

    def began(self) -> None:
        """A walk is under way, whether one was due or not."""
        self.want()
        self._began = self._clock.wall()

    def succeeded(self, took: float, *, whole: bool) -> None:
        """The walk came to its end, after `took` seconds without the time in which nobody answered."""
        if whole:
            self.as_of = self._began
        else:
            self.want()
        self._due_since, self._again_since, self._began = self._again_since, None, None
        self._retry_s = FIRST_RETRY_S
        self._not_before = self._clock.now() + distance_s(took)

    def failed(self) -> None:
        """It did not, and is still due."""
        self._again_since = self._began = None
        self._not_before = self._clock.now() + self._retry_s
        self._retry_s = min(LONGEST_RETRY_S, 2 * self._retry_s)

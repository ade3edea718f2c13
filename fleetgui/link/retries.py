"""How long to wait before the next try: at once, backing off, or slowly. A pure rule; time is passed in."""

from __future__ import annotations

from collections import deque
from typing import Final

from fleetgui.link.settings import LinkSettings

_GROWTH: Final = 1.6
_MINUTE: Final = 60.0


class Retries:
    """Told of every try that failed and every connection that ended."""

    def __init__(self, settings: LinkSettings) -> None:
        self._settings = settings
        self._failures = 0
        self._refusals: deque[float] = deque(maxlen=settings.refusals_a_minute)

    def pause(self, now: float, *, refused: bool, lived: float, servers: int) -> float:
        """Seconds to wait at `now`, after a connection that `lived` so long (0: none was made).

        `refused`: trying on fast is no use. With several `servers`, the others are tried before there is any pause.
        """
        stable = lived >= self._settings.stable_after
        if stable:
            self._failures = 0
            return 0.0
        self._failures += 1
        between_servers = self._failures % servers != 0
        if refused:
            self._refusals.append(now)
            pause = 0.0 if between_servers else self._settings.refused_pause
            if len(self._refusals) == self._settings.refusals_a_minute:
                pause = max(pause, self._refusals[0] + _MINUTE - now)
            return pause
        if between_servers:
            return 0.0
        rounds = min(self._failures // servers - 1, 50)
        return min(self._settings.max_backoff, self._settings.first_backoff * _GROWTH**rounds)

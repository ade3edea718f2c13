"""Many rejects of one device in one second become one message: a storm must not become a storm of notices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleetgui.policy.throttle import Key, Reject

SINGLY_A_SECOND: Final = 50
"""Rejects of one device that are published one by one within a second; the rest of that second is one message."""


@dataclass(slots=True)
class _Second:
    began: float
    singly: int = 0
    held: int = 0
    last: Reject | None = None


class Merger:
    """Decides which rejects are published at once. Time is `Clock.now()` in seconds."""

    def __init__(self) -> None:
        self._seconds: dict[Key, _Second] = {}

    def add(self, key: Key, reject: Reject, now: float) -> list[tuple[Reject, int]]:
        """What to publish now because of `reject`, as (reject, count): what the second before held back, and itself."""
        ready: list[tuple[Reject, int]] = []
        second = self._seconds.get(key)
        if second is None or now - second.began >= 1.0:
            if second is not None and second.last is not None:
                ready.append((second.last, second.held))
            second = self._seconds[key] = _Second(now)
        if second.singly < SINGLY_A_SECOND:
            second.singly += 1
            ready.append((reject, 1))
        else:
            second.held += 1
            second.last = reject
        return ready

    def flush(self, now: float) -> list[tuple[Key, Reject, int]]:
        """What was held back in seconds that are over, as (key, last reject, count); forgets those seconds."""
        over = [(key, second) for key, second in self._seconds.items() if now - second.began >= 1.0]
        for key, _ in over:
            del self._seconds[key]
        return [(key, second.last, second.held) for key, second in over if second.last is not None]

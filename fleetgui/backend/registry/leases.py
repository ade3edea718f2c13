"""Leases: each device must be heard of within its ttl, or it is gone.

A heap of deadlines that are corrected when they come up: a heartbeat only notes its time, so that a beating fleet
costs next to nothing. Time is `Clock.now()` in seconds and always passed in.
"""

from __future__ import annotations

import heapq
from typing import Final

Key = tuple[str, str]
"""(tenant, device id)"""

_STALE_ALLOWED: Final = 64


class _Lease:
    __slots__ = ("queued", "seen", "ttl")

    def __init__(self, seen: float, ttl: float, queued: float) -> None:
        self.seen = seen
        self.ttl = ttl
        self.queued = queued
        """The deadline of the one entry in the heap that counts."""


class Leases:
    """Who must be heard of by when, by (tenant, device id)."""

    def __init__(self) -> None:
        self._leases: dict[Key, _Lease] = {}
        self._heap: list[tuple[float, Key]] = []
        self._heard_from = float("-inf")

    def __len__(self) -> int:
        return len(self._leases)

    def grant(self, key: Key, ttl: float, now: float) -> None:
        """Start a lease of `ttl` seconds, or start it anew."""
        deadline = now + ttl
        lease = self._leases.get(key)
        if lease is None:
            self._leases[key] = _Lease(now, ttl, deadline)
        else:
            lease.seen, lease.ttl = now, ttl
            if deadline >= lease.queued:
                return  # the entry in the heap comes up earlier and is corrected then
            lease.queued = deadline
        heapq.heappush(self._heap, (deadline, key))
        if len(self._heap) > 2 * len(self._leases) + _STALE_ALLOWED:
            self._heap = [(lease.queued, key) for key, lease in self._leases.items()]
            heapq.heapify(self._heap)

    def beat(self, key: Key, now: float) -> bool:
        """The device was heard of. False when it has no lease."""
        lease = self._leases.get(key)
        if lease is None:
            return False
        lease.seen = now
        return True

    def drop(self, key: Key) -> None:
        """There is no lease any more, if there was one."""
        self._leases.pop(key, None)

    def forgive(self, now: float) -> None:
        """Nobody could be heard until now: give every device its full ttl from here on."""
        self._heard_from = now

    def may_expire(self, now: float) -> bool:
        """Whether it is worth while to call `expired`."""
        return bool(self._heap) and self._heap[0][0] < now

    def expired(self, now: float, most: int) -> list[Key]:
        """End and return the leases of up to `most` of those that were silent for longer than their ttl."""
        ended: list[Key] = []
        while self._heap and self._heap[0][0] < now and len(ended) < most:
            queued, key = heapq.heappop(self._heap)
            lease = self._leases.get(key)
            if lease is None or lease.queued != queued:
                continue  # replaced by a shorter lease since
            deadline = max(lease.seen, self._heard_from) + lease.ttl
            if deadline < now:
                del self._leases[key]
                ended.append(key)
            else:
                lease.queued = deadline
                heapq.heappush(self._heap, (deadline, key))
        return ended

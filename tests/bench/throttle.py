"""Throttle checks a second on one core: a calm fleet, and one in which every tenth device storms.

Peer: a sliding window per device and nothing else (no backoff, level, ceiling, warm-up, session): what a limiter
costs that could not tell a storm from a slow ramp.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from fleetgui.policy.band import Band
from fleetgui.policy.settings import ThrottleSettings
from fleetgui.policy.throttle import Throttle
from tests.bench.timing import side_by_side

DEVICES: Final = 10_000

Key = tuple[str, str]


class _Window:
    """The peer: at most `most` within `window_ms`."""

    def __init__(self, settings: ThrottleSettings) -> None:
        self._hits: defaultdict[Key, deque[float]] = defaultdict(deque)
        self._window, self._most = settings.window_ms, settings.base_max

    def check(self, key: Key, now_ms: float) -> bool:
        hits = self._hits[key]
        while hits and now_ms - hits[0] >= self._window:
            hits.popleft()
        hits.append(now_ms)
        return len(hits) <= self._most


class _Feed:
    """Rounds of checks over `order`, one round lasting the window; the clock goes on from run to run."""

    def __init__(self, check: Callable[[Key, float], object], order: list[Key], window_ms: float, rounds: int) -> None:
        self._check = check
        self._order = order
        self._step = window_ms / len(order)
        self._rounds = rounds
        self._now = 0.0

    def milliseconds(self) -> float:
        check, step, now = self._check, self._step, self._now
        started = time.perf_counter()
        for _ in range(self._rounds):
            for key in self._order:
                check(key, now)
                now += step
        took = time.perf_counter() - started
        self._now = now
        return took * 1000


def run(quick: bool) -> dict[str, Any]:
    checks = 100_000 if quick else 500_000
    keys = [("default", f"device-{number:05d}") for number in range(DEVICES)]
    fleets = {
        "calm": keys,
        "storm": [key for n, key in enumerate(keys) for key in [key] * (50 if n % 10 == 0 else 1)],
    }
    settings = ThrottleSettings()
    figures: dict[str, Any] = {"what": "throttle checks/s; peer: a bare sliding window", "wanted_per_s": 500_000}
    for name, order in fleets.items():
        throttle = Throttle(settings, -settings.warmup_ms)
        rounds = max(1, checks // len(order))
        ours = _Feed(partial(throttle.check, band=Band.NORMAL), order, settings.window_ms, rounds)
        peer = _Feed(_Window(settings).check, order, settings.window_ms, rounds)
        taken = side_by_side(ours.milliseconds, peer.milliseconds, 3 if quick else 9)
        done = rounds * len(order)
        figures[name] = {
            "ours_per_s": round(done / taken["ours_ms"] * 1000),
            "peer_per_s": round(done / taken["peer_ms"] * 1000),
            "time_ratio": taken["ratio"],
            "runs": taken["runs"],
        }
    return figures

"""Timing two things side by side: in turn, so that a machine whose speed drifts drifts for both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def percentile(values: list[float], p: float) -> float:
    """The smallest value that at least `p` (0 … 1) of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(p * len(ordered)))]


def side_by_side(ours: Callable[[], float], peer: Callable[[], float], runs: int) -> dict[str, Any]:
    """Medians of both and the median of the ratios taken pair by pair; one warm-up of each is not counted."""
    ours(), peer()
    pairs = [(ours(), peer()) for _ in range(runs)]
    return {
        "ours_ms": round(statistics.median(a for a, _ in pairs), 3),
        "peer_ms": round(statistics.median(b for _, b in pairs), 3),
        "ratio": round(statistics.median(a / b for a, b in pairs), 3),
        "runs": runs,
    }

"""The `--report FILE.json`: what one console measured, for benchmarks, tests and bug reports. Holds no secret."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from fleetgui.app.stall import Stall
from fleetgui.stores.console import ConsoleState


@dataclass
class Timings:
    """Milliseconds, None for what never happened."""

    start_to_window_ms: float | None = None
    connect_to_first_rows_ms: float | None = None


def report(state: ConsoleState, timings: Timings, stall: Stall, events_seen: int) -> dict[str, Any]:
    """The report as JSON types. Times in milliseconds, memory in MiB (resident now)."""
    cost = state.link.cost
    return {
        "devices_total": state.roster.total,
        "rows_loaded": state.roster.loaded,
        "pages_fetched": state.roster.pages_read,
        "link_state": state.link.state.phase.value,
        "connections": cost.connections,
        "lag_samples": state.lag.samples,
        "throttle_engagements": state.engagements.total,
        "events_seen": events_seen,
        "messages_in": cost.messages_in,
        "dropped": cost.dropped,
        "malformed": cost.malformed,
        "start_to_window_ms": _rounded(timings.start_to_window_ms),
        "connect_to_first_rows_ms": _rounded(timings.connect_to_first_rows_ms),
        "loop_lag_ms": {"p50": _rounded(stall.p50), "p99": _rounded(stall.p99), "max": _rounded(stall.max)},
        "rss_mb": round(psutil.Process().memory_info().rss / 2**20, 1),
    }


def write_report(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as indented JSON; raises OSError."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)

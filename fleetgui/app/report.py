"""The `--report FILE.json`: what one console measured, for benchmarks, tests and bug reports. Holds no secret.

`states` has every change of a source's state since the start, and those of devices, which are kept apart so that a
fleet that comes and goes pushes nothing else out. Both are bounded (`sources.CAPACITY`, `device_states.CAPACITY`), the
newest stay, and `states_left_out` says how many changes fell out of each, and after which moment none did.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from fleetgui.app.stall import Stall
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.link import Cost
from fleetgui.stores.sources import Change


@dataclass
class Timings:
    """Milliseconds, None for what never happened; `began` is `Clock.now()` of the program's start."""

    began: float = 0.0
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
        "states": _states(state, timings.began),
        "states_left_out": _left_out(state, timings.began),
        "ledger": [span.exported() for span in state.ledger.spans()],
        "footprint": _footprint(cost),
        "rss_mb": round(psutil.Process().memory_info().rss / 2**20, 1),
    }


def _states(state: ConsoleState, began: float) -> list[dict[str, Any]]:
    """Every change of a source's or a device's state that is kept; `t_s` seconds after the start."""
    changes = sorted((*state.sources.log, *state.device_states.log), key=lambda change: change.at)
    return [
        {"t_s": round(change.at - began, 3), "source": change.source, "state": change.state.word} for change in changes
    ]


def _left_out(state: ConsoleState, began: float) -> dict[str, dict[str, float | int | None]]:
    """By sort: changes that are not in `states`, and the moment (`t_s`) after which all are; None: none is missing."""
    sources, devices = state.sources, state.device_states
    return {
        "sources": _missing(sources.log, sources.changes, began),
        "devices": _missing(devices.log, devices.changes, began),
    }


def _missing(log: deque[Change], ever: int, began: float) -> dict[str, float | int | None]:
    count = ever - len(log)
    return {"count": count, "complete_after_t_s": round(log[0].at - began, 3) if count and log else None}


def _footprint(cost: Cost) -> dict[str, Any]:
    """What this console costs the fabric: what is held now, rates over the last seconds, totals since the start."""
    return {
        "connections": cost.connections,
        "subscriptions": cost.subscriptions,
        "consumers": cost.consumers,
        "requests_per_min": _rounded(cost.requests_per_min),
        "messages_per_s": _rounded(cost.messages_per_s),
        "messages_in": cost.messages_in,
        "messages_out": cost.messages_out,
        "bytes_in": cost.bytes_in,
        "reconnects": cost.reconnects,
    }


def write_report(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as JSON, each entry of a list on a line of its own; raises OSError."""
    fields = (f"  {json.dumps(key)}: {_laid_out(value)}" for key, value in content.items())
    path.write_text("{\n" + ",\n".join(fields) + "\n}\n", encoding="utf-8")


def _laid_out(value: object) -> str:
    """A change of a state is a line, not five: there may be tens of thousands."""
    if not isinstance(value, list) or not value:
        return json.dumps(value)
    return "[\n" + ",\n".join(f"    {json.dumps(each)}" for each in value) + "\n  ]"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)

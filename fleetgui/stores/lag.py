"""The gateways' lag, one series a node: bounded arrays in the order of their sequence, history and live merged.

A sample is known by (node, epoch, seq): what arrives twice, from history and live, is one. A jump in `seq` within an
epoch is a counted loss and a gap; a longer silence is a gap too. Nothing draws a line across a gap.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetgui.policy.signals import Signal
from fleetgui.stores.ledger import Ledger
from fleetgui.wire.gateway import Lag, NodeInfo
from fleetgui.wire.times import to_epoch

CAPACITY: Final = 7_200
"""Windows kept a node: two hours at the default of one a second."""

GAP_WINDOWS: Final = 2.5
"""Silence of more than this many windows is a gap."""


class Sample(NamedTuple):
    ts: float
    """The publisher's time, epoch seconds: the axis of the plot."""
    p50: float
    p99: float
    max: float
    band: str
    epoch: str
    seq: int


class Curves(NamedTuple):
    """One node's series as arrays of equal length, oldest first: epoch seconds and milliseconds.

    Where there is a gap, one NaN sample stands between its ends, so that a line plot breaks there; `gaps` holds the
    (from, until) epoch seconds of each.
    """

    ts: npt.NDArray[np.float64]
    p50: npt.NDArray[np.float64]
    p99: npt.NDArray[np.float64]
    max: npt.NDArray[np.float64]
    gaps: list[tuple[float, float]]


@dataclass
class Node:
    """What is known of one gateway. `heard` is `Clock.now()` of its last live message of any family."""

    name: str
    heard: float | None = None
    window_s: float = 1.0
    latest: Lag | None = None
    band: str = "normal"
    lost: int = 0
    settings: dict[str, float] = field(default_factory=dict)
    """Environment names → numbers, as `gateway/describe` has them: the thresholds among them."""


class LagStore:
    def __init__(self, ledger: Ledger, capacity: int = CAPACITY) -> None:
        self.changed = Signal[[frozenset[str]]]()
        """Names of the nodes whose series or latest sample changed; once a batch."""
        self.absent = False
        """Nobody answers for gateways on this fabric, as on any without ours."""
        self.nodes: dict[str, Node] = {}
        self.samples = 0
        """Samples taken in, history and live, duplicates not counted."""
        self._ledger = ledger
        self._capacity = capacity
        self._series: dict[str, list[Sample]] = {}
        self._known: dict[str, set[tuple[str, int]]] = {}
        self._last_live: dict[tuple[str, str], int] = {}
        """(node, epoch) → the last seq that came live, or that is known to have been published."""

    def node(self, name: str) -> Node:
        return self.nodes.setdefault(name, Node(name))

    def set_absent(self, absent: bool) -> None:
        if absent is not self.absent:
            self.absent = absent
            self.changed.emit(frozenset())

    def describe(self, nodes: list[NodeInfo]) -> None:
        """What gateways say of themselves: they are known from then on, with their thresholds."""
        for info in nodes:
            node = self.node(info.node)
            node.settings = info.settings
            if node.latest is None:
                node.band = info.band
        self.changed.emit(frozenset(info.node for info in nodes))

    def heard(self, name: str, now: float) -> None:
        """Something live came from a gateway."""
        self.node(name).heard = now

    def apply(self, lags: list[Lag], *, now: float | None) -> None:
        """Take in samples: live ones with the time they came in, history with None."""
        touched = set()
        for lag in lags:
            ts = to_epoch(lag.ts)
            if ts is None:
                continue
            node = self.node(lag.node)
            node.window_s = max(0.05, lag.window_ms / 1000)
            if now is not None:
                node.heard = now
            if self._insert(Sample(ts, lag.p50_ms, lag.p99_ms, lag.max_ms, lag.band, lag.epoch, lag.seq), lag.node):
                self.samples += 1
                touched.add(lag.node)
            if now is not None:
                self._count(lag.node, lag.epoch, lag.seq - 1, ts)
                self._last_live[lag.node, lag.epoch] = max(lag.seq, self._last_live.get((lag.node, lag.epoch), 0))
            latest = node.latest
            if latest is None or (to_epoch(latest.ts) or 0) <= ts:
                node.latest = lag
                node.band = lag.band
        if touched:
            self.changed.emit(frozenset(touched))

    def published(self, name: str, epoch: str, last_seq: int, at: float) -> None:
        """A keepalive: `last_seq` was the last sample that this process published. What did not come is lost."""
        self._count(name, epoch, last_seq, at)

    def _count(self, name: str, epoch: str, published: int, at: float) -> None:
        """Count what lies between the last live sample and `published`, once."""
        last = self._last_live.get((name, epoch))
        if last is not None and published > last:
            self._last_live[name, epoch] = published
            self.node(name).lost += published - last
            self._ledger.lose(f"gateway {name}", "sequence gap", published - last, at)

    def curves(self, name: str, since: float = -np.inf) -> Curves:
        """The series of one node from epoch second `since` on."""
        series = self._series.get(name, [])
        start = bisect_left(series, since, key=lambda sample: sample.ts) if np.isfinite(since) else 0
        window = self.node(name).window_s if name in self.nodes else 1.0
        rows: list[tuple[float, float, float, float]] = []
        gaps: list[tuple[float, float]] = []
        previous: Sample | None = None
        for sample in series[start:]:
            if previous is not None and _is_gap(previous, sample, window):
                gaps.append((previous.ts, sample.ts))
                rows.append(((previous.ts + sample.ts) / 2, np.nan, np.nan, np.nan))
            rows.append((sample.ts, sample.p50, sample.p99, sample.max))
            previous = sample
        table = np.array(rows, dtype=np.float64).reshape(-1, 4)
        return Curves(table[:, 0], table[:, 1], table[:, 2], table[:, 3], gaps)

    def at(self, name: str, ts: float) -> Sample | None:
        """The sample whose window holds epoch second `ts` (for hover), None inside a gap."""
        series = self._series.get(name, [])
        index = bisect_left(series, ts, key=lambda sample: sample.ts)
        for candidate in series[max(0, index - 1) : index + 1]:
            if abs(candidate.ts - ts) <= self.node(name).window_s:
                return candidate
        return None

    def _insert(self, sample: Sample, name: str) -> bool:
        known = self._known.setdefault(name, set())
        key = (sample.epoch, sample.seq)
        if key in known:
            return False
        known.add(key)
        series = self._series.setdefault(name, [])
        if not series or sample.ts >= series[-1].ts:
            series.append(sample)
        else:
            series.insert(bisect_left(series, sample.ts, key=lambda other: other.ts), sample)
        if len(series) > self._capacity:
            for dropped in series[: -self._capacity]:
                known.discard((dropped.epoch, dropped.seq))
            del series[: -self._capacity]
        return True


def _is_gap(before: Sample, after: Sample, window_s: float) -> bool:
    if before.epoch == after.epoch and after.seq > before.seq + 1:
        return True
    return after.ts - before.ts > GAP_WINDOWS * window_s

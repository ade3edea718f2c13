"""The gateways' lag, one series a node: bounded arrays in the order of their sequence, history and live merged.

A sample is known by (node, epoch, seq): what arrives twice, from history and live, is one. A jump in `seq` within an
epoch is a counted loss and a gap; a longer silence is a gap too. Nothing draws a line across a gap.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetgui.policy.signals import Signal
from fleetgui.stores.ledger import Ledger
from fleetgui.stores.sequences import Sequences
from fleetgui.wire.gateway import BandChange, Lag, NodeInfo
from fleetgui.wire.times import to_epoch

CAPACITY: Final = 7_200
"""Windows kept a node: two hours at the default of one a second."""

MOST_NODES: Final = 256
"""More names than a fabric has gateways: what goes beyond is somebody's mistake, and is counted."""

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
    latest_is_live: bool = False
    lost: int = 0
    """Samples known to have been published while we listened, that neither came nor stand in the history."""
    settings: dict[str, float | str] = field(default_factory=dict)
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
        self.refused = 0
        """Messages of nodes beyond `MOST_NODES`, and samples without a usable time."""
        self._ledger = ledger
        self._capacity = capacity
        self._series: dict[str, list[Sample]] = {}
        self._tables: dict[str, Curves] = {}
        """Whole series as arrays, made when somebody asks and kept until the series changes."""
        self._sequences = Sequences(ledger)
        self._band_sequences = Sequences(ledger)

    def node(self, name: str) -> Node:
        return self.nodes.setdefault(name, Node(name))

    def set_absent(self, absent: bool) -> None:
        if absent is not self.absent:
            self.absent = absent
            self.changed.emit(frozenset())

    def describe(self, nodes: list[NodeInfo]) -> None:
        """What gateways say of themselves: they are known from then on, with their thresholds."""
        for info in nodes:
            if not self._has_room(info.node):
                continue
            node = self.node(info.node)
            node.settings = info.settings
            if node.latest is None:
                node.band = info.band
        self.changed.emit(frozenset(info.node for info in nodes))

    def heard(self, name: str, now: float) -> None:
        """Something live came from a gateway."""
        if self._has_room(name):
            self.node(name).heard = now

    def apply(self, lags: list[Lag], *, now: float | None) -> None:
        """Take in samples: live ones with the time they came in, history with None."""
        touched = set()
        for lag in lags:
            ts = to_epoch(lag.ts)
            if ts is None or not self._has_room(lag.node):
                self.refused += 1
                continue
            node = self.node(lag.node)
            node.window_s = max(0.05, lag.window_ms / 1000)
            if now is not None:
                node.heard = now
            if self._sequences.take(lag.node, lag.epoch, lag.seq, ts, live=now is not None):
                self._insert(Sample(ts, lag.p50_ms, lag.p99_ms, lag.max_ms, lag.band, lag.epoch, lag.seq), lag.node)
                self.samples += 1
                touched.add(lag.node)
            node.lost = self._sequences.lost(lag.node)
            self._keep_latest(node, lag, ts, live=now is not None)
        if touched:
            self.changed.emit(frozenset(touched))

    def band_changed(self, change: BandChange, *, now: float) -> None:
        """A band change came live, at `now`: it says so before the next sample does."""
        ts = to_epoch(change.ts)
        if ts is None or not self._has_room(change.node):
            self.refused += 1
            return
        node = self.node(change.node)
        node.heard = now
        if self._band_sequences.take(change.node, change.epoch, change.seq, ts, live=True):
            node.band = change.to_band
            self.changed.emit(frozenset({change.node}))

    def published(self, name: str, epoch: str, last_seq: int, at: float, *, last_band: int | None = None) -> None:
        """A keepalive: `last_seq` was the last sample that this process published. What did not come is lost."""
        if not self._has_room(name):
            self.refused += 1
            return
        self._sequences.reach(name, epoch, last_seq, at)
        if last_band is not None:
            self._band_sequences.reach(name, epoch, last_band, at)
        self.node(name).lost = self._sequences.lost(name)

    def _has_room(self, name: str) -> bool:
        return name in self.nodes or len(self.nodes) < MOST_NODES

    def _keep_latest(self, node: Node, lag: Lag, ts: float, *, live: bool) -> None:
        """The newest is what came last, live, and not what claims the latest time: clocks are wrong at times."""
        latest = node.latest
        if latest is None:
            newer = True
        elif latest.epoch == lag.epoch:
            newer = lag.seq >= latest.seq
        else:
            newer = live or (not node.latest_is_live and (to_epoch(latest.ts) or 0.0) <= ts)
        if newer:
            node.latest = lag
            node.band = lag.band
            node.latest_is_live = live or (node.latest_is_live and latest is not None and latest.epoch == lag.epoch)

    def curves(self, name: str, since: float = -np.inf) -> Curves:
        """The series of one node from epoch second `since` on."""
        table = self._tables.get(name)
        if table is None:
            table = self._tables[name] = self._table(name)
        if not np.isfinite(since):
            return table
        start = int(np.searchsorted(table.ts, since))
        if start < len(table.ts) and np.isnan(table.p99[start]):
            start += 1
        gaps = [gap for gap in table.gaps if gap[0] >= since]
        return Curves(table.ts[start:], table.p50[start:], table.p99[start:], table.max[start:], gaps)

    def _table(self, name: str) -> Curves:
        window = self.nodes[name].window_s if name in self.nodes else 1.0
        rows: list[tuple[float, float, float, float]] = []
        gaps: list[tuple[float, float]] = []
        previous: Sample | None = None
        for sample in self._series.get(name, ()):
            if previous is not None and _is_gap(previous, sample, window):
                gaps.append((previous.ts, sample.ts))
                rows.append(((previous.ts + sample.ts) / 2, np.nan, np.nan, np.nan))
            rows.append((sample.ts, sample.p50, sample.p99, sample.max))
            previous = sample
        table = np.array(rows, dtype=np.float64).reshape(-1, 4)
        table.flags.writeable = False
        return Curves(table[:, 0], table[:, 1], table[:, 2], table[:, 3], gaps)

    def at(self, name: str, ts: float) -> Sample | None:
        """The sample whose window holds epoch second `ts` (for hover), None inside a gap."""
        series = self._series.get(name, [])
        index = bisect_left(series, ts, key=lambda sample: sample.ts)
        window = self.nodes[name].window_s if name in self.nodes else 1.0
        for candidate in series[max(0, index - 1) : index + 1]:
            if abs(candidate.ts - ts) <= window:
                return candidate
        return None

    def _insert(self, sample: Sample, name: str) -> None:
        self._tables.pop(name, None)
        series = self._series.setdefault(name, [])
        if not series or _order(sample) >= _order(series[-1]):
            series.append(sample)
        else:
            insort(series, sample, key=_order)
        if len(series) > self._capacity:
            del series[: -self._capacity]


def _order(sample: Sample) -> tuple[float, str, int]:
    return sample.ts, sample.epoch, sample.seq


def _is_gap(before: Sample, after: Sample, window_s: float) -> bool:
    if before.epoch == after.epoch and after.seq > before.seq + 1:
        return True
    return after.ts - before.ts > GAP_WINDOWS * window_s

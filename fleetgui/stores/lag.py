"""The gateways' lag, one series a node (`stores.lag_series`), history and live merged, and what is known of each node.

A sample is known by (node, epoch, seq): what arrives twice, from history and live, is one. A jump in `seq` within an
epoch is a counted loss and a gap; a longer silence is a gap too. Nothing draws a line across a gap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Final

from fleetgui.policy.freshness import gateway_limits, is_skewed
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State
from fleetgui.policy.way import APART_S, Way, arrived
from fleetgui.stores.lag_series import CAPACITY, Curves, Reading, Sample, Series
from fleetgui.stores.ledger import Ledger
from fleetgui.stores.sequences import Sequences
from fleetgui.stores.sources import Source, Sources
from fleetgui.wire.gateway import BandChange, Lag, NodeInfo
from fleetgui.wire.times import to_epoch

MOST_NODES: Final = 256
"""More names than a fabric has gateways: what goes beyond is somebody's mistake, and is counted."""


@dataclass
class Node:
    """What is known of one gateway. `source` is heard with each live message, of whatever family."""

    name: str
    source: Source
    window_s: float = 1.0
    latest: Lag | None = None
    band: str = "normal"
    latest_is_live: bool = False
    lost: int = 0
    """Samples known to have been published while we listened, that neither came nor stand in the history."""
    settings: dict[str, float | str] = field(default_factory=dict)
    """Environment names → numbers, as `gateway/describe` has them: the thresholds among them."""
    skew_s: float | None = None
    """How far its clock is ahead of this machine's, by its last live message; negative: behind."""
    way: Way = field(default_factory=Way)
    """How its messages come, to tell those that were held back; …"""
    received: float = float("-inf")
    """… and when the last one did (`Clock.now()`)."""

    @property
    def heard(self) -> float | None:
        """`Clock.now()` at which it last certainly lived."""
        return self.source.heard_at

    @property
    def is_skewed(self) -> bool:
        return is_skewed(self.skew_s)

    def has_windows_of(self, seconds: float) -> None:
        if seconds != self.window_s:
            self.window_s = seconds
            self.source.limits = gateway_limits(seconds)


class LagStore:
    def __init__(self, ledger: Ledger, capacity: int = CAPACITY, sources: Sources | None = None) -> None:
        self.changed = Signal[[frozenset[str]]]()
        """Names of the nodes whose series or latest sample changed; once a batch."""
        self.availability = State.UNKNOWN
        """Of gateways: unknown until one was asked for, live once one answered or was heard, offline where none does,
        as on any fabric without ours."""
        self.denied = ""
        """Why gateways cannot be heard: the right that is missing; "" while none is."""
        self.nodes: dict[str, Node] = {}
        self.samples = 0
        """Samples taken in, history and live, duplicates not counted."""
        self.refused = 0
        """Messages of nodes beyond `MOST_NODES`, and samples without a usable time."""
        self._sources = sources or Sources()
        self._capacity = capacity
        self._series: dict[str, Series] = {}
        self._sequences = Sequences(ledger)
        self._band_sequences = Sequences(ledger)

    def node(self, name: str) -> Node:
        node = self.nodes.get(name)
        if node is None:
            source = self._sources.declare(f"gateway {name}", gateway_limits(Node.window_s))
            node = self.nodes[name] = Node(name, source)
        return node

    def set_availability(self, state: State) -> None:
        if state is not self.availability:
            self.availability = state
            self.changed.emit(frozenset())

    def set_denied(self, why: str) -> None:
        if why != self.denied:
            self.denied = why
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

    def heard(self, name: str, now: float, *, published: float | None = None, skew_s: float | None = None) -> None:
        """Something live came from a gateway at `now`, published at `published` by its clock where it said so; one that
        was held back on the way speaks for when it was sent. `skew_s`: how far its clock is ahead of this machine's."""
        if not self._has_room(name):
            return
        node = self.node(name)
        if published is not None:
            apart = now - node.received >= APART_S
            node.way = arrived(node.way.ahead, node.way.behind, published, now, apart=apart)
            node.received = now
            now -= node.way.late
        node.source.heard(now)
        if skew_s is not None:
            # What was held back on the way, as while this console stood still, is no clock that went wrong.
            node.skew_s = skew_s + node.way.late

    def apply(self, lags: list[Lag], *, live: bool) -> None:
        """Take in samples: those that came by themselves, of which `heard` is told too, or history."""
        new: dict[str, list[Sample]] = {}
        for lag in lags:
            ts = to_epoch(lag.ts)
            if ts is None or not self._has_room(lag.node):
                self.refused += 1
                continue
            node = self.node(lag.node)
            node.has_windows_of(max(0.05, lag.window_ms / 1000))
            if self._sequences.take(lag.node, lag.epoch, lag.seq, ts, live=live):
                sample = Sample(ts, lag.p50_ms, lag.p99_ms, lag.max_ms, lag.band, lag.epoch, lag.seq)
                new.setdefault(lag.node, []).append(sample)
                self.samples += 1
            node.lost = self._sequences.lost(lag.node)
            self._keep_latest(node, lag, ts, live=live)
        for name, samples in new.items():
            self._series.setdefault(name, Series(self._capacity)).add(samples)
        if new:
            self.changed.emit(frozenset(new))

    def band_changed(self, change: BandChange) -> None:
        """A band change came live: it says so before the next sample does."""
        ts = to_epoch(change.ts)
        if ts is None or not self._has_room(change.node):
            self.refused += 1
            return
        node = self.node(change.node)
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

    def curves(self, name: str, since: float = -inf, until: float = inf) -> Curves:
        """The series of one node between two epoch seconds."""
        series = self._series.get(name)
        return (series or Series()).curves(self._window_s(name), since, until)

    def at(self, name: str, ts: float) -> Reading | None:
        """What one node measured at epoch second `ts` (for hover), None inside a gap."""
        series = self._series.get(name)
        return None if series is None else series.at(ts, self._window_s(name))

    def since(self, name: str) -> float | None:
        """The epoch second of the oldest sample that is held of one node, None without any."""
        series = self._series.get(name)
        return None if series is None else series.since

    def _window_s(self, name: str) -> float:
        return self.nodes[name].window_s if name in self.nodes else 1.0

"""What of a numbered stream came, and what did not: exact, in whatever order history and live messages arrive.

A publisher numbers the messages of one process (`epoch`) from its start. What came is kept as ranges of numbers, so a
message that comes twice is known after years; and whatever is missing between the first number that came live and the
last that is known to have been published is lost, until history brings it after all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from typing import Final

from fleetgui.stores.ledger import Cause, Ledger

MOST_RANGES: Final = 512
"""Ranges kept a stream. Beyond, the oldest hole is written off: it stays lost, whatever comes later."""
MOST_STREAMS: Final = 1_024
"""(node, epoch) pairs kept; the one that was silent for longest goes."""


class Sequence:
    """One stream: the numbers of one process."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        """Ranges that came, both ends inclusive, apart from each other by at least one number."""
        self._from: int | None = None
        """The first number that we were there for."""
        self._published = -1
        self._written_off = 0

    def take(self, seq: int, *, live: bool) -> bool:
        """A message came; whether it is new."""
        if live:
            self._from = seq if self._from is None else min(self._from, seq)
            self._published = max(self._published, seq)
        index = bisect_right(self._starts, seq)
        if index and seq <= self._ends[index - 1]:
            return False
        joins_left = index > 0 and self._ends[index - 1] == seq - 1
        joins_right = index < len(self._starts) and self._starts[index] == seq + 1
        if joins_left and joins_right:
            self._ends[index - 1] = self._ends.pop(index)
            del self._starts[index]
        elif joins_left:
            self._ends[index - 1] = seq
        elif joins_right:
            self._starts[index] = seq
        else:
            self._starts.insert(index, seq)
            self._ends.insert(index, seq)
            if len(self._starts) > MOST_RANGES:
                self._write_off_the_oldest_hole()
        return True

    def reach(self, seq: int) -> None:
        """It is known that everything up to `seq` was published, as a keepalive tells."""
        if self._from is None:
            self._from = seq + 1
        self._published = max(self._published, seq)

    @property
    def lost(self) -> int:
        """How many were published while we were there, and did not come."""
        if self._from is None:
            return 0
        missing = max(0, self._published - self._from + 1)
        for start, end in zip(self._starts, self._ends, strict=True):
            missing -= max(0, min(end, self._published) - max(start, self._from) + 1)
        return missing + self._written_off

    def _write_off_the_oldest_hole(self) -> None:
        first = self._from if self._from is not None else self._published + 1
        hole = range(max(self._ends[0] + 1, first), self._starts[1])
        self._written_off += len(hole)
        self._ends[0] = self._ends.pop(1)
        del self._starts[1]


class Sequences:
    """The streams of one kind of message, of all nodes; what is lost of them stands in the ledger, under the node."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._streams: OrderedDict[tuple[str, str], Sequence] = OrderedDict()
        self._told: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], float] = {}
        """The time of the newest message of each stream: what is missing next was lost since."""

    def take(self, node: str, epoch: str, seq: int, at: float, *, live: bool) -> bool:
        """A message came that was published at epoch second `at`; whether it is new."""
        stream = self._stream(node, epoch)
        new = stream.take(seq, live=live)
        self._tell(node, epoch, stream, at)
        return new

    def reach(self, node: str, epoch: str, seq: int, at: float) -> None:
        """A keepalive of epoch second `at` says that `seq` was the last one published."""
        stream = self._stream(node, epoch)
        stream.reach(seq)
        self._tell(node, epoch, stream, at)

    def lost(self, node: str) -> int:
        """What is lost of one node, over all its processes that are remembered."""
        return sum(count for (name, _), count in self._told.items() if name == node)

    def _stream(self, node: str, epoch: str) -> Sequence:
        key = (node, epoch)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = Sequence()
            if len(self._streams) > MOST_STREAMS:
                gone, _ = self._streams.popitem(last=False)
                self._told.pop(gone, None)
                self._last.pop(gone, None)
        else:
            self._streams.move_to_end(key)
        return stream

    def _tell(self, node: str, epoch: str, stream: Sequence, at: float) -> None:
        lost, told = stream.lost, self._told.get((node, epoch), 0)
        since = self._last.get((node, epoch), at)
        self._last[node, epoch] = max(at, since)
        if lost == told:
            return
        self._told[node, epoch] = lost
        if lost > told:
            self._ledger.lose(f"gateway {node}", SEQUENCE_GAP, lost - told, at, since=min(since, at))
        else:
            self._ledger.recover(f"gateway {node}", SEQUENCE_GAP, told - lost)


SEQUENCE_GAP: Final = Cause.SEQUENCE

"""One gateway's lag over time in bounded memory: each window for the last hours, each minute for days before that.

Both are rows of one kind: a row stands for one window or for the windows of one process within one minute, and knows
the first and the last of them. So one rule tells where something is missing, whatever a row stands for, and a row that
windows of its own are missing from is itself a gap. Everything works on arrays: a new window costs microseconds, a
whole series less than a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

CAPACITY: Final = 7_200
"""Windows kept a gateway one by one: two hours at the default of one a second."""

MINUTES: Final = 10_080
"""Rows of older minutes kept a gateway: a week; a restart of the gateway within a minute takes a row of its own."""

GAP_WINDOWS: Final = 2.5
"""Silence of more than this many windows is a gap."""

_LATE: Final = 1.1
"""A gateway that counts its windows by sleeping closes each a little late; in a minute that adds up."""

MINUTE_S: Final = 60.0
_MOST_SEQ: Final = 2**62
"""A publisher may claim any number; beyond this one all are alike."""
_SLACK: Final = 128
"""Windows beyond the capacity that are gathered before they are rolled up together."""

Rows = npt.NDArray[np.void]

ROW: Final = np.dtype(
    [
        ("first", "f8"),
        ("last", "f8"),  # epoch seconds, the publisher's
        ("first_seq", "i8"),
        ("last_seq", "i8"),
        ("epoch", "u4"),  # a digest of it: a publisher may invent any number of them
        ("windows", "i4"),
        ("p50", "f8"),  # the median of the windows'
        ("p99_low", "f8"),
        ("p99_mid", "f8"),
        ("p99", "f8"),  # the largest
        ("max", "f8"),
        ("band", "i1"),  # the worst
    ]
)

BANDS: Final = ("normal", "elevated", "critical")


class Sample(NamedTuple):
    """One window. `ts` is the publisher's time, epoch seconds: the axis of the plot."""

    ts: float
    p50: float
    p99: float
    max: float
    band: str
    epoch: str
    seq: int


class Reading(NamedTuple):
    """What was measured between two epoch seconds: one window, or several of which the worst p99 and max are told."""

    first: float
    last: float
    windows: int
    p50: float
    p99_low: float
    p99: float
    max: float
    band: str


class Curves(NamedTuple):
    """One node's series as arrays of equal length, oldest first: epoch seconds and milliseconds.

    Where there is a gap, one NaN sample stands between its ends, so that a line plot breaks there; `gaps` holds the
    (from, until) epoch seconds of each. A minute stands as two samples, its least and its largest p99; `p99_mid` is the
    median of its p99 at both, and of a window the p99 itself.
    """

    ts: npt.NDArray[np.float64]
    p50: npt.NDArray[np.float64]
    p99: npt.NDArray[np.float64]
    max: npt.NDArray[np.float64]
    p99_mid: npt.NDArray[np.float64]
    gaps: list[tuple[float, float]]


class Series:
    """Windows of one gateway, in the order of their time, in whatever order they come. None may come twice."""

    def __init__(self, capacity: int = CAPACITY, minutes: int = MINUTES) -> None:
        self._capacity = capacity
        self._most_minutes = minutes
        self._fine = np.empty(0, dtype=ROW)
        self._used = 0
        self._minutes = np.empty(0, dtype=ROW)
        self.dropped = 0
        """Windows that were older than everything there is room for."""

    def __len__(self) -> int:
        """Windows that are held, those in minutes too."""
        return self._used + int(self._minutes["windows"].sum())

    @property
    def fine(self) -> Rows:
        """The windows that are held one by one."""
        return self._fine[: self._used]

    @property
    def minutes(self) -> Rows:
        """The minutes before them."""
        return self._minutes

    @property
    def since(self) -> float | None:
        """Epoch second of the oldest window that is held, None without any."""
        oldest = self._minutes if len(self._minutes) else self.fine
        return float(oldest["first"][0]) if len(oldest) else None

    def add(self, samples: Sequence[Sample]) -> None:
        """Take in windows, none of which was there before."""
        new = np.fromiter((self._row(sample) for sample in samples), dtype=ROW, count=len(samples))
        if len(new) > 1:
            new = new[_order(new)]
        late = self._used > 0 and len(new) > 0 and _key(new[0]) < _key(self._fine[self._used - 1])
        self._reserve(len(new))
        self._fine[self._used : self._used + len(new)] = new
        self._used += len(new)
        if late:
            merged = self.fine
            self._fine[: self._used] = merged[_order(merged)]
        if self._used > self._capacity + min(_SLACK, self._capacity):
            self._roll_up(self._used - self._capacity)
        if late and len(self._minutes):
            belong = int(np.searchsorted(self.fine["first"], self._minutes["last"][-1], side="right"))
            self._roll_up(belong)

    def rows(self, since: float, until: float) -> Rows:
        """The rows between two epoch seconds and the nearest ones beyond, so that a line leaves the picture."""
        minutes, fine = self._minutes, self.fine
        boundary = len(minutes)
        start = int(np.searchsorted(minutes["last"], since))
        if start == boundary:
            start += int(np.searchsorted(fine["last"], since))
        start = max(0, start - 1)
        end = boundary + int(np.searchsorted(fine["first"], until, side="right"))
        if end == boundary:
            end = int(np.searchsorted(minutes["first"], until, side="right"))
        end += 1
        if start >= boundary:
            return fine[start - boundary : end - boundary]
        return np.concatenate([minutes[start:end], fine[: max(0, end - boundary)]])

    def curves(self, window_s: float, since: float = -np.inf, until: float = np.inf) -> Curves:
        """The series between two epoch seconds; `window_s` is how far apart windows are."""
        rows = self.rows(since, until)
        if not len(rows):
            nothing = np.empty(0)
            return Curves(nothing, nothing, nothing, nothing, nothing, [])
        between = _gaps_between(rows, window_s)
        inside = _missing_inside(rows, window_s)
        # Of each row: the first sample, the last one if it is a minute, then a hole if something is missing after it.
        # A row that has a hole in itself is only a hole: what was measured around it is told on hover.
        wide = (rows["last"] > rows["first"]) & ~inside
        after = np.zeros(len(rows), dtype=bool)
        after[:-1] = between
        count = 1 + wide.astype(np.int64) + after
        at = np.concatenate([[0], np.cumsum(count)[:-1]])
        total = int(count.sum())
        ts, p50, p99, most, mid = (np.full(total, np.nan) for _ in range(5))
        ts[at] = np.where(inside, (rows["first"] + rows["last"]) / 2, rows["first"])
        whole = ~inside
        for out, field in ((p50, "p50"), (most, "max"), (mid, "p99_mid")):
            out[at[whole]] = rows[field][whole]
            out[at[wide] + 1] = rows[field][wide]
        p99[at[whole]] = np.where(wide, rows["p99_low"], rows["p99"])[whole]
        ts[at[wide] + 1] = rows["last"][wide]
        p99[at[wide] + 1] = rows["p99"][wide]
        holes = np.flatnonzero(after)
        ts[(at + count - 1)[holes]] = (rows["last"][holes] + rows["first"][holes + 1]) / 2
        gaps = np.concatenate(
            [
                np.column_stack([rows["last"][holes], rows["first"][holes + 1]]),
                np.column_stack([rows["first"][inside], rows["last"][inside]]),
            ]
        )
        if len(gaps) > len(holes):
            gaps = gaps[np.argsort(gaps[:, 0], kind="stable")]
        return Curves(ts, p50, p99, most, mid, [(float(start), float(end)) for start, end in gaps.tolist()])

    def at(self, ts: float, window_s: float) -> Reading | None:
        """What was measured at epoch second `ts`, None in a gap."""
        near: list[np.void] = []
        for rows in (self.fine, self._minutes):
            index = int(np.searchsorted(rows["last"], ts))
            near += list(rows[max(0, index - 1) : index + 1])
        nearest = min(near, key=lambda row: _apart(row, ts), default=None)
        if nearest is None or _apart(nearest, ts) > window_s:
            return None
        return Reading(
            float(nearest["first"]),
            float(nearest["last"]),
            int(nearest["windows"]),
            float(nearest["p50"]),
            float(nearest["p99_low"]),
            float(nearest["p99"]),
            float(nearest["max"]),
            BANDS[int(nearest["band"])],
        )

    def _row(self, sample: Sample) -> tuple[float | int, ...]:
        epoch = crc32(sample.epoch.encode("utf-8", "surrogatepass"))
        seq, p99 = min(sample.seq, _MOST_SEQ), sample.p99
        band = BANDS.index(sample.band)
        return (sample.ts, sample.ts, seq, seq, epoch, 1, sample.p50, p99, p99, p99, sample.max, band)

    def _reserve(self, more: int) -> None:
        if self._used + more > len(self._fine):
            grown = np.empty(max(256, 2 * len(self._fine), self._used + more), dtype=ROW)
            grown[: self._used] = self.fine
            self._fine = grown

    def _roll_up(self, count: int) -> None:
        """Turn the oldest `count` windows into minutes, with the rest of the last one's minute."""
        if count <= 0:
            return
        fine = self.fine
        end = (np.floor(fine["first"][count - 1] / MINUTE_S) + 1) * MINUTE_S
        count = min(max(count, int(np.searchsorted(fine["first"], end))), self._used - 1)
        if count == 0:
            return
        old = fine[:count].copy()
        self._fine[: self._used - count] = fine[count:].copy()
        self._used -= count
        held = self._minutes
        # Whatever is of a minute that stands already is rolled up together with it.
        minutes = _rolled_up(np.concatenate([held[held["last"] >= old["first"][0] - 2 * MINUTE_S], old]))
        self._minutes = np.concatenate([held[held["last"] < old["first"][0] - 2 * MINUTE_S], minutes])
        excess = len(self._minutes) - self._most_minutes
        if excess > 0:
            self.dropped += int(self._minutes["windows"][:excess].sum())
            self._minutes = self._minutes[excess:].copy()


def _rolled_up(rows: Rows) -> Rows:
    """One row for each process and minute. A median of several rows is the median of their medians."""
    minute = np.floor(rows["first"] / MINUTE_S)
    order = np.lexsort((rows["first_seq"], minute, rows["epoch"]))
    rows, minute = rows[order], minute[order]
    new = np.flatnonzero((np.diff(rows["epoch"]) != 0) | (np.diff(minute) != 0)) + 1
    starts = np.concatenate([[0], new])
    ends = np.concatenate([new, [len(rows)]])
    out = rows[starts].copy()
    out["first"] = np.minimum.reduceat(rows["first"], starts)
    out["last"] = np.maximum.reduceat(rows["last"], starts)
    out["last_seq"] = np.maximum.reduceat(rows["last_seq"], starts)
    out["windows"] = np.add.reduceat(rows["windows"], starts)
    out["p99_low"] = np.minimum.reduceat(rows["p99_low"], starts)
    for name in ("p99", "max", "band"):
        out[name] = np.maximum.reduceat(rows[name], starts)
    for index in np.flatnonzero(ends - starts > 1).tolist():
        together = slice(starts[index], ends[index])
        out["p50"][index] = np.median(rows["p50"][together])
        out["p99_mid"][index] = np.median(rows["p99_mid"][together])
    ordered: Rows = out[_order(out)]
    return ordered


def _order(rows: Rows) -> npt.NDArray[np.intp]:
    return np.lexsort((rows["first_seq"], rows["epoch"], rows["first"]))


def _key(row: np.void) -> tuple[float, int, int]:
    return float(row["first"]), int(row["epoch"]), int(row["first_seq"])


def _gaps_between(rows: Rows, window_s: float) -> npt.NDArray[np.bool_]:
    """Whether something is missing between each row and the next."""
    silent = rows["first"][1:] - rows["last"][:-1] > GAP_WINDOWS * window_s
    jumps = (np.diff(rows["epoch"]) == 0) & (rows["first_seq"][1:] > rows["last_seq"][:-1] + 1)
    gaps: npt.NDArray[np.bool_] = silent | jumps
    return gaps


def _missing_inside(rows: Rows, window_s: float) -> npt.NDArray[np.bool_]:
    """Whether something is missing in a minute: a number, or more time than its windows, somewhat late each, fill."""
    apart = (rows["windows"] - 1) * window_s * _LATE
    silent = rows["last"] - rows["first"] > apart + (GAP_WINDOWS - 1) * window_s
    missing: npt.NDArray[np.bool_] = silent | (rows["last_seq"] - rows["first_seq"] + 1 > rows["windows"])
    return missing


def _apart(row: np.void, ts: float) -> float:
    return max(float(row["first"]) - ts, ts - float(row["last"]), 0.0)

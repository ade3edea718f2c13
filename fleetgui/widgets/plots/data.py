"""What the plots draw, as arrays: fewer points than pixels without losing a peak, scales that do not jitter. No Qt.

A window of a second is narrower than a pixel once an hour is on the screen. Points are gathered in buckets that are
fixed in time, not counted from the first point, so that nothing shimmers while the plot moves on.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MOST_POINTS: Final = 2_000
"""Points of one curve; more are slower to paint than a frame lasts, and no screen shows them."""


def decimate(x: Array, y: Array, most: int = MOST_POINTS) -> tuple[Array, Array]:
    """A curve of at most `most` points that has every peak and every gap of `x` (ascending), `y`.

    NaN in `y` is a gap. Where there are more gaps than points, a bucket with a gap in it becomes one: what is drawn may
    then miss samples, but never joins what was apart.
    """
    starts = _buckets(x, y, most)
    if starts is None:
        return x[:most], y[:most]
    ends = np.concatenate([starts[1:], [len(x)]]) - 1
    low, high = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
    falls = y[starts] > y[ends]
    first, last = np.where(falls, high, low), np.where(falls, low, high)
    out_x, out_y = np.empty(2 * len(starts)), np.empty(2 * len(starts))
    out_x[0::2], out_x[1::2] = x[starts], x[ends]
    out_y[0::2], out_y[1::2] = first, last
    return out_x, out_y


def middle(x: Array, y: Array, most: int = MOST_POINTS) -> tuple[Array, Array]:
    """The course of a curve without its extremes: the mean of each bucket of `decimate`, with the same gaps."""
    starts = _buckets(x, y, most)
    if starts is None:
        return x[:most], y[:most]
    counts = np.diff(starts, append=len(x))
    return np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts


def _buckets(x: Array, y: Array, most: int) -> npt.NDArray[np.int64] | None:
    """Where the buckets begin that `x` is gathered in, None where there is nothing to gather."""
    if len(x) <= most:
        return None
    # A twentieth is kept for the ends of gaps, so that one does not take what stands beside it into its bucket.
    width = (x[-1] - x[0]) / (most / 2 - 2 - most // 20)
    if not width > 0:
        return None
    bucket = np.floor(x / width)
    missing = np.isnan(y)
    edges = (np.diff(bucket) != 0) | (missing[1:] != missing[:-1])
    if 2 * (np.count_nonzero(edges) + 1) > most:
        edges = np.diff(bucket) != 0
    return np.concatenate([[0], np.flatnonzero(edges) + 1])


def peaks(x: Array, y: Array, width: float) -> npt.NDArray[np.int64]:
    """Where the largest of `y` stands in each bucket of `width` along `x` (ascending): indices; gaps are left out."""
    there = np.flatnonzero(~np.isnan(y))
    if not len(there) or not width > 0:
        return there
    bucket = np.floor(x[there] / width)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(bucket)) + 1])
    largest = np.maximum.reduceat(y[there], starts)
    sizes = np.diff(starts, append=len(there))
    candidates = np.flatnonzero(y[there] == np.repeat(largest, sizes))
    _, first = np.unique(bucket[candidates], return_index=True)
    return there[candidates[first]]


def scale_top(highest: float, elevated: float, critical: float) -> float:
    """The top of the lag axis for values up to `highest`, in milliseconds: one of a few steps, so that it rarely moves.

    The elevated threshold is always on the screen, and the critical one as soon as something comes near it.
    """
    needed = highest * 1.08
    steps = [1.3 * elevated, 1.3 * critical, *(factor * critical for factor in _FACTORS)]
    return next((top for top in steps if top >= needed), needed)


def worth_showing(values: Array, readable: float) -> float:
    """What a scale has to hold of `values`, NaN for none: the largest, as long as that is `readable`.

    Beyond it what all but a few stay under: one stall of seconds does not flatten everything else, a lasting one shows
    its course. 0 without any.
    """
    most = float(np.fmax.reduce(values, initial=0.0))
    if most <= readable:
        return most
    there = np.sort(values[~np.isnan(values)])
    few = max(_FEW, int(len(there) * _FEW_OF_MANY))
    return max(readable, float(there[-1 - few])) if len(there) > few else readable


_FEW: Final = 3
_FEW_OF_MANY: Final = 0.02
READABLE: Final = 2.7
"""How many times the critical threshold a scale may hold and still show the bands as regions, by what outliers are."""
_FACTORS: Final = (2, 3, 4, 6, 10, 15, 25, 40, 60, 100, 150, 250, 400, 600, 1_000)


def tick_step(span_s: float, pixels: float) -> float:
    """Seconds between labelled ticks of a time axis: a round step with at least 90 pixels from one to the next."""
    for step in _STEPS:
        if pixels * step / span_s >= 90:
            return step
    return _STEPS[-1]


_STEPS: Final = (
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    14400.0,
    43200.0,
    86400.0,
)

"""Days of lag in bounded memory: no window lost or counted twice, extremes kept, a gap stays a gap in every tier."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.lag import LagWindows
from fleetgui.policy.settings import LagSettings
from fleetgui.stores.lag_series import ROW, Curves, Sample, Series

START = 1_795_219_200.0
DAY = 86_400


def sample(seq: int, p99: float = 10.0, *, epoch: str = "e1", band: str = "normal") -> Sample:
    return Sample(START + seq, p99 / 2, p99, p99 + 1, band, epoch, seq)


def day_long(capacity: int = 600, seconds: int = DAY) -> Series:
    series = Series(capacity)
    values = np.random.default_rng(1).lognormal(2, 0.5, seconds)
    for first in range(0, seconds, 1_000):
        series.add([sample(seq, float(values[seq])) for seq in range(first, min(seconds, first + 1_000))])
    return series


def drawn(curves: Curves) -> list[tuple[float, float]]:
    """The spans of time that a line is drawn over."""
    there = ~np.isnan(curves.p99)
    return [
        (start, end)
        for start, end, a, b in zip(curves.ts[:-1], curves.ts[1:], there[:-1], there[1:], strict=True)
        if a and b
    ]


def test_the_newest_windows_are_kept_one_by_one_and_older_ones_as_minutes() -> None:
    series = day_long()
    assert 600 <= len(series.fine) < 600 + 60 + 128 + 1_000
    assert series.fine["last"][-1] == START + DAY - 1
    assert set(series.minutes["windows"].tolist()) == {60}
    assert len(series) == DAY
    assert series.since == START


def test_a_minute_keeps_its_extremes_and_its_median() -> None:
    series = Series(10)
    series.add([sample(seq, float(seq % 7 + 1), band="critical" if seq == 12 else "normal") for seq in range(200)])
    minute = series.minutes[0]
    values = [float(seq % 7 + 1) for seq in range(60)]
    assert (minute["p99_low"], minute["p99_mid"], minute["p99"]) == (1.0, float(np.median(values)), 7.0)
    assert (minute["p50"], minute["max"], minute["windows"]) == (float(np.median(values)) / 2, 8.0, 60)
    reading = series.at(START + 30.4, 1.0)
    assert reading is not None
    assert (reading.first, reading.last, reading.windows, reading.band) == (START, START + 59, 60, "critical")
    assert (reading.p99_low, reading.p99, reading.max) == (1.0, 7.0, 8.0)


Seqs = st.lists(st.integers(0, 600), unique=True, min_size=1, max_size=200)


@given(seqs=Seqs, cuts=st.lists(st.integers(0, 200), max_size=6), capacity=st.integers(2, 80))
def test_in_whatever_order_windows_come_each_is_held_once(seqs: list[int], cuts: list[int], capacity: int) -> None:
    series = Series(capacity)
    ends = sorted({0, len(seqs), *(min(cut, len(seqs)) for cut in cuts)})
    for start, end in pairwise(ends):
        series.add([sample(seq, float(seq)) for seq in seqs[start:end]])
    rows = series.rows(-np.inf, np.inf)
    assert len(series) == int(rows["windows"].sum()) == len(seqs)
    assert np.all(np.diff(rows["first"]) > 0)
    assert np.all(rows["first"][1:] > rows["last"][:-1])
    assert rows["p99"].max() == max(seqs)
    assert rows["p99_low"].min() == min(seqs)


@given(seqs=Seqs, capacity=st.integers(2, 80), since=st.integers(-5, 600), span=st.integers(1, 600))
def test_no_line_is_drawn_over_what_is_missing(seqs: list[int], capacity: int, since: int, span: int) -> None:
    series = Series(capacity)
    series.add([sample(seq) for seq in sorted(seqs)])
    curves = series.curves(1.0, START + since, START + since + span)
    missing = np.array(sorted(set(range(max(seqs))) - set(seqs)), dtype=np.float64) + START
    for start, end in drawn(curves):
        assert not np.any((missing > start) & (missing < end))
    for start, end in curves.gaps:
        assert np.any((missing > start) & (missing < end))
    assert np.all(np.diff(curves.ts) >= 0)


def test_a_gap_is_hatched_until_history_brings_what_is_missing() -> None:
    series = Series(30)
    series.add([sample(seq) for seq in range(400) if not 65 <= seq < 70])
    assert series.curves(1.0).gaps == [(START + 60, START + 119)]
    series.add([sample(seq) for seq in range(65, 70)])
    assert series.curves(1.0).gaps == []
    assert len(series) == 400


@pytest.mark.parametrize("capacity", [600, 30], ids=["windows", "minutes"])
def test_a_silence_is_hatched_though_no_number_is_missing(capacity: int) -> None:
    """As where a gateway that was stopped for 8 s closes one window over all of it."""
    series = Series(capacity)
    series.add([Sample(START + seq + (8 if seq > 70 else 0), 1, 2, 3, "normal", "e", seq) for seq in range(400)])
    ((begins, ends),) = series.curves(1.0).gaps
    assert begins <= START + 70
    assert ends >= START + 79
    assert not any(start < START + 75 < end for start, end in drawn(series.curves(1.0)))


def test_windows_that_each_come_a_little_late_are_no_gap() -> None:
    series = Series(30)
    series.add([Sample(START + seq * 1.05, 1, 2, 3, "normal", "e", seq) for seq in range(400)])
    assert series.curves(1.0).gaps == []


def test_a_stall_of_a_gateway_of_ours_is_measured_and_no_gap() -> None:
    """It closes each window that it slept through: the line over the stall stands on what each of them measured."""
    windows = LagWindows(LagSettings(), 0.0)
    closed = [window for now in (1.0, 2.0, 3.0, 11.3, 12.0, 13.0) for window in windows.woke(now)]
    series = Series(600)
    series.add(
        [
            Sample(START + each.ended, each.stats.p50_ms, each.stats.p99_ms, each.stats.max_ms, "critical", "e", seq)
            for seq, each in enumerate(closed)
        ]
    )
    curves = series.curves(1.0)
    assert curves.gaps == []
    assert list(np.diff(curves.ts)) == [1.0] * 12
    assert list(np.round(curves.p99[4:10], -2)) == [7_300, 6_300, 5_300, 4_300, 3_300, 2_300]


def test_a_part_of_a_series_has_no_gap_where_the_whole_has_none() -> None:
    series = day_long(seconds=7_200)
    for since, until in ((0, 100), (100, 6_000), (6_400, 7_000), (6_900, 7_100), (3_000, 3_001)):
        assert series.curves(1.0, START + since, START + until).gaps == []


def test_a_restart_in_the_middle_of_a_minute_is_no_gap() -> None:
    series = Series(10)
    series.add([sample(seq) for seq in range(90)])
    series.add([Sample(START + 90 + seq, 1, 2, 3, "normal", "e2", seq) for seq in range(1, 200)])
    assert series.curves(1.0).gaps == []


def test_a_week_is_kept_and_what_is_older_is_counted() -> None:
    series = Series(60, minutes=100)
    for first in range(0, 12_000, 500):
        series.add([sample(seq) for seq in range(first, first + 500)])
    assert len(series.minutes) == 100
    assert len(series) + series.dropped == 12_000


@pytest.mark.parametrize("at", [START, 253_402_300_799.0, 1e300])
def test_memory_is_bounded_whatever_is_published(at: float) -> None:
    series = Series(600, minutes=500)
    tracemalloc.start()
    for first in range(0, 30_000, 500):
        series.add([Sample(at, 1, 2, 3, "normal", f"e{n}", 10**40 + n) for n in range(first, first + 500)])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 4 * ROW.itemsize * (600 + 500 + 1_000)


def test_a_day_that_is_read_backwards_while_windows_come_meets_what_is_held_without_gap_or_double() -> None:
    """As a console asks for it that has run for an hour: hours from now backwards, each in pages, cut anywhere."""
    series = Series(1_200)
    live = iter(range(DAY, DAY + 10_000))
    for _ in range(3_600):
        series.add([sample(next(live))])
    for end in range(DAY, 0, -3_617):
        for first in range(max(0, end - 3_617), end, 1_000):
            series.add([sample(seq) for seq in range(first, min(end, first + 1_000))])
            series.add([sample(next(live))])
    newest = next(live) - 1
    assert len(series) == newest + 1
    assert series.dropped == 0
    minutes, fine = series.minutes, series.fine
    assert len(np.unique(np.floor(minutes["first"] / 60))) == len(minutes)
    assert minutes["first_seq"].tolist() == [0, *(minutes["last_seq"][:-1] + 1).tolist()]
    assert fine["first_seq"].tolist() == list(range(int(minutes["last_seq"][-1]) + 1, newest + 1))
    curves = series.curves(1.0, START, START + newest)
    assert curves.gaps == []
    assert np.all(np.diff(curves.ts) > 0)
    assert len(curves.ts) == 2 * len(minutes) + len(fine) < 5_000
    for at in (START + minutes["last_seq"][-1], START + fine["first_seq"][0]):
        assert series.at(float(at), 1.0) is not None

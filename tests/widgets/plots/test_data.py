"""Fewer points than pixels without losing a peak or a gap; lanes that stay; scales that rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication

from fleetgui.stores.engagements import Engagements
from fleetgui.stores.ledger import Ledger
from fleetgui.widgets.plots.axes import TimeAxis
from fleetgui.widgets.plots.data import decimate, peaks, scale_top, tick_step, worth_showing
from fleetgui.widgets.plots.lanes import RefusalColumns, assign_lanes
from fleetgui.widgets.plots.spans import merged
from tests.stores.test_series import START, engagement
from tests.widgets import fill

Values = st.lists(st.one_of(st.floats(0, 1e6), st.just(float("nan"))), min_size=0, max_size=400)


@given(values=Values, most=st.integers(20, 200))
def test_a_decimated_curve_keeps_bounds_and_extremes(values: list[float], most: int) -> None:
    y = np.array(values)
    x = np.arange(len(values), dtype=np.float64)
    out_x, out_y = decimate(x, y, most)
    assert len(out_x) == len(out_y) <= most
    assert np.all(np.diff(out_x) >= 0)
    if not np.isnan(y).any() and len(y):
        assert out_y.max() == y.max()
        assert out_y.min() == y.min()


@given(values=Values, most=st.integers(20, 200))
@example(values=[1.0, float("nan")] * 200, most=20)  # more gaps than points
@example(values=[*range(1, 300), float("nan"), *range(300)], most=50)  # one, amid many samples
def test_no_line_is_drawn_across_a_gap(values: list[float], most: int) -> None:
    y = np.array(values)
    x = np.arange(len(values), dtype=np.float64)
    out_x, out_y = decimate(x, y, most)
    for left, right, start, end in zip(out_x[:-1], out_x[1:], out_y[:-1], out_y[1:], strict=True):
        if not (np.isnan(start) or np.isnan(end)):
            assert not np.isnan(y[int(left) : int(right) + 1]).any()


def test_a_peak_beside_a_gap_is_drawn() -> None:
    y = np.zeros(10_000)
    y[5_000], y[5_001:5_003] = 9.0, np.nan
    assert np.nanmax(decimate(np.arange(10_000.0), y, 500)[1]) == 9.0


def test_buckets_stand_still_while_the_curve_moves_on() -> None:
    x = np.arange(0.0, 10_000.0)
    y = np.random.default_rng(1).random(10_000)
    before = dict(zip(*decimate(x[:9_000], y[:9_000], 500), strict=True))
    after = dict(zip(*decimate(x[:9_000].copy(), y[:9_000].copy(), 500), strict=True))
    assert before == after


def test_ten_times_the_points_are_still_as_many_on_the_screen() -> None:
    x = np.arange(0.0, 100_000.0)
    assert len(decimate(x, np.sin(x))[0]) <= 2_000


@given(values=Values, width=st.floats(0.5, 50))
def test_peaks_hold_the_largest_of_each_bucket(values: list[float], width: float) -> None:
    y = np.array(values)
    x = np.arange(len(values), dtype=np.float64)
    chosen = peaks(x, y, width)
    buckets: dict[float, float] = {}
    for position, value in zip(x.tolist(), y.tolist(), strict=True):
        if not np.isnan(value):
            key = np.floor(position / width)
            buckets[key] = max(buckets.get(key, -1.0), value)
    assert sorted(y[chosen].tolist()) == sorted(buckets.values())


@pytest.mark.parametrize(
    ("highest", "top"), [(0.0, 130.0), (90.0, 130.0), (121.0, 325.0), (301.0, 500.0), (900.0, 1_000.0)]
)
def test_the_scale_has_few_steps(highest: float, top: float) -> None:
    assert scale_top(highest, 100.0, 250.0) == top


@given(st.floats(0, 1e7), st.floats(1, 1e3), st.floats(1.1, 50))
def test_the_scale_always_holds_what_is_shown(highest: float, elevated: float, factor: float) -> None:
    assert scale_top(highest, elevated, elevated * factor) >= min(highest, 1e7)


def test_ticks_are_round_and_never_crowded() -> None:
    assert tick_step(300, 1_200) == 30.0
    assert tick_step(3_600, 1_200) == 300.0
    assert tick_step(5, 1_200) == 1.0


Names = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 9), max_size=8)


@given(
    counts=Names,
    before=st.lists(st.sampled_from([*"abcdefgh", None]), max_size=5, unique=True),
    lanes=st.integers(0, 6),
)
def test_lanes_are_kept_filled_and_never_shared(counts: dict[str, int], before: list[str | None], lanes: int) -> None:
    after = assign_lanes(counts, before, lanes)
    held = [name for name in after if name is not None]
    assert len(after) == lanes
    assert len(set(held)) == len(held) == min(lanes, len(counts))
    for lane, name in enumerate(before[:lanes]):
        if name in counts:
            assert after[lane] == name


def test_columns_follow_the_store_as_they_would_reading_it_anew() -> None:
    filled = fill.Filled()
    filled.connected()
    columns = RefusalColumns(filled.state.engagements)
    filled.state.engagements.changed.connect(columns.take_in)
    filled.storm(5, 60, ago=100)
    filled.storm(5, 60)
    filled.storm(2, 30, ago=40)
    anew = RefusalColumns(filled.state.engagements)
    wall = filled.clock.wall()
    mine, my_lanes, my_rest = columns.shown(wall - 300, wall + 60, [], 3)
    theirs, their_lanes, their_rest = anew.shown(wall - 300, wall + 60, [], 3)
    assert len(columns) == len(filled.state.engagements.refusals) > 0
    assert (my_lanes, my_rest) == (their_lanes, their_rest)
    assert all(np.array_equal(getattr(mine, name), getattr(theirs, name)) for name in mine._fields)


def test_a_block_ends_where_the_next_refusal_begins() -> None:
    filled = fill.Filled()
    filled.connected()
    filled.storm(1, 120)
    wall = filled.clock.wall()
    shown, _, _ = RefusalColumns(filled.state.engagements).shown(wall - 300, wall + 60, [], 3)
    assert np.all(shown.until[:-1] <= shown.at[1:])


@given(
    batches=st.lists(st.lists(st.tuples(st.integers(1, 90), st.sampled_from("abc")), max_size=6), max_size=12),
    capacity=st.integers(1, 25),
)
def test_columns_follow_a_store_that_forgets(batches: list[list[tuple[int, str]]], capacity: int) -> None:
    store = Engagements(Ledger(), capacity)
    columns = RefusalColumns(store)
    store.changed.connect(columns.take_in)
    for batch in batches:
        store.apply([engagement(seq, name) for seq, name in batch], live=False)
        if len(batch) % 2:
            columns.shown(START, START + 100, [], 3)
    mine, *_ = columns.shown(START, START + 100, [], 3)
    assert [store.refusals[row].at for row in mine.row.tolist()] == mine.at.tolist()
    assert len(columns) == len(store.refusals) == len(mine.at)
    anew, *_ = RefusalColumns(store).shown(START, START + 100, [], 3)
    assert mine.at.tolist() == anew.at.tolist()
    assert mine.counts.tolist() == anew.counts.tolist()


def test_ten_thousand_refusals_later_the_columns_are_as_large_as_the_store() -> None:
    store = Engagements(Ledger(), 100)
    columns = RefusalColumns(store)
    store.changed.connect(columns.take_in)
    for seq in range(10_000):
        store.apply([engagement(seq, f"d{seq}")], live=True)
        if seq % 100 == 0:
            columns.shown(START, START + 20_000, [], 3)
    assert len(columns) == 100
    assert len(columns._at) <= 4_096
    assert len(columns._names) <= 4_096


def test_who_was_held_back_at_a_moment() -> None:
    store = Engagements(Ledger())
    columns = RefusalColumns(store)
    store.apply([engagement(1, "a"), engagement(3, "b"), engagement(4, "a", backoff_ms=1_000)], live=True)
    columns.take_in(list(store.refusals))
    assert columns.held_at(START + 0.5) == []
    assert columns.held_at(START + 3.5) == ["b", "a"]
    assert columns.held_at(START + 4.5) == ["a", "b"]
    assert columns.held_at(START + 5.5) == ["b"]
    assert columns.refused(START + 2, START + 4.5) == 2


def test_spans_that_touch_are_one() -> None:
    spans = np.array([(10.0, 12.0), (0.0, 5.0), (6.0, 6.5), (3.0, 4.0)])
    assert merged(spans, 2.0).tolist() == [[0.0, 6.5], [10.0, 12.0]]
    assert merged(spans[:1], 2.0).tolist() == [[10.0, 12.0]]
    assert len(merged(np.empty((0, 2)), 2.0)) == 0


def test_days_are_named_at_midnight(qapp: QApplication) -> None:
    axis = TimeAxis(START)
    assert axis.tickStrings([0.0, 3_600.0], 1.0, 3_600.0) == ["11-21", "01:00Z"]
    assert axis.tickStrings([0.0, 1.0], 1.0, 1.0) == ["00:00:00Z", "00:00:01Z"]


def test_one_stall_leaves_the_scale_readable_and_a_lasting_one_shows_its_course() -> None:
    calm = np.full(300, 20.0)
    assert worth_showing(calm, 675.0) == 20.0
    calm[7] = 8_100.0
    assert worth_showing(calm, 675.0) == 675.0
    calm[100:110] = 3_000.0
    assert worth_showing(calm, 675.0) == 3_000.0
    assert worth_showing(np.array([np.nan, 8_100.0]), 675.0) == 675.0  # the first window of all
    assert worth_showing(np.full(9, 8_100.0), 675.0) == 8_100.0
    assert worth_showing(np.array([np.nan]), 675.0) == worth_showing(np.empty(0), 675.0) == 0.0

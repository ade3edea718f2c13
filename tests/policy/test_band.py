"""The band rule: up at once, down by one step after enough calm windows in a row, no flapping at a threshold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.band import Band, BandTracker, Change, percentile, summarize
from fleetgui.policy.settings import LagSettings

CALM = 1.0


def tracker(**settings: int) -> BandTracker:
    return BandTracker(LagSettings(**settings))


def after(bands: BandTracker, *p99s: float) -> Band:
    for p99 in p99s:
        bands.close_window(p99)
    return bands.band


@pytest.mark.parametrize(
    ("p99", "band"),
    [
        (0.0, Band.NORMAL),
        (99.999, Band.NORMAL),
        (100.0, Band.ELEVATED),
        (249.999, Band.ELEVATED),
        (250.0, Band.CRITICAL),
        (60_000.0, Band.CRITICAL),
    ],
)
def test_a_threshold_reached_raises_the_band_at_once(p99: float, band: Band) -> None:
    assert after(tracker(), p99) is band


def test_a_change_is_reported_once_with_both_ends() -> None:
    bands = tracker()
    assert bands.close_window(300.0) == Change(Band.NORMAL, Band.CRITICAL, 300.0)
    assert bands.close_window(300.0) is None


def test_release_takes_the_full_count_and_then_one_step() -> None:
    bands = tracker()
    bands.close_window(300.0)
    assert after(bands, CALM, CALM, CALM, CALM) is Band.CRITICAL
    assert bands.close_window(CALM) == Change(Band.CRITICAL, Band.ELEVATED, CALM)
    # the release started the count anew
    assert after(bands, CALM, CALM, CALM, CALM) is Band.ELEVATED
    assert after(bands, CALM) is Band.NORMAL
    assert bands.close_window(CALM) is None


@pytest.mark.parametrize(("raised_by", "edge"), [(250.0, 200.0), (100.0, 80.0)])
def test_calm_is_strictly_below_the_deadband_of_the_current_band(raised_by: float, edge: float) -> None:
    at_the_edge = tracker()
    at_the_edge.close_window(raised_by)
    raised = at_the_edge.band
    assert after(at_the_edge, *[edge] * 20) is raised
    below = tracker()
    below.close_window(raised_by)
    assert after(below, *[math.nextafter(edge, 0)] * 5) is not raised


def test_any_window_that_is_not_calm_resets_the_count() -> None:
    bands = tracker()
    bands.close_window(100.0)
    assert after(bands, CALM, CALM, CALM, CALM, 80.0, CALM, CALM, CALM, CALM) is Band.ELEVATED
    assert after(bands, CALM) is Band.NORMAL


def test_rising_resets_the_count() -> None:
    bands = tracker()
    bands.close_window(100.0)
    assert after(bands, CALM, CALM, CALM, CALM, 250.0, CALM, CALM, CALM, CALM) is Band.CRITICAL


def test_an_elevated_window_does_not_lower_critical_but_may_count_as_calm() -> None:
    bands = tracker()
    bands.close_window(250.0)
    assert after(bands, *[150.0] * 4) is Band.CRITICAL
    assert bands.close_window(150.0) == Change(Band.CRITICAL, Band.ELEVATED, 150.0)
    assert after(bands, *[150.0] * 50) is Band.ELEVATED


def test_settings_move_thresholds_and_count() -> None:
    bands = tracker(elevated_ms=10, critical_ms=20, release_samples=1)
    assert after(bands, 10.0) is Band.ELEVATED
    assert after(bands, 7.9) is Band.NORMAL


@given(st.lists(st.floats(0, 500), max_size=200))
def test_it_never_falls_by_two_nor_faster_than_the_count(p99s: list[float]) -> None:
    bands = tracker()
    since_change = 0
    for p99 in p99s:
        change = bands.close_window(p99)
        since_change += 1
        if change is not None:
            fell = change.from_band.severity - change.to_band.severity
            assert fell <= 1
            if fell == 1:
                assert since_change >= 5
            since_change = 0
        assert bands.band.severity >= bands.reached_by(p99).severity


def test_percentile_is_the_nearest_rank() -> None:
    hundred = [float(value) for value in range(1, 101)]
    assert percentile(hundred, 99) == 99
    assert percentile(hundred, 50) == 50
    assert percentile(hundred, 100) == 100
    assert percentile(hundred, 0) == 1
    assert percentile(hundred[:99], 99) == 99
    assert percentile([7.0], 99) == 7
    assert percentile([1.0, 2.0], 50) == 1
    with pytest.raises(ValueError, match="no values"):
        percentile([], 99)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.integers(1, 100))
def test_percentile_is_a_value_that_enough_do_not_exceed(values: list[float], percent: int) -> None:
    values.sort()
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_a_window_is_summarized_in_any_order() -> None:
    stats = summarize([3.0, 1.0, 2.0, 100.0])
    assert (stats.samples, stats.mean_ms, stats.p50_ms, stats.p99_ms, stats.max_ms) == (4, 26.5, 2.0, 100.0, 100.0)


def test_an_empty_window_is_all_zero() -> None:
    stats = summarize([])
    assert (stats.samples, stats.mean_ms, stats.p50_ms, stats.p99_ms, stats.max_ms) == (0, 0.0, 0.0, 0.0, 0.0)

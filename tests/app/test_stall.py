"""The stall is weighted by time: a long hold counts by its length, not as one gap among many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.app.stall import time_weighted


def chance_of_waiting_longer(gaps: list[float], resolution: float, y: float) -> float:
    """The definition itself: P(wait > y) = Σ max(0, wait − y) / Σ gap."""
    return sum(max(0.0, gap - resolution - y) for gap in gaps) / sum(gaps)


def test_a_loop_that_is_never_held_has_no_stall() -> None:
    stall = time_weighted([10.0] * 100, 10)
    assert (stall.p50, stall.p99, stall.max) == (0.0, 0.0, 0.0)


def test_nothing_measured_is_no_stall() -> None:
    assert time_weighted([], 10).max == 0.0


def test_one_long_hold_is_not_hidden_among_many_short_gaps() -> None:
    gaps = [2.0] * 500 + [1000.0]
    assert sorted(gaps)[int(len(gaps) * 0.99)] == 2.0
    assert time_weighted(gaps, 0).p99 > 900


@given(st.lists(st.floats(0.01, 5_000), min_size=1, max_size=200), st.sampled_from([0.0, 2.0, 10.0]))
def test_the_percentile_solves_its_definition(gaps: list[float], resolution: float) -> None:
    stall = time_weighted(gaps, resolution)
    for quantile, value in ((0.5, stall.p50), (0.99, stall.p99)):
        chance = chance_of_waiting_longer(gaps, resolution, value)
        if value > 0:
            assert chance == pytest.approx(1 - quantile, rel=1e-6, abs=1e-9)
        else:
            assert chance <= 1 - quantile + 1e-9

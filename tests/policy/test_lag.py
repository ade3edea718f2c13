"""The lag sampler: wake-ups on a grid, and a blocked loop that shows in every window it blocked."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.link.tasks import Tasks
from fleetgui.policy.lag import MOST_WINDOWS_AT_ONCE, LagSampler, LagWindows, Window
from fleetgui.policy.settings import LagSettings

START = 50.0


def windows(**settings: int) -> LagWindows:
    return LagWindows(LagSettings(**settings), START)


def close(value: float) -> object:
    return pytest.approx(value, abs=1e-6)


def test_a_punctual_loop_closes_a_window_of_zeros_each_interval() -> None:
    grid = windows()
    closed: list[Window] = []
    while len(closed) < 2:
        closed += grid.woke(grid.due)
    assert [window.ended for window in closed] == [close(START + 1), close(START + 2)]
    assert [window.stats.samples for window in closed] == [100, 100]
    assert closed[1].stats.max_ms == 0


def test_the_lateness_of_each_wake_up_is_recorded_in_milliseconds() -> None:
    grid = windows()
    for _ in range(99):
        grid.woke(grid.due + 0.002)
    [window] = grid.woke(grid.due + 0.005)
    assert (window.stats.p50_ms, window.stats.max_ms) == (close(2), close(5))
    assert window.stats.mean_ms == close((99 * 2 + 5) / 100)


def test_waking_early_records_nothing() -> None:
    grid = windows()
    assert grid.woke(grid.due - 0.001) == []
    assert grid.due == close(START + 0.01)


def test_a_stall_counts_every_wake_up_that_was_due_meanwhile() -> None:
    grid = windows()
    grid.woke(START + 0.5)  # due from 0.01 on: the first waited for 490 ms, the last for none
    while not (closed := grid.woke(grid.due)):
        pass
    stats = closed[0].stats
    assert (stats.samples, stats.max_ms) == (100, close(490))
    assert stats.p99_ms == close(480)


def test_a_loop_blocked_for_longer_than_a_window_shows_in_each_of_them() -> None:
    first, second, third = windows().woke(START + 3.25)
    assert [round(window.stats.max_ms) for window in (first, second, third)] == [3240, 2240, 1240]
    assert [window.ended for window in (first, second, third)] == [close(START + n) for n in (1, 2, 3)]
    assert {window.stats.samples for window in (first, second, third)} == {100}


def test_a_process_that_was_stopped_for_days_reports_the_end_of_it() -> None:
    grid = windows()
    grid.woke(START + 0.5)
    closed = grid.woke(START + 200_000.5)
    assert len(closed) == MOST_WINDOWS_AT_ONCE
    assert closed[-1].ended == close(START + 200_000)
    assert closed[0].stats.samples == 100


@pytest.mark.parametrize(
    ("interval", "resolution", "samples"), [(100, 30, 3), (50, 1000, 1), (7, 7, 1), (1000, 1, 1000)]
)
def test_odd_resolutions_still_close_a_window_each_interval(interval: int, resolution: int, samples: int) -> None:
    grid = windows(sample_interval_ms=interval, resolution_ms=resolution)
    closed: list[Window] = []
    while len(closed) < 5:
        closed += grid.woke(grid.due)
    assert [window.ended for window in closed] == [close(START + n * interval / 1000) for n in range(1, 6)]
    assert {window.stats.samples for window in closed} == {samples}


@given(st.lists(st.floats(0.0001, 5.0), max_size=60))
def test_no_window_is_lost_however_the_loop_wakes(pauses: list[float]) -> None:
    grid = windows()
    now, closed = START, []
    for pause in pauses:
        now += pause
        for window in grid.woke(now):
            closed.append(window)
            assert window.ended <= now
            assert window.stats.samples == 100
    assert [round(window.ended - START) for window in closed] == list(range(1, len(closed) + 1))
    assert now - START < len(closed) + 1 + 1e-6


async def test_the_sampler_sleeps_until_the_next_wake_up_is_due_and_hands_windows_on() -> None:
    now = START
    stall = {150: 0.7}  # the 150th wake-up comes so much too late
    slept: list[float] = []
    handed: list[Window] = []
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds + stall.get(len(slept), 0.0)
        await asyncio.sleep(0)

    def closed(window: Window) -> None:
        handed.append(window)
        if len(handed) == 3:
            done.set()

    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    tasks.spawn(LagSampler(LagSettings(), closed, now=lambda: now, sleep=sleep).run(), name="sampler")
    await done.wait()
    await tasks.cancel()
    assert failures == []
    assert [round(window.stats.max_ms) for window in handed] == [0, 700, 190]
    assert max(slept) <= 0.01 + 1e-9

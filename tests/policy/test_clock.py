"""The machine's clocks: ages count through a suspend, and no change of the wall clock touches them."""

from __future__ import annotations

import time

import pytest

from fleetgui.policy.clock import SystemClock

DAY_S = 86_400.0


@pytest.mark.parametrize("jump", [DAY_S, -DAY_S])
def test_ages_go_on_whatever_becomes_of_the_wall_clock(jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    now, wall = clock.now(), clock.wall()
    moved = time.time
    monkeypatch.setattr(time, "time", lambda: moved() + jump)
    assert 0 <= clock.now() - now < DAY_S / 2
    assert abs(clock.wall() - wall - jump) < DAY_S / 2


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has a clock that goes on in a suspend")
def test_a_suspend_counts_and_is_known_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = {time.CLOCK_BOOTTIME: 5_000.0, time.CLOCK_MONOTONIC: 1_400.0}
    monkeypatch.setattr(time, "clock_gettime", clocks.__getitem__)
    assert (SystemClock().now(), SystemClock().slept()) == (5_000.0, 3_600.0)

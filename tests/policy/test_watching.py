"""Whose heartbeats a console takes in: all of them up to a limit, and no going to and fro at it."""

from __future__ import annotations

import pytest

from fleetgui.policy.watching import MOST_BEATS_A_SECOND, listens_to_all


@pytest.mark.parametrize(
    ("devices", "every_s", "all_of_them"),
    [
        (0, 5.0, True),
        (1_400, 5.0, True),
        (300_000, 15.0, True),
        (310_000, 15.0, True),
        (316_000, 15.0, False),
        (1_000_000, 15.0, False),
    ],
)
def test_a_fleet_that_beats_too_often_is_not_listened_to(devices: int, every_s: float, all_of_them: bool) -> None:
    assert listens_to_all(devices, 1 / every_s, does=True) is all_of_them


def test_at_the_limit_nothing_goes_to_and_fro() -> None:
    devices = MOST_BEATS_A_SECOND - 1
    assert listens_to_all(devices, 1.0, does=True)
    assert not listens_to_all(devices, 1.0, does=False)
    assert listens_to_all(devices * 3 // 4, 1.0, does=False)

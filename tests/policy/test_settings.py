"""Settings: what is empty, zero or unreadable means the default, so that no typing error switches a protection off."""

from __future__ import annotations

import pytest

from fleetgui.policy.settings import LagSettings, ThrottleSettings, number_from


def test_defaults_are_the_documented_ones() -> None:
    assert LagSettings.from_environ({}).as_dict() == {
        "LAG_SAMPLE_INTERVAL_MS": 1000,
        "LAG_RESOLUTION_MS": 10,
        "LAG_TELEMETRY_RETENTION_DAYS": 3,
        "LAG_PRUNE_INTERVAL_MS": 600_000,
        "LAG_ELEVATED_MS": 100,
        "LAG_CRITICAL_MS": 250,
        "LAG_RELEASE_SAMPLES": 5,
    }
    assert ThrottleSettings.from_environ({}).as_dict() == {
        "RECONNECT_WINDOW_MS": 10_000,
        "RECONNECT_BASE_MAX": 5,
        "RECONNECT_HARD_CEILING": 20,
        "RECONNECT_BASE_BACKOFF_MS": 1000,
        "RECONNECT_MAX_BACKOFF_MS": 60_000,
        "RECONNECT_MAX_LEVEL": 10,
        "RECONNECT_RELEASE_MS": 30_000,
        "RECONNECT_WARMUP_MS": 30_000,
        "RECONNECT_BAND_ELEVATED_MULT": 2,
        "RECONNECT_BAND_CRITICAL_MULT": 4,
    }


@pytest.mark.parametrize(
    "text", ["", "   ", "0", "0.0", "-5", "ten", "5.5", "nan", "inf", "-inf", "1e999", "0x10", "5;", "\u2460"]
)
def test_what_makes_no_sense_as_a_count_is_the_default(text: str) -> None:
    assert ThrottleSettings.from_environ({"RECONNECT_BASE_MAX": text}) == ThrottleSettings()


@pytest.mark.parametrize(("text", "number"), [("8", 8), (" 8 ", 8), ("8.0", 8), ("8e0", 8)])
def test_whole_numbers_are_read_however_they_are_written(text: str, number: int) -> None:
    read = ThrottleSettings.from_environ({"RECONNECT_BASE_MAX": text}).base_max
    assert read == number
    assert isinstance(read, int)


def test_multipliers_and_retention_may_be_fractional() -> None:
    throttle = ThrottleSettings.from_environ(
        {"RECONNECT_BAND_ELEVATED_MULT": "1.5", "RECONNECT_BAND_CRITICAL_MULT": "0"}
    )
    assert (throttle.elevated_multiplier, throttle.critical_multiplier) == (1.5, 4)
    assert LagSettings.from_environ({"LAG_TELEMETRY_RETENTION_DAYS": "0.001"}).retention_days == 0.001


def test_every_name_that_is_shown_is_also_read() -> None:
    for kind in (LagSettings, ThrottleSettings):
        names = kind().as_dict()
        wanted = {name: 7_000 + place for place, name in enumerate(names)}
        assert kind.from_environ({name: str(number) for name, number in wanted.items()}).as_dict() == wanted


def test_a_single_number_is_read_by_the_same_rule() -> None:
    assert number_from({"A": "12"}, "A", 5) == 12
    assert number_from({"A": "-1"}, "A", 5) == 5
    assert number_from({}, "A", 5) == 5

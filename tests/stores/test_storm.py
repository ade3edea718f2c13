"""Who is held back and when it has drained, from what gateways tell: their settings, their band, their refusals."""

from __future__ import annotations

import pytest

from fleetgui.stores.console import ConsoleState
from fleetgui.stores.storm import storm_now
from fleetgui.wire.gateway import Engagement, Lag, NodeInfo
from tests.stores.test_series import START, engagement, lag


def refused(state: ConsoleState, *refusals: Engagement) -> None:
    state.engagements.apply(list(refusals), live=False)


def in_band(state: ConsoleState, band: str, **settings: float) -> None:
    sample: Lag = lag(1).model_copy(update={"band": band})
    state.lag.apply([sample], live=True)
    info = NodeInfo(node="gw-1", epoch="e1", started_at="", warmup_until="", band="normal", settings=dict(settings))
    state.lag.describe([info])


def test_nobody_is_held_back() -> None:
    storm = storm_now(ConsoleState(), START)
    assert (storm.held, storm.next_release, storm.last_release, storm.forecast) == (0, None, None, None)


def test_one_that_waits_is_let_in_at_its_blocks_end() -> None:
    state = ConsoleState()
    refused(state, engagement(1, "a", backoff_ms=16_000, level=5))
    storm = storm_now(state, START + 10)
    assert (storm.held, storm.next_release, storm.last_release) == (1, START + 17, START + 17)
    assert storm.forecast is not None
    assert (storm.forecast.earliest, storm.forecast.latest) == (START + 17, START + 19)


def test_the_gateways_own_settings_hold() -> None:
    """A multiplier and a window that are not the defaults change what is said."""
    state, other = ConsoleState(), ConsoleState()
    in_band(state, "critical", RECONNECT_BAND_CRITICAL_MULT=40.0)
    in_band(other, "critical")
    for each in (state, other):
        refused(each, engagement(10, "a", backoff_ms=4_000, level=1))
    told, otherwise = (storm_now(each, START + 13.9).forecast for each in (state, other))
    assert told is not None
    assert otherwise is not None
    assert told.latest is not None
    assert otherwise.latest is not None
    assert told.latest > otherwise.latest


def test_one_that_tries_inside_its_block_is_told_apart() -> None:
    state = ConsoleState()
    refused(
        state,
        engagement(1, "waits", backoff_ms=30_000, level=6),
        engagement(2, "tries"),
        engagement(3, "tries", reason="in-backoff", backoff_ms=60_000),
    )
    storm = storm_now(state, START + 8)
    assert storm.forecast is not None
    assert (storm.held, storm.forecast.waiting, storm.forecast.stubborn) == (2, 1, 1)
    assert storm.forecast.latest == pytest.approx(START + 33)
    assert storm.last_release == START + 63


def test_how_many_can_come_back_at_once_is_what_was_seen() -> None:
    state = ConsoleState()
    refused(state, *(engagement(seq, f"d{seq}", ts=engagement(1).ts, backoff_ms=16_000) for seq in range(1, 301)))
    soon = storm_now(state, START + 12).forecast
    state.edges.apply([(START - 600, True)] * 100)  # ten a second
    later = storm_now(state, START + 12).forecast
    assert soon is not None
    assert later is not None
    assert (soon.latest, later.latest) == (START + 19, START + 17 + 30)

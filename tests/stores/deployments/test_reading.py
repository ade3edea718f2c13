"""A bucket's figures are live while it speaks up, and never longer than its limit after."""

from __future__ import annotations

import pytest

from fleetgui.policy.clock import ManualClock
from fleetgui.policy.freshness import GRACE_S
from fleetgui.policy.states import State
from fleetgui.stores.deployments.reading import HEARTBEAT_S, Reading, ReadPhase
from fleetgui.stores.sources import Sources


def test_it_leaves_live_within_its_limit_once_it_is_silent() -> None:
    clock, reading = ManualClock(), Reading("b", Sources())
    assert reading.state(clock.now()) is State.UNKNOWN
    heard = clock.now()
    reading.follows(lambda: heard)
    assert reading.state(clock.now()) is State.LIVE
    clock.advance(HEARTBEAT_S + GRACE_S + 0.1)
    assert reading.state(clock.now()) is State.LATE
    clock.advance(3 * HEARTBEAT_S)
    assert reading.state(clock.now()) is State.STALE


def test_what_the_watch_hears_while_it_reads_again_confirms_nothing() -> None:
    clock, reading = ManualClock(), Reading("b", Sources())
    reading.follows(clock.now)
    reading.fell_behind()
    assert reading.state(clock.now()) is State.UNCONFIRMED
    clock.advance(60.0)
    assert reading.state(clock.now()) is State.STALE
    reading.follows(clock.now)
    assert reading.state(clock.now()) is State.LIVE


def test_what_nobody_may_fill_any_more_is_late_though_it_is_heard() -> None:
    clock, reading = ManualClock(), Reading("b", Sources())
    told: list[str] = []
    reading.follows(clock.now)
    reading.changed.connect(lambda: told.append(reading.behind))
    reading.lags("nobody counts")
    reading.lags("nobody counts")
    assert reading.state(clock.now()) is State.LATE
    reading.lags("")
    assert reading.state(clock.now()) is State.LIVE
    assert told == ["nobody counts", ""]


@pytest.mark.parametrize("phase", [ReadPhase.NO_BUCKET, ReadPhase.NO_STREAMS, ReadPhase.DENIED, ReadPhase.FAILED])
def test_what_is_broken_is_never_live(phase: ReadPhase) -> None:
    clock, reading = ManualClock(), Reading("b", Sources())
    told: list[ReadPhase] = []
    reading.changed.connect(lambda: told.append(reading.phase))
    reading.follows(clock.now)
    for _ in range(2):
        reading.broke(phase, "why")
    assert reading.state(clock.now()) is State.STALE
    assert (told, reading.why, reading.is_broken) == ([ReadPhase.FOLLOWED, phase], "why", True)


def test_before_it_was_read_nothing_falls_behind() -> None:
    reading = Reading("b", Sources())
    reading.broke(ReadPhase.DENIED, "why")
    reading.fell_behind()
    assert reading.phase is ReadPhase.DENIED


def test_after_a_reconnect_it_is_unconfirmed_until_it_is_heard() -> None:
    clock, sources = ManualClock(), Sources()
    reading = Reading("b", sources)
    heard = clock.now()
    reading.follows(lambda: heard)
    clock.advance(1.0)
    sources.link_came_up(clock.now())
    assert reading.state(clock.now()) is State.UNCONFIRMED
    heard = clock.now()
    assert reading.state(clock.now()) is State.LIVE

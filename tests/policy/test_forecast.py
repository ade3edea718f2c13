"""Forecasts of storms that are played through the throttle's rule: the interval holds the truth, or there is none."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.band import Band
from fleetgui.policy.forecast import PATIENCE_S, Forecast, Held, forecast, hits_of
from fleetgui.policy.settings import ThrottleSettings
from fleetgui.policy.throttle import Reject, Throttle

SETTINGS = ThrottleSettings()
MULTIPLIERS = {Band.NORMAL: 1.0, Band.ELEVATED: 2.0, Band.CRITICAL: 4.0}


@dataclass
class Storm:
    """Devices that reconnect too often, and then wait as they are told; times are seconds."""

    band: Band = Band.NORMAL
    rejects: list[tuple[float, int, Reject]] = field(default_factory=list)
    let_in: dict[int, float] = field(default_factory=dict)

    def play(self, starts: list[float], seed: int, *, obeys: bool = True, until: float = 600.0) -> None:
        chance = random.Random(seed)
        throttle = Throttle(SETTINGS, -1e9)
        due = [(at + 0.5 * number, device) for device, at in enumerate(starts) for number in range(6)]
        due.sort(reverse=True)
        refused: set[int] = set()
        while due and due[-1][0] < until:
            at, device = due.pop()
            if obeys and device in refused and at < self.waits_until(device):
                continue  # of the burst: it has been told meanwhile
            decision = throttle.check(("t", str(device)), at * 1000, self.band)
            if isinstance(decision, Reject):
                refused.add(device)
                self.rejects.append((at, device, decision))
                pause = decision.backoff_ms / 1000 + chance.uniform(0, PATIENCE_S) if obeys else chance.uniform(0.3, 2)
                due.append((at + pause, device))
                due.sort(reverse=True)
            elif device in refused:
                self.let_in[device] = at

    def waits_until(self, device: int) -> float:
        return max(each.blocked_until_ms / 1000 for _, name, each in self.rejects if name == device)

    def told(self, now: float, *, admitted_per_s: float | None = None) -> Forecast:
        """The forecast at `now`, from what had been told by then."""
        of: dict[int, list[tuple[float, Reject]]] = {}
        for at, device, reject in self.rejects:
            if at <= now:
                of.setdefault(device, []).append((at, reject))
        held = []
        for refusals in of.values():
            at, last = refusals[-1]
            until = last.blocked_until_ms / 1000
            if until > now:
                hits = hits_of([(at, each.observed) for at, each in refusals])
                if last.reason == "in-backoff":
                    hits = (at,) * last.observed
                held.append(Held(at, until, last.reason, last.level, len(refusals), hits))
        return forecast(
            held,
            settings=SETTINGS,
            multiplier=MULTIPLIERS[self.band],
            flagged=[refusals[0][0] for refusals in of.values()],
            admitted_per_s=admitted_per_s,
            now=now,
        )

    def drained(self, now: float) -> float:
        """When the last of those that are held back at `now` was let in."""
        held = {device for at, device, each in self.rejects if at <= now < each.blocked_until_ms / 1000}
        return max(self.let_in[device] for device in held)


@given(
    starts=st.lists(st.floats(0, 3), min_size=1, max_size=12), seed=st.integers(0, 99), band=st.sampled_from(list(Band))
)
def test_a_storm_that_obeys_drains_within_the_interval(starts: list[float], seed: int, band: Band) -> None:
    storm = Storm(band)
    storm.play(starts, seed)
    told = 0
    for now in range(0, 90):
        each = storm.told(now)
        if each.earliest is not None and each.latest is not None:
            told += 1
            assert each.stubborn == 0
            assert now <= each.earliest <= storm.drained(now) <= each.latest
    assert told > 0


@pytest.mark.parametrize("seed", range(5))
def test_a_storm_of_many_is_told_soon_and_closely(seed: int) -> None:
    """All are refused at about 2.6 s; the band is critical, so that the second block lasts until 14.6 s or later."""
    storm = Storm(Band.CRITICAL)
    storm.play([0.01 * device for device in range(100)], seed)
    assert storm.told(3.0).why == "the storm still grows, by 51 in the last 2.5 s"
    told = storm.told(10.0)
    assert told.waiting == 100
    assert told.earliest is not None
    assert told.latest is not None
    assert told.latest - told.earliest < 5.0
    assert told.earliest <= storm.drained(10.0) <= told.latest


def test_devices_that_do_not_wait_have_no_forecast() -> None:
    storm = Storm()
    storm.play([0.0, 0.5, 1.0], 1, obeys=False, until=60)
    told = storm.told(40.0)
    assert (told.waiting, told.stubborn, told.earliest, told.latest) == (0, 3, None, None)
    assert told.why == "none of them waits as it was told"


def test_a_device_that_went_quiet_waits() -> None:
    storm = Storm()
    storm.play([0.0], 1, obeys=False, until=30)
    last, _, reject = storm.rejects[-1]
    assert reject.reason == "in-backoff"
    assert storm.told(last + 5).stubborn == 1
    later = storm.told(last + 11)
    assert (later.waiting, later.stubborn) == (1, 0)
    assert later.earliest == reject.blocked_until_ms / 1000
    assert later.latest == pytest.approx(later.earliest + PATIENCE_S)


def test_a_device_that_comes_back_whenever_it_is_let_in_has_no_forecast() -> None:
    held = Held(at=0.0, until=60.0, reason="rate", level=10, in_a_row=12, hits=(0.0,) * 6)
    told = forecast([held], settings=SETTINGS, multiplier=1, flagged=[], admitted_per_s=None, now=15.0)
    assert (told.waiting, told.stubborn, told.latest) == (0, 1, None)


def test_the_others_have_one_all_the_same() -> None:
    waits = Held(at=0.0, until=16.0, reason="rate", level=5, in_a_row=1, hits=(0.0,) * 6)
    does_not = Held(at=4.0, until=60.0, reason="in-backoff", level=9, in_a_row=9, hits=(4.0,) * 6)
    told = forecast([waits, does_not], settings=SETTINGS, multiplier=1, flagged=[], admitted_per_s=None, now=5.0)
    assert (told.waiting, told.stubborn, told.earliest, told.latest) == (1, 1, 16.0, 16.0 + PATIENCE_S)


def test_a_storm_that_grows_has_no_forecast() -> None:
    held = [Held(float(at), at + 16.0, "rate", 5, 1, (float(at),) * 6) for at in range(20)]
    flagged = [at + part / 4 for at in range(20) for part in range(1 + at // 4)]
    told = forecast(held, settings=SETTINGS, multiplier=1, flagged=flagged, admitted_per_s=None, now=20.0)
    assert (told.waiting, told.earliest, told.latest) == (20, None, None)
    assert told.why.startswith("the storm still grows, by ")


def test_a_storm_that_slows_down_takes_as_long_as_it_slows_down() -> None:
    held = [Held(19.0, 31.0, "rate", 3, 1, (19.0,) * 6)]
    calm = forecast(held, settings=SETTINGS, multiplier=1, flagged=[25.5] * 8, admitted_per_s=None, now=30.0)
    slows = forecast(
        held, settings=SETTINGS, multiplier=1, flagged=[26.0] * 8 + [28.0] * 2, admitted_per_s=None, now=30.0
    )
    assert calm.latest is not None
    assert slows.latest is not None
    # 2 of 8 are left: in a quarter of a window it is half a device, which is then refused as any other
    assert slows.latest > 30.0 + 2.5 + 10.0 > calm.latest


def test_more_than_can_be_let_in_at_once_take_longer() -> None:
    held = [Held(0.0, 20.0, "rate", 5, 1, (0.0,) * 6)] * 300
    told = forecast(held, settings=SETTINGS, multiplier=1, flagged=[], admitted_per_s=10.0, now=15.0)
    assert (told.earliest, told.latest) == (20.0, 50.0)


def test_blocks_that_are_shorter_than_the_window_promise_nothing() -> None:
    settings = ThrottleSettings(max_backoff_ms=100, base_backoff_ms=100)
    told = forecast(
        [Held(0.0, 0.1, "rate", 1, 1, (0.0,) * 50)],
        settings=settings,
        multiplier=1,
        flagged=[],
        admitted_per_s=None,
        now=0.0,
    )
    assert told.earliest is None
    assert told.why


def test_nobody_held_back_needs_none() -> None:
    assert forecast([], settings=SETTINGS, multiplier=1, flagged=[], admitted_per_s=None, now=0.0) == Forecast(0, 0)

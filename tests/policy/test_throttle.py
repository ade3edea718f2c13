"""The reconnect throttle, step by step and with its strictness at each boundary. Time is whole milliseconds."""

from __future__ import annotations

import random
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.band import Band
from fleetgui.policy.settings import ThrottleSettings
from fleetgui.policy.throttle import Allow, Decision, Key, Outcome, Reject, Throttle, explain

CAM: Key = ("default", "cam-001")
WARM = 30_000
"""When warm-up is over, for a start at 0."""


class Bench:
    """A throttle started at 0 and looked at from `now`, past its warm-up unless told otherwise."""

    def __init__(self, *, now: int = WARM, **settings: float) -> None:
        self.throttle = Throttle(ThrottleSettings(**settings), 0)  # type: ignore[arg-type] # all are numbers
        self.now = now
        self.band = Band.NORMAL

    def at(self, now: int, key: Key = CAM, session: str | None = None) -> Decision:
        self.now = now
        return self.throttle.check(key, now, self.band, session)

    def times(self, count: int, key: Key = CAM) -> list[Decision]:
        return [self.throttle.check(key, self.now, self.band) for _ in range(count)]

    def rejected(self, now: int, key: Key = CAM) -> Reject:
        decision = self.at(now, key)
        assert isinstance(decision, Reject)
        return decision


def is_allowed(decision: Decision) -> bool:
    return isinstance(decision, Allow)


# --- step 1: the block


def test_a_try_inside_the_block_is_refused_and_raises_the_level() -> None:
    bench = Bench()
    bench.times(6)
    reject = bench.rejected(WARM + 999)
    assert (reject.reason, reject.level, reject.allowed) == ("in-backoff", 2, 5)
    assert (reject.backoff_ms, reject.blocked_until_ms) == (2000, WARM + 2999)


def test_at_the_very_end_of_the_block_it_is_over() -> None:
    bench = Bench(base_max=1, window_ms=500)
    bench.times(2)
    assert is_allowed(bench.at(WARM + 1000))


def test_a_try_inside_the_block_is_no_hit_and_observes_what_the_last_window_left_however_old() -> None:
    bench = Bench(base_backoff_ms=60_000)
    bench.times(6)
    assert bench.rejected(WARM + 1).observed == 6
    assert bench.rejected(WARM + 59_999).observed == 6  # the window was empty by then: it was not looked at
    assert is_allowed(bench.at(WARM + 59_999 + 60_000))  # the two tries left no hits behind


# --- step 2: the window


@pytest.mark.parametrize(("age", "allowed"), [(9_999, False), (10_000, True)])
def test_a_hit_counts_while_it_is_younger_than_the_window(age: int, allowed: bool) -> None:
    bench = Bench()
    bench.times(5)
    assert is_allowed(bench.at(WARM + age)) is allowed


def test_hits_of_rejected_tries_stay_in_the_window() -> None:
    bench = Bench(base_backoff_ms=100, max_backoff_ms=100)
    bench.times(6)
    assert [bench.rejected(WARM + later).observed for later in (100, 200, 300)] == [7, 8, 9]


# --- steps 3 and 4: ceiling and warm-up


def test_the_ceiling_holds_in_warm_up_and_its_block_too() -> None:
    bench = Bench(now=0)
    assert all(is_allowed(decision) for decision in bench.times(20))
    ceiling = bench.rejected(0)
    assert (ceiling.reason, ceiling.observed, ceiling.allowed, ceiling.warmup) == ("hard-ceiling", 21, 20, True)
    again = bench.rejected(999)
    assert (again.reason, again.warmup, again.level) == ("in-backoff", True, 2)


def test_the_ceiling_comes_before_the_rate() -> None:
    bench = Bench(now=0)
    bench.times(20)
    assert bench.rejected(0).reason == "hard-ceiling"
    after_warmup = Bench(now=25_000)
    after_warmup.times(20)
    assert after_warmup.rejected(WARM).reason == "hard-ceiling"


def test_a_slow_ramp_cannot_train_its_way_through_the_ceiling() -> None:
    bench = Bench(now=0)
    refused = [now for now in range(0, WARM, 450) if not is_allowed(bench.at(now))]
    assert refused
    assert refused[0] < 10_000


def test_at_exactly_the_end_of_warm_up_it_is_over() -> None:
    inside = Bench(now=WARM - 1)
    assert all(is_allowed(decision) for decision in inside.times(6))
    outside = Bench(now=WARM)
    assert not is_allowed(outside.times(6)[-1])


def test_in_warm_up_the_band_counts_as_normal() -> None:
    bench = Bench(now=0)
    bench.band = Band.CRITICAL
    bench.times(20)
    first = bench.rejected(0)
    assert (first.backoff_ms, first.band) == (1000, Band.NORMAL)


def test_a_whole_fleet_that_reconnects_after_a_restart_is_not_throttled() -> None:
    bench = Bench(now=0)
    bench.band = Band.CRITICAL
    fleet = [("default", f"device-{number:04}") for number in range(1000)]
    for now in (100, 2_000, 4_000, 29_999):
        assert all(is_allowed(bench.at(now, key)) for key in fleet)


# --- steps 5 and 6: the rate


def test_base_max_is_allowed_and_one_more_is_flagged() -> None:
    bench = Bench()
    assert [is_allowed(decision) for decision in bench.times(6)] == [True] * 5 + [False]
    reject = bench.rejected(WARM)
    assert reject.observed == 6
    flagged = Bench()
    *_, last = flagged.times(6)
    assert isinstance(last, Reject)
    assert (last.reason, last.observed, last.allowed, last.level, last.warmup) == ("rate", 6, 5, 1, False)


# --- reject


@pytest.mark.parametrize(
    ("band", "backoffs"),
    [
        (Band.NORMAL, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]),
        (Band.ELEVATED, [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]),
        (Band.CRITICAL, [4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]),
    ],
)
def test_the_backoff_doubles_is_multiplied_by_the_band_and_then_capped(band: Band, backoffs: list[int]) -> None:
    bench = Bench()
    bench.times(5)
    bench.band = band
    assert [bench.rejected(WARM).backoff_ms for _ in backoffs] == backoffs


def test_multipliers_may_be_fractional() -> None:
    bench = Bench(elevated_multiplier=1.5)
    bench.times(5)
    bench.band = Band.ELEVATED
    assert bench.rejected(WARM).backoff_ms == 1500


def test_the_level_is_capped() -> None:
    bench = Bench(max_level=3)
    levels = [decision.level for decision in bench.times(10) if isinstance(decision, Reject)]
    assert levels == [1, 2, 3, 3, 3]


def test_a_huge_level_does_not_overflow() -> None:
    bench = Bench(max_level=100_000)
    *_, last = bench.times(5_000)
    assert isinstance(last, Reject)
    assert last.backoff_ms == 60_000


def test_a_falling_band_may_shorten_a_block() -> None:
    bench = Bench()
    bench.times(5)
    bench.band = Band.CRITICAL
    long = bench.rejected(WARM)
    bench.band = Band.NORMAL
    assert bench.rejected(WARM).blocked_until_ms < long.blocked_until_ms


# --- allow


def test_a_device_that_obeys_is_refused_at_0_1_3_and_7_s_and_admitted_at_15() -> None:
    bench = Bench()
    bench.times(5)
    now, refused = WARM, []
    while isinstance(decision := bench.at(now), Reject):
        refused.append((now - WARM) // 1000)
        now = int(decision.blocked_until_ms)
    assert (refused, (now - WARM) // 1000) == ([0, 1, 3, 7], 15)


def flagged_at_level(level: int) -> Bench:
    bench = Bench(base_backoff_ms=1, max_backoff_ms=1, window_ms=100, base_max=2)
    bench.times(2 + level)
    assert bench.throttle.level(CAM) == level
    return bench


def test_release_takes_more_than_the_calm_time_and_then_one_step() -> None:
    bench = flagged_at_level(5)
    bench.at(WARM + 30_000)
    assert bench.throttle.level(CAM) == 5
    bench.at(WARM + 30_001)
    assert bench.throttle.level(CAM) == 4


def test_a_lowering_restarts_the_clock() -> None:
    bench = flagged_at_level(5)
    for now, level in [(30_001, 4), (60_001, 4), (60_002, 3), (90_002, 3), (90_003, 2)]:
        assert is_allowed(bench.at(WARM + now))
        assert bench.throttle.level(CAM) == level


def test_there_is_no_catching_up_while_it_is_remembered() -> None:
    bench = flagged_at_level(5)
    bench.at(WARM + 149_999)
    assert bench.throttle.level(CAM) == 4


def test_only_an_allow_lowers() -> None:
    bench = flagged_at_level(3)
    bench.now = WARM + 60_000
    first, second, third = bench.times(3)
    assert is_allowed(first)
    assert is_allowed(second)
    assert isinstance(third, Reject)
    assert third.level == 3  # 3, lowered to 2, raised again


# --- memory


def test_an_entry_is_forgotten_only_when_calm_for_longer_than_its_level_takes() -> None:
    for level, still, gone in [(0, 99, 100), (1, 30_000, 30_001), (4, 120_000, 120_001)]:
        bench = flagged_at_level(level)
        assert bench.throttle.sweep(WARM + still, 10) == 0
        assert bench.throttle.sweep(WARM + gone, 10) == 1
        assert len(bench.throttle) == 0


def test_a_blocked_entry_is_not_forgotten() -> None:
    bench = Bench(base_backoff_ms=60_000, release_ms=1, window_ms=10, base_max=1)
    bench.times(2)
    assert bench.throttle.sweep(WARM + 59_999, 10) == 0
    assert bench.throttle.sweep(WARM + 60_000, 10) == 1


def test_what_a_device_gets_does_not_hang_on_whether_the_sweep_came_by() -> None:
    swept, unswept = flagged_at_level(4), flagged_at_level(4)
    later = WARM + 120_001
    swept.throttle.sweep(later, 10)
    for bench in (swept, unswept):
        assert is_allowed(bench.at(later))
        assert bench.throttle.level(CAM) == 0


def test_memory_is_bounded_by_the_devices_that_reconnected_lately() -> None:
    bench = Bench()
    most = 0
    for number in range(20_000):
        bench.at(WARM + number * 10, ("default", f"device-{number}"))
        most = max(most, len(bench.throttle))
    assert most <= 2_001  # a thousand a window, and at most as many again that the sweep has yet to reach


# --- sessions


def test_a_refresh_on_the_session_of_the_last_admitted_is_never_counted() -> None:
    bench = Bench()
    assert bench.at(WARM, session="s1") == Allow(refresh=False)
    assert all(bench.at(WARM + later, session="s1") == Allow(refresh=True) for later in range(50))
    assert [is_allowed(bench.at(WARM + 50, session=f"s{number}")) for number in range(2, 7)] == [True] * 4 + [False]


def test_a_refused_session_is_no_refresh_later() -> None:
    bench = Bench(base_max=1)
    bench.at(WARM, session="good")
    assert not is_allowed(bench.at(WARM, session="refused"))
    assert not is_allowed(bench.at(WARM + 1, session="refused"))
    assert bench.at(WARM + 2, session="good") == Allow(refresh=True)


def test_without_a_session_every_registration_counts() -> None:
    bench = Bench(base_max=2)
    assert [is_allowed(decision) for decision in bench.times(3)] == [True, True, False]


# --- neighbours


def test_a_storm_never_touches_the_neighbour_nor_the_same_id_of_another_tenant() -> None:
    bench = Bench()
    bench.band = Band.CRITICAL
    bench.times(1000)
    assert is_allowed(bench.at(WARM, ("default", "cam-002")))
    assert is_allowed(bench.at(WARM, ("other", "cam-001")))


moments = st.lists(st.tuples(st.integers(0, 400), st.sampled_from("abc")), max_size=300)


@given(moments, st.sampled_from(Band))
def test_each_device_gets_what_it_would_get_alone(steps: list[tuple[int, str]], band: Band) -> None:
    together = Throttle(ThrottleSettings(window_ms=1000, release_ms=500), 0)
    alone = {name: Throttle(ThrottleSettings(window_ms=1000, release_ms=500), 0) for name in "abc"}
    now = WARM
    for step, name in steps:
        now += step
        expected = alone[name].check(("t", name), now, band)
        assert together.check(("t", name), now, band) == expected
        together.check(("t", f"other-{now}"), now, band)


# --- what must hold


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=60),
    st.lists(st.sampled_from(Band), min_size=1, max_size=60),
    st.integers(0, 60_000),
)
def test_a_healthy_device_is_never_throttled_in_any_band(bursts: list[int], bands: list[Band], start: int) -> None:
    throttle = Throttle(ThrottleSettings(), 0)
    for number, burst in enumerate(bursts):
        for _ in range(burst):
            assert is_allowed(throttle.check(CAM, start + number * 10_000, bands[number % len(bands)]))


@given(st.lists(st.integers(0, 3_000), min_size=30, max_size=200), st.sampled_from(Band))
def test_a_storm_is_throttled_with_a_backoff_that_grows_below_the_cap(gaps: list[int], band: Band) -> None:
    throttle = Throttle(ThrottleSettings(window_ms=100_000, release_ms=10**9), 0)
    now, backoffs = WARM, []
    for gap in gaps:
        now += gap
        if isinstance(decision := throttle.check(CAM, now, band), Reject):
            backoffs.append(decision.backoff_ms)
            assert decision.blocked_until_ms == now + decision.backoff_ms
    assert backoffs
    for earlier, later in pairwise(backoffs):
        assert later > earlier or later == 60_000


@given(st.integers(1, 12))
def test_a_higher_band_never_shortens_a_backoff(level: int) -> None:
    by_band = []
    for band in Band:
        bench = Bench()
        bench.times(5)
        bench.band = band
        *_, last = bench.times(level)
        assert isinstance(last, Reject)
        by_band.append(last.backoff_ms)
    assert by_band == sorted(by_band)


# --- several gateways


class Gateways:
    """Throttles that tell each other of every decision, in order and before the next try."""

    def __init__(self, count: int, settings: ThrottleSettings, start: int = 0) -> None:
        self.throttles = [Throttle(settings, start) for _ in range(count)]

    def check(self, which: int, key: Key, now: int, band: Band, session: str | None = None) -> Decision:
        decision = self.throttles[which].check(key, now, band, session)
        if (outcome := self.throttles[which].outcome(key, decision, now)) is not None:
            for other, throttle in enumerate(self.throttles):
                if other != which:
                    throttle.adopt(key, outcome, now)
        return decision


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),  # the gateway that it reaches
            st.sampled_from("abcd"),
            st.one_of(st.integers(0, 60), st.integers(0, 4_000)),  # after the one before
            st.sampled_from(Band),
            st.sampled_from([None, None, "s1", "s2"]),
        ),
        max_size=300,
    ),
    st.integers(0, 2_000),
)
def test_three_gateways_that_tell_each_other_decide_as_one(
    tries: list[tuple[int, str, int, Band, str | None]], warmup: int
) -> None:
    settings = ThrottleSettings(
        window_ms=1000, base_max=3, hard_ceiling=6, base_backoff_ms=50, release_ms=500, warmup_ms=warmup + 1
    )
    one, three = Throttle(settings, 0), Gateways(3, settings)
    now = 0
    for which, name, pause, band, session in tries:
        now += pause
        key = ("t", name)
        assert three.check(which, key, now, band, session) == one.check(key, now, band, session)
        assert {throttle.level(key) for throttle in three.throttles} == {one.level(key)}
        assert {throttle.blocked(key, now) for throttle in three.throttles} == {one.blocked(key, now)}
        assert {len(throttle) for throttle in three.throttles} == {len(one)}


def test_the_ceiling_is_per_device_not_per_gateway() -> None:
    gateways = Gateways(3, ThrottleSettings())
    outcomes = [gateways.check(number % 3, CAM, 0, Band.NORMAL) for number in range(21)]
    assert [is_allowed(each) for each in outcomes] == [True] * 20 + [False]
    assert all(throttle.blocked(CAM, 999) for throttle in gateways.throttles)
    assert not any(throttle.blocked(CAM, 1_000) for throttle in gateways.throttles)


def test_a_refresh_on_another_gateway_is_one_and_is_told_to_nobody() -> None:
    gateways = Gateways(2, ThrottleSettings())
    gateways.check(0, CAM, WARM, Band.NORMAL, "s1")
    refresh = gateways.check(1, CAM, WARM + 1, Band.NORMAL, "s1")
    assert refresh == Allow(refresh=True)
    assert gateways.throttles[1].outcome(CAM, refresh, WARM + 1) is None


def rejected_at(level: int, blocked_ms: float) -> Outcome:
    return Outcome(hit=True, observed=9, level=level, blocked_ms=blocked_ms, calm_ms=0.0, session=None)


def test_a_gateway_that_starts_later_learns_level_and_block_with_the_next_decision() -> None:
    old, new = flagged_at_level(5).throttle, Throttle(ThrottleSettings(), WARM)
    decision = old.check(CAM, WARM, Band.NORMAL)
    outcome = old.outcome(CAM, decision, WARM)
    assert outcome is not None
    new.adopt(CAM, outcome, WARM)
    assert new.level(CAM) == 6
    assert new.blocked(CAM, WARM)


def test_what_a_gateway_decides_that_has_just_started_washes_nobody_clean() -> None:
    old, new = flagged_at_level(5), Throttle(ThrottleSettings(), WARM)
    now = WARM + 500
    admitted = new.outcome(CAM, new.check(CAM, now, Band.NORMAL), now)
    assert admitted is not None
    old.throttle.adopt(CAM, admitted, now)
    assert old.throttle.level(CAM) == 5
    old.throttle.adopt(CAM, rejected_at(9, 10_000), now)
    old.throttle.adopt(CAM, rejected_at(1, 1_000), now)
    assert old.throttle.level(CAM) == 10
    assert not old.throttle.blocked(CAM, now + 1)  # its own cap on a block is 1 ms


def test_a_lesser_reject_does_not_shorten_a_block_that_its_sender_did_not_know() -> None:
    bench = Bench()
    bench.times(5)
    for _ in range(4):
        bench.rejected(WARM)
    assert bench.throttle.level(CAM) == 4
    bench.throttle.adopt(CAM, rejected_at(1, 1_000), WARM + 10)
    assert bench.throttle.level(CAM) == 5
    assert bench.throttle.blocked(CAM, WARM + 7_999)
    assert not bench.throttle.blocked(CAM, WARM + 8_000)


def test_rejects_that_cross_on_the_way_count_both() -> None:
    one, other = Bench(), Bench()
    for bench in (one, other):
        bench.times(5)
    first = one.throttle.outcome(CAM, one.rejected(WARM), WARM)
    second = other.throttle.outcome(CAM, other.rejected(WARM), WARM)
    assert first is not None
    assert second is not None
    one.throttle.adopt(CAM, second, WARM + 1)
    other.throttle.adopt(CAM, first, WARM + 1)
    assert one.throttle.level(CAM) == other.throttle.level(CAM) == 2


def test_an_admission_that_crosses_a_block_does_not_lift_it() -> None:
    bench = Bench()
    bench.times(6)
    bench.throttle.adopt(CAM, Outcome(True, 1, 0, 0.0, None, "s1"), WARM + 1)
    assert bench.throttle.blocked(CAM, WARM + 999)
    assert bench.throttle.level(CAM) == 1
    assert not is_allowed(bench.at(WARM + 2, session="s1"))


def test_nothing_told_blocks_for_longer_or_raises_higher_than_this_gateway_would() -> None:
    bench = Bench(max_level=4, max_backoff_ms=5_000)
    bench.throttle.adopt(CAM, rejected_at(1_000_000, 1e15), WARM)
    assert bench.throttle.level(CAM) == 4
    assert bench.throttle.blocked(CAM, WARM + 4_999)
    assert not bench.throttle.blocked(CAM, WARM + 5_000)


def test_what_is_adopted_is_forgotten_like_everything_else() -> None:
    throttle = Throttle(ThrottleSettings(), 0)
    most = 0
    for number in range(20_000):
        throttle.adopt(("t", f"device-{number}"), Outcome(True, 1, 0, 0.0, None, None), WARM + number * 10)
        most = max(most, len(throttle))
    assert most <= 2_001
    throttle.sweep(WARM + 20_000 * 10 + 10_000, 5_000)
    assert len(throttle) == 0


# --- a device that does not know `retry_after_ms`: it tries again after 1, 2, 4, 8, 16, 30, 30, … s


def stubborn(throttle: Throttle, hours: float) -> tuple[int, int | None]:
    """(tries, ms until admitted) of a device at the top level that retries by its own rule."""
    for _ in range(20):
        throttle.check(CAM, WARM, Band.NORMAL)
    now, pause, tries = 0, 1_000, 0
    while now <= hours * 3_600_000:
        tries += 1
        if is_allowed(throttle.check(CAM, WARM + now, Band.NORMAL)):
            return tries, now
        now += pause
        pause = min(pause * 2, 30_000)
    return tries, None


def test_a_stubborn_device_is_locked_out_by_the_default_cap() -> None:
    assert stubborn(Throttle(ThrottleSettings(), 0), hours=4) == (484, None)


def test_a_cap_of_25_s_lets_it_in_after_61_s() -> None:
    assert stubborn(Throttle(ThrottleSettings(max_backoff_ms=25_000), 0), hours=4)[1] == 61_000


# --- robustness and words


def test_random_traffic_keeps_its_invariants() -> None:
    chance = random.Random(7)
    throttle = Throttle(ThrottleSettings(window_ms=500, release_ms=700, warmup_ms=1), 0)
    now = 0
    for _ in range(20_000):
        now += chance.randrange(30)
        key = ("t", str(chance.randrange(40)))
        blocked = throttle.blocked(key, now)
        decision = throttle.check(key, now, chance.choice(list(Band)))
        assert (isinstance(decision, Reject) and decision.reason == "in-backoff") is blocked
        if isinstance(decision, Reject):
            assert 0 < decision.backoff_ms <= 60_000
            assert decision.observed > decision.allowed or decision.reason == "in-backoff"
            assert throttle.blocked(key, now)
        assert throttle.level(key) <= 10


def test_unknown_devices_are_neither_blocked_nor_flagged() -> None:
    throttle = Throttle(ThrottleSettings(), 0)
    assert not throttle.blocked(CAM, 0)
    assert throttle.level(CAM) == 0


def test_a_reject_is_explained_in_one_sentence() -> None:
    told = partial(explain, window_ms=10_000)
    assert (
        told(reason="rate", observed=6, allowed=5, backoff_ms=16e3, level=3, band="critical", in_a_row=3, multiplier=4)
        == "Observed 6 in 10 s, allowed 5; third refusal in a row, band critical ×4: next try in 16 s."
    )
    assert (
        told(reason="rate", observed=7, allowed=5, backoff_ms=4_000, level=2, band="elevated")
        == "Observed 7 in 10 s, allowed 5; level 2, band elevated: next try in 4 s."
    )
    assert (
        told(reason="hard-ceiling", observed=21, allowed=20, backoff_ms=1_500, level=1, band="normal", in_a_row=112)
        == "Observed 21 in 10 s, hard ceiling 20; 112th refusal in a row, level 1: next try in 1.5 s."
    )
    assert (
        told(reason="in-backoff", observed=6, allowed=5, backoff_ms=2_000, level=2, band="normal", left_s=-3.0)
        == "Tried again before its block was over; level 2: its block of 2 s is over."
    )


@pytest.mark.parametrize(
    ("number", "word"), [(1, "first"), (10, "tenth"), (11, "11th"), (21, "21st"), (102, "102nd"), (1_013, "1,013th")]
)
def test_how_often_in_a_row_is_an_ordinal(number: int, word: str) -> None:
    told = explain(
        reason="rate", observed=6, allowed=5, window_ms=1, backoff_ms=1, level=1, band="normal", in_a_row=number
    )
    assert f"; {word} refusal in a row" in told

"""Lag and engagements: history and live merge to the same series in any order, and every loss is counted once."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.stores.engagements import Engagements
from fleetgui.stores.lag import LagStore
from fleetgui.stores.ledger import Ledger
from fleetgui.wire.gateway import Engagement, Lag
from fleetgui.wire.times import rfc3339

START = 1_795_219_200.0


def lag(seq: int, *, node: str = "gw-1", epoch: str = "e1", p99: float = 2.0, at: float | None = None) -> Lag:
    return Lag(
        node=node,
        epoch=epoch,
        seq=seq,
        ts=rfc3339(START + (seq if at is None else at)),
        window_ms=1000,
        samples=100,
        mean_ms=1,
        p50_ms=1,
        p99_ms=p99,
        max_ms=p99 + 1,
        band="normal",
    )


def engagement(seq: int, device_id: str = "d", *, backoff_ms: float = 4_000, **more: Any) -> Engagement:
    fields: dict[str, Any] = {
        "node": "gw-1",
        "epoch": "e1",
        "seq": seq,
        "ts": rfc3339(START + seq),
        "device_id": device_id,
        "reason": "rate",
        "band": "normal",
        "observed": 6,
        "allowed": 5,
        "window_ms": 10_000,
        "backoff_ms": backoff_ms,
        "level": 1,
        "warmup": False,
    }
    return Engagement(**(fields | more))


@given(st.lists(st.tuples(st.sampled_from(["live", "history"]), st.lists(st.integers(1, 30), max_size=12))))
def test_any_interleaving_of_history_and_live_gives_the_same_series(parts: list[tuple[str, list[int]]]) -> None:
    store = LagStore(Ledger())
    for source, seqs in parts:
        store.apply([lag(seq) for seq in seqs], live=source != "history")
    expected = sorted({seq for _, seqs in parts for seq in seqs})
    curves = store.curves("gw-1")
    drawn = [ts for ts, p99 in zip(curves.ts, curves.p99, strict=True) if not math.isnan(p99)]
    assert drawn == [START + seq for seq in expected]
    assert store.samples == len(expected)


def test_a_jump_in_seq_is_a_counted_loss_and_a_gap() -> None:
    ledger = Ledger()
    store = LagStore(ledger)
    store.apply([lag(1), lag(2)], live=True)
    store.apply([lag(7)], live=True)
    assert ledger.count("gateway gw-1", "sequence gap") == 4
    curves = store.curves("gw-1")
    assert curves.gaps == [(START + 2, START + 7)]
    assert [math.isnan(value) for value in curves.p99] == [False, False, True, False]


def test_what_history_brings_later_closes_the_gap_on_the_plot() -> None:
    store = LagStore(Ledger())
    store.apply([lag(1), lag(5)], live=True)
    store.apply([lag(2), lag(3), lag(4)], live=False)
    assert store.curves("gw-1").gaps == []


def test_a_new_process_starts_a_new_count() -> None:
    ledger = Ledger()
    store = LagStore(ledger)
    store.apply([lag(50, at=50)], live=True)
    store.apply([lag(1, epoch="e2", at=51)], live=True)
    assert ledger.total == 0
    assert store.curves("gw-1").gaps == []


def test_silence_is_a_gap_without_a_count() -> None:
    ledger = Ledger()
    store = LagStore(ledger)
    store.apply([lag(1, at=1), lag(2, at=30)], live=True)
    assert store.curves("gw-1").gaps == [(START + 1, START + 30)]
    assert ledger.total == 0


def test_what_came_twice_is_known_after_it_was_rolled_up() -> None:
    store = LagStore(Ledger(), capacity=10)
    store.apply([lag(seq) for seq in range(1, 101)], live=True)
    store.apply([lag(95), lag(3)], live=True)
    store.apply([lag(4)], live=False)
    assert store.samples == 100


def test_the_sample_at_a_time_and_none_in_a_gap() -> None:
    store = LagStore(Ledger())
    store.apply([lag(1), lag(20)], live=True)
    found = store.at("gw-1", START + 1.2)
    assert found is not None
    assert found.first == found.last == START + 1
    assert store.at("gw-1", START + 10) is None


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(1, 25), max_size=8))))
def test_any_interleaving_gives_the_same_refusals(parts: list[tuple[bool, list[int]]]) -> None:
    store = Engagements(Ledger())
    for live, seqs in parts:
        store.apply([engagement(seq) for seq in seqs], live=live)
    expected = sorted({seq for _, seqs in parts for seq in seqs})
    assert [refusal.seq for refusal in store.refusals] == expected
    assert store.total == len(expected)


def test_losses_among_live_refusals_are_counted_exactly() -> None:
    ledger = Ledger()
    store = Engagements(ledger)
    for seq in (1, 2, 5, 6, 10):
        store.apply([engagement(seq)], live=True)
    assert ledger.total == 2 + 3


def test_who_is_held_back_and_until_when() -> None:
    store = Engagements(Ledger())
    store.apply([engagement(1, "a"), engagement(2, "b", backoff_ms=60_000), engagement(3, "a")], live=True)
    held = store.held_back(START + 4)
    assert [(refusal.device_id, refusal.until - START) for refusal in held] == [("a", 7.0), ("b", 62.0)]
    assert [refusal.device_id for refusal in store.held_back(START + 7)] == ["b"]
    assert store.of_device("b", START + 61.9) is not None
    assert store.of_device("b", START + 62) is None


def test_merged_engagements_count_as_many() -> None:
    store = Engagements(Ledger())
    store.apply([engagement(1, count=40)], live=True)
    assert store.total == 40


@pytest.mark.parametrize("ahead_s", [3_600.0, -3_600.0])
def test_a_block_ends_by_this_machines_clock_where_the_gateways_is_wrong(ahead_s: float) -> None:
    store = Engagements(Ledger())
    store.apply([engagement(1, "a", backoff_ms=4_000, ts=rfc3339(START + 1 + ahead_s))], live=True)
    store.skews["gw-1"] = ahead_s
    assert [refusal.device_id for refusal in store.held_back(START + 4.9)] == ["a"]
    assert store.of_device("a", START + 4.9) is not None
    assert store.of_device("a", START + 5) is None
    assert store.held_back(START + 5) == []


def test_refusals_are_bounded() -> None:
    store = Engagements(Ledger(), capacity=5)
    store.apply([engagement(seq, f"d{seq}", backoff_ms=1e9) for seq in range(1, 21)], live=False)
    assert [refusal.seq for refusal in store.refusals] == [16, 17, 18, 19, 20]
    assert len(store.held_back(START + 30)) == 5
    _, counts = store.minutes.between(START, START + 60)
    assert counts.tolist() == [[15, 0, 0]]


@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from("abc")), unique_by=lambda each: each[0]))
def test_what_there_is_no_room_for_is_counted_and_of_no_device(told: list[tuple[int, str]]) -> None:
    store = Engagements(Ledger(), capacity=7)
    for seq, name in told:
        store.apply([engagement(seq, name)], live=False)
    assert len(store.refusals) + int(store.minutes.between(START - 60, START + 600)[1].sum()) == len(told)
    assert [refusal.seq for refusal in store.refusals] == sorted(refusal.seq for refusal in store.refusals)
    assert sum(len(each) for each in store._of.values()) == len(store.refusals)
    for row, refusal in enumerate(store.refusals):
        assert store.row_of(refusal) == row
        run = store.run_of(refusal)
        assert run[0] is refusal
        assert all(each.device_id == refusal.device_id and each in store.refusals for each in run)
        assert all(later.at - earlier.until <= 10 for later, earlier in pairwise(run))
    for name in {refusal.device_id for refusal in store.refusals}:
        latest = next(refusal for refusal in reversed(store.refusals) if refusal.device_id == name)
        known = store.latest_run(name)
        assert known is not None
        assert known.count >= len(store.run_of(latest))
        assert known.first <= store.run_of(latest)[-1].at


def test_refusals_in_a_row_end_where_a_device_was_quiet_for_a_window() -> None:
    store = Engagements(Ledger())
    times = [(1, 1_000), (2, 2_000), (30, 1_000), (31, 2_000), (33, 4_000)]
    store.apply([engagement(at, "a", backoff_ms=backoff) for at, backoff in times], live=False)
    store.apply([engagement(32, "b")], live=False)
    assert [refusal.seq for refusal in store.run_of(store.refusals[-1])] == [33, 31, 30]
    assert [refusal.seq for refusal in store.run_of(store.refusals[1])] == [2, 1]


@pytest.mark.parametrize("ts", ["", "yesterday", "2026-13-45T00:00:00Z"])
def test_a_sample_without_a_time_is_left_out(ts: str) -> None:
    store = LagStore(Ledger())
    store.apply([lag(1).model_copy(update={"ts": ts})], live=True)
    assert store.samples == 0

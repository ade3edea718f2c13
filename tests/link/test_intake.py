"""The intake is bounded, counts exactly, and never holds the loop for longer than its slice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.link.intake import INTERVAL, SLICE, Intake, family_of
from fleetgui.link.messages import Message
from fleetgui.policy.clock import ManualClock


class Handle:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Scheduler:
    """A loop that runs what it was given when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], object], Handle]] = []

    def call_soon(self, callback: Callable[[], object], /) -> Handle:
        return self.call_later(0.0, callback)

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Handle:
        handle = Handle()
        self.waiting.append((delay, callback, handle))
        return handle

    def turn(self) -> float | None:
        """Run the next callback; returns the delay it was scheduled with, None when there is none."""
        while self.waiting:
            delay, callback, handle = self.waiting.pop(0)
            if not handle.cancelled:
                callback()
                return delay
        return None


class Bench:
    """An intake whose store takes `cost` seconds a message, on a stopwatch of our own."""

    def __init__(self, cost: float = 0.0, **bounds: Any) -> None:
        self.applied: list[Message] = []
        self.batches: list[int] = []
        self.reports: list[BaseException] = []
        self.seconds = 0.0
        self.cost = cost
        self.fails = False
        self.scheduler = Scheduler()
        self.clock = ManualClock()
        self.intake = Intake(
            self._apply,
            clock=self.clock,
            scheduler=self.scheduler,
            report=lambda _, error: self.reports.append(error),
            stopwatch=lambda: self.seconds,
            **bounds,
        )

    def _apply(self, messages: list[Message], now: float) -> None:
        assert now == self.clock.now()
        self.applied += messages
        self.batches.append(len(messages))
        self.seconds += self.cost * len(messages)
        if self.fails:
            raise RuntimeError("the store")


def message(number: int, subject: str = "device-connect.t.d.heartbeat", size: int = 10) -> Message:
    return Message(subject, str(number).encode().ljust(size))


def test_messages_are_applied_in_order_a_tenth_of_a_second_later() -> None:
    bench = Bench()
    for number in range(1_000):
        bench.intake.put(message(number))
    assert bench.applied == []
    assert bench.scheduler.turn() == INTERVAL
    while bench.scheduler.turn() is not None:
        pass
    assert [int(each.data) for each in bench.applied] == list(range(1_000))
    assert (bench.intake.pending, bench.intake.pending_bytes, bench.intake.taken) == (0, 0, 1_000)


def test_a_turn_takes_no_longer_than_its_slice_once_the_cost_is_known() -> None:
    bench = Bench(cost=0.0001)
    for number in range(3_000):
        bench.intake.put(message(number))
    turns = []
    while True:
        before = bench.seconds
        if bench.scheduler.turn() is None:
            break
        turns.append(bench.seconds - before)
    assert bench.intake.taken == 3_000
    assert max(turns) <= SLICE + 1e-9
    assert len(turns) >= 3_000 * 0.0001 / SLICE


def test_a_store_that_turns_slow_makes_batches_small() -> None:
    bench = Bench(cost=0.0)
    for number in range(10_000):
        bench.intake.put(message(number))
    bench.scheduler.turn()
    bench.cost = 0.001
    for number in range(2_000):
        bench.intake.put(message(number))
    bench.batches.clear()
    while bench.scheduler.turn() is not None:
        pass
    assert bench.batches[0] <= 512  # one surprise, bounded
    assert max(bench.batches[10:]) <= 2


def test_overflow_drops_the_oldest_and_counts_by_family() -> None:
    bench = Bench(max_messages=100)
    told: list[tuple[str, int]] = []
    bench.intake.overflowed.connect(lambda family, count: told.append((family, count)))
    for number in range(250):
        bench.intake.put(message(number, f"device-connect.t.{'d.heartbeat' if number % 2 else 'device.online'}"))
    while bench.scheduler.turn() is not None:
        pass
    assert [int(each.data) for each in bench.applied] == list(range(150, 250))
    assert bench.intake.dropped == {"device": 75, "heartbeat": 75}
    assert sorted(told) == [("device", 75), ("heartbeat", 75)]


def test_bytes_are_bounded_too() -> None:
    bench = Bench(max_bytes=100_000)
    for number in range(100):
        bench.intake.put(message(number, size=10_000))
    assert bench.intake.pending_bytes <= 100_000
    assert bench.intake.pending + bench.intake.dropped.total() == 100


def test_one_message_larger_than_the_bound_is_dropped_and_counted() -> None:
    bench = Bench(max_bytes=1_000)
    bench.intake.put(message(1, size=5_000))
    assert (bench.intake.pending, bench.intake.pending_bytes, bench.intake.dropped.total()) == (0, 0, 1)


def test_a_store_that_raises_is_reported_and_the_rest_goes_on() -> None:
    bench = Bench()
    bench.fails = True
    bench.intake.put(message(1))
    bench.scheduler.turn()
    bench.fails = False
    bench.intake.put(message(2))
    bench.scheduler.turn()
    assert len(bench.reports) == 1
    assert (bench.intake.failed, bench.intake.taken) == (1, 2)


def test_what_a_store_puts_back_while_it_applies_waits_for_its_turn() -> None:
    bench = Bench()

    def apply(messages: list[Message], _now: float) -> None:
        for each in messages:
            if each.data == b"first":
                again.put(Message("a", b"second"))
            seen.append(each.data)

    seen: list[bytes] = []
    again = Intake(apply, clock=bench.clock, scheduler=bench.scheduler, report=lambda _, error: None)
    again.put(Message("a", b"first"))
    while bench.scheduler.turn() is not None:
        pass
    assert seen == [b"first", b"second"]


def test_drain_applies_all_and_close_takes_nothing_more() -> None:
    bench = Bench()
    bench.intake.put(message(1))
    bench.intake.drain()
    assert bench.intake.taken == 1
    bench.intake.put(message(2))
    bench.intake.close()
    bench.intake.close()
    bench.intake.put(message(3))
    while bench.scheduler.turn() is not None:
        pass
    assert (bench.intake.taken, bench.intake.pending) == (1, 0)


@given(st.lists(st.integers(0, 3_000), max_size=200), st.integers(1, 30), st.integers(500, 20_000))
def test_nothing_is_ever_unaccounted_for(sizes: list[int], most: int, most_bytes: int) -> None:
    bench = Bench(cost=0.0002, max_messages=most, max_bytes=most_bytes)
    for number, size in enumerate(sizes):
        bench.intake.put(message(number, size=size))
        if number % 7 == 0:
            bench.scheduler.turn()
        intake = bench.intake
        assert intake.taken + intake.pending + intake.dropped.total() == number + 1
        assert intake.pending <= most
        assert 0 <= intake.pending_bytes <= most_bytes


@pytest.mark.parametrize(
    ("subject", "family"),
    [
        ("device-connect.t.cam-1.heartbeat", "heartbeat"),
        ("device-connect.t.cam-1.event.motion", "event"),
        ("device-connect.t.device.online", "device"),
        ("device-connect.t.gateway.gw-1.lag", "gateway"),
        ("elsewhere", "other"),
    ],
)
def test_families(subject: str, family: str) -> None:
    assert family_of(subject) == family


def test_what_a_store_broke_on_is_told_by_family() -> None:
    bench = Bench()
    told: list[tuple[str, int]] = []
    bench.intake.broke.connect(lambda family, count: told.append((family, count)))
    bench.fails = True
    for number in range(3):
        bench.intake.put(message(number))
    bench.intake.put(message(3, "device-connect.t.device.online"))
    while bench.scheduler.turn() is not None:
        pass
    assert sorted(told) == [("device", 1), ("heartbeat", 3)]
    assert bench.intake.failed == 4

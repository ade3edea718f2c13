"""However many intakes have something to do, one of them holds the loop in a turn, and each comes to its turn."""

from __future__ import annotations

import pytest

from fleetgui.link.intake import INTERVAL, SLICE, Intake
from fleetgui.link.messages import Message
from fleetgui.link.turns import Turns
from fleetgui.policy.clock import ManualClock
from tests.link.test_intake import Scheduler

COST = 0.0001


class Shared:
    """Intakes on one loop, over stores that take `COST` seconds a message."""

    def __init__(self, intakes: int) -> None:
        self.seconds = 0.0
        self.loop = Scheduler()
        self.applied: list[tuple[int, int]] = []
        turns = Turns(self.loop)
        self.intakes = [
            Intake(
                lambda messages, _now, index=index: self._apply(index, len(messages)),  # type: ignore[misc]  # a default
                clock=ManualClock(),
                scheduler=turns,
                report=lambda _, error: None,
                stopwatch=lambda: self.seconds,
            )
            for index in range(intakes)
        ]

    def _apply(self, index: int, count: int) -> None:
        self.applied.append((index, count))
        self.seconds += COST * count


def test_several_intakes_hold_the_loop_no_longer_than_one() -> None:
    shared = Shared(4)
    for intake in shared.intakes:
        for _ in range(1_000):
            intake.put(Message("s", b""))
    longest, before = 0.0, 0.0
    while shared.loop.turn() is not None:
        longest, before = max(longest, shared.seconds - before), shared.seconds
    assert [intake.taken for intake in shared.intakes] == [1_000] * 4
    assert longest <= SLICE + 1e-9


def test_a_flood_in_one_does_not_keep_another_waiting() -> None:
    shared = Shared(2)
    for _ in range(50_000):
        shared.intakes[0].put(Message("s", b""))
    shared.intakes[1].put(Message("s", b""))
    turns = 0
    while not shared.intakes[1].taken:
        assert shared.loop.turn() is not None
        turns += 1
    assert turns <= 6
    assert shared.intakes[0].pending


def test_what_was_cancelled_takes_no_turn() -> None:
    loop, ran = Scheduler(), []
    turns = Turns(loop)
    turns.call_soon(lambda: ran.append("cancelled")).cancel()
    turns.call_later(INTERVAL, lambda: ran.append("never")).cancel()
    turns.call_soon(lambda: ran.append("ran"))
    while loop.turn() is not None:
        pass
    assert ran == ["ran"]


def test_one_that_raises_does_not_end_the_turns_of_the_others() -> None:
    loop, ran = Scheduler(), []
    turns = Turns(loop)

    def fail() -> None:
        raise RuntimeError("a store")

    turns.call_soon(fail)
    turns.call_soon(lambda: ran.append("ran"))
    with pytest.raises(RuntimeError):
        loop.turn()
    loop.turn()
    assert ran == ["ran"]

"""What is kept of long work: how long, how much of it, and who waits for whom."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from fleetgui.backend.registry import results
from fleetgui.backend.registry.results import FRESH_S, MOST_KEPT, MOST_WAITING, WALK_S, Results, TooMuch
from fleetgui.backend.registry.steps import Steps
from fleetgui.policy.clock import ManualClock


def made(clock: ManualClock | None = None) -> Results[list[int]]:
    return Results(clock or ManualClock(), asyncio.Lock(), len)


def work(*value: int) -> Callable[[], Steps[list[int]]]:
    def steps() -> Steps[list[int]]:
        for _ in range(5):
            yield None
        return list(value)

    return steps


def test_a_walk_goes_on_in_what_it_began_with() -> None:
    clock = ManualClock()
    some = made(clock)
    found = some.now("a", 7, work(1, 2))
    assert some.ready("a", 7, begins=True) is found
    assert some.ready("a", 8, begins=True) is None, "the fleet has changed"
    assert some.ready("a", 8, begins=False) is found
    clock.advance(FRESH_S + 0.1)
    assert some.ready("a", 7, begins=True) is None, "heartbeats may have changed what is found"
    assert some.ready("a", 9, begins=False) is found
    clock.advance(WALK_S)
    assert some.ready("a", 7, begins=False) is None
    assert some.ready("b", 7, begins=True) is None


def test_what_is_kept_is_bounded_in_number_and_in_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST_ENTRIES", 50)
    some = made()
    for number in range(2 * MOST_KEPT):
        some.now(number, 1, work(number))
    assert [some.ready(each, 1, begins=True) is not None for each in (MOST_KEPT - 1, MOST_KEPT)] == [False, True]
    some.now("large", 1, work(*range(49)))
    assert some.ready("large", 1, begins=True) is not None
    assert some.ready(MOST_KEPT + 1, 1, begins=True) is None
    assert some.now("too large", 1, work(*range(51))).entries == 51
    assert some.ready("too large", 1, begins=True) is None
    assert some.ready("large", 1, begins=True) is not None


async def test_the_same_asked_twice_is_worked_on_once() -> None:
    some = made()
    found = await asyncio.gather(*(some.later("a", lambda: 1, work(1), begins=True) for _ in range(10)))
    assert some.worked == 1
    assert all(each is found[0] for each in found)


async def test_who_asks_after_a_change_does_not_get_what_began_before_it() -> None:
    some, revision = made(), [1]
    started, may_go_on = threading.Event(), threading.Event()

    def steps() -> Steps[list[int]]:
        seen = [revision[0]]
        started.set()
        yield lambda: may_go_on.wait(20)
        return seen

    async with asyncio.TaskGroup() as group:
        first = group.create_task(some.later("a", lambda: revision[0], steps, begins=True))
        await asyncio.to_thread(started.wait, 20)
        revision[0] = 2
        late = [group.create_task(some.later("a", lambda: revision[0], steps, begins=True)) for _ in range(5)]
        await asyncio.sleep(0)
        may_go_on.set()
    assert (first.result().value, first.result().revision) == ([1], 1)
    assert [(each.result().value, each.result().revision) for each in late] == [([2], 2)] * 5
    assert some.worked == 2


async def test_a_failure_is_everybodys_own_and_ends_with_it() -> None:
    some = made()

    def fails() -> Steps[list[int]]:
        yield None
        raise KeyError("x")

    outcomes = await asyncio.gather(
        *(some.later("a", lambda: 1, fails, begins=True) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in outcomes] == [KeyError] * 3
    assert (await some.later("a", lambda: 1, work(5), begins=True)).value == [5]


async def test_too_many_different_ones_are_refused_and_the_others_done() -> None:
    some = made()
    await some._turn.acquire()  # somebody works
    asked = [some.later(number, lambda: 1, work(number), begins=True) for number in range(MOST_WAITING + 5)]
    everybody = asyncio.gather(*asked, return_exceptions=True)
    await asyncio.sleep(0)
    some._turn.release()
    outcomes = await everybody
    refused = [each for each in outcomes if isinstance(each, TooMuch)]
    assert len(refused) == 5
    assert "ask again later" in str(refused[0])
    assert some.worked == MOST_WAITING


async def test_one_that_is_cancelled_leaves_the_others_to_go_on() -> None:
    some = made()
    async with some._turn, asyncio.TaskGroup() as group:
        first = group.create_task(some.later("a", lambda: 1, work(1), begins=True))
        await asyncio.sleep(0)
        second = group.create_task(some.later("a", lambda: 1, work(2), begins=True))
        await asyncio.sleep(0)
        first.cancel()
        some._turn.release()
        await asyncio.wait([second])
        await some._turn.acquire()
    assert second.result().value == [2]

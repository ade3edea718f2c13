"""The schedule runs what is due, in order, on the clock it is given."""

from __future__ import annotations

import asyncio
from functools import partial

from fleetgui.backend.devices.schedule import Schedule
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import ManualClock, SystemClock


async def test_runs_what_is_due_in_order_and_nothing_else() -> None:
    clock, ran = ManualClock(), list[str]()
    schedule = Schedule(clock)
    for name, delay in (("late", 9.0), ("second", 1.0), ("third", 1.0), ("first", 0.5)):
        schedule.after(delay, partial(ran.append, name))
    clock.advance(1.0)
    assert await schedule.run_due() == 3
    assert ran == ["first", "second", "third"]
    assert schedule.next_due == clock.now() + 8.0


async def test_what_an_action_adds_runs_in_the_same_go_when_it_is_due() -> None:
    clock, ran = ManualClock(), list[float]()
    schedule = Schedule(clock)

    def beat(due: float) -> None:
        ran.append(due)
        schedule.at(due + 1.0, lambda: beat(due + 1.0))

    beat(clock.now())
    clock.advance(3.5)
    await schedule.run_due()
    assert ran == [1_000.0, 1_001.0, 1_002.0, 1_003.0]


async def test_a_running_schedule_wakes_for_an_earlier_entry() -> None:
    failures: list[BaseException] = []
    schedule, tasks, done = Schedule(SystemClock()), Tasks(lambda _name, error: failures.append(error)), asyncio.Event()
    schedule.after(3_600.0, lambda: None)
    tasks.spawn(schedule.run(), name="schedule")
    await asyncio.sleep(0)
    schedule.after(0.01, done.set)
    async with asyncio.timeout(20):
        await done.wait()
    await tasks.cancel()
    assert not failures


async def test_a_long_run_lets_the_loop_breathe() -> None:
    clock, turns = ManualClock(), 0
    schedule, tasks = Schedule(clock), Tasks(lambda *_: None)

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    for _ in range(3_000):
        schedule.after(0.0, lambda: sum(range(500)))
    tasks.spawn(count(), name="somebody else")
    await schedule.run_due()
    await tasks.cancel()
    assert turns > 2


async def test_each_item_of_many_is_taken_once_in_order_and_what_was_due_in_between_is_not_held_up() -> None:
    clock, taken = ManualClock(), list[int | str]()
    schedule = Schedule(clock)
    schedule.each(range(1_000), taken.append)
    schedule.after(0.0, partial(taken.append, "a beat"))
    schedule.each([], taken.append)
    await schedule.run_due()
    assert [each for each in taken if each != "a beat"] == list(range(1_000))
    assert taken.index("a beat") < 100
    assert len(schedule) == 0

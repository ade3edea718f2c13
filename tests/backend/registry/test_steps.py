"""Work in small steps: the same result however it is driven, and the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import random
import threading
from itertools import pairwise
from typing import Any

import pytest

from fleetgui.backend.registry import steps
from fleetgui.backend.registry.steps import Steps, at_once, in_turns, sorted_in_steps


def split(pairs: list[tuple[Any, int]]) -> tuple[list[Any], list[int]]:
    return [key for key, _ in pairs], [item for _, item in pairs]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("distinct", [1, 3, 50, 10_000_000])
@pytest.mark.parametrize("count", [0, 1, 1_000, 30_000])
def test_sorting_in_steps_is_sorting_with_ties_as_they_were(count: int, distinct: int, descending: bool) -> None:
    chance = random.Random(count + distinct)
    pairs = [(chance.randrange(distinct), position) for position in range(count)]
    wanted = [item for _, item in sorted(pairs, key=lambda pair: pair[0], reverse=descending)]
    assert at_once(sorted_in_steps(*split(pairs), descending=descending)) == wanted


def test_sorting_texts_in_steps() -> None:
    chance = random.Random(1)
    pairs = [(f"camera-{chance.randrange(10**6):07}", position) for position in range(20_000)]
    assert at_once(sorted_in_steps(*split(pairs))) == [item for _, item in sorted(pairs)]


def test_no_step_of_sorting_sorts_much_at_once() -> None:
    chance = random.Random(2)
    for distinct in (7, 10**9):
        work = sorted_in_steps([chance.randrange(distinct) for _ in range(200_000)], range(200_000))
        assert sum(1 for _ in work) > 200


async def test_turns_let_the_loop_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "TURN_S", 0.0)
    order: list[int] = []

    def work(name: int) -> Steps[int]:
        for _ in range(3):
            order.append(name)
            yield None
        return name

    assert list(await asyncio.gather(in_turns(work(1)), in_turns(work(2)))) == [1, 2]
    assert any(one != other for one, other in pairwise(order[:4])), "they took turns"


async def test_what_is_yielded_runs_off_the_loop_and_what_it_raises_is_raised() -> None:
    threads: list[int] = []

    def work() -> Steps[str]:
        yield lambda: threads.append(threading.get_ident())
        return "done"

    def fails() -> Steps[str]:
        yield lambda: 1 // 0
        return "never"

    assert await in_turns(work()) == "done"
    assert threads != [threading.get_ident()]
    assert at_once(work()) == "done"
    assert threads[1] == threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await in_turns(fails())

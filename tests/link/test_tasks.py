"""Tasks are held, named, reported when they fail, and cancelled in one place."""

from __future__ import annotations

import asyncio
import gc

from fleetgui.link.tasks import Tasks


def collecting() -> tuple[Tasks, list[tuple[str, BaseException]]]:
    failures: list[tuple[str, BaseException]] = []
    return Tasks(lambda name, error: failures.append((name, error))), failures


async def test_a_task_is_held_and_named() -> None:
    tasks, failures = collecting()
    gate = asyncio.Event()
    tasks.spawn(gate.wait(), name="waits")
    await asyncio.sleep(0)
    gc.collect()
    assert tasks.names == ["waits"]
    gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert tasks.names == []
    assert failures == []


async def test_a_failure_is_reported_once_to_whoever_asked_for_it() -> None:
    tasks, failures = collecting()
    own: list[str] = []

    async def fails() -> None:
        raise ValueError("why")

    first = tasks.spawn(fails(), name="first")
    second = tasks.spawn(fails(), name="second", on_failure=lambda name, error: own.append(f"{name}: {error}"))
    await asyncio.wait({first, second})
    await asyncio.sleep(0)
    assert [(name, str(error)) for name, error in failures] == [("first", "why")]
    assert own == ["second: why"]
    tasks.report("a callback", RuntimeError("x"))
    assert failures[-1][0] == "a callback"


async def test_cancelling_waits_and_names_those_that_will_not_end() -> None:
    tasks, failures = collecting()
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    tasks.spawn(asyncio.sleep(3_600), name="sleeps")
    task = tasks.spawn(stubborn(), name="stubborn")
    await asyncio.sleep(0)
    assert await tasks.cancel(within=0.05) == ["stubborn"]
    release.set()
    await asyncio.wait({task})
    assert await tasks.cancel() == []
    assert failures == []


async def test_a_task_that_cancels_the_others_lives() -> None:
    tasks, _ = collecting()
    tasks.spawn(asyncio.sleep(3_600), name="other")

    async def closes() -> list[str]:
        return await tasks.cancel()

    assert await tasks.spawn(closes(), name="closer") == []

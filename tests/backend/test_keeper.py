"""A role that hangs is taken out and replaced; one that is slow to start, or whose listener slept, is not."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from fleetgui.backend.child import Child
from fleetgui.backend.keeper import Patience, Role, Silence
from fleetgui.backend.roles import Part, Stage
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import ManualClock, SystemClock
from tests.backend.processes import alive, until

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

SHORT = Patience(beat=0.1, look=0.1, silent=1.5)


def test_the_defaults_are_as_documented() -> None:
    assert (Patience().beat, Patience().silent) == (2.0, 15.0)


def test_silence_is_what_was_heard_last_until_a_look() -> None:
    clock = ManualClock()
    silence = Silence(clock, look=1.0)
    for second in range(1, 31):
        clock.advance(1.0)
        assert silence.look() == pytest.approx(second)
    silence.heard()
    assert silence.look() == 0.0
    clock.advance(0.5)
    assert silence.look() == pytest.approx(0.5)


@pytest.mark.parametrize("slept", [15.0, 3_600.0])
def test_time_through_which_the_listener_slept_is_nobodys_silence(slept: float) -> None:
    clock = ManualClock()
    silence = Silence(clock, look=1.0)
    clock.advance(1.0)
    silence.look()
    clock.advance(slept)
    assert silence.look() == pytest.approx(3.0)
    assert silence.look() < Patience().silent


def test_a_listener_that_is_late_every_time_still_notices() -> None:
    clock = ManualClock()
    silence = Silence(clock, look=1.0)
    looks = 0
    while silence.look() <= Patience().silent:
        clock.advance(60.0)
        looks += 1
    assert looks == 8


class Kept:
    """A role of the kind in `stuck.py`, kept."""

    def __init__(self, mark: Path) -> None:
        self.failures: list[BaseException] = []
        self.tasks = Tasks(lambda _name, error: self.failures.append(error))
        self._mark = mark
        self.role: Role | None = None

    async def begin(self, how: str, patience: Patience = SHORT, seconds: float = 0.0) -> Role:
        settings = {"how": how, "mark": str(self._mark), "seconds": seconds}
        self.role = Role(Part("stuck", "tests.backend.stuck", settings, Stage.SERVE), SystemClock(), patience)
        await self.role.begin({})
        self.tasks.spawn(self.role.keep(), name="the keeper")
        return self.role

    async def close(self) -> None:
        await self.tasks.cancel()
        if self.role is not None:
            await self.role.stop()
        assert self.failures == []


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    kept = Kept(tmp_path / "mark")
    yield kept
    await kept.close()


def pid(role: Role) -> int:
    assert role.child is not None
    assert role.child.pid is not None
    return role.child.pid


def said(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return any(text in record.getMessage() for record in caplog.records)


@posix_only
@pytest.mark.parametrize("how", ["blocked", "stopped"])
async def test_a_role_that_hangs_is_killed_and_replaced(kept: Kept, how: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fleetgui.serve")
    role = await kept.begin(how)
    first = pid(role)
    if how == "stopped":
        psutil.Process(first).suspend()
    await until(lambda: said(caplog, "the stuck is back"), "another process does its work")
    assert said(caplog, "the stuck has said nothing for 1.5 s: it hangs, and is killed")
    assert said(caplog, "stuck was ended by SIGKILL; it is started again in 0.5 s")
    assert not alive(first)
    assert pid(role) != first


async def test_one_that_is_slow_to_start_and_lives_then_is_left_alone(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    role = await kept.begin("late", Patience(beat=0.1, look=0.05, silent=2.0), seconds=2.5)
    beats = 0

    def heard() -> None:
        nonlocal beats
        beats += 1
        role._silence.heard()

    assert role.child is not None
    role.child._on_alive = heard
    await until(lambda: beats >= 25, "it lived for longer than it may be silent")
    assert role.child.running
    assert caplog.records == []


async def test_what_a_role_logs_keeps_its_level(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fleetgui.serve")
    await kept.begin("logs", Patience())
    await until(lambda: said(caplog, "stuck: it goes on"), "everything was relayed")
    found = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert found[0] == ("WARNING", "stuck: no log of anybody's")
    assert found[1:3] == [("ERROR", "stuck: it broke"), ("ERROR", "stuck: Traceback (most recent call last):")]
    assert found[-1] == ("INFO", "stuck: it goes on")
    assert {level for level, _ in found[3:-1]} == {"ERROR"}


@pytest.mark.parametrize(("beat", "heard"), [({"beat": 3_600}, ["alive"]), ({}, []), ({"beat": "often"}, [])])
async def test_a_process_says_that_it_lives_to_whom_asks_for_it_and_to_nobody_else(
    tmp_path: Path, beat: dict[str, object], heard: list[str]
) -> None:
    lives: list[str] = []
    argv = [sys.executable, "-m", "tests.backend.stuck"]
    child = Child("one", argv, on_alive=lambda: lives.append("alive"))
    child.start({"how": "", "mark": str(tmp_path / "mark"), **beat})
    await child.ready(20)
    await child.stop(within=20)
    assert lives == heard

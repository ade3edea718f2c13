"""Both ends of the pipe between a process and its parent: settings, readiness, words, ends; nothing left behind."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from fleetgui.backend.child import Child, ChildFailed, End
from tests.backend.processes import alive, until

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

_ROLE = """
import asyncio, sys
from fleetgui.backend.parent import Parent, RoleFailed, run_role

async def main(parent: Parent) -> None:
    {body}

sys.exit(run_role(main))
"""

SERVES = "parent.ready(echo=parent.settings); await parent.ended.wait()"


def role(body: str, **more: object) -> Child:
    return Child("the role", [sys.executable, "-c", _ROLE.format(body=body)], **more)  # type: ignore[arg-type]  # on_stderr


async def test_settings_go_in_readiness_comes_out_and_the_end_of_the_pipe_ends_it() -> None:
    child = role(SERVES)
    child.start({"password": "s3cret", "größe": 1})
    assert (await child.ready(20))["echo"] == {"password": "s3cret", "größe": 1}
    before = child.running
    assert await child.stop(within=20) == End("the role", 0)
    assert (before, child.running) == (True, False)
    assert not alive(child.pid or 0)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("raise RoleFailed('the broker refused us')", "the broker refused us"),
        ("raise KeyError('x')", "unexpected error: KeyError: 'x'"),
        ("sys.exit(3)", "the role ended with exit code 3"),
        ("print('no room left', file=sys.stderr); sys.exit(4)", "the role ended with exit code 4: no room left"),
    ],
)
async def test_a_role_that_cannot_start_says_why_in_one_sentence(body: str, sentence: str) -> None:
    child = role(body)
    child.start({})
    with pytest.raises(ChildFailed) as caught:
        await child.ready(20)
    assert str(caught.value) == sentence
    await child.stop()


async def test_a_role_that_says_nothing_is_given_up_by_name() -> None:
    child = role("await parent.ended.wait()")
    child.start({})
    with pytest.raises(ChildFailed, match=r"the role is not ready after 0\.1 s"):
        await child.ready(0.1)
    await child.stop(within=20)


async def test_settings_that_are_none_are_refused() -> None:
    child = role(SERVES)
    child.start()
    child.close_stdin()
    with pytest.raises(ChildFailed, match="expects one line of JSON"):
        await child.ready(20)
    await child.stop()


async def test_a_program_that_is_not_there_is_one_sentence() -> None:
    child = Child("the role", ["/nowhere/nothing"])
    with pytest.raises(ChildFailed, match="the role cannot be started"):
        child.start({})
    assert await child.stop() is None


@posix_only
async def test_a_killed_child_is_told_to_everybody_who_asked() -> None:
    told: list[End] = []
    child = role(SERVES)
    child.start({})
    child.on_end(told.append)
    await child.ready(20)
    child.kill()
    end = await child.ended()
    assert end.sentence == "the role was ended by SIGKILL"
    child.on_end(told.append)
    await until(lambda: len(told) == 2, "both were told")
    assert told == [end, end]


async def test_what_it_logs_is_relayed_line_by_line() -> None:
    lines: list[str] = []
    child = role(
        "[print(n, 'ä', file=sys.stderr) for n in range(30)]; print('no json'); " + SERVES, on_stderr=lines.append
    )
    child.start({})
    await child.ready(20)
    await child.stop(within=20)
    assert sorted(lines) == sorted([*(f"{n} ä" for n in range(30)), "no json"])


async def test_a_blocked_loop_does_not_keep_a_child_alive_when_its_parent_is_gone() -> None:
    child = role("import threading; parent.ready(); threading.Event().wait()")
    child.start({})
    await child.ready(20)
    child.close_stdin()
    assert (await child.ended()).code == 1


async def test_a_stubborn_child_is_killed_in_the_end() -> None:
    child = Child("the role", [sys.executable, "-c", "import threading; threading.Event().wait()"])
    child.start({})
    end = await child.stop(within=0.2)
    assert end is not None
    assert end.code != 0


async def test_a_cancelled_wait_leaves_the_child_alone() -> None:
    child = role(SERVES)
    child.start({})
    await child.ready(20)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await child.ended()
    assert child.running
    await child.stop(within=20)

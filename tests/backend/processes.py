"""Waiting for processes and folders to be gone, with a generous limit: a test states what ends, not how fast."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

LIMIT_S = 20.0


async def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until `holds()`; fails naming `what` after `LIMIT_S`."""
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - other processes set no event of ours
            await asyncio.sleep(0.02)
    assert holds(), what


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and not yet reaped by its parent is gone too."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def until_gone(pids: Iterable[int], folder: Path) -> None:
    pids = list(pids)
    await until(lambda: not any(map(alive, pids)), f"processes {pids} are gone")
    await until(lambda: not folder.exists(), f"{folder} is gone")


def descendants(pid: int) -> dict[str, int]:
    """Every process under `pid`, by a word of its command line: guardian, nats-server, gateway, devices."""
    found = {}
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            for word in ("guardian.py", "nats-server", "backend.gateway", "backend.devices"):
                if word in line:
                    found[word] = process.pid
                    break
    return found

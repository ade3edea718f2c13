"""Waiting for something to be so: for what stores say, woken by their signals and never by a clock; for links."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.policy.signals import Signal

PATIENCE_S = 60.0


async def until(condition: Callable[[], object], *signals: Signal[Any], timeout: float = PATIENCE_S) -> None:
    """Return once `condition()` holds, looked at now and whenever one of `signals` is emitted."""
    changed = asyncio.Event()
    disconnects = [signal.connect(lambda *_: changed.set()) for signal in signals]
    try:
        async with asyncio.timeout(timeout):
            while not condition():
                changed.clear()
                await changed.wait()
    finally:
        for disconnect in disconnects:
            disconnect()


async def carried(*links: Link) -> None:
    """Return once each of these is up and its broker has answered: what was sent before has arrived there."""
    async with asyncio.timeout(PATIENCE_S):
        for link in links:
            while True:
                await link.up()
                try:
                    await link.flush()
                    break
                except LinkError:  # it had not noticed yet that it is down
                    continue

"""Waiting for something to be so, woken by the signals of the stores that it depends on; never by a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

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

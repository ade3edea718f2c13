"""A whole backend as one child process, for the console and for tests: `fleetgui serve` with a pipe to it.

Runs on any asyncio loop, Qt's included (see `child.py`). The backend ends when this process does, however that ends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Final

from fleetgui.backend.child import Child, ChildFailed, End
from fleetgui.backend.options import DEFAULT_DEVICES, Facts

START_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 2.0


class BackendProcess:
    """Use: `facts = await start()`, `on_end(…)`, and always `await stop()`."""

    def __init__(
        self,
        *,
        devices: int = DEFAULT_DEVICES,
        scenario: str = "demo",
        seed: int = 1,
        tenant: str = "default",
        extra: Sequence[str] = (),
        on_log: Callable[[str], object] | None = None,
    ) -> None:
        """`extra` are further arguments of `fleetgui serve`; `on_log(line)` gets what the backend logs."""
        argv = [sys.executable, "-m", "fleetgui", "serve", "--until-stdin-ends", "--ready-file", "-"]
        argv += ["--devices", str(devices), "--scenario", scenario, "--seed", str(seed), "--tenant", tenant, *extra]
        self._child = Child("the backend", argv, on_stderr=on_log)

    @property
    def pid(self) -> int | None:
        """The supervisor's process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.running

    async def start(self) -> Facts:
        """Start, and return what a client needs once everything serves; raises `ChildFailed`, one sentence."""
        self._child.start()
        try:
            ready = await self._child.ready(START_WITHIN_S)
        except ChildFailed:
            await self.stop()
            raise
        return Facts(**{each.name: ready[each.name] for each in fields(Facts)})

    def on_end(self, call: Callable[[End], object]) -> None:
        """Call `call(end)` on the loop when the backend has ended, for whatever reason, `stop` included."""
        self._child.on_end(call)

    async def ended(self) -> End:
        """How it ended, once it has."""
        return await self._child.ended()

    async def stop(self) -> End | None:
        """End it in good order, after `STOP_WITHIN_S` by force. None when it was never started."""
        return await self._child.stop(within=STOP_WITHIN_S)

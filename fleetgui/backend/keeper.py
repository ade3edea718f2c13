"""One role's process and those that come after it: started, listened to, taken out when it hangs, started again.

A process that lives says so over its pipe (`parent.py`). One that has said nothing for long although this process was
awake to hear it hangs: stopped, or in a call that does not return. What it was to do is done by nobody, so it is killed
as if it had died, and another takes its place, later each time. Runs in the supervisor's process, on any asyncio loop.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import dataclass
from typing import Any, Final

from fleetgui.backend.child import Child, ChildFailed, End
from fleetgui.backend.lines import unmarked
from fleetgui.backend.roles import Part
from fleetgui.policy.clock import Clock

FIRST_PAUSE_S: Final = 0.5
MAX_PAUSE_S: Final = 30.0
HEALTHY_AFTER_S: Final = 30.0
"""A role that lived so long starts again after the first pause."""
STOP_WITHIN_S: Final = 1.0

log = logging.getLogger("fleetgui.serve")


@dataclass(frozen=True)
class Patience:
    """In seconds: how long a role may take to be ready, how often it says that it lives, how often we look whether it
    did, and how long it may say nothing."""

    ready: float = 30.0
    beat: float = 2.0
    look: float = 1.0
    silent: float = 15.0


class Silence:
    """How long somebody has said nothing, in time through which the listener was awake.

    A listener that sleeps, with its machine or by itself, hears nobody: of the time between two looks no more counts
    than if it had come twice as late as it should.
    """

    def __init__(self, clock: Clock, *, look: float) -> None:
        self._clock = clock
        self._most = 2 * look
        self.heard()

    def heard(self) -> None:
        self._seconds = 0.0
        self._looked_at = self._clock.now()

    def look(self) -> float:
        """The silence in seconds, up to now. To be called about every `look` seconds."""
        now = self._clock.now()
        self._seconds += min(now - self._looked_at, self._most)
        self._looked_at = now
        return self._seconds


class Role:
    """A role of the supervisor. Use: `launch`, `await begin(…)`, `keep` as a task, and always `await stop()`."""

    def __init__(self, part: Part, clock: Clock, patience: Patience | None = None) -> None:
        self.name = part.name
        self.stage = part.stage
        self.child: Child | None = None
        self._part = part
        self._clock = clock
        self._patience = patience or Patience()
        self._silence = Silence(clock, look=self._patience.look)
        self._settings: dict[str, Any] = {}
        self._level = logging.WARNING
        """Of the last line that was marked with one."""

    def launch(self) -> None:
        """Start the process, which imports and then waits to be told; raises `ChildFailed`."""
        self._level = logging.WARNING  # what comes before a log is the interpreter's complaint
        argv = [sys.executable, "-m", self._part.module]
        self.child = Child(self.name, argv, on_stderr=self._relay, on_alive=self._silence.heard)
        self.child.start()

    async def begin(self, connection: dict[str, Any]) -> None:
        """Tell it what to do, and return once it serves; raises `ChildFailed`."""
        self._settings = {**connection, **self._part.settings, "beat": self._patience.beat}
        if self.child is None:
            self.launch()
        await self._begin()

    async def _begin(self) -> None:
        assert self.child is not None  # noqa: S101 - both callers have launched it
        self.child.tell(self._settings)
        await self.child.ready(self._patience.ready)

    async def keep(self) -> None:
        """See to it that a process does this role, until cancelled. It has begun, or has failed to."""
        pause, started = FIRST_PAUSE_S, self._clock.now()
        while self.child is not None:
            end = await self._end(self.child)
            if self._clock.now() - started > HEALTHY_AFTER_S:
                pause = FIRST_PAUSE_S
            log.warning("%s; it is started again in %g s", end.sentence, pause)
            await asyncio.sleep(pause)
            pause, started = min(MAX_PAUSE_S, 2 * pause), self._clock.now()
            try:
                self.launch()
                await self._begin()
            except ChildFailed as failure:
                log.warning("the %s did not come back: %s", self.name, failure)
                await self.stop()
            else:
                log.info("the %s is back", self.name)

    async def _end(self, child: Child) -> End:
        """How it ended, once it has; brought about when it says nothing for too long."""
        self._silence.heard()
        while True:
            try:
                async with asyncio.timeout(self._patience.look):
                    return await child.ended()
            except TimeoutError:
                if self._silence.look() <= self._patience.silent:
                    continue
            log.error("the %s has said nothing for %g s: it hangs, and is killed", self.name, self._patience.silent)
            child.kill()
            return await child.ended()

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop(within=STOP_WITHIN_S)

    def _relay(self, line: str) -> None:
        level, text = unmarked(line)
        if level is not None:
            self._level = level
        log.log(self._level, "%s: %s", self.name, text)

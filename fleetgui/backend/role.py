"""What every role of the backend stands on: its settings, a context, a clock, tasks that report, a link that is up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from fleetgui.backend.connect import connect, context_of
from fleetgui.backend.parent import Parent, RoleFailed
from fleetgui.backend.trouble import log
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock, SystemClock

CANCEL_WITHIN_S: Final = 0.5


@dataclass(frozen=True)
class Role:
    """A role while it runs; `role` makes it."""

    parent: Parent
    name: str
    context: Context
    clock: Clock
    tasks: Tasks
    link: Link

    @property
    def is_ended(self) -> bool:
        """Whether the parent is gone, or wants this process to end."""
        return self.parent.ended.is_set()

    async def until_ended(self, *or_done: asyncio.Task[Any]) -> None:
        """Wait for the end, or until one of `or_done` is; raises `RoleFailed` for one that failed."""
        ended = self.tasks.spawn(self.parent.ended.wait(), name="the parent's end")
        await asyncio.wait({ended, *or_done}, return_when=asyncio.FIRST_COMPLETED)
        for task in or_done:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error if isinstance(error, RoleFailed) else RoleFailed(f"{task.get_name()} failed: {error}")


@asynccontextmanager
async def role(parent: Parent, name: str) -> AsyncIterator[Role]:
    """The role called `name`, connected, as which it is known to the broker; at the end its tasks, then its link, end.

    Raises `RoleFailed` where the settings or the broker do not allow it, and for a link that fails the role meanwhile.
    """
    context = context_of(parent.settings)
    clock = SystemClock()
    tasks = Tasks(lambda what, error: log.error("%s failed", what, exc_info=error))
    link = await connect(context, clock=clock, name=f"fleetgui {name}", tasks=tasks)
    try:
        yield Role(parent, name, context, clock, tasks, link)
    except LinkError as error:
        raise RoleFailed(str(error)) from None
    finally:
        await tasks.cancel(within=CANCEL_WITHIN_S)
        await link.close()


def environ_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """The environment, under the names and values that a settings line has in `environ`."""
    overrides = settings.get("environ")
    own = {str(name): str(text) for name, text in overrides.items()} if isinstance(overrides, dict) else {}
    return os.environ | own

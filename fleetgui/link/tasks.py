"""Every task of the program is started here: named, strongly held, supervised, and cancelled in one place.

asyncio keeps only weak references to tasks, and an exception in one nobody awaits surfaces when it is collected, if
at all. `Tasks.spawn` keeps the task, gives it a name that Diagnostics can show, and reports its failure at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

Failure = Callable[[str, BaseException], None]


class Tasks:
    """The tasks of one owner. `on_failure(name, error)` is called for each that ends with an exception."""

    def __init__(self, on_failure: Failure) -> None:
        self._on_failure = on_failure
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(
        self, coroutine: Coroutine[Any, Any, T], *, name: str, on_failure: Failure | None = None
    ) -> asyncio.Task[T]:
        """Start `coroutine` as a task called `name`; `on_failure` replaces the owner's for this one."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._running.add(task)

        def ended(done: asyncio.Task[T]) -> None:
            self._running.discard(done)
            if not done.cancelled() and (error := done.exception()) is not None:
                (on_failure or self._on_failure)(name, error)

        task.add_done_callback(ended)
        return task

    def report(self, name: str, error: BaseException) -> None:
        """Tell the owner of a failure outside a task: a handler, a callback."""
        self._on_failure(name, error)

    @property
    def names(self) -> list[str]:
        """Names of what runs now, sorted."""
        return sorted(task.get_name() for task in self._running)

    async def cancel(self, *, within: float = 2.0) -> list[str]:
        """Cancel everything and wait up to `within` seconds; returns the names of those that would not end.

        Called from one of its own tasks, that one is left alone: it is the one that closes the others.
        """
        mine = asyncio.current_task()
        tasks = {task for task in self._running if task is not mine}
        for task in tasks:
            task.cancel()
        if not tasks:
            return []
        _, stubborn = await asyncio.wait(tasks, timeout=within)
        return sorted(task.get_name() for task in stubborn)

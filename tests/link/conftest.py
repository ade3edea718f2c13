"""Links for tests: quick to try again, closed at the end, and nothing may be left behind or reported unasked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.settings import LinkSettings
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.states import LinkPhase, LinkState

PATIENCE = 20.0
"""Seconds until a test gives up waiting: far more than anything here takes."""

QUICK = LinkSettings(
    connect_timeout=2.0, ping_interval=0.2, first_backoff=0.02, max_backoff=0.1, stable_after=0.0, refused_pause=0.2
)


@dataclass
class Links:
    """Makes links on a clock that stands still. `reports` is what they reported."""

    clock: ManualClock = field(default_factory=ManualClock)
    reports: list[tuple[str, BaseException]] = field(default_factory=list)
    history: list[LinkState] = field(default_factory=list)
    made: list[Link] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tasks = Tasks(lambda name, error: self.reports.append((name, error)))

    def make(self, context: Context | str, *, settings: LinkSettings = QUICK) -> Link:
        if isinstance(context, str):
            context = Context(servers=(context,))
        link = Link(context, clock=self.clock, name="test", tasks=self.tasks, settings=settings)
        link.state_changed.connect(self.history.append)
        self.made.append(link)
        return link

    async def up(self, context: Context | str, *, settings: LinkSettings = QUICK) -> Link:
        link = self.make(context, settings=settings)
        link.start()
        await within(link.up())
        return link


async def within(awaitable: Any) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await awaitable


def asking(link: Link, subject: str, data: bytes = b"", *, timeout: float = 3_600.0) -> asyncio.Task[bytes]:
    """A request under way. Whoever asked looks at what comes of it, so that nothing is reported."""
    request = link.request(subject, data, timeout=timeout)
    return link.tasks.spawn(request, name=f"asking {subject}", on_failure=lambda *_: None)


async def until(condition: Callable[[], object], link: Link | None = None) -> None:
    """Return once `condition()` holds; looked at after each change of `link`, and now and then."""
    changed = asyncio.Event()
    disconnect = link.state_changed.connect(lambda _: changed.set()) if link is not None else lambda: None
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                changed.clear()
                try:
                    async with asyncio.timeout(0.01):
                        await changed.wait()
                except TimeoutError:
                    pass
    finally:
        disconnect()


async def phase(link: Link, wanted: LinkPhase) -> LinkState:
    await until(lambda: link.state.phase is wanted, link)
    return link.state


@pytest.fixture
async def links() -> AsyncIterator[Links]:
    made = Links()
    before = asyncio.all_tasks()
    yield made
    for link in made.made:
        await within(link.close())
    assert await made.tasks.cancel() == []
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}, "tasks were left behind"
    assert made.reports == []

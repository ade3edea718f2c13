"""What the command line asked of a console. Plain data, importable before Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleetgui.link.context import Context


@dataclass(frozen=True)
class DemoOptions:
    """The embedded backend to start: how many devices, which scenario, from which seed."""

    devices: int = 1_400
    scenario: str = "demo"
    seed: int = 1


@dataclass(frozen=True)
class ConsoleOptions:
    """One console. `context` is None for a demo, whose backend says where it is once it is ready.

    `exit_after` in seconds from when the window is there, None for a console that people close. `started_at` is the
    epoch second at which the process was started: setting up, for the first time, is part of it and takes a minute.
    """

    started_at: float
    context: Context | None = None
    demo: DemoOptions | None = None
    exit_after: float | None = None
    screenshot: Path | None = None
    report: Path | None = None
    theme: str | None = None

"""The export under way, if any: what the progress dialog shows and what the finished file may claim."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from fleetgui.policy.signals import Signal


class ExportPhase(Enum):
    IDLE = "no export"
    RUNNING = "reading the fleet"
    DONE = "written"
    CANCELLED = "cancelled; no file was written"
    FAILED = "failed; no file was written"


@dataclass(frozen=True)
class Coverage:
    """How much of the fleet a walk saw: devices written, the registry's total, and what stands between them."""

    seen: int = 0
    expected: int | None = None
    repeated: int = 0
    hidden: int = 0
    malformed: int = 0
    unreadable: int = 0
    overtaken: bool = False
    """The fleet changed during the walk, and not all that it may have missed was read again."""
    reread: int = 0
    """Pages that were read again, because the fleet had changed."""

    @property
    def complete(self) -> bool:
        """Every offset was read, nothing was unreadable, and the fleet stood still meanwhile."""
        return not (self.hidden or self.unreadable or self.overtaken) and self.seen == self.expected

    @property
    def sentence(self) -> str:
        """For people: "1,400 of 1,400 devices, complete", or what is missing from what was written."""
        return self._in_words("written once", "malformed, written as they came")

    @property
    def of_search(self) -> str:
        """The same of what was searched: there a record that cannot be understood is not."""
        return self._in_words("counted once", "malformed and left out")

    def _in_words(self, repeated: str, malformed: str) -> str:
        total = "?" if self.expected is None else f"{self.expected:,}"
        parts = [f"{self.seen:,} of {total} devices"]
        for count, what in (
            (self.hidden, "not visible to you"),
            (self.repeated, f"listed twice, {repeated}"),
            (self.malformed, malformed),
            (self.unreadable, "too large to read"),
        ):
            if count:
                parts.append(f"{count:,} {what}")
        if self.overtaken:
            parts.append("the fleet changed meanwhile")
        if self.reread:
            parts.append(f"{self.reread:,} {'page' if self.reread == 1 else 'pages'} read again")
        return ", ".join([*parts, "complete"] if self.complete else parts)


@dataclass(frozen=True)
class ExportState:
    """`started`, `eta_s` in seconds (`Clock.now()`, remaining); `path` the file asked for; `error` a sentence.

    `companion` is the file beside it that says what it covers and what was lost, None where it says so itself.
    """

    phase: ExportPhase = ExportPhase.IDLE
    path: str = ""
    coverage: Coverage = Coverage()
    started: float = 0.0
    eta_s: float | None = None
    error: str | None = None
    companion: str | None = None


class ExportStore:
    def __init__(self) -> None:
        self.changed = Signal[[ExportState]]()
        self.state = ExportState()

    def replace(self, state: ExportState) -> None:
        self.state = state
        self.changed.emit(state)

    def update(self, **fields: Any) -> None:
        self.replace(replace(self.state, **fields))

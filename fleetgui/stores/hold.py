"""The walk that fills the held fleet: how far it has come, what it may claim, and what was asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from fleetgui.policy.signals import Signal
from fleetgui.stores.export import Coverage
from fleetgui.stores.whole import Ask


class HoldPhase(Enum):
    IDLE = "nothing is held"
    WALKING = "reading the fleet"
    PAUSED = "paused"
    DONE = "read"
    CANCELLED = "stopped; what was read is shown"
    FAILED = "failed; what was read is shown"

    @property
    def is_under_way(self) -> bool:
        return self in (HoldPhase.WALKING, HoldPhase.PAUSED)


@dataclass(frozen=True)
class Offered:
    """`values` of a field that begin with what was typed, the most frequent ones; `asked`: (field, what was typed)."""

    asked: tuple[str, str]
    values: tuple[str, ...]


@dataclass(frozen=True)
class HoldState:
    """`eta_s` seconds that remain, None while unknown. `arranging`: what was asked for last is searched and sorted now.

    `arranged_at` (`Clock.now()`) is as of when rows are found and in order, `is_behind` whether something has happened
    since that may make it otherwise: what a row shows may be newer. `ungrouped`
    is how many groups there would be, where they are too many for heads; else 0. `waiting_since` (`Clock.now()`): the
    walk has waited for a page since then; None: for nothing.
    """

    phase: HoldPhase = HoldPhase.IDLE
    coverage: Coverage = field(default_factory=Coverage)
    before: Coverage | None = None
    """Of the last walk that came to its end, where what it read is still held; None where none did."""
    waiting_since: float | None = None
    eta_s: float | None = None
    error: str | None = None
    arranging: bool = False
    arranged_at: float | None = None
    is_behind: bool = False
    ungrouped: int = 0
    because: str = ""
    """A sentence: why what the registry could do as well is done here; "" where it could not, or does it."""
    ask: Ask | None = None
    """What was asked for takes more than summaries, and is asked about first."""
    offered: Offered | None = None
    """What was last looked up for somebody who types a filter."""

    @property
    def shown(self) -> Coverage:
        """How much of the fleet the rows are from: a walk that reads again takes nothing away before its end."""
        return self.coverage if self.before is None else self.before


class HoldStore:
    def __init__(self) -> None:
        self.changed = Signal[[HoldState]]()
        self.state = HoldState()

    def update(self, **fields: Any) -> None:
        state = replace(self.state, **fields)
        if state != self.state:
            self.state = state
            self.changed.emit(state)

"""What was not seen, counted where it was lost: never a silent gap.

One entry a (source, cause): how many, since when, until when. `count` is None in `lose` where only the span is known
(a reconnect gap); such losses count spans, not messages.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetgui.policy.signals import Signal


@dataclass
class Loss:
    """Times are epoch seconds; `count` is messages known lost, `spans` how often something was lost."""

    source: str
    cause: str
    first: float
    last: float
    count: int = 0
    spans: int = 0


class Ledger:
    def __init__(self) -> None:
        self.changed = Signal[[Loss]]()
        self._losses: dict[tuple[str, str], Loss] = {}

    def lose(self, source: str, cause: str, count: int | None, at: float) -> None:
        """Record a loss of `count` messages (None: unknown how many) noticed at epoch second `at`."""
        loss = self._losses.setdefault((source, cause), Loss(source, cause, at, at))
        loss.last = max(loss.last, at)
        loss.count += count or 0
        loss.spans += 1
        self.changed.emit(loss)

    def recover(self, source: str, cause: str, count: int) -> None:
        """`count` of what was counted as lost came after all, from history; a loss of which all came is none."""
        loss = self._losses.get((source, cause))
        if loss is None:
            return
        loss.count = max(0, loss.count - count)
        if loss.count == 0:
            del self._losses[source, cause]
        self.changed.emit(loss)

    @property
    def losses(self) -> list[Loss]:
        return list(self._losses.values())

    @property
    def total(self) -> int:
        """Messages known to be lost."""
        return sum(loss.count for loss in self._losses.values())

    def count(self, source: str, cause: str) -> int:
        loss = self._losses.get((source, cause))
        return loss.count if loss else 0

"""What was not seen, counted where it was lost: never a silent gap.

One `Loss` a (source, cause), with its spans: when, and how many. Losses that follow each other closely are one span,
an episode, told when it begins and when it is over. `count` is None where only the span is known: nobody numbered what
a reconnect missed. What is bounded here is the detail: old spans of a loss grow together, and no count is forgotten.

A numbered source (`gateway <node>`, `topology <id>`) is exact: received + lost = published. Why its messages did not
come stands beside it, under the family (`gateway`), without a count, so that nothing is counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from fleetgui.policy.formats import export_time
from fleetgui.policy.signals import Signal

EPISODE_S: Final = 5.0
"""Losses of one source and cause that are less than this apart are one episode."""
MOST_SPANS: Final = 100
"""Spans kept of one loss; beyond, the two oldest become one."""
MOST_LOSSES: Final = 1_000
"""More than a fabric has of sources and causes; what goes beyond is counted together."""
OTHERS: Final = "others"


class Cause(StrEnum):
    OVERFLOW = "intake overflow"
    """It came faster than it could be taken in."""
    SEQUENCE = "sequence gap"
    """Its publisher numbered it, and it did not come."""
    RECONNECT = "reconnect gap"
    SLOW_CONSUMER = "slow consumer"
    """The broker threw this console out because it took too little."""
    FREEZE = "freeze"
    """This program stood still."""
    SUSPEND = "suspend"
    """This machine slept."""
    TRUNCATION = "truncation"
    """There is more of it than is kept or read."""
    MALFORMED = "malformed"
    FAILED = "failed"
    """It came, and an error in this program lost it."""


@dataclass(frozen=True)
class Span:
    """Lost between two moments, epoch seconds; `count` None where nobody knows how many."""

    source: str
    cause: str
    begins: float
    ends: float
    count: int | None

    def exported(self) -> dict[str, str | int | None]:
        """As reports and exports have it: ISO 8601 in UTC, `count` None where nobody knows how many."""
        return {
            "source": self.source,
            "cause": str(self.cause),
            "from": export_time(self.begins),
            "to": export_time(self.ends),
            "count": self.count,
        }


@dataclass
class Loss:
    """All that one source lost by one cause. `spans` oldest first; the last may still grow."""

    source: str
    cause: str
    spans: list[Span] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Messages known lost."""
        return sum(span.count or 0 for span in self.spans)

    @property
    def gaps(self) -> int:
        """Spans of unknown size."""
        return sum(span.count is None for span in self.spans)

    @property
    def first(self) -> float:
        return min((span.begins for span in self.spans), default=0.0)

    @property
    def last(self) -> float:
        return max((span.ends for span in self.spans), default=0.0)


class Ledger:
    def __init__(self) -> None:
        self.changed = Signal[[Loss]]()
        self.began = Signal[[Span]]()
        """An episode of loss, as far as it is known."""
        self.ended = Signal[[Span]]()
        """An episode is over that grew after it began."""
        self.recovered = Signal[[str, str, int]]()
        """(source, cause, count): so many that were counted as lost came after all."""
        self._losses: dict[tuple[str, str], Loss] = {}
        self._open: dict[tuple[str, str], tuple[Span, float]] = {}
        """The episode as it began, and when it was last added to (by whoever notices)."""

    # What is lost

    def lose(
        self, source: str, cause: str, count: int | None, at: float, *, since: float | None = None, until: float = 0.0
    ) -> None:
        """Record a loss of `count` messages (None: unknown how many) noticed at epoch second `at`.

        It began at `since`, and ended at `until`, where that is known; else both are `at`.
        """
        if (source, cause) not in self._losses and len(self._losses) >= MOST_LOSSES:
            source = OTHERS
        loss = self._losses.setdefault((source, cause), Loss(source, cause))
        new = Span(source, cause, at if since is None else since, until or at, count)
        opened = self._open.get((source, cause))
        if opened is not None and loss.spans and abs(at - opened[1]) <= EPISODE_S:
            loss.spans[-1] = _joined(loss.spans[-1], new)
            self._open[source, cause] = opened[0], max(at, opened[1])
        else:
            if opened is not None:
                self._close(source, cause)
            loss.spans.append(new)
            if len(loss.spans) > MOST_SPANS:
                loss.spans[:2] = [_joined(*loss.spans[:2])]
            self._open[source, cause] = new, at
            self.began.emit(new)
        self.changed.emit(loss)

    def recover(self, source: str, cause: str, count: int) -> None:
        """`count` of what was counted as lost came after all, from history; a loss of which all came is none."""
        loss = self._losses.get((source, cause))
        if loss is None:
            return
        before = loss.count
        for index in range(len(loss.spans) - 1, -1, -1):
            span = loss.spans[index]
            came = min(span.count or 0, count)
            count -= came
            if came:
                loss.spans[index] = replace(span, count=(span.count or 0) - came)
        if loss.spans and loss.spans[-1].count == 0:
            self._open.pop((source, cause), None)
        loss.spans = [span for span in loss.spans if span.count != 0]
        if not loss.spans:
            del self._losses[source, cause]
        if came_after_all := before - loss.count:
            self.recovered.emit(source, cause, came_after_all)
        self.changed.emit(loss)

    def settle(self, at: float) -> None:
        """Epoch second `at`: episodes that nothing was added to for a while are over."""
        for (source, cause), (_, last) in tuple(self._open.items()):
            if abs(at - last) > EPISODE_S:
                self._close(source, cause)

    def _close(self, source: str, cause: str) -> None:
        began, _ = self._open.pop((source, cause))
        loss = self._losses.get((source, cause))
        if loss is not None and loss.spans[-1] != began:
            self.ended.emit(loss.spans[-1])

    # What can be asked

    @property
    def losses(self) -> list[Loss]:
        return list(self._losses.values())

    def spans(self, source: str | None = None, since: float = float("-inf")) -> list[Span]:
        """What one source (None: any) lost that ended at epoch second `since` or later, in the order of its time."""
        found = [
            span
            for loss in self._losses.values()
            if source is None or loss.source == source
            for span in loss.spans
            if span.ends >= since
        ]
        return sorted(found, key=lambda span: (span.begins, span.ends))

    @property
    def total(self) -> int:
        """Messages known to be lost."""
        return sum(loss.count for loss in self._losses.values())

    @property
    def gaps(self) -> int:
        """Spans of unknown size."""
        return sum(loss.gaps for loss in self._losses.values())

    def count(self, source: str, cause: str) -> int:
        loss = self._losses.get((source, cause))
        return loss.count if loss else 0


def _joined(one: Span, other: Span) -> Span:
    count = None if one.count is None and other.count is None else (one.count or 0) + (other.count or 0)
    begins, ends = min(one.begins, other.begins), max(one.ends, other.ends)
    return Span(one.source, one.cause, begins, ends, count)

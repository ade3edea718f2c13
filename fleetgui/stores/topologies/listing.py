"""The list of a tenant's topologies as it was read last, and why there is none where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from fleetgui.policy.freshness import freshness, reading_limits
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State, worst
from fleetgui.stores.sources import Sources
from fleetgui.wire.topology import Listed

LIST_EVERY_S: Final = 15.0
"""How often the list is read while somebody looks at it."""
MOST_LISTED: Final = 10_000
LIST: Final = "topologies"
"""The list's name among the sources."""


class ListPhase(Enum):
    UNREAD = "not read yet"
    READ = "read"
    NO_SERVICE = "no topology service answers"
    REFUSED = "not permitted"
    FAILED = "could not be read"


class Listing:
    """`rows` by id. `read_at` is when the list was asked for (`Clock.now()`), `why` a sentence when it is not `READ`.

    `as_of` (epoch seconds, the publisher's clock) and `behind`: how old the membership itself is, by the publisher.
    `cut`: there are more topologies than are held.
    """

    def __init__(self, sources: Sources) -> None:
        self.changed = Signal[[]]()
        self.phase = ListPhase.UNREAD
        self.why = ""
        self.rows: dict[str, Listed] = {}
        self.read_at: float | None = None
        self.as_of: float | None = None
        self.behind = False
        self.cut = False
        self._sources = sources
        sources.watch(LIST, self.state)

    def state(self, now: float) -> State:
        """How far the list may be trusted."""
        own = freshness(
            heard_at=self.read_at,
            limits=reading_limits(LIST_EVERY_S),
            confirmed_from=self._sources.confirmed_from,
            now=now,
        )
        if self.phase in (ListPhase.NO_SERVICE, ListPhase.REFUSED):
            own = worst(own, State.STALE)
        elif self.behind and own is State.LIVE:
            own = State.LATE
        return self._sources.under_link(own, now)

    def took(self, rows: Iterable[Listed], read_at: float, *, as_of: float | None, behind: bool, cut: bool) -> None:
        """The whole list was read."""
        self.rows = {row.topology_id: row for row in rows}
        self.read_at, self.as_of, self.behind, self.cut = read_at, as_of, behind, cut
        self.phase, self.why = ListPhase.READ, ""
        self.changed.emit()

    def failed(self, phase: ListPhase, why: str) -> None:
        """It could not be read; what was read before stays, as of its time."""
        self.phase, self.why = phase, why
        self.changed.emit()

"""How far every source may be trusted, in one place: who was heard when, under which limits, and under the link.

A source is whatever figures come from: the link, the registry, a gateway node, a bucket, a stream. Feeds `declare` it
with its limits and say `heard`; whoever shows something of it asks for its `state`, which is never better than the
link's. Devices are a million, and so keep their evidence in arrays (`stores.presence`), under the same rule.

`look` is called ten times a second: it notices what only time changes, keeps the changes for the report, and tells
whoever shows them. All times are `Clock.now()`: through a suspend it goes on, so that after one everything is old.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from fleetgui.policy.freshness import Limits, freshness
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import LinkPhase, State, worst
from fleetgui.stores.link import LinkStore

LINK: Final = "link"
REGISTRY: Final = "registry"
HEARTBEATS: Final = "heartbeats"

REGISTRY_INTERVAL_S: Final = 30.0
"""How often the registry's total is read again while its table is open."""

CAPACITY: Final = 10_000
"""Changes kept."""
MOST_SOURCES: Final = 4_096
"""More than a fabric has; what is declared beyond works as any other, and its changes are not kept."""
_NEVER: Final = float("-inf")


class Change(msgspec.Struct, frozen=True, gc=False):  # tens of thousands are kept: the collector passes them by
    """A source changed its state at `at` (`Clock.now()`)."""

    at: float
    source: str
    state: State


class Source:
    """One source. Made by `Sources.declare`; `limits` may change, as a gateway's window does."""

    def __init__(
        self, name: str, limits: Limits, sources: Sources, evidence: Callable[[], float | None] | None = None
    ) -> None:
        self.name = name
        self.limits = limits
        self._sources = sources
        self._evidence = evidence
        self._heard_at: float | None = None

    def heard(self, at: float) -> None:
        """Something that speaks for it came in, or was asked for, at `at`; what is older than known changes nothing."""
        if self._heard_at is None or at > self._heard_at:
            self._heard_at = at

    @property
    def heard_at(self) -> float | None:
        return self._heard_at if self._evidence is None else self._evidence()

    def state(self, now: float) -> State:
        """Live, late, stale, unconfirmed or unknown."""
        own = freshness(
            heard_at=self.heard_at, limits=self.limits, confirmed_from=self._sources.confirmed_from, now=now
        )
        return self._sources.under_link(own, now)


class Sources:
    """`link` None: there is no link in it, as in a test of one store."""

    def __init__(self, link: LinkStore | None = None) -> None:
        self.changed = Signal[[Change]]()
        self.confirmed_from = _NEVER
        """When the link last came up: what was heard before waits for confirmation."""
        self.listening_since: float | None = None
        """When the link first came up: what was announced before, nobody here heard."""
        self.log: deque[Change] = deque(maxlen=CAPACITY)
        self.changes = 0
        """Changes ever seen, so that a reader notices what fell out of the log."""
        self._link = link
        self._broker: tuple[Callable[[], float | None], Limits] | None = None
        self._sources: dict[str, Source] = {}
        self._watched: dict[str, Callable[[float], State]] = {LINK: self.link_state}
        self._last: dict[str, State] = {}

    # What feeds tell

    def declare(self, name: str, limits: Limits, evidence: Callable[[], float | None] | None = None) -> Source:
        """The source of that name, made now or before. `evidence` is asked when it was heard, where a store knows."""
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = Source(name, limits, self, evidence)
            self.watch(name, source.state)
        return source

    def watch(self, name: str, state: Callable[[float], State]) -> None:
        """Keep the changes of what `state(now)` says, beside those of the sources declared."""
        if name in self._watched or len(self._watched) < MOST_SOURCES:
            self._watched[name] = state

    def forget(self, name: str) -> None:
        """That source is no more, as a topology that was closed."""
        for known in (self._sources, self._watched, self._last):
            known.pop(name, None)

    def link_came_up(self, now: float) -> None:
        self.confirmed_from = now
        if self.listening_since is None:
            self.listening_since = now

    def hear_broker(self, evidence: Callable[[], float | None], limits: Limits) -> None:
        """`evidence()` is when the broker last sent anything; beyond `limits` the link is no more live, up or not."""
        self._broker = evidence, limits

    # What can be asked

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources.values())

    def state(self, name: str, now: float) -> State:
        """The state of one source; unknown for one that nobody declared or watches."""
        state = self._watched.get(name)
        return State.UNKNOWN if state is None else state(now)

    def link_state(self, now: float) -> State:
        """The link as a source: its phase, and while it is up whether the broker is heard."""
        if self._link is None:
            return State.LIVE
        link = self._link.state
        if link.phase is not LinkPhase.UP or self._broker is None:
            return link.state
        heard_at = max(link.since, self.broker_heard_at or _NEVER)
        return freshness(heard_at=heard_at, limits=self._broker[1], confirmed_from=_NEVER, now=now)

    @property
    def broker_heard_at(self) -> float | None:
        """When the broker last sent anything, as far as somebody listens to it."""
        return None if self._broker is None else self._broker[0]()

    def under_link(self, state: State, now: float) -> State:
        """`state` (a freshness) as it is over this link: without one nothing is better than stale."""
        match self.link_state(now):
            case State.LIVE:
                return state
            case State.LATE:
                return worst(state, State.LATE)
        return worst(state, State.STALE)

    def look(self, now: float) -> list[Change]:
        """What changed since the last look; kept, and told one by one."""
        changes = []
        for name, ask in tuple(self._watched.items()):
            state = ask(now)
            if self._last.get(name) is not state:
                self._last[name] = state
                changes.append(Change(now, name, state))
        self.log.extend(changes)
        self.changes += len(changes)
        for change in changes:
            self.changed.emit(change)
        return changes

"""One open topology: a snapshot, then every event that has the next number. Pure; what asks for snapshots is a feed.

The picture is true while it is `FOLLOWED`: each event applied had the number after the last. Whatever breaks that (a
number missing, another epoch, a keepalive that names a later one, a silence, a reconnect) makes it `WANTED`: the
picture stays as it was and says that it is unconfirmed, what comes meanwhile is kept, and another snapshot is due.
What was lost is counted by its numbers (`numbers`): a forged one, far ahead, costs a snapshot and no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, NamedTuple

from fleetgui.policy.freshness import GRACE_S, Limits, freshness, reading_limits
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State, worst
from fleetgui.stores.ledger import Cause, Ledger
from fleetgui.stores.sources import Sources
from fleetgui.stores.topologies.numbers import Numbers
from fleetgui.stores.topologies.picture import Picture
from fleetgui.stores.topologies.told import Member, Told, told
from fleetgui.wire.topology import (
    KEEPALIVE_S,
    MISSED_KEEPALIVES,
    Event,
    Keepalive,
    Snapshot,
)

KEPT: Final = 256
"""Events kept while a snapshot is on its way; beyond, the oldest go, and another snapshot follows."""
EVENTS_KEPT: Final = 500
READ_EVERY_S: Final = 15.0
"""How often the picture is read where its events may not be heard."""
LIMITS: Final = Limits(KEEPALIVE_S + GRACE_S, MISSED_KEEPALIVES * KEEPALIVE_S + GRACE_S)
FAMILY: Final = "topology"


class Phase(Enum):
    """Where the picture of a topology stands. The value completes "the topology is …"."""

    WANTED = "to be read"
    READING = "being read"
    FOLLOWED = "followed"
    ABSENT = "not there"
    REFUSED = "not to be seen by this user"
    FAILED = "not to be read now"


class Heard(NamedTuple):
    """What came on the stream: `at` is `Clock.now()`, `wall` epoch seconds of this machine."""

    message: Event | Keepalive
    at: float
    wall: float


class Following(Picture):
    """A picture kept true: `hear` what came, `reading` and then `took` or `failed` a snapshot. Signals after each.

    `read_at` is when the last snapshot was asked for and `heard_at` when the publisher was last heard (`Clock.now()`).
    """

    def __init__(self, topology_id: str, sources: Sources, ledger: Ledger) -> None:
        super().__init__()
        self.changed = Signal[[]]()
        self.members_changed = Signal[[frozenset[str] | None]]()
        """The ids of members that came, left or look another way; None: any."""
        self.topology_id = topology_id
        self.phase = Phase.WANTED
        self.why = ""
        """A sentence: why it is refused or failed."""
        self.denied: str | None = None
        """Why its events cannot be heard; the picture is then one of its time."""
        self.events: deque[Told] = deque(maxlen=EVENTS_KEPT)
        self.events_seen = 0
        self.snapshots = 0
        self.membership_behind = False
        """Whether the publisher itself cannot read the registry's list."""
        self.epoch = ""
        self.seq = -1
        self.read_at: float | None = None
        self.heard_at: float | None = None
        self._sources = sources
        self._ledger = ledger
        self._numbers = Numbers(self.source, ledger)
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._promised: tuple[str, int] | None = None
        """Epoch and number that a keepalive named while the picture was not followed."""

    # What can be asked

    @property
    def source(self) -> str:
        """Its name in ledger and sources."""
        return f"topology {self.topology_id}"

    @property
    def lost(self) -> int:
        """Events that were published while this console was there, and never came."""
        return self._numbers.lost

    @property
    def wants_snapshot(self) -> bool:
        return self.phase in (Phase.WANTED, Phase.FAILED)

    @property
    def as_of(self) -> float | None:
        """The time up to which the picture is known to be true (`Clock.now()`)."""
        return self.read_at if self.denied is not None or self.heard_at is None else self.heard_at

    def state(self, now: float) -> State:
        """How far the picture may be trusted."""
        if self.read_at is None or self.phase is Phase.ABSENT:
            return State.UNKNOWN
        limits = LIMITS if self.denied is None else reading_limits(READ_EVERY_S)
        own = freshness(heard_at=self.as_of, limits=limits, confirmed_from=self._sources.confirmed_from, now=now)
        match self.phase:
            case Phase.WANTED | Phase.READING:
                own = worst(own, State.UNCONFIRMED)
            case Phase.REFUSED | Phase.FAILED:
                own = worst(own, State.STALE)
            case _ if self.membership_behind:
                own = worst(own, State.LATE)
        return self._sources.under_link(own, now)

    # What feeds tell

    def hear(self, batch: Iterable[Heard]) -> None:
        """Take in what came, in order."""
        for message, at, wall in batch:
            if self.phase is Phase.FOLLOWED and self.heard_at is not None and at - self.heard_at > LIMITS.stale:
                self._want()  # who was silent for so long may have published what nobody told us of
            if self.phase is Phase.FOLLOWED:
                self.heard_at = at
            if isinstance(message, Keepalive):
                self._promise(message)
            else:
                self._event(message, wall)
        self._tell()

    def set_membership_behind(self, behind: bool) -> None:
        """The publisher said since whether it can read the registry's list."""
        if behind is not self.membership_behind:
            self.membership_behind = behind
            self.changed.emit()

    def missed(self, cause: Cause, wall: float) -> None:
        """Messages were lost on this side at epoch second `wall`. Events among them are missed by their numbers, and
        are counted then; here stands why."""
        self._ledger.lose(FAMILY, cause, None, wall)

    def want(self, *, broken: bool = False) -> None:
        """Another snapshot is due; `broken`: the subscription did not stand in between."""
        if broken:
            self._numbers.broke()
        self._want()
        self._tell()

    def reading(self) -> None:
        """A snapshot is asked for, from now on: it has in it whatever came before."""
        self.phase = Phase.READING
        self._kept.clear()
        self._promised = None
        self.changed.emit()

    def failed(self, phase: Phase, why: str, wall: float) -> None:
        """It cannot be had: `ABSENT`, `REFUSED` or `FAILED`, and why; what is known stays as it is, but for absence."""
        if phase is Phase.ABSENT:
            self._numbers.broke()
            self.clear()
        if phase is not self.phase and why != self.why and self.read_at is not None:
            self._say(wall, "stream", why, State.STALE)
        self.phase, self.why = phase, why
        self._tell()

    def took(
        self, head: Snapshot, members: Mapping[str, Member], asked_at: float, wall: float, cut_after: str | None = None
    ) -> None:
        """A snapshot came: the first page's facts, and the members of all; then what came in meanwhile counts."""
        again = self.phase is Phase.WANTED
        self._account(head, wall)
        self.epoch, self.seq = head.epoch, head.seq
        self.membership_behind = head.stale
        self.replace(head, members, cut_after)
        self.read_at = self.heard_at = asked_at
        self.snapshots += 1
        self.phase, self.why = Phase.FOLLOWED, ""
        self.members_changed.emit(None)
        self.touched.clear()
        self._catch_up()
        if again:
            self._want()
        self._tell()

    # Within

    def _want(self) -> None:
        self.phase = Phase.WANTED

    def _catch_up(self) -> None:
        """Apply what came since the snapshot was asked for. Of another epoch it is older than the snapshot where an
        event of ours follows it, and newer otherwise."""
        kept = list(self._kept)
        self._kept.clear()
        last_of_ours = max((index for index, event in enumerate(kept) if event.epoch == self.epoch), default=-1)
        for index, event in enumerate(kept):
            if event.epoch == self.epoch or index > last_of_ours:
                self._follow(event)
        promised, self._promised = self._promised, None
        if self.phase is Phase.FOLLOWED and promised is not None:
            epoch, last = promised
            if epoch != self.epoch or last > self.seq:
                self._want()  # at worst once too often: it was said before the snapshot was made

    def _promise(self, alive: Keepalive) -> None:
        last = alive.last.get(self.topology_id)
        if self.phase is not Phase.FOLLOWED:
            self._promised = alive.epoch, last or 0
            if self.phase is Phase.ABSENT and last is not None:
                self._want()  # it is there by now
        elif alive.epoch != self.epoch or (last is not None and last != self.seq):
            self._want()  # a lower number than ours: somebody else gave ours

    def _event(self, event: Event, wall: float) -> None:
        if self._numbers.came(event.epoch, event.seq):
            known = self.phase is Phase.FOLLOWED and event.epoch == self.epoch and event.seq == self.seq + 1
            self.events.append(told(event, self.members if known else None, wall))
            self.events_seen += 1
        self._follow(event)

    def _follow(self, event: Event) -> None:
        """Apply an event that is the next; keep it where the picture is, or turns out to be, behind."""
        if self.phase is Phase.FOLLOWED:
            if event.epoch == self.epoch and event.seq <= self.seq:
                return
            if event.epoch == self.epoch and event.seq == self.seq + 1:
                self.seq = event.seq
                self.apply(event)
                return
        if self.phase in (Phase.FOLLOWED, Phase.ABSENT):
            self._want()
        self._kept.append(event)

    def _account(self, head: Snapshot, wall: float) -> None:
        """What of the numbers up to the snapshot's never came, while it could have."""
        if self.denied is not None:
            self._numbers.forget()
            return
        if self.epoch and head.epoch != self.epoch:
            self._say(wall, "stream", "numbers began anew: read again", None)
        missing = self._numbers.given(head.epoch, head.seq, wall)
        if missing:
            verb = "events were" if missing > 1 else "event was"
            self._say(wall, "gap", f"{missing:,} {verb} lost here: read again", State.STALE)

    def _say(self, wall: float, family: str, words: str, state: State | None) -> None:
        self.events.append(Told(wall, None, family, words, state))
        self.events_seen += 1

    def _tell(self) -> None:
        touched, self.touched = self.touched, set()
        if touched:
            self.members_changed.emit(frozenset(touched))
        self.changed.emit()

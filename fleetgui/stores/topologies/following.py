"""One open topology: a snapshot, then every event that has the next number. Pure; what asks for snapshots is a feed.

The picture is true while it is `FOLLOWED`: each event applied had the number after the last. Whatever breaks that (a
number missing, another epoch, a keepalive that names a later one, a silence, a reconnect) makes it `WANTED`: the
picture stays as it was and says that it is unconfirmed, what comes meanwhile is kept, and another snapshot is due.
A number counts as lost once a snapshot of the same epoch shows that it was given, and it never came: so a forged
number, far ahead, costs a snapshot and no more.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, NamedTuple

from fleetgui.policy.freshness import GRACE_S, Limits, freshness, reading_limits
from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State, worst
from fleetgui.stores.ledger import Ledger
from fleetgui.stores.sequences import SEQUENCE_GAP, Sequence
from fleetgui.stores.sources import Sources
from fleetgui.stores.topologies.told import Member, Told, told
from fleetgui.wire.topology import (
    IN_FLIGHT,
    KEEPALIVE_S,
    MISSED_KEEPALIVES,
    Event,
    Keepalive,
    MembersEvent,
    Mutation,
    MutationEvent,
    ServiceEvent,
    Snapshot,
    StatusEvent,
)

KEPT: Final = 256
"""Events kept while a snapshot is on its way; beyond, the oldest go, and another snapshot follows."""
EVENTS_KEPT: Final = 500
FAILURES_KEPT: Final = 100
EPOCHS_COUNTED: Final = 4
READ_EVERY_S: Final = 15.0
"""How often the picture is read where its events may not be heard."""
LIMITS: Final = Limits(KEEPALIVE_S + GRACE_S, MISSED_KEEPALIVES * KEEPALIVE_S + GRACE_S)
FAMILY: Final = "topology"
OVERFLOW: Final = "intake overflow"


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


class Following:
    """`apply` what came, `reading` and then `took` or `failed` a snapshot. Signals after each.

    `read_at` is when the last snapshot was asked for and `heard_at` when the publisher was last heard (`Clock.now()`);
    `members` and `in_flight` are replaced or changed in place, and not to be changed by others.
    """

    def __init__(self, topology_id: str, sources: Sources, ledger: Ledger) -> None:
        self.changed = Signal[[]]()
        self.members_changed = Signal[[frozenset[str] | None]]()
        """The ids of members that came, left or look another way; None: any."""
        self.topology_id = topology_id
        self.phase = Phase.WANTED
        self.why = ""
        """A sentence: why it is refused or failed."""
        self.denied: str | None = None
        """Why its events cannot be heard; the picture is then one of its time."""
        self.status: str | None = None
        self.members: dict[str, Member] = {}
        self.online = 0
        self.in_flight: dict[str, Mutation] = {}
        self.failures: dict[str, Mutation] = {}
        """Mutations that were seen to fail, the latest last."""
        self.events: deque[Told] = deque(maxlen=EVENTS_KEPT)
        self.events_seen = 0
        self.lost = 0
        self.snapshots = 0
        self.cut_after: str | None = None
        """The last member read, where there are more than are held."""
        self.membership_behind = False
        """Whether the publisher itself cannot read the registry's list."""
        self.epoch = ""
        self.seq = -1
        self.read_at: float | None = None
        self.heard_at: float | None = None
        self._sources = sources
        self._ledger = ledger
        self._unbroken = False
        """Whether the subscription has stood since the last snapshot."""
        self._counts: OrderedDict[str, Sequence] = OrderedDict()
        self._accounted = -1
        """The number of this epoch up to which it is known what is lost, …"""
        self._lost_of_epoch = 0
        """… and how much that is."""
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._promised: tuple[str, int] | None = None
        """Epoch and number that a keepalive named while the picture was not followed."""
        self._touched: set[str] = set()

    # What can be asked

    @property
    def source(self) -> str:
        """Its name in ledger and sources."""
        return f"topology {self.topology_id}"

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

    def apply(self, batch: Iterable[Heard]) -> None:
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

    def dropped(self, wall: float) -> None:
        """Messages found no room here at epoch second `wall`. Events among them are missed by their numbers, and are
        counted then; here stands why."""
        self._ledger.lose(FAMILY, OVERFLOW, None, wall)

    def want(self, *, broken: bool = False) -> None:
        """Another snapshot is due; `broken`: the subscription did not stand in between."""
        self._unbroken = self._unbroken and not broken
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
            self._unbroken = False
            self._touched |= self.members.keys()
            self.status, self.members, self.in_flight, self.online = None, {}, {}, 0
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
        self.epoch, self.seq, self.status = head.epoch, head.seq, head.status
        self.membership_behind = head.stale
        self.members, self.cut_after = dict(members), cut_after
        self.online = sum(member.online for member in self.members.values())
        self.in_flight = {each.mutation_id: each for each in head.in_flight}
        for name in self.in_flight:
            self.failures.pop(name, None)
        self.read_at = self.heard_at = asked_at
        self.snapshots += 1
        self.phase, self.why = Phase.FOLLOWED, ""
        self.members_changed.emit(None)
        self._touched.clear()
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
        counts = self._counted(event.epoch)
        if counts.take(event.seq, live=False):
            if event.epoch == self.epoch and event.seq <= self._accounted:
                self._recover(counts)
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
                self._apply(event)
                return
        if self.phase in (Phase.FOLLOWED, Phase.ABSENT):
            self._want()
        self._kept.append(event)

    def _apply(self, event: Event) -> None:
        self.seq = event.seq
        match event:
            case StatusEvent():
                self.status = event.status
            case MembersEvent():
                for each in event.changed:
                    self._put(each.device_id, Member(each.online, each.services))
                for device_id in event.left:
                    self._put(device_id, None)
            case ServiceEvent() if (before := self.members.get(event.device_id)) is not None:
                self._put(event.device_id, Member(before.online, event.services))
            case MutationEvent():
                self._mutate(event.mutation)

    def _put(self, device_id: str, member: Member | None) -> None:
        before = self.members.get(device_id)
        if before is None and self.cut_after is not None and device_id > self.cut_after:
            return  # of more members than are held
        self.online += (member is not None and member.online) - (before is not None and before.online)
        if member is None:
            self.members.pop(device_id, None)
        else:
            self.members[device_id] = member
        self._touched.add(device_id)

    def _mutate(self, mutation: Mutation) -> None:
        name = mutation.mutation_id
        self.failures.pop(name, None)
        if mutation.state in IN_FLIGHT:
            self.in_flight[name] = mutation
            return
        self.in_flight.pop(name, None)
        if mutation.state == "failed":
            self.failures[name] = mutation
            if len(self.failures) > FAILURES_KEPT:
                del self.failures[next(iter(self.failures))]

    def _counted(self, epoch: str) -> Sequence:
        counts = self._counts.get(epoch)
        if counts is None:
            counts = self._counts[epoch] = Sequence()
            if len(self._counts) > EPOCHS_COUNTED:
                self._counts.popitem(last=False)
        return counts

    def _account(self, head: Snapshot, wall: float) -> None:
        """What of the numbers up to the snapshot's never came, while it could have."""
        counts = self._counted(head.epoch)
        self._counts.move_to_end(head.epoch)
        if head.epoch != self.epoch and self._unbroken:
            counts.reach(0)  # we heard this epoch from its first number on
            self._say(wall, "stream", "numbers began anew: read again", None)
        before = counts.lost
        counts.reach(head.seq)
        self._unbroken, self._accounted = True, head.seq
        self._lost_of_epoch = counts.lost
        missing = counts.lost - before
        if missing <= 0:
            return
        self.lost += missing
        self._ledger.lose(self.source, SEQUENCE_GAP, missing, wall)
        verb = "events were" if missing > 1 else "event was"
        self._say(wall, "gap", f"{missing:,} {verb} lost here: read again", State.STALE)

    def _recover(self, counts: Sequence) -> None:
        """An event came late that was counted as lost."""
        came = self._lost_of_epoch - counts.lost
        if came > 0:
            self._lost_of_epoch -= came
            self.lost -= came
            self._ledger.recover(self.source, SEQUENCE_GAP, came)

    def _say(self, wall: float, family: str, words: str, state: State | None) -> None:
        self.events.append(Told(wall, None, family, words, state))
        self.events_seen += 1

    def _tell(self) -> None:
        touched, self._touched = self._touched, set()
        if touched:
            self.members_changed.emit(frozenset(touched))
        self.changed.emit()

"""An open topology against a publisher's own state, whatever is lost, late, doubled or begun anew between them."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleetgui.backend.topology.picture import Picture
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.states import State
from fleetgui.stores.ledger import Ledger
from fleetgui.stores.sources import Sources
from fleetgui.stores.topologies.following import KEPT, LIMITS, Following, Heard, Phase
from fleetgui.stores.topologies.told import Member
from fleetgui.wire.times import rfc3339
from fleetgui.wire.topology import Event, Keepalive, Mutation, MutationState, Snapshot, UnknownEvent
from tests.backend.topology.reader import View, inside

HALL = "hall"


def view_of(following: Following) -> View:
    return View(
        following.status or "pending",
        {device_id: (member.online, member.services) for device_id, member in following.members.items()},
        {name: each.state for name, each in following.in_flight.items()},
    )


@dataclass
class Rig:
    """A publisher, what is on its way from it, and a console."""

    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.sources = Sources()
        self.ledger = Ledger()
        self.picture = Picture(self.clock)
        self.following = Following(HALL, self.sources, self.ledger)
        self.wire: deque[Event | Keepalive] = deque()
        self.asked: tuple[Snapshot, dict[str, Member]] | None = None
        self.gone: set[tuple[str, int]] = set()
        self.came: set[tuple[str, int]] = set()
        self.floors: dict[str, int] = {}
        self.accounted: dict[str, int] = {}
        self.unbroken = False

    # The publisher

    def place(self, device: str, site: str | None = HALL, *, online: bool = True) -> None:
        self.picture.place(device, site, online=online)

    def tell(self) -> None:
        epoch = self.picture.sites.epoch
        self.wire.extend(event for event in self.picture.settle() if event.topology_id == HALL)
        if self.picture.sites.epoch != epoch:
            self.say()

    def renew(self) -> None:
        self.picture.renew()
        self.say()

    def say(self) -> None:
        sites = self.picture.sites
        last = sites.last_seqs(self.clock.now() - 60)
        self.wire.append(Keepalive(epoch=sites.epoch, ts=rfc3339(self.clock.wall()), last=last))

    # The way

    def deliver(self, count: int = 1_000_000) -> None:
        batch = [self.wire.popleft() for _ in range(min(count, len(self.wire)))]
        self.came |= {(each.epoch, each.seq) for each in batch if not isinstance(each, Keepalive)}
        self.following.hear([Heard(each, self.clock.now(), self.clock.wall()) for each in batch])

    def lose(self, count: int) -> None:
        for _ in range(min(count, len(self.wire))):
            each = self.wire.popleft()
            if not isinstance(each, Keepalive):
                self.gone.add((each.epoch, each.seq))

    # Snapshots

    def ask(self) -> None:
        if not self.following.wants_snapshot or self.asked is not None:
            return
        self.tell()
        self.following.reading()
        topology = self.picture.sites.get(HALL)
        if topology is None:
            self.following.failed(Phase.ABSENT, "there is none", self.clock.wall())
            self.unbroken = False  # numbers go on from where other topologies came to
            return
        head = Snapshot(
            topology_id=HALL,
            status=topology.status,
            epoch=self.picture.sites.epoch,
            seq=topology.seq,
            members=(),
            in_flight=tuple(topology.mutations()),
        )
        self.asked = head, {each: Member(member.online, member.services) for each, member in topology.members.items()}

    def answer(self, *, later_pages: bool = False) -> None:
        """The reply comes in; with `later_pages`, members from the middle of the alphabet on are as they are by now."""
        if self.asked is None:
            return
        (head, members), self.asked = self.asked, None
        if later_pages:
            self.tell()
            topology = self.picture.sites.get(HALL)
            if topology is None or head.epoch != self.picture.sites.epoch:
                self.following.want()  # somebody else answers the second page
                return
            now = {each: Member(member.online, member.services) for each, member in topology.members.items()}
            members = {each: member for each, member in members.items() if each < "cam-4"}
            members |= {each: member for each, member in now.items() if each >= "cam-4"}
        self.floors.setdefault(head.epoch, 0 if self.unbroken else head.seq)
        self.unbroken = True
        self.accounted[head.epoch] = max(head.seq, self.accounted.get(head.epoch, 0))
        self.following.took(head, members, self.clock.now(), self.clock.wall())

    def settle(self) -> None:
        """Nothing goes wrong any more: until nothing is on its way, nothing wanted, and the publisher was heard."""
        for _ in range(6):
            self.tell()
            self.say()
            self.deliver()
            self.ask()
            self.answer()

    @property
    def lost(self) -> int:
        """Numbers that were given while the console was there, up to its last snapshot, and never came."""
        return sum(
            self.floors[epoch] < seq <= self.accounted[epoch]
            for epoch, seq in self.gone - self.came
            if epoch in self.accounted
        )


Step = st.one_of(
    st.tuples(st.sampled_from(["place", "offline", "leave", "serve", "mutate", "fail"]), st.integers(0, 7)),
    st.tuples(st.sampled_from(["tell", "deliver", "lose"]), st.integers(1, 5)),
    st.tuples(st.sampled_from(["ask", "answer", "say", "renew", "double", "unknown"]), st.just(0)),
)


def act(rig: Rig, step: str, number: int, *, later_pages: bool) -> None:
    device, sites = f"cam-{number}", rig.picture.sites
    match step:
        case "place" | "offline":
            rig.place(device, online=step == "place")
        case "leave":
            rig.place(device, "yard")
        case "serve":
            sites.set_services(device, ("web",) if number % 2 else ())
        case "mutate" | "fail":
            state: MutationState = "failed" if step == "fail" else "applying"
            sites.set_mutation(HALL, Mutation(mutation_id=f"web.{number}", kind="deployment", state=state))
        case "tell":
            rig.tell()
        case "deliver":
            rig.deliver(number)
        case "lose":
            rig.lose(number)
        case "ask":
            rig.ask()
        case "answer":
            rig.answer(later_pages=later_pages)
        case "say":
            rig.say()
        case "renew":
            rig.renew()
        case "double" if rig.wire and not isinstance(rig.wire[0], Keepalive):
            rig.wire.appendleft(rig.wire[0])


@settings(max_examples=400, deadline=None)
@example(steps=[("ask", 0), ("leave", 0), ("renew", 0), ("place", 0)], later_pages=False)
@given(steps=st.lists(Step, max_size=60), later_pages=st.booleans())
def test_after_any_faults_the_picture_is_the_publishers_and_what_was_lost_is_counted_exactly(
    steps: list[tuple[str, int]], later_pages: bool
) -> None:
    rig = Rig()
    rig.place("cam-0")
    rig.tell()
    for step, number in steps:
        act(rig, step, number, later_pages=later_pages)
        following = rig.following
        assert following.online == sum(member.online for member in following.members.values())
    rig.settle()
    assert rig.following.phase is (Phase.ABSENT if rig.picture.sites.get(HALL) is None else Phase.FOLLOWED)
    assert view_of(rig.following) == inside(rig.picture, HALL)
    assert rig.following.lost == rig.lost == rig.ledger.count("topology hall", "sequence gap")


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(Step, max_size=60))
def test_what_is_followed_is_never_wrong_as_of_its_number(steps: list[tuple[str, int]]) -> None:
    """A second console, to which nothing happens, has at each number the picture that the first one may have then."""
    rig, calm = Rig(), Following(HALL, Sources(), Ledger())
    rig.place("cam-0")
    rig.tell()
    rig.wire.clear()
    true: dict[tuple[str, int], View] = {}
    passed = 0
    for step, number in steps:
        waiting = len(rig.wire)
        act(rig, step, number, later_pages=False)
        for event in list(rig.wire)[waiting:] if step in ("tell", "ask", "answer", "renew") else ():
            calm.hear([Heard(event, rig.clock.now(), rig.clock.wall())])
            true[calm.epoch, calm.seq] = view_of(calm)
        if calm.wants_snapshot:
            topology = rig.picture.sites.get(HALL)
            if topology is not None and not topology.untold:
                rig.tell()
        if step == "ask" and rig.asked is not None:
            head, members = rig.asked
            calm.took(head, members, rig.clock.now(), rig.clock.wall())
            true[calm.epoch, calm.seq] = view_of(calm)
        following = rig.following
        if following.phase is Phase.FOLLOWED and (following.epoch, following.seq) in true:
            passed += 1
            assert view_of(following) == true[following.epoch, following.seq]


def followed(*devices: str) -> Rig:
    rig = Rig()
    for device in devices:
        rig.place(device)
    rig.settle()
    assert rig.following.phase is Phase.FOLLOWED
    return rig


def test_until_it_was_read_nothing_is_known() -> None:
    rig = Rig()
    assert rig.following.state(rig.clock.now()) is State.UNKNOWN


def test_silence_is_not_health_and_what_comes_after_it_is_not_believed_without_a_snapshot() -> None:
    rig = followed("cam-1")
    following = rig.following
    assert following.state(rig.clock.now()) is State.LIVE
    rig.clock.advance(LIMITS.late + 0.1)
    assert following.state(rig.clock.now()) is State.LATE
    rig.clock.advance(LIMITS.stale - LIMITS.late)
    assert following.state(rig.clock.now()) is State.STALE
    rig.place("cam-2")
    rig.tell()
    rig.lose(100)
    rig.clock.advance(60)  # by now no keepalive names what was told before
    rig.say()
    rig.deliver()
    assert following.phase is Phase.WANTED
    rig.settle()
    assert set(following.members) == {"cam-1", "cam-2"}
    assert following.state(rig.clock.now()) is State.LIVE


def test_keepalives_alone_keep_it_live() -> None:
    rig = followed("cam-1")
    for _ in range(10):
        rig.clock.advance(15)
        rig.say()
        rig.deliver()
    assert rig.following.state(rig.clock.now()) is State.LIVE
    assert rig.following.snapshots == 1


def test_after_a_reconnect_it_is_unconfirmed_until_it_was_read_again() -> None:
    rig = followed("cam-1")
    rig.clock.advance(5)
    rig.sources.link_came_up(rig.clock.now())
    rig.following.want(broken=True)
    assert rig.following.state(rig.clock.now()) is State.UNCONFIRMED
    assert set(rig.following.members) == {"cam-1"}, "it is shown all the same"
    rig.clock.advance(1)
    rig.settle()
    assert rig.following.state(rig.clock.now()) is State.LIVE


def test_what_a_reconnect_missed_is_counted_where_the_publisher_stayed_the_same() -> None:
    rig = followed("cam-1")
    for number in range(4):
        rig.place(f"door-{number}")
        rig.tell()
    rig.lose(100)
    rig.following.want(broken=True)
    rig.settle()
    assert rig.following.lost == len(rig.gone) > 0


def test_a_lost_tail_is_noticed_by_the_keepalive() -> None:
    rig = followed("cam-1")
    rig.place("cam-2")
    rig.tell()
    rig.lose(100)
    rig.say()
    rig.deliver()
    assert rig.following.phase is Phase.WANTED
    rig.settle()
    assert rig.following.lost == len(rig.gone)
    assert [each.family for each in rig.following.events if each.seq is None] == ["gap"]


def hear_unknown(rig: Rig, method: str, seq: int, **params: object) -> None:
    """An event of a family that nobody knows, in the publisher's name."""
    following, wall = rig.following, rig.clock.wall()
    event = UnknownEvent(
        topology_id=HALL, epoch=following.epoch, seq=seq, ts=rfc3339(wall), method=method, params=params
    )
    following.hear([Heard(event, rig.clock.now(), wall)])


def test_a_keepalive_that_names_less_than_we_have_shows_that_somebody_else_gave_ours() -> None:
    rig = followed("cam-1")
    following = rig.following
    hear_unknown(rig, "topology/nonsense", following.seq + 1)
    rig.say()
    rig.deliver()
    assert following.phase is Phase.WANTED
    rig.settle()
    assert view_of(following) == inside(rig.picture, HALL)


def test_a_forged_number_far_ahead_costs_one_snapshot_and_is_no_loss() -> None:
    rig = followed("cam-1")
    following, before = rig.following, rig.following.snapshots
    hear_unknown(rig, "x", 10**15)
    rig.ask()
    rig.answer()
    rig.settle()
    assert following.lost == rig.ledger.total == 0
    assert following.snapshots - before <= 3
    assert view_of(following) == inside(rig.picture, HALL)


def test_an_unknown_family_is_shown_under_its_own_name_and_has_its_number() -> None:
    rig = followed("cam-1")
    following = rig.following
    hear_unknown(rig, "topology/weather", following.seq + 1, topology_id=HALL, rain=True)
    assert following.phase is Phase.FOLLOWED
    assert (following.events[-1].family, following.events[-1].words) == ("topology/weather", '{"rain":true}')


def test_more_than_is_kept_while_a_snapshot_is_on_its_way_asks_for_another() -> None:
    rig = followed("cam-1")
    rig.following.want()
    rig.ask()
    for number in range(KEPT + 50):
        rig.place(f"door-{number:04}")
        rig.tell()
    rig.deliver()
    rig.answer()
    assert rig.following.phase is Phase.WANTED
    rig.settle()
    assert view_of(rig.following) == inside(rig.picture, HALL)
    assert rig.following.lost == 0, "they came; they were only not applied"


def test_of_more_members_than_are_held_those_held_stay_true() -> None:
    rig = followed("cam-1", "cam-2")
    following = rig.following
    topology = rig.picture.sites.get(HALL)
    assert topology is not None
    head = Snapshot(
        topology_id=HALL, status="active", epoch=following.epoch, seq=following.seq, members=(), in_flight=()
    )
    following.took(head, {"cam-1": Member(True)}, rig.clock.now(), rig.clock.wall(), "cam-1")
    for device in ("cam-0", "cam-9"):
        rig.place(device)
    rig.place("cam-1", online=False)
    rig.tell()
    rig.deliver()
    assert following.members == {"cam-0": Member(True), "cam-1": Member(False)}


@pytest.mark.parametrize("seed", range(20))
def test_words_of_who_came_left_and_went_offline(seed: int) -> None:
    """Each member that an event tells of is told of in its line, unless there are too many to name."""
    chance = random.Random(seed)
    rig = followed(*(f"cam-{number}" for number in range(6)))
    concerned = chance.sample(range(6), 2)
    for number in concerned:
        if chance.random() < 0.5:
            rig.place(f"cam-{number}", None)
        else:
            rig.place(f"cam-{number}", online=False)
    rig.tell()
    rig.deliver()
    [line] = [each for each in list(rig.following.events)[-2:] if each.family == "members"]
    for number in concerned:
        verb = "went offline" if f"cam-{number}" in rig.following.members else "left"
        assert f"cam-{number}" in line.words
        assert verb in line.words

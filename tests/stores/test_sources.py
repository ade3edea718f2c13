"""Sources under the link: none is better than it, silence is noticed in time, and after a suspend everything is old."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from fleetgui.policy.clock import ManualClock
from fleetgui.policy.freshness import GRACE_S, gateway_limits, link_limits, reading_limits
from fleetgui.policy.states import LinkPhase, LinkState, State, worst
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.presence import Beat
from fleetgui.stores.sources import CAPACITY, HEARTBEATS, LINK, REGISTRY, REGISTRY_INTERVAL_S, Sources
from fleetgui.wire.gateway import KEEPALIVE_S

PING_S = 5.0
EVERY = 10.0
E = 0.001


@dataclass
class Console:
    """Stores of a console whose broker is heard at `heard_at`."""

    state: ConsoleState = field(default_factory=ConsoleState)
    clock: ManualClock = field(default_factory=ManualClock)
    heard_at: float = 0.0

    def __post_init__(self) -> None:
        self.up()
        self.hear()
        self.state.sources.hear_broker(lambda: self.heard_at, link_limits(PING_S))

    @property
    def sources(self) -> Sources:
        return self.state.sources

    def hear(self) -> None:
        self.heard_at = self.clock.now()

    def up(self) -> None:
        self.state.link.set_state(LinkState(LinkPhase.UP, self.clock.now(), self.clock.wall()))
        self.sources.link_came_up(self.clock.now())

    def down(self, phase: LinkPhase = LinkPhase.RECONNECTING) -> None:
        self.state.link.set_state(replace(self.state.link.state, phase=phase, since=self.clock.now()))

    def is_in(self, name: str) -> State:
        return self.sources.state(name, self.clock.now())


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.mark.parametrize(
    ("silent_for", "state"),
    [
        (0.0, State.LIVE),
        (2 * PING_S + GRACE_S, State.LIVE),
        (2 * PING_S + GRACE_S + E, State.LATE),
        (3 * PING_S + GRACE_S + E, State.STALE),
    ],
)
def test_a_broker_that_says_nothing_takes_everything_along(console: Console, silent_for: float, state: State) -> None:
    source = console.sources.declare("bucket b", reading_limits(1_000.0))
    source.heard(console.clock.now())
    console.clock.advance(silent_for)
    assert console.is_in(LINK) is state
    assert source.state(console.clock.now()) is state


def test_the_grace_leaves_room_for_noticing_within_the_second() -> None:
    assert GRACE_S <= 0.5


@pytest.mark.parametrize("phase", [phase for phase in LinkPhase if phase is not LinkPhase.UP])
def test_without_a_link_nothing_is_better_than_stale(console: Console, phase: LinkPhase) -> None:
    source = console.sources.declare("bucket b", reading_limits(EVERY))
    never = console.sources.declare("bucket c", reading_limits(EVERY))
    source.heard(console.clock.now())
    console.down(phase)
    assert source.state(console.clock.now()) is State.STALE
    assert never.state(console.clock.now()) is State.UNKNOWN, "unknown is louder than stale"


def test_after_a_reconnect_a_source_waits_to_be_heard_again(console: Console) -> None:
    source = console.sources.declare("bucket b", reading_limits(EVERY))
    source.heard(console.clock.now())
    console.clock.advance(1)
    console.up()
    assert source.state(console.clock.now()) is State.UNCONFIRMED
    source.heard(console.clock.now())
    assert source.state(console.clock.now()) is State.LIVE


def test_a_suspend_makes_everything_stale_at_once_and_a_changed_wall_clock_nothing(console: Console) -> None:
    clock, state = console.clock, console.state
    state.roster.page_read(0, [], next_offset=None, total=0, read_at=clock.now())
    state.presence.apply_beats([Beat("cam", b'{"device_id":"cam"}', clock.now())])
    state.lag.heard("gw", clock.now())
    names = [LINK, REGISTRY, HEARTBEATS, "gateway gw"]
    for change_s in (86_400.0, -2 * 86_400.0):
        clock.epoch += change_s
        assert [console.is_in(name) for name in names] == [State.LIVE] * 4
        assert state.presence.state("cam", clock.now()) is State.ONLINE
    clock.suspend(3_600)
    assert [console.is_in(name) for name in names] == [State.STALE] * 4
    assert state.presence.state("cam", clock.now()) is State.STALE


def test_a_gateways_limits_follow_its_window(console: Console) -> None:
    node = console.state.lag.node("gw")
    console.state.lag.heard("gw", console.clock.now())
    node.has_windows_of(0.1)
    console.clock.advance(0.2 + GRACE_S + E)
    assert console.is_in("gateway gw") is State.LATE
    node.has_windows_of(60.0)
    assert console.is_in("gateway gw") is State.LIVE
    assert gateway_limits(60.0).stale > gateway_limits(60.0).late > 2 * KEEPALIVE_S


def test_offline_and_registered_leave_live_with_the_registry(console: Console) -> None:
    roster, clock = console.state.roster, console.clock
    roster.page_read(0, [], next_offset=None, total=0, read_at=clock.now())
    assert console.is_in(REGISTRY) is State.LIVE
    clock.advance(REGISTRY_INTERVAL_S + GRACE_S + E)
    console.hear()
    assert console.is_in(REGISTRY) is State.LATE


def test_changes_are_kept_once_each_and_told(console: Console) -> None:
    told: list[tuple[str, State]] = []
    console.sources.changed.connect(lambda change: told.append((change.source, change.state)))
    source = console.sources.declare("bucket b", reading_limits(EVERY))
    console.sources.look(console.clock.now())
    assert ("bucket b", State.UNKNOWN) in told
    source.heard(console.clock.now())
    del told[:]
    console.sources.look(console.clock.now())
    console.sources.look(console.clock.now())
    assert told == [("bucket b", State.LIVE)]
    for _ in range(3):
        console.clock.advance(EVERY + GRACE_S + E)
        console.hear()
        console.sources.look(console.clock.now())
    assert told == [("bucket b", State.LIVE), ("bucket b", State.LATE), ("bucket b", State.STALE)]
    assert [change.state for change in console.sources.log if change.source == "bucket b"] == [
        State.UNKNOWN,
        State.LIVE,
        State.LATE,
        State.STALE,
    ]


def test_the_log_is_bounded_and_counts_on(console: Console) -> None:
    states = [State.LIVE, State.LATE]
    console.sources.watch("flapping", lambda now: states[int(now) % 2])
    for _ in range(CAPACITY + 50):
        console.clock.advance(1)
        console.hear()
        console.sources.look(console.clock.now())
    assert len(console.sources.log) == CAPACITY
    assert console.sources.changes > CAPACITY


def test_declaring_twice_is_the_same_source_and_what_nobody_declared_is_unknown(console: Console) -> None:
    source = console.sources.declare("bucket b", reading_limits(EVERY))
    assert console.sources.declare("bucket b", reading_limits(1.0)) is source
    assert console.is_in("nobody") is State.UNKNOWN
    console.sources.forget("bucket b")
    assert console.is_in("bucket b") is State.UNKNOWN


def test_older_evidence_changes_nothing(console: Console) -> None:
    source = console.sources.declare("bucket b", reading_limits(EVERY))
    source.heard(20.0)
    source.heard(10.0)
    assert source.heard_at == 20.0


def test_the_worst_of_several() -> None:
    assert worst() is State.UNKNOWN
    assert worst(State.LIVE, State.UNCONFIRMED, State.LATE) is State.UNCONFIRMED


# Heartbeats as a whole


def beat(console: Console, *ids: str) -> None:
    console.state.presence.apply_beats(
        Beat(each, b'{"device_id":"%b"}' % each.encode(), console.clock.now()) for each in ids
    )


def test_heartbeats_are_late_when_nobody_beats_as_often_as_the_most_eager(console: Console) -> None:
    console.state.presence.listed([("quick", 15.0), ("slow", 300.0)], console.clock.now())
    beat(console, "quick", "slow")
    console.clock.advance(5 + GRACE_S)
    assert console.is_in(HEARTBEATS) is State.LIVE
    console.clock.advance(E)
    assert console.is_in(HEARTBEATS) is State.LATE
    console.clock.advance(15)
    console.hear()
    assert console.is_in(HEARTBEATS) is State.LIVE, "the quick one left the count; the slow one need not beat yet"
    assert console.state.presence.online_count(console.clock.now()) == 1


def test_a_fleet_that_fell_silent_is_no_live_zero(console: Console) -> None:
    console.state.presence.listed([("a", 15.0)], console.clock.now())
    beat(console, "a")
    console.clock.advance(16)
    console.hear()
    assert console.state.presence.online_count(console.clock.now()) == 0
    assert console.is_in(HEARTBEATS) is State.STALE


# Clocks of publishers


@pytest.mark.parametrize(("off_s", "skewed"), [(3_600.0, True), (-3_600.0, True), (5.0, False), (0.0, False)])
def test_a_publishers_clock_is_compared_and_never_makes_anything_fresh(
    console: Console, off_s: float, skewed: bool
) -> None:
    presence, clock, lag = console.state.presence, console.clock, console.state.lag
    data = b'{"device_id":"cam","ts":%f}' % (clock.wall() + off_s)
    presence.apply_beats([Beat("cam", data, clock.now())], epoch=clock.wall() - clock.now())
    lag.heard("gw", clock.now(), skew_s=off_s)
    assert presence.skew("cam") == pytest.approx(off_s, abs=0.01)
    assert lag.nodes["gw"].is_skewed is skewed
    clock.advance(61)
    console.hear()
    assert presence.state("cam", clock.now()) is State.STALE
    assert console.is_in("gateway gw") is State.STALE

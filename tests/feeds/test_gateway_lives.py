"""What a gateway's figures do not tell once they are green again is in the journal: a restart, a silence."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetgui.feeds.gateway_lives import EPOCHS, GatewayLives
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.states import LinkPhase, LinkState, State
from fleetgui.stores.console import ConsoleState


@dataclass
class Watched:
    state: ConsoleState = field(default_factory=ConsoleState)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.state.link.set_state(LinkState(LinkPhase.UP, 0.0, 0.0))
        self.lives = GatewayLives(self.state, self.clock)

    def hears(self, node: str, epoch: str) -> None:
        self.state.lag.heard(node, self.clock.now())
        self.lives.heard(node, epoch)
        self.look()

    def look(self) -> None:
        self.state.sources.look(self.clock.now())

    @property
    def lines(self) -> list[tuple[State, str, str]]:
        return [(entry.state, entry.source, entry.text) for entry in self.state.journal.entries]


def test_a_gateway_that_was_started_again_is_a_line_though_its_figures_are_green() -> None:
    here = Watched()
    here.hears("gw-1", "first")
    here.hears("gw-1", "first")
    assert here.lines == []
    here.hears("gw-1", "second")
    here.hears("gw-1", "first")  # held back on the way
    here.hears("gw-1", "second")
    assert here.lines == [(State.LATE, "gateway gw-1", "restarted: a new process, which begins with nobody held back")]


def test_two_that_share_a_name_do_not_fill_the_journal() -> None:
    here = Watched()
    for _ in range(50):
        for epoch in range(EPOCHS):
            here.hears("gw-1", str(epoch))
    assert len(here.lines) == EPOCHS - 1


def test_a_silence_is_a_line_once_it_is_stale_and_another_one_when_it_is_over() -> None:
    here = Watched()
    here.hears("gw-1", "e")
    for _ in range(40):
        here.clock.advance(1)
        here.look()
    here.hears("gw-1", "e")
    assert here.lines == [
        (State.STALE, "gateway gw-1", "not heard for 31 s"),
        (State.LIVE, "gateway gw-1", "heard again after 40 s"),
    ]


def test_a_silence_without_a_broker_is_not_the_gateways() -> None:
    here = Watched()
    here.hears("gw-1", "e")
    here.state.link.set_state(LinkState(LinkPhase.RECONNECTING, here.clock.now(), here.clock.wall()))
    for _ in range(40):
        here.clock.advance(1)
        here.look()
    assert here.lines == []

"""What the overview says in words, where a picture of it would not tell."""

from __future__ import annotations

from fleetgui.policy.clock import ManualClock
from fleetgui.policy.forecast import Forecast
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.storm import Storm
from fleetgui.widgets.overview.words import storm_sentence


def test_one_that_waits_beside_one_that_does_not_is_one() -> None:
    state, clock = ConsoleState(), ManualClock()
    state.link.set_state(LinkState(LinkPhase.UP, 0.0, 0.0))
    state.lag.heard("gw-1", clock.now())
    wall = clock.wall()

    def told(waiting: int) -> str:
        forecast = Forecast(waiting, 1, wall + 5, wall + 9)
        return storm_sentence(state, Storm(waiting + 1, wall + 4, wall + 8, forecast), now=clock.now(), wall=wall)[0]

    assert " One is let in between " in told(1)
    assert " 2 are let in between " in told(2)


def test_under_what_history_drew_it_is_said_which_right_to_hear_more_is_missing() -> None:
    state, clock = ConsoleState(), ManualClock()
    state.link.set_state(LinkState(LinkPhase.UP, 0.0, 0.0))
    state.lag.node("gw-1")
    state.lag.set_denied("This user may not subscribe to gateway.>; ask for that permission.")
    said, token = storm_sentence(state, Storm(0, None, None, None), now=clock.now(), wall=clock.wall())
    assert said.endswith("This user may not subscribe to gateway.>; ask for that permission.")
    assert token == "unknown"

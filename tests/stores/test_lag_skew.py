"""Whose clock is wrong: a gateway that was not heard for a while, because this console stood still, is not."""

from __future__ import annotations

from fleetgui.policy import formats
from fleetgui.policy.clock import ManualClock
from fleetgui.stores.lag import LagStore, Node
from fleetgui.stores.ledger import Ledger


class Heard:
    """One gateway's messages, a second apart; `off` seconds is how far its clock is ahead of this machine's."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = LagStore(Ledger())
        self.off = 0.0

    def comes(self, late: float = 0.0) -> Node:
        published = self.clock.wall() + self.off - late
        self.store.heard("gw-1", self.clock.now(), published=published, skew_s=published - self.clock.wall())
        return self.store.nodes["gw-1"]


def test_what_waited_while_the_console_stood_still_accuses_no_clock() -> None:
    here = Heard()
    for _ in range(5):
        here.clock.advance(1)
        here.comes()
    here.clock.advance(20)
    skewed = [here.comes(late=late).is_skewed for late in range(19, -1, -1)]
    assert not any(skewed)


def test_a_clock_that_was_set_back_is_said_to_be_wrong_with_its_second_message() -> None:
    here = Heard()
    here.clock.advance(1)
    here.comes()
    here.off = -30.0
    skewed = []
    for _ in range(3):
        here.clock.advance(1)
        skewed.append(here.comes().is_skewed)
    assert skewed == [False, True, True]


def test_a_clock_that_is_wrong_from_the_start_is_said_at_once() -> None:
    here = Heard()
    here.off = 3_600.0
    assert here.comes().is_skewed


def test_the_words_for_it() -> None:
    assert formats.skew_from_ours(-19.0) == "19 s behind this machine's"
    assert formats.skew_from_ours(3_600.0) == "60 min ahead of this machine's"

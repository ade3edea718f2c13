"""The enum of states: no two that look alike without colour, and a state for every phase of the link."""

from __future__ import annotations

import itertools

import pytest

from fleetgui.policy.band import Band
from fleetgui.policy.states import BANDS, LinkPhase, LinkState, State


def test_every_state_has_a_word_of_its_own_and_a_glyph_of_one_character() -> None:
    words = [state.word for state in State]
    assert len(words) == len(set(words))
    assert all(len(state.glyph) == 1 for state in State)
    assert all(state.label == f"{state.glyph} {state.word}" for state in State)


def test_states_that_share_a_colour_differ_in_shape_or_mean_the_same() -> None:
    well = (State.LIVE, State.ONLINE, State.RUNNING)
    same = {frozenset(pair) for pair in itertools.combinations(well, 2)}
    for one, other in itertools.combinations(State, 2):
        if one.token == other.token and frozenset({one, other}) not in same:
            assert one.glyph != other.glyph, f"{one} and {other} look alike"


def test_every_band_has_a_state() -> None:
    assert set(BANDS) == {band.value for band in Band}


@pytest.mark.parametrize("phase", LinkPhase)
def test_only_a_link_that_is_up_is_live(phase: LinkPhase) -> None:
    assert (LinkState(phase, 0.0, 0.0).state is State.LIVE) == (phase is LinkPhase.UP)

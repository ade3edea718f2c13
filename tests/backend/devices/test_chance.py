"""Chance is a function of its key, evenly spread, and the same for one device as for a million at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.backend.devices.chance import choose, draw, draws

KEYS = st.lists(st.integers(-(2**63), 2**64 - 1) | st.text(max_size=12), max_size=4)


@given(KEYS, st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20), KEYS)
def test_arrays_and_integers_draw_the_same_to_the_last_bit(
    before: list[int | str], indices: list[int], after: list[int | str]
) -> None:
    at_once = draws(*before, np.array(indices, dtype=np.uint64), *after)
    assert at_once.tolist() == [draw(*before, index, *after) for index in indices]


def test_draws_stay_the_same_on_every_machine_and_version() -> None:
    assert [draw(1, 0, "site"), draw(1, 1, "site"), draw("demo")] == [
        0.22307123730139866,
        0.2683358895038047,
        0.6689848158309669,
    ]


@given(KEYS)
def test_a_draw_is_below_one_and_a_choice_within_its_options(key: list[int | str]) -> None:
    assert 0 <= draw(*key) < 1
    assert choose("abc", *key) in "abc"


@pytest.mark.parametrize("seed", [0, 1, 2**63])
def test_neighbours_have_nothing_to_do_with_each_other(seed: int) -> None:
    drawn = draws(seed, np.arange(100_000, dtype=np.uint64), "site")
    assert len(np.unique(drawn)) == len(drawn)
    assert abs(float(np.corrcoef(drawn[:-1], drawn[1:])[0, 1])) < 0.02
    counts, _ = np.histogram(drawn, bins=40, range=(0, 1))
    assert 2_250 < counts.min() <= counts.max() < 2_750
    other = draws(seed, np.arange(100_000, dtype=np.uint64), "area")
    assert abs(float(np.corrcoef(drawn, other)[0, 1])) < 0.02


def test_the_order_and_the_kind_of_a_keys_parts_matter() -> None:
    assert len({draw(1, 2), draw(2, 1), draw("1", "2"), draw((1, 2)), draw(1, 2, 0)}) == 5

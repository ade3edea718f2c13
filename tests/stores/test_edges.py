"""Edges and counts by the minute: nothing is lost from the axis, however many there are, until a week has gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetgui.stores.edges import Edges
from fleetgui.stores.minutes import MinuteCounts

START = 1_795_219_200.0

Steps = st.lists(st.lists(st.tuples(st.floats(0, 50), st.booleans()), max_size=30), max_size=12)


@given(steps=Steps, capacity=st.integers(1, 20))
def test_every_edge_is_counted_whatever_there_is_room_for(steps: list[list[tuple[float, bool]]], capacity: int) -> None:
    edges = Edges(capacity)
    at, told = START, [0, 0]
    for step in steps:
        batch = []
        for later, online in step:
            at += later
            told[online] += 1
            batch.append((at, online))
        edges.apply(batch)
    assert edges.total == sum(told)
    assert edges.counts(START - 60, at + 60) == tuple(told)


def test_the_newest_are_kept_to_the_moment() -> None:
    edges = Edges(10)
    edges.apply([(START + second, second % 2 == 0) for second in range(1_000)])
    assert edges.counts(START + 995, START + 998) == (2, 1)
    assert edges.counts(START + 60, START + 119) == (30, 30)
    assert len(edges.between(START, START + 2_000).at) < 2 * 17 + 20


def test_a_clock_that_was_set_back_puts_nothing_out_of_order() -> None:
    edges = Edges()
    edges.apply([(START, True), (START - 3_600, False)])
    assert edges.between(START, START + 1).at.tolist() == [START, START]


def test_more_at_once_than_there_is_room_for() -> None:
    edges = Edges(10)
    edges.apply([(START + second / 10, True) for second in range(500)])
    assert edges.counts(START, START + 60) == (0, 500)


def test_the_oldest_minutes_go_and_are_counted() -> None:
    counts = MinuteCounts(2, capacity=3)
    counts.add((START + 60 * minute, minute % 2, 5) for minute in range(5))
    starts, table = counts.between(START, START + 600)
    assert starts.tolist() == [START + 120, START + 180, START + 240]
    assert table.tolist() == [[5, 0], [0, 5], [5, 0]]
    assert counts.dropped == 10
    assert counts.between(START + 179, START + 180)[0].tolist() == [START + 120]

"""Numbered streams: received + lost = published, exactly, in whatever order live, history and keepalives come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetgui.stores.ledger import Ledger
from fleetgui.stores.sequences import MOST_RANGES, MOST_STREAMS, Sequence, Sequences

GAP = ("gateway gw-1", "sequence gap")


@given(
    published=st.integers(1, 40),
    dropped=st.sets(st.integers(1, 40)),
    kept=st.sets(st.integers(1, 40)),
    joined=st.integers(1, 40),
    keepalives=st.sets(st.integers(1, 40)),
    order=st.randoms(use_true_random=False),
)
def test_what_neither_came_nor_stands_in_history_is_lost(
    published: int, dropped: set[int], kept: set[int], joined: int, keepalives: set[int], order: object
) -> None:
    """Live messages and keepalives come in order; history in any order, at any time between them."""
    live: list[tuple[str, int]] = []
    for seq in range(joined, published + 1):
        if seq not in dropped:
            live.append(("live", seq))
        if seq in keepalives:
            live.append(("alive", seq))
    history = [("history", seq) for seq in kept if seq <= published]
    merged = list(live)
    for item in history:
        merged.insert(order.randint(0, len(merged)), item)  # type: ignore[attr-defined]  # Hypothesis' own Random
    stream, new = Sequence(), 0
    for kind, seq in merged:
        if kind == "alive":
            stream.reach(seq)
        else:
            new += stream.take(seq, live=kind == "live")
    came = {seq for kind, seq in merged if kind != "alive"}
    assert new == len(came)
    if not live:
        assert stream.lost == 0
        return
    first = live[0][1] + (live[0][0] == "alive")
    last = max(seq for _, seq in live)
    assert stream.lost == len([seq for seq in range(first, last + 1) if seq not in came])


def test_what_comes_twice_is_known_however_long_ago_it_came() -> None:
    stream = Sequence()
    assert all(stream.take(seq, live=True) for seq in range(100_000))
    assert not stream.take(5, live=False)
    assert stream.lost == 0


def test_a_stream_full_of_holes_is_bounded_and_loses_no_loss() -> None:
    stream = Sequence()
    for seq in range(0, 10 * MOST_RANGES, 2):
        stream.take(seq, live=True)
    assert len(stream._starts) == MOST_RANGES
    assert stream.lost == 5 * MOST_RANGES - 1
    assert not stream.take(1, live=False), "a hole that was written off stays one"
    assert stream.lost == 5 * MOST_RANGES - 1


def test_the_ledger_follows_down_as_well_as_up() -> None:
    ledger = Ledger()
    streams = Sequences(ledger)
    streams.take("gw-1", "e", 1, 10.0, live=True)
    streams.take("gw-1", "e", 5, 11.0, live=True)
    assert ledger.count(*GAP) == streams.lost("gw-1") == 3
    streams.take("gw-1", "e", 3, 9.0, live=False)
    assert ledger.count(*GAP) == 2
    for seq in (2, 4):
        streams.take("gw-1", "e", seq, 9.0, live=False)
    assert ledger.losses == [], "a gap that history closed is none"
    assert streams.lost("gw-1") == 0


def test_recovering_one_node_leaves_the_others_loss_alone() -> None:
    ledger = Ledger()
    streams = Sequences(ledger)
    for node in ("gw-1", "gw-2"):
        streams.take(node, "e", 1, 1.0, live=True)
        streams.take(node, "e", 3, 2.0, live=True)
    streams.take("gw-1", "e", 2, 1.5, live=False)
    assert ledger.total == 1
    assert ledger.count("gateway gw-2", "sequence gap") == 1


def test_a_process_that_starts_again_starts_a_count_of_its_own() -> None:
    ledger = Ledger()
    streams = Sequences(ledger)
    streams.take("gw-1", "e1", 900, 1.0, live=True)
    streams.take("gw-1", "e2", 1, 2.0, live=True)
    assert ledger.total == 0


def test_streams_are_bounded() -> None:
    streams = Sequences(Ledger())
    for number in range(MOST_STREAMS + 10):
        assert streams.take("gw-1", f"e{number}", 1, 1.0, live=True)
    assert len(streams._streams) == MOST_STREAMS

"""The ledger: episodes with their spans, bounded without forgetting a count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetgui.stores.ledger import EPISODE_S, MOST_LOSSES, MOST_SPANS, OTHERS, Cause, Ledger, Span


def test_losses_close_together_are_one_episode_told_when_it_begins_and_when_it_is_over() -> None:
    ledger = Ledger()
    began: list[Span] = []
    ended: list[Span] = []
    ledger.began.connect(began.append)
    ledger.ended.connect(ended.append)
    for at in (10.0, 12.0, 14.0):
        ledger.lose("heartbeat", Cause.OVERFLOW, 5, at)
    ledger.settle(14.0 + EPISODE_S)
    assert ended == []
    ledger.settle(14.1 + EPISODE_S)
    assert began == [Span("heartbeat", Cause.OVERFLOW, 10.0, 10.0, 5)]
    assert ended == [Span("heartbeat", Cause.OVERFLOW, 10.0, 14.0, 15)]
    ledger.lose("heartbeat", Cause.OVERFLOW, 1, 100.0)
    ledger.settle(200.0)
    assert len(began) == 2
    assert len(ended) == 1, "it did not grow: its first line said it all"
    assert [(span.begins, span.ends, span.count) for span in ledger.spans("heartbeat")] == [
        (10.0, 14.0, 15),
        (100.0, 100.0, 1),
    ]


def test_a_gap_that_grows_is_one_gap_from_where_it_began() -> None:
    ledger = Ledger()
    for now in (105.0, 106.0, 109.0):
        ledger.lose("link", Cause.RECONNECT, None, now, since=100.0, until=now)
    assert ledger.spans() == [Span("link", Cause.RECONNECT, 100.0, 109.0, None)]
    assert (ledger.total, ledger.gaps) == (0, 1)


def test_spans_are_found_by_source_and_time() -> None:
    ledger = Ledger()
    ledger.lose("a", Cause.SEQUENCE, 1, 20.0, since=15.0)
    ledger.lose("b", Cause.SEQUENCE, 1, 10.0)
    ledger.lose("a", Cause.SEQUENCE, 1, 100.0)
    assert [span.begins for span in ledger.spans()] == [10.0, 15.0, 100.0]
    assert [span.begins for span in ledger.spans("a", since=50.0)] == [100.0]
    assert ledger.spans("nobody") == []


def test_what_history_brought_shrinks_the_newest_and_opens_a_new_episode_next_time() -> None:
    ledger = Ledger()
    ledger.lose("a", Cause.SEQUENCE, 4, 10.0)
    ledger.lose("a", Cause.SEQUENCE, 3, 50.0)
    ledger.recover("a", Cause.SEQUENCE, 5)
    assert [(span.begins, span.count) for span in ledger.spans("a")] == [(10.0, 2)]
    ledger.lose("a", Cause.SEQUENCE, 1, 51.0)
    assert [(span.begins, span.count) for span in ledger.spans("a")] == [(10.0, 2), (51.0, 1)]
    ledger.recover("a", Cause.SEQUENCE, 3)
    assert ledger.losses == []
    ledger.settle(1_000.0)


def test_sources_without_end_are_counted_together() -> None:
    ledger = Ledger()
    for number in range(MOST_LOSSES + 10):
        ledger.lose(f"source {number}", Cause.MALFORMED, 1, float(number))
    assert len(ledger.losses) <= MOST_LOSSES + 1
    assert ledger.count(OTHERS, Cause.MALFORMED) == 10
    assert ledger.total == MOST_LOSSES + 10


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]), st.one_of(st.none(), st.integers(1, 100)), st.floats(0, 1e6), st.floats(0, 60)
        ),
        max_size=400,
    )
)
def test_whatever_comes_no_count_is_forgotten_and_the_spans_are_bounded(
    losses: list[tuple[str, int | None, float, float]],
) -> None:
    ledger = Ledger()
    at = 0.0
    for source, count, jump, lasted in losses:
        at += jump
        ledger.lose(source, Cause.SEQUENCE, count, at, since=at - lasted)
    assert ledger.total == sum(count or 0 for _, count, _, _ in losses)
    for loss in ledger.losses:
        assert len(loss.spans) <= MOST_SPANS
        assert all(span.begins <= span.ends for span in loss.spans)
        assert sum(span.count or 0 for span in ledger.spans(loss.source)) == loss.count

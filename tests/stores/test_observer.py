"""The console's own lateness: bands as a gateway's, and the spans in which it ran late."""

from __future__ import annotations

from fleetgui.policy.band import Band, summarize
from fleetgui.policy.lag import Window
from fleetgui.stores.observer import MOST_SPANS, Observer, Span


def window(p99_ms: float, *, length_ms: float = 1_000.0) -> Window:
    return Window(0.0, length_ms, summarize([p99_ms]))


def test_the_band_rises_at_once_and_says_what_was_last() -> None:
    observer = Observer()
    told: list[Band] = []
    observer.changed.connect(lambda: told.append(observer.band))
    observer.closed(window(3.0), 100.0)
    observer.closed(window(300.0), 101.0)
    assert told == [Band.NORMAL, Band.CRITICAL]
    assert observer.last == window(300.0).stats


def test_late_windows_side_by_side_are_one_span() -> None:
    observer = Observer()
    told: list[int] = []
    observer.ran_late.connect(lambda late: told.append(len(late)))
    for ended, late_ms in enumerate((3.0, 150.0, 400.0, 3.0, 120.0), start=101):
        observer.closed(window(late_ms), float(ended))
    assert list(observer.late) == [Span(101.0, 103.0), Span(104.0, 105.0)]
    assert told == [1, 1, 2]


def test_a_stall_of_three_seconds_is_one_span_though_its_windows_close_together() -> None:
    observer = Observer()
    for ended, late_ms in ((101.0, 3_000.0), (102.0, 2_000.0), (103.0, 1_000.0)):
        observer.closed(window(late_ms), ended)
    assert list(observer.late) == [Span(100.0, 103.0)]


def test_a_wall_clock_set_back_makes_another_span_and_no_negative_one() -> None:
    observer = Observer()
    observer.closed(window(200.0), 1_000.0)
    observer.closed(window(200.0), 100.0)
    assert list(observer.late) == [Span(999.0, 1_000.0), Span(99.0, 100.0)]


def test_spans_are_bounded() -> None:
    observer = Observer()
    for number in range(3 * MOST_SPANS):
        observer.closed(window(200.0), 10.0 * number)
    assert len(observer.late) == MOST_SPANS

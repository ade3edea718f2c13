"""The overview runs along, stands when told to, draws no line over a gap, and an engagement leads to its device."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fleetgui.stores.lag_series import Sample
from fleetgui.widgets.look import theme
from fleetgui.widgets.overview.page import Motion, OverviewPage
from fleetgui.wire.gateway import Engagement
from fleetgui.wire.times import rfc3339
from tests.widgets import fill

Make = Callable[[fill.Filled], OverviewPage]


@pytest.fixture
def made(qtbot: QtBot, qapp: QApplication) -> Make:
    theme.apply(qapp, "dark")

    def make(filled: fill.Filled) -> OverviewPage:
        page = OverviewPage(filled.state, filled.clock)
        qtbot.addWidget(page)
        page.resize(1_000, 340)
        page.show()
        QApplication.processEvents()
        page.refresh()
        return page

    return make


def stands(page: OverviewPage) -> bool:
    return page.motion is Motion.STILL


def scene_point(page: OverviewPage, epoch: float, lane: float) -> QPointF:
    return QPointF(page.plots.lane_view.mapViewToScene(QPointF(epoch - page.plots._origin, lane)))


def test_it_runs_along_with_time(made: Make) -> None:
    filled = fill.calm()
    page = made(filled)
    left, right = page.plots.time_range
    assert right - left == pytest.approx(300, abs=1)
    assert right == pytest.approx(filled.clock.wall() + 6, abs=1)
    filled.clock.advance(20)
    page.refresh()
    assert page.plots.time_range[1] == pytest.approx(right + 20, abs=1)


def test_paused_it_stands_and_keeps_what_comes_in(made: Make) -> None:
    filled = fill.calm()
    page = made(filled)
    page.pause()
    before = page.plots.time_range
    for _ in range(30):
        filled.clock.advance(1)
        filled.state.lag.apply([filled.lag("gw-1", 300.0, ago=0.0)], live=True)
        page.refresh()
    assert page.plots.time_range == before
    page.go_live()
    assert page.plots.time_range[1] > before[1] + 25
    x, y, _ = page.plots._nodes["gw-1"].p99
    assert y[-1] == 300.0
    assert x[-1] + page.plots._origin == pytest.approx(filled.clock.wall())


def test_moving_it_by_hand_stops_it_and_a_double_click_brings_it_back(made: Make) -> None:
    page = made(fill.calm())
    page.plots.lag_view.scaleBy((0.5, 1))
    page.plots.lag_view.sigRangeChangedManually.emit([True, False])
    assert stands(page)
    page.plots.lag_view.live_requested.emit()
    assert not stands(page)


def test_both_plots_show_the_same_time(made: Make) -> None:
    page = made(fill.busy())
    page.plots.lag_view.setXRange(-200, -100, padding=0)
    assert page.plots.lane_view.viewRange()[0] == pytest.approx([-200, -100])


@pytest.mark.parametrize(
    ("key", "moved"), [(Qt.Key.Key_Left, -30.0), (Qt.Key.Key_Right, 30.0), (Qt.Key.Key_Plus, 75.0)]
)
def test_it_is_moved_by_keys(made: Make, key: Qt.Key, moved: float) -> None:
    page = made(fill.calm())
    left = page.plots.time_range[0]
    QTest.keyClick(page, key)
    assert page.plots.time_range[0] == pytest.approx(left + moved, abs=1)
    QTest.keyClick(page, Qt.Key.Key_End)
    assert not stands(page)
    QTest.keyClick(page, Qt.Key.Key_Space)
    assert stands(page)


def test_windows_can_be_chosen(made: Make) -> None:
    page = made(fill.busy())
    page.bar.windows["1 h"].click()
    left, right = page.plots.time_range
    assert right - left == pytest.approx(3_600, abs=5)
    x, _, _ = page.plots._nodes["gw-1"].p99
    assert 0 < len(x) <= 2_000


def test_a_gap_breaks_the_curve_and_is_hatched(made: Make) -> None:
    import numpy as np

    filled = fill.Filled()
    filled.connected()
    filled.lags("gw-1", 280, gap=True)
    page = made(filled)
    _, y, _ = page.plots._nodes["gw-1"].p99
    assert np.isnan(y).any()
    spans = [(left, right) for left, right, _ in page.plots.gaps.spans]
    assert any(right - left == pytest.approx(26, abs=1.5) for left, right in spans)


def test_a_silent_gateway_has_an_open_gap(made: Make) -> None:
    filled = fill.calm()
    page = made(filled)
    assert not page.plots.gaps.spans
    filled.clock.advance(10)
    page.refresh()
    (span,) = page.plots.gaps.spans
    assert span[1] - span[0] == pytest.approx(10, abs=1)


def test_the_scale_starts_at_zero_and_holds_the_thresholds(made: Make) -> None:
    calm = made(fill.calm())
    assert calm.plots.lag_view.viewRange()[1] == [0.0, 130.0]
    busy = made(fill.busy())
    low, high = busy.plots.lag_view.viewRange()[1]
    assert low == 0.0
    assert high >= 250


def test_a_stall_of_seconds_is_a_number_at_the_top_edge_and_the_bands_stay_readable(made: Make) -> None:
    filled = fill.Filled()
    filled.connected()
    filled.lags("gw-1", 250)
    filled.state.lag.apply([filled.lag("gw-1", 8_100.0, ago=0.0, epoch="e2")], live=True)
    page = made(filled)
    assert page.plots.lag_view.viewRange()[1] == [0.0, 750.0]
    page.grab()
    assert page.plots.beyond.said[0].startswith("max ")
    assert page.plots.beyond.said[0].endswith(" s")
    filled.clock.advance(600)
    filled.lags("gw-1", 290)
    page.refresh()
    page.grab()
    assert page.plots.lag_view.viewRange()[1] == [0.0, 130.0]
    assert not page.plots.beyond.said


def test_the_scale_follows_what_is_looked_at(made: Make) -> None:
    filled = fill.Filled()
    filled.connected()
    filled.lags("gw-1", 250)
    filled.state.lag.apply([filled.lag("gw-1", 8_100.0, ago=0.0, epoch="e2")], live=True)
    page = made(filled)
    wall = filled.clock.wall()
    page.pause()
    page.plots.show_range(wall - 200, wall - 50)  # within what is drawn
    page.refresh()
    assert page.plots.lag_view.viewRange()[1] == [0.0, 130.0]


def test_hover_reads_every_gateway_at_that_moment(made: Make) -> None:
    filled = fill.busy()
    page = made(filled)
    at = filled.clock.wall() - 100
    point = page.plots.lag_view.mapViewToScene(QPointF(at - page.plots._origin, 50))
    page.plots.hovered.emit(point)
    text = page.reader.card.text
    assert text.startswith("03:12:2")
    sample = filled.state.lag.at("gw-1", at)
    assert sample is not None
    assert f"gw-1  p50 {sample.p50:.0f} · p99 {sample.p99:.0f}" in text
    assert "gw-2" in text
    page.plots.hovered.emit(None)
    assert page.reader.card.isHidden()
    assert page.bar.readout.text.startswith("lag, ms")


def test_an_engagement_is_explained_and_leads_to_its_device(made: Make, qtbot: QtBot) -> None:
    filled = fill.Filled()
    filled.connected()
    filled.lags("gw-1", 300)
    filled.storm(1, 120)
    page = made(filled)
    refusal = filled.state.engagements.refusals[-1]
    point = scene_point(page, refusal.at, 0.5)
    page.plots.hovered.emit(point)
    assert refusal.device_id in page.reader.card.text
    assert "refused" in page.reader.card.text
    with qtbot.waitSignal(page.device_opened, timeout=5_000) as opened:
        page.plots.lane_view.clicked.emit(page.plots.lane_view.mapSceneToView(point))
    assert opened.args == [refusal.device_id]


def test_a_click_beside_every_engagement_opens_nothing(made: Make, qtbot: QtBot) -> None:
    page = made(fill.calm())
    with qtbot.assertNotEmitted(page.device_opened):
        page.plots.lane_view.clicked.emit(QPointF(-100, 0.5))


def test_more_devices_than_lanes_share_one(made: Make) -> None:
    page = made(fill.stormy(40))
    names = page.plots.lane_axis._names
    assert names[page.plots._lane_count - 1] == f"+{40 - (page.plots._lane_count - 1)} others"


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (fill.no_gateway, "No gateway on this fabric has been heard yet."),
        (fill.waiting, "Not connected."),
        (fill.calm, ""),
    ],
)
def test_an_empty_plot_says_why(made: Make, case: Any, sentence: str) -> None:
    page = made(case())
    assert page._message.text().startswith(sentence)
    assert page._message.isVisible() is bool(sentence)


def test_without_a_link_it_says_as_of_when(made: Make) -> None:
    filled = fill.busy()
    page = made(filled)
    filled.disconnected()
    page.refresh()
    assert page.bar.readout.text.startswith("as of 03:14:07Z")


def test_edges_are_on_the_axis_however_many_come_at_once(made: Make) -> None:
    filled = fill.calm()
    page = made(filled)
    before = page.plots.edge_marks.count
    filled.state.edges.apply([(filled.clock.wall(), False)] * 1_212)
    page.refresh()
    assert page.plots.edge_marks.count == before + 1_212
    point = page.plots.lag_view.mapViewToScene(QPointF(filled.clock.wall() - page.plots._origin, 50))
    page.plots.hovered.emit(point)
    assert "1,212 went offline" in page.reader.card.text


def test_a_gateway_whose_clock_is_wrong_has_the_axis_follow_it(made: Make) -> None:
    filled = fill.Filled()
    filled.connected()
    late = filled.lag("gw-1", 10.0, ago=3_600.0)
    filled.state.lag.apply([late], live=True)
    filled.state.lag.heard("gw-1", filled.clock.now())
    page = made(filled)
    assert page.plots.time_range[1] == pytest.approx(filled.clock.wall() - 3_600 + 6, abs=2)


def test_hidden_it_costs_nothing(made: Make) -> None:
    page = made(fill.calm())
    assert page._timer.isActive()
    page.hide()
    assert not page._timer.isActive()


def test_it_never_draws_more_than_ten_times_a_second(made: Make) -> None:
    page = made(fill.calm())
    for seconds in (1.0, 300.0, 3_600.0):
        page.set_window(seconds)
        page._pace()
        assert 100 <= page._timer.interval() <= 1_000


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_bands_curves_and_marks_are_painted(made: Make, qapp: QApplication, mode: str) -> None:
    page = made(fill.busy())
    theme.apply(qapp, mode)
    page.refresh()
    image = page.grab().toImage()
    colors = {image.pixelColor(x, y).name() for x in range(100, 1_000, 1) for y in range(30, 330, 1)}
    look = theme.current()
    for token in ("band_normal", "band_elevated", "band_critical"):
        assert look.color(token).name() in colors
    assert look.series_color(0).name() in colors
    theme.apply(qapp, "dark")


def test_a_card_that_is_too_high_counts_gateways_and_still_says_what_happened(made: Make) -> None:
    filled = fill.Filled()
    filled.connected()
    for number in range(8):
        filled.lags(f"gw-{number + 1}", 200)
    filled.storm(2, 120)
    page = made(filled)
    page.resize(1_000, 260)
    QApplication.processEvents()
    QTest.keyClick(page, Qt.Key.Key_P)
    card = page.reader.card
    assert card.height() <= page.plots.height()
    assert "gw-8" in card.text
    assert [part.text for part in card._parts if part.text.startswith("+")] == ["+5"]
    assert card._parts[-1].text == "Enter opens the device."


def test_what_cannot_be_drawn_is_reported_and_everything_else_is_painted(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = made(fill.busy())
    told: list[object] = []
    monkeypatch.setattr(sys, "excepthook", lambda _kind, error, _where: told.append(error))

    def broken(*_: object) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(page.plots.bands, "draw", broken)
    image = page.grab().toImage()
    assert [str(error) for error in told] == ["a fault of ours"]
    colors = {image.pixelColor(x, y).name() for x in range(100, 1_000) for y in range(30, 330)}
    assert theme.current().series_color(0).name() in colors


def test_a_plot_without_height_is_not_drawn_and_nothing_fails(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    page = made(fill.busy())
    told: list[object] = []
    monkeypatch.setattr(sys, "excepthook", lambda _kind, error, _where: told.append(error))
    page.plots.lag.setMaximumHeight(0)
    page.resize(320, 120)
    page.refresh()
    page.grab()
    assert not told


def test_keys_go_from_engagement_to_engagement_and_open_the_device(made: Make, qtbot: QtBot) -> None:
    filled = fill.Filled()
    filled.connected()
    filled.lags("gw-1", 900)
    filled.storm(2, 120)
    page = made(filled)
    refusals = filled.state.engagements.refusals
    QTest.keyClick(page, Qt.Key.Key_P)
    assert page.reader.spot.refusal is refusals[-1]
    QTest.keyClick(page, Qt.Key.Key_P)
    assert page.reader.spot.refusal is refusals[-2]
    assert page.plots.marks.selected == len(refusals) - 2
    assert refusals[-2].device_id in page.reader.card.text
    assert page.plots.accessibleDescription() == page.reader.card.text
    said: list[str] = []
    page.said.connect(said.append)
    QTest.keyClick(page, Qt.Key.Key_N)
    assert said == []
    QTest.keyClick(page, Qt.Key.Key_N)
    assert said == ["There is no later engagement among those that were read."]
    with qtbot.waitSignal(page.device_opened, timeout=5_000) as opened:
        QTest.keyClick(page, Qt.Key.Key_Return)
    assert opened.args == [refusals[-1].device_id]
    QTest.keyClick(page, Qt.Key.Key_Escape)
    assert page.reader.card.isHidden()
    assert not stands(page)


def test_an_engagement_out_of_sight_is_brought_into_view(made: Make) -> None:
    filled = fill.Filled()
    filled.connected()
    filled.lags("gw-1", 900)
    filled.storm(1, 60, ago=2_000)
    page = made(filled)
    QTest.keyClick(page, Qt.Key.Key_P)
    assert stands(page)
    left, right = page.plots.time_range
    assert page.reader.spot.moment is not None
    assert left < page.reader.spot.moment < right


def test_the_crosshair_is_moved_by_keys_and_reads_every_lane(made: Make) -> None:
    filled = fill.busy()
    page = made(filled)
    QTest.keyClick(page, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    before = page.reader.spot.moment
    QTest.keyClick(page, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert before is not None
    assert page.reader.spot.moment == pytest.approx(before + 8 * page.plots.pixel_s, abs=0.01)
    assert "gw-1" in page.reader.card.text
    assert not stands(page)  # it is moved on a plot that runs along


def test_the_pointer_reads_who_was_held_back_who_went_and_who_came(made: Make) -> None:
    filled = fill.busy()
    page = made(filled)
    at = filled.clock.wall() - 40
    page.plots.hovered.emit(page.plots.lag_view.mapViewToScene(QPointF(at - page.plots._origin, 50)))
    assert "3 held back: " in page.reader.card.text
    assert "went offline" in page.reader.card.text


def test_an_engagement_says_what_was_observed_in_a_row_and_when_the_next_try_may_be(made: Make) -> None:
    filled = fill.Filled()
    filled.connected()
    filled.lags("gw-1", 10)
    for seq, (ago, level, backoff) in enumerate(((9, 1, 4_000), (5, 2, 8_000), (0, 3, 16_000))):
        filled.state.engagements.apply([refusal_of(filled, seq, ago, level, backoff)], live=False)
    page = made(filled)
    QTest.keyClick(page, Qt.Key.Key_P)
    assert page.reader.card.text.splitlines()[0].endswith(
        "Observed 6 in 10 s, allowed 5; third refusal in a row, band critical ×4: next try in 16 s."
    )
    assert page.storm.text.startswith("1 held back: released in 16 s. It is let in between 03:14:23Z and ")


def refusal_of(filled: fill.Filled, seq: int, ago: float, level: int, backoff_ms: float) -> Engagement:
    return Engagement(
        node="gw-1",
        epoch="e1",
        seq=seq,
        ts=rfc3339(filled.clock.wall() - ago),
        device_id="door-0152",
        reason="rate",
        band="critical",
        observed=6,
        allowed=5,
        window_ms=10_000,
        backoff_ms=backoff_ms,
        level=level,
        warmup=False,
    )


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (fill.no_gateway, ""),
        (fill.calm, "Nobody is held back."),
        (fill.stormy, "261 held back: the next is released in 1 s, the last in 60 s. 135 are let in between "),
    ],
)
def test_who_is_held_back_is_one_sentence(made: Make, case: Any, said: str) -> None:
    page = made(case())
    assert page.storm.text.startswith(said)
    assert bool(page.storm.text) is bool(said)


def test_without_gateways_that_are_heard_there_is_no_forecast_and_no_value_looks_live(made: Make) -> None:
    filled = fill.busy()
    page = made(filled)
    filled.disconnected()
    page.refresh()
    assert page.storm.text.startswith("◌ stale: 3 held back by what is known, until ")
    assert page.storm.text.endswith("No forecast while gateways are not heard.")
    assert "p99" not in page.bar.readout.text
    assert "gw-1  ◌ stale 18 s" in page.bar.readout.text


def test_what_the_ledger_lost_is_hatched_and_so_is_the_time_without_a_link(made: Make) -> None:
    filled = fill.calm()
    wall = filled.clock.wall()
    filled.state.ledger.lose("gateway gw-1", "sequence gap", 3, wall - 50, since=wall - 53)
    filled.state.ledger.lose("link", "reconnect gap", None, wall - 100, since=wall - 130, until=wall - 100)
    filled.state.ledger.lose("registry", "malformed", 1, wall - 10)
    page = made(filled)
    origin = page.plots._origin
    assert [(left + origin - wall, right + origin - wall) for left, right, _ in page.plots.gaps.spans] == [(-53, -50)]
    assert [(left + origin - wall, right + origin - wall) for left, right, _ in page.plots.lane_gaps.spans] == [
        (-130, -100)
    ]
    filled.disconnected(for_s=18)
    page.refresh()
    assert page.plots.lane_gaps.spans[-1][1] - page.plots.lane_gaps.spans[-1][0] == pytest.approx(18)


def test_where_this_console_ran_late_is_shaded_in_both_plots(made: Make) -> None:
    filled = fill.calm()
    page = made(filled)
    wall = filled.clock.wall()
    page.set_observer_late([(wall - 60, wall - 30)])
    for shades in page.plots.late:
        (span,) = shades.spans
        assert (span[0] + page.plots._origin, span[1] + page.plots._origin) == (wall - 60, wall - 30)
    image = page.grab().toImage()
    ink = theme.current().color("late").name()
    assert ink in {image.pixelColor(x, y).name() for x in range(700, 1_000) for y in range(30, 60)}


def test_who_looks_further_back_than_is_held_asks_for_it(made: Make, qtbot: QtBot) -> None:
    filled = fill.calm()
    page = made(filled)
    with qtbot.assertNotEmitted(page.history_wanted):
        page.set_window(300)
    with qtbot.waitSignal(page.history_wanted, timeout=5_000) as wanted:
        page.bar.windows["3 d"].click()
    assert wanted.args == [pytest.approx(filled.clock.wall() - 3 * 86_400, abs=6_000)]


def test_days_of_eight_gateways_are_drawn_within_bounds(made: Make) -> None:
    filled = fill.Filled()
    filled.connected()
    for number in range(8):
        filled.lags(f"gw-{number}", 10)
        series = filled.state.lag._series[f"gw-{number}"]
        start = filled.clock.wall() - 86_400
        for first in range(0, 86_000, 2_000):
            part = range(first, first + 2_000)
            series.add([Sample(start + seq, 1.0, 5.0 + seq % 90, 99.0, "normal", "e0", seq) for seq in part])
    page = made(filled)
    page.bar.windows["1 d"].click()
    for _ in range(8):  # one gateway's day a turn
        page.refresh()
    for curves in page.plots._nodes.values():
        assert 0 < len(curves.extent.x) <= 2_000
        assert len(curves.p99.x) <= 2_000
        assert max(curves.extent.y) == pytest.approx(94.0)

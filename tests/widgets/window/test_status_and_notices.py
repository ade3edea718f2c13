"""The notice says the one thing that matters most, the status line what the console costs and what it did not see."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from fleetgui.policy.states import LinkPhase, State
from fleetgui.stores.ledger import Cause, Ledger
from fleetgui.stores.link import Cost
from fleetgui.widgets.window.notices import LEAST_S, Notice, NoticeBar, notice_of
from fleetgui.widgets.window.status import StatusLine, cost_parts
from tests.widgets import fill


def said(filled: fill.Filled, gap_s: float | None = None) -> Notice | None:
    return notice_of(filled.state, now=filled.clock.now(), wall=filled.clock.wall(), last_gap_s=gap_s)


def text(filled: fill.Filled) -> str:
    notice = said(filled)
    assert notice is not None
    return notice.text


def test_nothing_wrong_nothing_said() -> None:
    assert said(fill.calm()) is None
    assert said(fill.no_gateway()) is None


def test_a_crash_that_nobody_has_looked_at_is_said_when_nothing_worse_is() -> None:
    filled = fill.calm()
    filled.state.last_crash = "A console ended by a fault at 02:11:37Z"
    assert said(filled) == Notice(State.FAILED, "A console ended by a fault at 02:11:37Z.", "diagnostics")
    filled.disconnected()
    assert "fault" not in text(filled)


def test_connecting_names_the_server() -> None:
    assert text(fill.waiting()) == "Connecting to 127.0.0.1:4222 …"


def test_a_first_connection_that_fails_says_why_and_offers_to_try() -> None:
    filled = fill.waiting()
    link = filled.state.link
    link.set_state(replace(link.state, error="connection refused", attempt=3))
    filled.clock.advance(5)
    notice = said(filled)
    assert notice == Notice(
        State.FAILED, "No broker for 5 s: connection refused at 127.0.0.1:4222. Calls are off.", "reconnect"
    )


def test_refused_credentials_are_named() -> None:
    filled = fill.Filled()
    filled.refused()
    assert text(filled) == "The broker refused the credentials (authorization violation). Calls are off."


def test_the_embedded_backend_comes_before_what_follows_from_it() -> None:
    filled = fill.calm()
    filled.disconnected()
    filled.state.link.set_backend_notice("The embedded backend ended: killed by signal 9")
    assert text(filled).startswith("The embedded backend ended: killed by signal 9. Everything below is as of")
    assert said(filled) is not None


def test_a_backend_that_is_starting_is_no_failure() -> None:
    filled = fill.Filled()
    filled.state.link.set_backend_notice("The embedded backend is starting.", failed=False)
    notice = said(filled)
    assert notice is not None
    assert notice.state is State.UNCONFIRMED


def test_a_registry_that_cannot_be_read_says_what_still_holds() -> None:
    filled = fill.calm()
    filled.state.roster.failed("nobody answers on device-connect.acme.discovery")
    notice = said(filled)
    assert notice is not None
    assert notice.action == "refresh"
    assert "Everything below is as of 03:14:04Z" in notice.text


def test_a_slow_registry_is_said_after_a_while() -> None:
    filled = fill.calm()
    filled.state.roster.waiting(filled.clock.now())
    assert said(filled) is None
    filled.clock.advance(7)
    notice = said(filled)
    assert notice is not None
    assert notice.text == "The registry is slow: waiting for its answer for 7 s."


@pytest.mark.parametrize("phase", [phase for phase in LinkPhase if phase is not LinkPhase.UP])
def test_no_phase_but_up_is_silent(phase: LinkPhase) -> None:
    filled = fill.calm()
    filled.state.link.set_state(replace(filled.state.link.state, phase=phase, lost_at=filled.clock.now()))
    assert said(filled) is not None


def test_hostile_errors_are_cut_and_escaped() -> None:
    filled = fill.calm()
    filled.state.roster.failed("\x1b[31m\u202e" + "x" * 5_000)
    assert "\x1b" not in text(filled)
    assert "\u202e" not in text(filled)
    assert len(text(filled)) < 500


def test_the_bar_stays_long_enough_to_be_read(qtbot: QtBot) -> None:
    bar = NoticeBar()
    qtbot.addWidget(bar)
    bar.show_notice(Notice(State.FAILED, "No broker.", "reconnect"), now=100.0)
    bar.show_notice(None, now=100.0 + LEAST_S / 2)
    assert bar.text == "No broker."
    bar.show_notice(None, now=100.0 + LEAST_S)
    assert bar.text == ""
    assert bar.isHidden()


def test_the_button_asks_for_what_it_says(qtbot: QtBot) -> None:
    bar = NoticeBar()
    qtbot.addWidget(bar)
    for action, signal in (
        ("reconnect", bar.reconnect_requested),
        ("refresh", bar.refresh_requested),
        ("diagnostics", bar.diagnostics_requested),
    ):
        bar.show_notice(Notice(State.FAILED, action, action), now=1.0)  # type: ignore[arg-type]  # both are Actions
        with qtbot.waitSignal(signal, timeout=5_000):
            bar._button.click()


def test_the_status_line_says_what_it_costs(qtbot: QtBot) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.show_cost(Cost(1, 7, 6.0, 214.4, 1_000, 0, 0, 4.1), Ledger())
    assert line.text == "1 connection · 7 subscriptions · 214 msg/s · 6 req/min · own loop p99 4.1 ms · 0 lost"


def test_without_a_connection_nothing_on_it_is_counted() -> None:
    cost = Cost(0, 7, 6.0, 214.4, 1_000, own_lag_p99_ms=4.1, consumers=2)
    assert [text for text, _ in cost_parts(cost, Ledger())] == ["0 connections", "own loop p99 4.1 ms", "0 lost"]


def test_what_is_malformed_is_told_by_who_found_so(qtbot: QtBot) -> None:
    ledger = Ledger()
    ledger.lose("heartbeat", Cause.MALFORMED, 1_758, 1_795_230_847.0)
    line = StatusLine()
    qtbot.addWidget(line)
    line.show_cost(Cost(1, 7, malformed=1_758), ledger)
    assert "1,758 malformed" in line.text
    assert "0 lost" in line.text
    assert "heartbeat: 1,758 malformed, last at 03:14:07Z" in line.toolTip()


def test_losses_have_the_colour_of_a_warning_and_are_told_apart() -> None:
    ledger = Ledger()
    ledger.lose("gateway gw-2", "sequence gap", 25, 1_000.0)
    ledger.lose("link", "reconnect", None, 1_000.0)
    parts = dict(cost_parts(Cost(), ledger))
    assert parts["25 lost"] == "band_elevated"
    assert parts["1 gap of unknown size"] == "band_elevated"


def test_one_subscription_is_one() -> None:
    assert cost_parts(Cost(1, 1), Ledger())[1][0] == "1 subscription"
    assert cost_parts(Cost(1, 2), Ledger())[1][0] == "2 subscriptions"


def test_drops_that_the_ledger_does_not_know_count_as_lost() -> None:
    assert ("9 lost", "band_elevated") in cost_parts(Cost(dropped=9), Ledger())


def test_drops_whose_numbers_are_not_told_yet_are_in_the_hover_too(qtbot: QtBot) -> None:
    """As where a topology's intake overflows: the number and the hover add up at any time, and nothing counts twice."""
    ledger, line = Ledger(), StatusLine()
    qtbot.addWidget(line)
    ledger.lose("topology", Cause.OVERFLOW, None, 1_000.0)
    line.show_cost(Cost(dropped=42), ledger)
    assert "42 lost" in line.text
    assert "42 of them in no line below" in line.toolTip()
    ledger.lose("topology site-1", "sequence gap", 40, 1_001.0)
    line.show_cost(Cost(dropped=42), ledger)
    assert "42 lost" in line.text
    assert "40 lost" in line.toolTip()
    assert "2 of them in no line below" in line.toolTip()


@pytest.mark.parametrize(("lag", "token"), [(99.9, "muted"), (100.0, "band_elevated"), (250.0, "band_critical")])
def test_the_own_loop_is_judged_as_a_gateways(lag: float, token: str) -> None:
    assert next(token for text, token in cost_parts(Cost(own_lag_p99_ms=lag), Ledger()) if "own loop" in text) == token

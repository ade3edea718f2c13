"""The header never shows more than is known: dashes for what was not read, ages for what is old, bands for what is."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fleetgui.policy.band import summarize
from fleetgui.policy.freshness import link_limits
from fleetgui.policy.lag import Window
from fleetgui.policy.states import State
from fleetgui.widgets.parts.chip import Chip
from fleetgui.widgets.window.figure_view import FigureView
from fleetgui.widgets.window.gateway_chips import GatewayChips
from fleetgui.widgets.window.header import ContextFacts, Header
from tests.widgets import fill, fill_deployments


def header_over(qtbot: QtBot, filled: fill.Filled) -> Header:
    header = Header(ContextFacts("noc-eu", "acme", "#6CB2FF", "read-only"))
    qtbot.addWidget(header)
    header.resize(1440, 90)
    header.show()
    header.show_state(filled.state, now=filled.clock.now(), wall=filled.clock.wall())
    return header


def again(header: Header, filled: fill.Filled) -> None:
    header.show_state(filled.state, now=filled.clock.now(), wall=filled.clock.wall())


def test_figures_that_are_live_are_only_figures(qtbot: QtBot) -> None:
    header = header_over(qtbot, fill.busy())
    texts = [each.text for each in (header.registered, header.online, header.offline, header.held_back)]
    assert texts == ["registered 1,400", "online 1,088", "went offline since 02:14:07Z 312", "held back 3"]


def crowded() -> fill.Filled:
    """Two gateways with the names of machines, the better first; a deployment that failed; a loop that was measured."""
    filled = fill.Filled()
    filled.connected()
    filled.fleet(offline=312)
    filled.lags("gateway-eu-1", 90)
    filled.lags("gateway-eu-2", 90, critical_for=75)
    filled.state.observer.closed(Window(0.0, 1_000.0, summarize([4.0])), filled.clock.wall())
    fill_deployments.deployed(filled.state, filled.clock)
    return filled


def seen(header: Header) -> list[Chip]:
    return [chip for chip in header.gateways.findChildren(Chip) if chip.isVisible()]


def test_where_gateways_need_the_room_since_when_is_said_on_hover(qtbot: QtBot) -> None:
    filled = fill.busy()
    header = header_over(qtbot, filled)
    header.resize(700, 90)
    assert header.offline.text == "went offline 312"
    assert "went offline since 02:14:07Z: 312" in header.offline.toolTip()
    assert len(seen(header)) == 1
    header.resize(1440, 90)
    assert header.offline.text == "went offline since 02:14:07Z 312"
    assert len(seen(header)) == 2


@pytest.mark.parametrize("width", [640, 720, 900, 1024, 1280])
def test_the_worst_gateways_band_is_there_at_any_width(qtbot: QtBot, width: int) -> None:
    filled = crowded()
    header = header_over(qtbot, filled)
    header.resize(width, 90)
    again(header, filled)
    QApplication.processEvents()
    assert any("critical" in chip.text for chip in seen(header))
    for chip in seen(header):
        assert chip.width() >= chip.minimumSizeHint().width()
        assert 0 <= chip.x() <= chip.geometry().right() < header.gateways.width()


def test_nothing_was_read_so_nothing_is_zero(qtbot: QtBot) -> None:
    header = header_over(qtbot, fill.waiting())
    for figure in (header.registered, header.online, header.offline):
        assert "–" in figure.text
        assert "unknown" in figure.text
        assert "0" not in figure.text


def test_a_gone_link_makes_every_figure_stale_with_its_age(qtbot: QtBot) -> None:
    filled = fill.busy()
    header = header_over(qtbot, filled)
    filled.disconnected(18.0)
    again(header, filled)
    assert header.registered.text == "registered 1,400 stale 21 s"
    assert header.online.text == "online 1,088 stale 18 s"
    assert header.offline.text == "went offline 312 stale 18 s"
    assert header.held_back.text.endswith("stale 18 s")
    assert all("stale" in text for text in header.gateways.texts)
    assert header.link.text == "◌ no broker  nats-3  for 18 s"


def test_the_link_says_server_round_trip_and_since_when(qtbot: QtBot) -> None:
    header = header_over(qtbot, fill.calm())
    assert header.link.text == "● live  nats-3  0.9 ms  since 02:14:07Z"
    assert "127.0.0.1:4222" in header.link.toolTip()


def test_hover_says_source_and_as_of_time(qtbot: QtBot) -> None:
    header = header_over(qtbot, fill.calm())
    tip = header.registered.toolTip()
    assert "registry, as of" in tip
    assert "03:14:04Z" in tip


def test_a_fabric_without_a_gateway_says_so_quietly(qtbot: QtBot) -> None:
    header = header_over(qtbot, fill.no_gateway())
    assert header.held_back.text == "held back –"
    assert header.gateways._none.isVisible()


def test_a_gateway_that_falls_silent_leaves_live(qtbot: QtBot) -> None:
    filled = fill.calm()
    header = header_over(qtbot, filled)
    assert header.gateways.texts[0].startswith("gw-1  ▬ normal")
    filled.clock.advance(3.1)
    again(header, filled)
    assert header.gateways.texts[0].startswith("gw-1  ◔ late  3 s")
    filled.clock.advance(30)
    again(header, filled)
    assert header.gateways.texts[0].startswith("gw-1  ◌ stale  33 s  was normal")


def test_the_consoles_own_loop_has_a_chip_with_a_gateways_bands(qtbot: QtBot) -> None:
    filled = fill.calm()
    header = header_over(qtbot, filled)
    assert not header.own.isVisibleTo(header)
    observer = filled.state.observer
    observer.closed(Window(0.0, 1_000.0, summarize([4.0])), filled.clock.wall())
    again(header, filled)
    assert header.own.text == "console  ▬ normal  4.0 ms"
    observer.closed(Window(0.0, 1_000.0, summarize([412.0])), filled.clock.wall())
    again(header, filled)
    assert header.own.text == "console  ■ critical  412 ms"
    assert "by its own fault" in header.own.toolTip()


def test_the_worst_gateway_stays_when_there_is_no_room(qtbot: QtBot) -> None:
    filled = fill.Filled()
    filled.connected()
    for number in range(20):
        filled.lags(f"gw-{number:02d}", 3, critical_for=0)
    bad = [filled.lag("gw-17", 400.0, ago=0.0)]
    filled.state.lag.apply(bad, live=True)
    chips = GatewayChips()
    qtbot.addWidget(chips)
    chips.resize(420, 24)
    chips.show()
    chips.show_nodes(filled.state, now=filled.clock.now())
    shown = [chip.text for chip in chips.findChildren(Chip) if chip.isVisible()]
    assert any(text.startswith("gw-17  ■ critical") for text in shown)
    assert 0 < len(shown) < 20
    assert chips._more.text() == f"+{20 - len(shown)}"


def test_markup_in_a_gateways_name_is_text(qtbot: QtBot) -> None:
    filled = fill.Filled()
    filled.connected()
    filled.lags("<b>x</b>", 3)
    header = header_over(qtbot, filled)
    assert header.gateways.texts[0].startswith("<b>x</b>")
    chip = header.gateways.findChildren(Chip)[0]
    assert "<b>" not in chip.toolTip()
    assert "&lt;b&gt;" in chip.toolTip()


def test_the_context_is_plain_text_and_its_protection_is_shown(qtbot: QtBot) -> None:
    header = header_over(qtbot, fill.calm())
    assert header._protection.text() == "read-only"
    assert header._name.textFormat() == Qt.TextFormat.PlainText


@pytest.mark.parametrize("state", list(State))
def test_every_state_can_be_drawn(qtbot: QtBot, state: State) -> None:
    chip = Chip()
    qtbot.addWidget(chip)
    chip.show_state(state, lead="gw-1", rest=["12 ms"])
    chip.resize(chip.sizeHint())
    image = chip.grab().toImage()
    colors = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert len(colors) > 2
    assert state.word in chip.accessibleName()


def test_a_figure_that_says_the_same_is_not_painted_again(qtbot: QtBot) -> None:
    filled = fill.calm()
    header = header_over(qtbot, filled)
    painted: list[int] = []

    class Watched(FigureView):
        def update(self) -> None:  # type: ignore[override]  # one of its overloads
            painted.append(1)
            super().update()

    watched = Watched("registered")
    qtbot.addWidget(watched)
    from fleetgui.stores.figures import Figure

    figure = Figure(1_400, State.LIVE, filled.clock.now(), "registry", "")
    for _ in range(5):
        watched.show_figure(figure, now=filled.clock.now(), wall=filled.clock.wall())
    assert len(painted) == 1
    assert header.isVisible()


def test_a_link_that_is_up_and_silent_is_late_and_so_is_everything_over_it(qtbot: QtBot) -> None:
    filled = fill.busy()
    heard_at = filled.clock.now()
    filled.state.sources.hear_broker(lambda: heard_at, link_limits(5.0))
    header = header_over(qtbot, filled)
    assert header.link.text.startswith("● live")
    filled.clock.advance(11)
    again(header, filled)
    assert header.link.text == "◔ late  nats-3  silent for 11 s"
    assert all("live" not in text for text in header.gateways.texts)
    assert header.registered.text.startswith("registered 1,400 late")
    assert header.online.text == "online 1,088 late 11 s"
    filled.clock.advance(6)
    again(header, filled)
    assert header.link.text == "◌ stale  nats-3  silent for 17 s"
    assert header.registered.text.startswith("registered 1,400 stale")


def test_a_gateway_whose_clock_is_wrong_says_so(qtbot: QtBot) -> None:
    filled = fill.busy()
    header = header_over(qtbot, filled)
    name = sorted(filled.state.lag.nodes)[0]
    filled.state.lag.heard(name, filled.clock.now(), skew_s=3_600.0)
    again(header, filled)
    assert "clock 60 min ahead" in header.gateways.texts[0]


def test_until_gateways_were_asked_for_nobody_claims_that_there_are_none(qtbot: QtBot) -> None:
    filled = fill.no_gateway()
    filled.state.lag.set_availability(State.UNKNOWN)
    header = header_over(qtbot, filled)
    assert "unknown" in header.held_back.text
    filled.state.lag.set_availability(State.OFFLINE)
    again(header, filled)
    assert header.held_back.text == "held back –"

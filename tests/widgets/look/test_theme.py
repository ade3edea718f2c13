"""The tokens are complete and legible, the fonts have equal figures, and a change of look reaches who asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QFontInfo, QFontMetricsF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fleetgui.policy.states import State
from fleetgui.widgets.look import theme, tokens

PALETTES = {"dark": tokens.DARK, "light": tokens.LIGHT}


@pytest.fixture
def app(qapp: QApplication) -> Iterator[QApplication]:
    before = theme.current()
    yield qapp
    theme.apply(qapp, before.mode, density=before.density, reduced_motion=before.reduced_motion)


def test_contrast_is_computed_as_wcag_defines_it() -> None:
    assert tokens.contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert tokens.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert tokens.contrast("#FFFFFF", "#777777") == tokens.contrast("#777777", "#FFFFFF")


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize(("ink", "ground"), list(product(tokens.INKS, tokens.GROUNDS)))
def test_every_ink_is_legible_on_every_ground(name: str, ink: str, ground: str) -> None:
    palette = PALETTES[name]
    assert tokens.contrast(palette[ink], palette[ground]) >= 4.5


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize("state", list(State))
def test_text_on_a_chip_filled_with_a_state_is_legible(name: str, state: State) -> None:
    palette = PALETTES[name]
    assert tokens.contrast(palette["on_state"], palette[state.token]) >= 4.5


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize("series", tokens.SERIES)
def test_curves_stand_out_from_the_plots_ground(name: str, series: str) -> None:
    palette = PALETTES[name]
    assert tokens.contrast(palette[series], palette["surface"]) >= 4.5


def test_dark_and_light_have_the_same_tokens() -> None:
    assert tokens.DARK.keys() == tokens.LIGHT.keys()
    assert {state.token for state in State} <= tokens.DARK.keys()


def test_applying_a_look_changes_colours_and_says_so(app: QApplication, qtbot: QtBot) -> None:
    theme.apply(app, "dark")
    dark = theme.current().color("bg")
    with qtbot.waitSignal(theme.changed, timeout=5_000):
        theme.apply(app, "light")
    assert theme.current().color("bg") != dark
    assert app.palette().window().color() == theme.current().color("bg")
    assert not theme.current().dark


def test_other_colours_do_not_make_the_style_anew(app: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    theme.apply(app, "dark")
    made: list[str] = []
    monkeypatch.setattr("PySide6.QtWidgets.QStyleFactory.create", made.append)
    theme.apply(app, "light")
    assert made == []


def test_the_system_look_follows_the_desktop(app: QApplication) -> None:
    theme.apply(app, "system")
    assert theme.current().mode == "system"
    assert theme.current().dark is (app.styleHints().colorScheme() is not Qt.ColorScheme.Light)


def test_density_is_kept_when_only_the_mode_changes(app: QApplication) -> None:
    theme.apply(app, "dark", density=theme.Density.ROOMY)
    theme.apply(app, "light")
    assert theme.current().row_height == 30
    theme.apply(app, density=theme.Density.DENSE)
    assert (theme.current().row_height, theme.current().mode) == (20, "light")


def test_a_color_can_be_changed_without_changing_the_theme() -> None:
    theme.current().color("text").setRgb(1, 2, 3)
    assert theme.current().color("text").name() != "#010203"
    with pytest.raises(KeyError):
        theme.current().color("no such token")


@pytest.mark.parametrize("role", ["label", "body", "figure", "mono"])
def test_figures_have_equal_widths(app: QApplication, role: str) -> None:
    metrics = QFontMetricsF(theme.current().font(role))  # type: ignore[arg-type]  # parametrize knows only str
    assert len({round(metrics.horizontalAdvance(digit * 10), 2) for digit in "0123456789"}) == 1


def test_sizes_are_the_three_of_the_design(app: QApplication) -> None:
    look = theme.current()
    assert [look.font(role).pixelSize() for role in ("label", "body", "figure")] == [11, 13, 22]
    assert QFontInfo(look.font("mono")).fixedPitch()


def test_a_listener_that_was_deleted_is_not_called(app: QApplication) -> None:
    class Listener(QObject):
        calls = 0

        def heard(self) -> None:
            Listener.calls += 1

    listener = Listener()
    theme.changed.connect(listener.heard)
    theme.apply(app, "dark")
    assert Listener.calls == 1
    del listener
    theme.apply(app, "light")
    assert Listener.calls == 1

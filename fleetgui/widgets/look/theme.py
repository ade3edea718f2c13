"""The look in force: colours, fonts and measures for widgets, delegates and plots, and the signal that they changed.

`theme.apply(app, "dark")` once at the start; then `theme.current().color("muted")`, `.font("body")`, `.row_height`.
Whoever keeps a colour or a font connects to `theme.changed` and asks again. Measures are multiples of `GRID`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from fleetgui.policy.states import State
from fleetgui.widgets.look import fonts, tokens
from fleetgui.widgets.look.qss import stylesheet

GRID: Final = 4

Mode = Literal["dark", "light", "system"]
MODES: Final[tuple[Mode, ...]] = ("dark", "light", "system")
_MODE_NAMES: Final[dict[str, Mode]] = {mode: mode for mode in MODES}


class Density(Enum):
    """Row height in pixels."""

    DENSE = 20
    NORMAL = 24
    ROOMY = 30


@dataclass(frozen=True)
class Theme:
    """One look. `mode` is what was asked for, `dark` what it came to; with `reduced_motion` nothing glows or blinks."""

    mode: Mode = "dark"
    dark: bool = True
    density: Density = Density.NORMAL
    reduced_motion: bool = False

    @property
    def palette(self) -> tokens.Palette:
        """Token name → `#RRGGBB`."""
        return tokens.DARK if self.dark else tokens.LIGHT

    @property
    def row_height(self) -> int:
        """Pixels of a table row."""
        return self.density.value

    def color(self, name: str, alpha: float = 1.0) -> QColor:
        """The colour of a token, see `tokens`; `alpha` 0 … 1. Raises `KeyError` for an unknown name."""
        color = QColor(self.palette[name])
        if alpha < 1.0:
            color.setAlphaF(alpha)
        return color

    def state_color(self, state: State) -> QColor:
        """The colour that goes with a state's glyph and word."""
        return QColor(self.palette[state.token])

    def series_color(self, index: int) -> QColor:
        """The colour of the `index`th curve."""
        return QColor(self.palette[tokens.SERIES[index % len(tokens.SERIES)]])

    def font(self, role: fonts.Role, *, strong: bool = False) -> QFont:
        """`label` 11 px, `body` 13 px, `figure` 22 px, `mono`; figures have equal widths."""
        return fonts.font(role, strong=strong)


class _Look(QObject):
    """Holds the theme in force, and applies it again when the desktop changes between dark and light."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.theme = Theme(reduced_motion=os.environ.get("FLEETGUI_REDUCED_MOTION", "") not in ("", "0"))
        self._app: QApplication | None = None
        self._drawn: tokens.Palette | None = None

    def apply(self, app: QApplication, theme: Theme) -> None:
        hints = app.styleHints()
        if self._app is not app:
            self._app = app
            hints.colorSchemeChanged.connect(self._scheme_changed)
        if theme.mode == "system":
            hints.unsetColorScheme()
            theme = replace(theme, dark=hints.colorScheme() is not Qt.ColorScheme.Light)
        else:
            hints.setColorScheme(Qt.ColorScheme.Dark if theme.mode == "dark" else Qt.ColorScheme.Light)
            theme = replace(theme, dark=theme.mode == "dark")
        self.theme = theme
        if self._drawn is not theme.palette or not app.styleSheet():
            # only for other colours: Qt visits every widget again
            self._drawn = theme.palette
            if not app.styleSheet() and app.style().objectName() != "fusion":  # with a sheet the style has no name
                app.setStyle(QStyleFactory.create("Fusion"))
            app.setPalette(_qt_palette(theme))
            app.setFont(theme.font("body"))
            app.setStyleSheet(stylesheet(theme.palette))
        self.changed.emit()

    def _scheme_changed(self, scheme: Qt.ColorScheme) -> None:
        if self._app is not None and self.theme.mode == "system":
            dark = scheme is not Qt.ColorScheme.Light
            if dark is not self.theme.dark:
                self.apply(self._app, self.theme)


_look = _Look()

changed = _look.changed
"""Emitted without arguments after the look changed. Connect methods of QObjects, which end with their object."""


def current() -> Theme:
    """The look in force; before `apply`, the dark one."""
    return _look.theme


def apply(
    app: QApplication, mode: str | None = None, *, density: Density | None = None, reduced_motion: bool | None = None
) -> None:
    """Put a look in force for the whole program; what is None stays as it is.

    A mode that is none of `MODES`, as a settings file may hold, means "system".
    """
    theme = _look.theme
    known = theme.mode if mode is None else _MODE_NAMES.get(mode, "system")
    _look.apply(
        app,
        replace(
            theme,
            mode=known,
            density=theme.density if density is None else density,
            reduced_motion=theme.reduced_motion if reduced_motion is None else reduced_motion,
        ),
    )


def _qt_palette(theme: Theme) -> QPalette:
    """Qt's own roles, for whatever Fusion draws by itself."""
    role = QPalette.ColorRole
    palette = QPalette()
    for each, name in {
        role.Window: "bg",
        role.WindowText: "text",
        role.Base: "surface",
        role.AlternateBase: "surface",
        role.Text: "text",
        role.PlaceholderText: "muted",
        role.Button: "raised",
        role.ButtonText: "text",
        role.BrightText: "band_critical",
        role.ToolTipBase: "raised",
        role.ToolTipText: "text",
        role.Highlight: "selection",
        role.HighlightedText: "text",
        role.Link: "accent",
        role.LinkVisited: "accent",
        role.Accent: "accent",
        role.Light: "raised",
        role.Midlight: "raised",
        role.Mid: "hairline",
        role.Dark: "hairline",
        role.Shadow: "bg",
    }.items():
        palette.setColor(each, theme.color(name))
    for each in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(QPalette.ColorGroup.Disabled, each, theme.color("muted"))
    return palette

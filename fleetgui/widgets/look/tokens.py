"""The design tokens: every colour of the program, once for dark and once for light. Plain data, no Qt.

Colour is for state alone; what is quiet is grey. Text and state colours have a contrast of at least 4.5:1 on the
grounds of `GROUNDS` (WCAG 2.1, 1.4.3), which a test computes. The bands are blue, orange and vermilion, which remain
apart under the common deficiencies of colour vision; state also always has a glyph and a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Palette = Mapping[str, str]

DARK: Final[Palette] = {
    "bg": "#0F1318",
    "surface": "#171C23",
    "raised": "#212833",
    "hover": "#1D242D",
    "selection": "#1F3550",
    "hairline": "#2C3540",
    "grid": "#222A33",
    "glow": "#2A4A6B",
    "text": "#E8EDF2",
    "muted": "#A3AFBB",
    "accent": "#6CB2FF",
    "on_state": "#0F1318",
    "live": "#4CC9A0",
    "late": "#E9C46A",
    "stale": "#E0A458",
    "unknown": "#D3A4FF",
    "unconfirmed": "#6CB2FF",
    "offline": "#9DA9B5",
    "band_normal": "#6FB7E9",
    "band_elevated": "#F5A742",
    "band_critical": "#FF7B6B",
    "series_0": "#E8EDF2",
    "series_1": "#6CB2FF",
    "series_2": "#D3A4FF",
    "series_3": "#4CC9A0",
    "series_4": "#E9C46A",
    "series_5": "#9DA9B5",
}

LIGHT: Final[Palette] = {
    "bg": "#F4F6F8",
    "surface": "#FFFFFF",
    "raised": "#E9EDF1",
    "hover": "#F0F3F6",
    "selection": "#D6E6F7",
    "hairline": "#D3DAE1",
    "grid": "#E6EBEF",
    "glow": "#B5D3F0",
    "text": "#15202B",
    "muted": "#52606D",
    "accent": "#0B5CAD",
    "on_state": "#FFFFFF",
    "live": "#0A6B52",
    "late": "#7A5A00",
    "stale": "#8A4B00",
    "unknown": "#6B2FA5",
    "unconfirmed": "#0B5CAD",
    "offline": "#56626E",
    "band_normal": "#1B5E8C",
    "band_elevated": "#8F4A00",
    "band_critical": "#B3261E",
    "series_0": "#15202B",
    "series_1": "#0B5CAD",
    "series_2": "#6B2FA5",
    "series_3": "#0A6B52",
    "series_4": "#7A5A00",
    "series_5": "#56626E",
}

GROUNDS: Final = ("bg", "surface", "raised", "hover", "selection")
"""What text and state colours are drawn on."""

INKS: Final = (
    "text",
    "muted",
    "accent",
    "live",
    "late",
    "stale",
    "unknown",
    "unconfirmed",
    "offline",
    "band_normal",
    "band_elevated",
    "band_critical",
)
"""What is drawn on `GROUNDS` and has to be legible there. `on_state` is drawn on a chip filled with a state colour."""

SERIES: Final = tuple(name for name in DARK if name.startswith("series_"))
"""Curves of several gateways, in order; a seventh starts again, and hover always names the node."""


def luminance(color: str) -> float:
    """Relative luminance of `#RRGGBB`, 0 … 1 (WCAG 2.1)."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 … 21 (WCAG 2.1)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)

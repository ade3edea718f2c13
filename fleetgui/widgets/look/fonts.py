"""The program's fonts: the platform's UI font and fixed font, in three sizes, with figures of equal width.

Needs a QGuiApplication. Where the platform names no UI font of its own (no desktop, offscreen) the first good one of
those installed is taken.
"""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

from PySide6.QtGui import QFont, QFontDatabase, QFontInfo

Role = Literal["label", "body", "figure", "mono"]

PIXELS: Final[dict[Role, int]] = {"label": 11, "body": 13, "figure": 22, "mono": 12}
"""Mono is one pixel smaller than the body it stands beside, because fixed fonts are drawn larger on their em."""

_NO_CHOICE: Final = frozenset({"sans serif", "sans-serif", "dejavu sans", "bitstream vera sans", "ms shell dlg 2", ""})
"""Families that mean nobody chose one: too wide for a dense table."""
_BETTER: Final = ("Inter", "Adwaita Sans", "Cantarell", "Ubuntu", "Noto Sans", "Liberation Sans", "Arimo")
_SYMBOLS: Final = ("DejaVu Sans", "Segoe UI Symbol", "Apple Symbols", "Noto Sans Symbols 2", "Noto Sans Symbols")
"""Asked for a character that the first family lacks, such as a state's glyph in running text."""


@cache
def family() -> str:
    """The UI font's family."""
    platform = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    drawn = QFontInfo(platform).family()
    if platform.family().lower() not in _NO_CHOICE and drawn.lower() not in _NO_CHOICE:
        return drawn
    installed = set(QFontDatabase.families())
    return next((name for name in _BETTER if name in installed), drawn)


@cache
def mono_family() -> str:
    """The fixed font's family."""
    return QFontInfo(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)).family()


@cache
def _made(role: Role, strong: bool) -> QFont:
    mono = role == "mono"
    font = QFont()
    font.setFamilies([mono_family() if mono else family(), *_SYMBOLS])
    font.setPixelSize(PIXELS[role])
    font.setStyleHint(QFont.StyleHint.Monospace if mono else QFont.StyleHint.SansSerif)
    if strong:
        font.setWeight(QFont.Weight.DemiBold)
    if not mono:
        font.setFeature(QFont.Tag("tnum"), 1)
    return font


def font(role: Role, *, strong: bool = False) -> QFont:
    """The font of a role; `strong` is its heavier cut. Figures have equal widths in all of them."""
    return QFont(_made(role, strong))


def forget() -> None:
    """Look the platform's fonts up again, after they changed."""
    family.cache_clear()
    mono_family.cache_clear()
    _made.cache_clear()

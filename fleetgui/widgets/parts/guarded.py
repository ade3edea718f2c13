"""What brings a panel up to date may fail, by a fault of ours; the panel may not go on to show what was true before.

On Qt's thread. The fault itself goes where every error of a slot goes; here it only is made visible.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from fleetgui.policy.states import State
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.plain import plain_label

SAID: Final = f"{State.UNKNOWN.word}: this panel could not be brought up to date. The journal says what failed."


class Guarded:
    """Calls `show`, as a timer's slot. While that raises, `panel` is covered by the word that what it shows is unknown;
    as soon as it succeeds the cover goes."""

    def __init__(self, panel: QWidget, show: Callable[[], object]) -> None:
        self._panel = panel
        self._show = show
        self._cover: QLabel | None = None

    def __call__(self) -> None:
        try:
            self._show()
        except Exception:
            self._cover_up()
            raise
        if self._cover is not None:
            self._cover.hide()
            self._cover.deleteLater()
            self._cover = None

    def _cover_up(self) -> None:
        if self._cover is None:
            self._cover = plain_label(SAID, self._panel)
            self._cover.setWordWrap(self._panel.height() >= 2 * self._cover.fontMetrics().lineSpacing())
            self._cover.setAlignment(Qt.AlignmentFlag.AlignCenter)
            self._cover.setAutoFillBackground(True)
            palette, look = self._cover.palette(), theme.current()
            palette.setColor(self._cover.backgroundRole(), look.color("surface"))
            palette.setColor(self._cover.foregroundRole(), look.color(State.FAILED.token))
            self._cover.setPalette(palette)
            self._cover.show()
        self._cover.setGeometry(self._panel.rect())
        self._cover.raise_()

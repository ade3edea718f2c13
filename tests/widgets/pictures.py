"""Draws the window in every look and condition into PNG files, to be looked at: `python -m tests.widgets.pictures DIR`.

Not a test. One scale a process, because Qt reads QT_SCALE_FACTOR once: give it as the second argument.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if len(sys.argv) > 2:
    os.environ["QT_SCALE_FACTOR"] = sys.argv[2]

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QApplication, QLabel

from fleetgui.widgets.journal import JournalPage
from fleetgui.widgets.look import theme
from fleetgui.widgets.overview.page import OverviewPage
from fleetgui.widgets.window.main_window import MainWindow
from tests.widgets import fill


def lost() -> fill.Filled:
    filled = fill.busy()
    filled.disconnected()
    return filled


def refused() -> fill.Filled:
    filled = fill.Filled()
    filled.refused()
    return filled


CASES: dict[str, Callable[[], fill.Filled]] = {
    "calm": fill.calm,
    "busy": fill.busy,
    "storm": fill.stormy,
    "lost": lost,
    "refused": refused,
    "no-gateway": fill.no_gateway,
    "waiting": fill.waiting,
}
SIZES = {"1440": QSize(1440, 900), "1920": QSize(1920, 1080), "1024": QSize(1024, 700), "720": QSize(720, 450)}


def picture(app: QApplication, case: str, mode: theme.Mode, size: QSize, file: Path, *, details: int = 0) -> MainWindow:
    theme.apply(app, mode)
    filled = CASES[case]()
    window = MainWindow(filled.state, filled.clock, context_name="noc-eu", tenant="acme", colour="#6CB2FF")
    overview = OverviewPage(filled.state, filled.clock)
    window.attach_page("overview", overview)
    window.attach_page("journal", JournalPage(filled.state.journal))
    window.resize(size)
    window.show()
    for number in range(details):
        window.open_detail_dock(f"camera-{147 + number:04d}", QLabel("detail"))
    for _ in range(3):
        app.processEvents()
        window.tick()
        overview.refresh()
    app.processEvents()
    window.grab().save(str(file))
    window.really_close()
    window.deleteLater()
    app.processEvents()
    return window


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    scale = sys.argv[2] if len(sys.argv) > 2 else "1"
    chosen = sys.argv[3].split(",") if len(sys.argv) > 3 else list(CASES)
    sizes = sys.argv[4].split(",") if len(sys.argv) > 4 else ["1440"]
    app = QApplication(["pictures"])
    for case in chosen:
        for mode in ("dark", "light"):
            for size in sizes:
                name = f"{case}-{mode}-{size}@{scale}.png"
                picture(app, case, mode, SIZES[size], folder / name, details=2 if case == "busy" else 0)


if __name__ == "__main__":
    main()

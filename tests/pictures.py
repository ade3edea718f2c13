"""The README's screenshots: `python -m tests.pictures FOLDER` runs the demo offscreen and saves what it shows.

Dark and light, with a device open and a call answered, at the moment the demo's story has a storm, a lag spike and a
restart behind it. Nothing is staged: it is the production path on the embedded backend.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

SHOWN_AFTER_S = 75.0
SIZE = (1600, 1000)
SETTLES_S = 12.0
"""Another look holds the loop for some tenths of a second, which the header says for as long as it is in the window."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--after", type=float, default=SHOWN_AFTER_S, help="seconds of story before the pictures")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"

    from PySide6.QtWidgets import QApplication

    from fleetgui.app.options import DemoOptions
    from fleetgui.app.session import Session
    from fleetgui.stores.calls import Outcome
    from fleetgui.stores.roster import RosterPhase
    from fleetgui.widgets.detail.page import DeviceDetail
    from fleetgui.widgets.look import theme
    from tests.app.consoles import run_console
    from tests.waiting import until

    app = QApplication(sys.argv[:1])

    async def drive(session: Session) -> None:
        roster, calls = session.state.roster, session.state.calls
        session.window.resize(*SIZE)
        session.window.arrange()
        await until(lambda: roster.status.phase is RosterPhase.READY, roster.status_changed)
        await asyncio.sleep(arguments.after)
        device_id = roster.row(2).device_id
        assert device_id is not None
        assert session.fabric is not None
        session.window.device_opened.emit(device_id)
        call = session.fabric.calls.invoke(device_id, "capture_image", {"resolution": "2160p"}, 10.0)
        await until(lambda: (done := calls.get(call)) and done.outcome is not Outcome.RUNNING, calls.changed)
        for detail in session.window.findChildren(DeviceDetail):
            detail.tabs.setCurrentIndex(1)
        await asyncio.sleep(12)
        for mode in theme.MODES[:2]:
            theme.apply(app, mode)
            await asyncio.sleep(SETTLES_S)
            session.save_picture(arguments.folder / f"console-{mode}.png")

    with tempfile.TemporaryDirectory() as folder:
        run_console(app, Path(folder), drive, demo=DemoOptions())
    return 0


if __name__ == "__main__":
    sys.exit(main())

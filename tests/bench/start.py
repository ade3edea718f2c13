"""Process start to a painted window, offscreen: the console beside an empty PySide6 window on qasync."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.timing import side_by_side

EMPTY = """
import asyncio, sys, time
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QMainWindow
import qasync
import psutil

app = QApplication(sys.argv[:1])
window = QMainWindow()

class Painted(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            print((time.time() - psutil.Process().create_time()) * 1000, flush=True)
            app.quit()
        return False

painted = Painted()
window.installEventFilter(painted)
window.resize(1440, 900)
window.show()
loop = qasync.QEventLoop(app)
with loop:
    loop.run_forever()
"""


def empty_window_ms() -> float:
    done = subprocess.run([sys.executable, "-c", EMPTY], capture_output=True, text=True, check=True, timeout=60)
    return float(done.stdout.splitlines()[0])


def console_ms() -> float:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "fleetgui",
                "--server",
                "nats://127.0.0.1:9",
                "--report",
                str(report),
                "--exit-after",
                "0.3",
            ],
            check=True,
            timeout=60,
            env=os.environ | {"FLEETGUI_CONFIG_DIR": folder},
            capture_output=True,
        )
        return float(json.loads(report.read_text())["start_to_window_ms"])


def run(quick: bool) -> dict[str, Any]:
    return {
        "what": "process start to a painted window, ms; peer: an empty PySide6 window on qasync; wanted: ratio <= 2",
        **side_by_side(console_ms, empty_window_ms, 3 if quick else 15),
    }

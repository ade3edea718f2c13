"""A file that is written whole or not at all, on a disk that is full (S4)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DISK_FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
from fleetgui.app.files import write_whole
try:
    write_whole(Path(sys.argv[1]), "x" * 50_000)
except OSError as error:
    print("refused", error.errno)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_leaves_the_previous_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("before")
    done = subprocess.run(
        [sys.executable, "-c", DISK_FULL, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.startswith("refused"), done.stderr
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.json"]

"""What a CSV covers and what was lost stand in a file beside it: of that CSV, or not at all."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fleetgui.snapshots.export import ExportFormat, ExportWriter, companion_of
from fleetgui.stores.export import Coverage
from fleetgui.stores.ledger import Span
from tests.snapshots.test_export import READ_AT, device

ROOT = Path(__file__).parents[2]
LOST = Span("heartbeat", "reconnect gap", READ_AT - 6.0, READ_AT, None)


def export(path: Path, devices: int = 1, losses: tuple[Span, ...] = (LOST,)) -> None:
    writer = ExportWriter(path, ExportFormat.CSV)
    writer.open()
    writer.write([device(f"d{number}") for number in range(devices)])
    writer.finish(Coverage(seen=devices, expected=devices + 1, hidden=1), READ_AT, losses)


def coverage_of(path: Path) -> dict[str, object]:
    own: dict[str, object] = json.loads(Path(f"{path}.coverage.json").read_bytes())["_fleetgui"]
    return own


def rows_in(path: Path) -> int:
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_gaps_and_coverage_stand_beside_a_csv_in_which_every_row_is_a_device(tmp_path: Path) -> None:
    path = tmp_path / "fleet.csv"
    export(path, devices=2)
    with path.open(newline="", encoding="utf-8") as file:
        assert [row["device_id"] for row in csv.DictReader(file)] == ["d0", "d1"]
    own = coverage_of(path)
    assert own["ledger"] == [LOST.exported()]
    assert own["coverage"]["hidden"] == 1  # type: ignore[index]
    assert own["written_at"] == "2026-11-21T00:00:00.250Z"
    assert names(tmp_path) == ["fleet.csv", "fleet.csv.coverage.json"]


def test_json_lines_say_it_themselves(tmp_path: Path) -> None:
    assert companion_of(tmp_path / "fleet.jsonl", ExportFormat.JSON_LINES) is None


def test_a_companion_that_cannot_be_is_said_before_the_fleet_is_read(tmp_path: Path) -> None:
    (tmp_path / "fleet.csv.coverage.json").mkdir()
    with pytest.raises(IsADirectoryError):
        ExportWriter(tmp_path / "fleet.csv", ExportFormat.CSV).open()
    assert names(tmp_path) == ["fleet.csv.coverage.json"]


def test_a_file_that_may_not_be_put_in_place_leaves_the_pair_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a spreadsheet holds the file open and the system lets nobody replace it."""
    path = tmp_path / "fleet.csv"
    export(path, devices=1)
    replace = Path.replace

    def held_open(self: Path, target: Path) -> Path:
        if target == path:
            raise PermissionError(13, "in use")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", held_open)
    with pytest.raises(PermissionError):
        export(path, devices=2, losses=())
    assert rows_in(path) == 1
    assert coverage_of(path)["ledger"] == [LOST.exported()]
    assert names(tmp_path) == ["fleet.csv", "fleet.csv.coverage.json"]


FULL = """
import resource, signal, sys
from tests.snapshots.test_export_companion import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    export(Path(sys.argv[1]), devices=2, losses=(LOST,) * 1_000)
except OSError as error:
    print("refused", error.errno)
"""

KILLED = """
import os, signal, sys
from tests.snapshots.test_export_companion import *
left, replace = int(sys.argv[2]), Path.replace
def killed(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
Path.replace = killed
export(Path(sys.argv[1]), devices=2, losses=())
"""


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_disk_that_is_full_for_the_companion_leaves_the_pair_before(tmp_path: Path) -> None:
    path = tmp_path / "fleet.csv"
    export(path, devices=1)
    done = run(FULL, str(path))
    assert done.stdout.startswith("refused"), done.stderr
    assert (rows_in(path), coverage_of(path)["ledger"]) == (1, [LOST.exported()])
    assert names(tmp_path) == ["fleet.csv", "fleet.csv.coverage.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize(("after", "rows", "companion"), [(0, 1, True), (1, 1, False), (2, 2, False), (3, 2, True)])
def test_kill_minus_nine_never_leaves_a_companion_of_another_file(
    tmp_path: Path, after: int, rows: int, companion: bool
) -> None:
    path = tmp_path / "fleet.csv"
    export(path, devices=1)
    done = run(KILLED, str(path), str(after))
    assert done.returncode == (0 if after == 3 else -signal.SIGKILL), done.stderr
    assert rows_in(path) == rows
    assert Path(f"{path}.coverage.json").exists() is companion
    if companion:
        assert coverage_of(path)["coverage"]["seen"] == rows  # type: ignore[index]

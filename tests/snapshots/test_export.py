"""Exports: shapes, hostile cells, and that the file that stood there before survives every failure."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleetgui.policy.states import State
from fleetgui.snapshots.export import CSV_COLUMNS, ExportedDevice, ExportFormat, ExportWriter, neutral
from fleetgui.stores.export import Coverage
from fleetgui.wire.records import summarize

READ_AT = 1_795_219_200.25


def device(device_id: str = "camera-1", **fields: object) -> ExportedDevice:
    record = json.dumps({"device_id": device_id, "device_ttl": 15, **fields}).encode()
    return ExportedDevice(record, summarize(record), device_id, State.ONLINE, READ_AT)


def written(path: Path, kind: ExportFormat, devices: list[ExportedDevice]) -> str:
    writer = ExportWriter(path, kind)
    writer.open()
    writer.write(devices)
    writer.finish(Coverage(seen=len(devices), expected=len(devices)), READ_AT)
    return path.read_bytes().decode()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_one_row_a_device_and_iso_times(tmp_path: Path) -> None:
    one = device(identity={"device_type": "camera"}, status={"battery": 88, "ts": "2026-11-21T00:00:44"})
    text = written(tmp_path / "f.csv", ExportFormat.CSV, [one])
    assert text.splitlines()[0] == ",".join(CSV_COLUMNS)
    (row,) = rows(text)
    assert (row["device_id"], row["state"], row["device_type"]) == ("camera-1", "online", "camera")
    assert (row["read_at"], row["status_ts"]) == ("2026-11-21T00:00:00.250Z", "2026-11-21T00:00:44.000Z")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(tmp_path: Path, start: str) -> None:
    formula = f"{start}cmd|' /C calc'!A0"
    one = device(identity={"model": formula, "manufacturer": 'a "quoted", one\nwith lines'})
    (row,) = rows(written(tmp_path / "f.csv", ExportFormat.CSV, [one]))
    assert row["model"] == "'" + formula
    assert row["manufacturer"] == 'a "quoted", one\nwith lines'


def test_what_ends_texts_is_taken_out_and_numbers_stay_numbers() -> None:
    assert neutral("a\0b") == "ab"
    assert neutral("\0=1") == "'=1"
    assert neutral(-5.5) == "-5.5"
    assert neutral(None) == ""


def test_json_lines_are_the_records_themselves(tmp_path: Path) -> None:
    one = device(status={"odd": {"deep": [1, None]}}, extra="kept")
    lines = [json.loads(line) for line in written(tmp_path / "f.jsonl", ExportFormat.JSON_LINES, [one]).splitlines()]
    own = lines[0].pop("_fleetgui")
    assert lines[0] == json.loads(one.record)
    assert own == {"state": "online", "read_at": "2026-11-21T00:00:00.250Z"}
    assert lines[-1]["_fleetgui"]["coverage"]["complete"] is True


@pytest.mark.parametrize("kind", list(ExportFormat))
def test_a_malformed_record_is_written_as_it_came(tmp_path: Path, kind: ExportFormat) -> None:
    bad = ExportedDevice(b'{"device_id": "a", "status": 7}', None, "a", State.UNKNOWN, READ_AT)
    worse = ExportedDevice(b"\xff{", None, None, State.UNKNOWN, READ_AT)
    text = written(tmp_path / "f", kind, [bad, worse])
    assert "malformed" in text
    assert "a" in text


@pytest.mark.parametrize("kind", list(ExportFormat))
def test_until_it_is_finished_the_previous_file_stands(tmp_path: Path, kind: ExportFormat) -> None:
    path = tmp_path / "fleet"
    path.write_text("before")
    writer = ExportWriter(path, kind)
    writer.open()
    writer.write([device()])
    assert path.read_text() == "before"
    writer.abandon()
    writer.abandon()
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["fleet"]


@pytest.mark.parametrize("name", ["missing/fleet.csv", "a-folder", "x" * 300 + ".csv"])
def test_a_place_that_cannot_be_written_is_an_os_error_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-folder").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
        written(tmp_path / name, ExportFormat.CSV, [device()])
    assert [entry.name for entry in tmp_path.iterdir()] == ["a-folder"]


DISK_FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from tests.snapshots.test_export import *
try:
    written(Path(sys.argv[1]), ExportFormat.CSV, [device(f"d{n}") for n in range(5_000)])
except OSError as error:
    print("refused", error.errno)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_leaves_the_previous_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "fleet.csv"
    path.write_text("before")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", DISK_FULL, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.stdout.startswith("refused"), done.stderr
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["fleet.csv"]


def test_the_name_says_the_format() -> None:
    assert ExportFormat.of(Path("a.csv")) is ExportFormat.CSV
    assert ExportFormat.of(Path("a.b.JSONL")) is ExportFormat.JSON_LINES
    assert ExportFormat.of(Path("csv")) is None

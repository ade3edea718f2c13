"""Exports hold what the registry sent, to the digit, and are files like any other once they stand."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fleetgui.policy.states import State
from fleetgui.snapshots.export import ExportedDevice, ExportFormat, ExportWriter, neutral
from fleetgui.stores.export import Coverage
from fleetgui.wire.records import summarize
from tests.snapshots.test_export import READ_AT, device, written

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="permissions and signals are POSIX")


def line_of(tmp_path: Path, record: bytes) -> bytes:
    one = ExportedDevice(record, summarize(record), "d", State.LATE, READ_AT)
    writer = ExportWriter(tmp_path / "f.jsonl", ExportFormat.JSON_LINES)
    writer.open()
    writer.write([one])
    writer.finish(Coverage(seen=1, expected=1), READ_AT)
    lines = (tmp_path / "f.jsonl").read_bytes().split(b"\n")
    assert len(lines) == 3, "a record, the coverage, and the end"
    assert lines[2] == b""
    return lines[0]


@pytest.mark.parametrize(
    "record",
    [
        b'{"device_id":"d","n":123456789012345678901234567890}',
        b'{"device_id":"d","x":1.10,"y":1E5,"z":-0}',
        b'{"device_id":"d", "text":"caf\\u00e9 \\/ \\n"}',
        b'{"device_id":"d","a":1,"a":2}',
        '{"device_id":"d","text":"日本\u2028"}'.encode(),
    ],
)
def test_a_record_stands_in_its_line_byte_for_byte(tmp_path: Path, record: bytes) -> None:
    line = line_of(tmp_path, record)
    assert line.startswith(record[:-1] + b',"_fleetgui":{')
    assert json.loads(line)["_fleetgui"]["state"] == "late"


def test_a_record_over_several_lines_becomes_one(tmp_path: Path) -> None:
    line = line_of(tmp_path, b'\r\n{\n  "device_id": "d",\r\n  "a": 1\n}\n')
    assert json.loads(line)["a"] == 1


def test_a_devices_own_key_does_not_pass_for_the_consoles(tmp_path: Path) -> None:
    line = line_of(tmp_path, b'{"device_id":"d","_fleetgui":{"state":"online"},"a":1}')
    assert line.count(b"_fleetgui") == 1
    assert json.loads(line)["_fleetgui"]["state"] == "late"


def test_bytes_that_are_no_text_never_reach_the_file_as_they_are(tmp_path: Path) -> None:
    record = b'{"device_id":"d","zz":"\xff\xfe"}'
    line = line_of(tmp_path, record)
    assert "malformed" in json.loads(line)["_fleetgui"]


@pytest.mark.parametrize("cell", ["  =1+1", "＝1+1", "＋1", "－1", "＠SUM(1)", "\n=1", "\u00a0=1"])
def test_what_a_spreadsheet_takes_for_a_formula_all_the_same_is_quoted(cell: str) -> None:
    assert neutral(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["camera-0147", "a=b", "1-2", "", "'=1", "x@y"])
def test_ordinary_text_is_left_alone(cell: str) -> None:
    assert neutral(cell) == cell


@posix_only
def test_an_existing_file_keeps_its_permissions_and_a_new_one_gets_the_usual(tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text("before")
    old.chmod(0o640)
    written(old, ExportFormat.CSV, [device()])
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    usual = tmp_path / "usual"
    usual.touch()
    written(tmp_path / "new.csv", ExportFormat.CSV, [device()])
    assert (tmp_path / "new.csv").stat().st_mode == usual.stat().st_mode


def test_a_name_as_long_as_leaves_its_companion_one_can_be_written(tmp_path: Path) -> None:
    longest = os.pathconf(tmp_path, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255
    name = "é" * ((longest - len(".csv.coverage.json")) // len("é".encode())) + ".csv"
    assert longest - 1 <= len(f"{name}.coverage.json".encode()) <= longest
    written(tmp_path / name, ExportFormat.CSV, [device()])
    assert (tmp_path / name).stat().st_size > 0


KILLED = """
import sys
from pathlib import Path
from tests.snapshots.test_export import *
writer = ExportWriter(Path(sys.argv[1]), ExportFormat.CSV)
writer.open()
writer.write([device(f"d{n}") for n in range(2_000)])
print("writing", flush=True)
sys.stdin.read()
"""


@posix_only
def test_kill_minus_nine_leaves_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "fleet.csv"
    path.write_text("before")
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert path.read_text() == "before"
    assert written(path, ExportFormat.CSV, [device()]), "what the killed one left does not stand in the way"

"""What a console that dies by a fault leaves, and what the next one finds of it; real processes, really killed."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetgui.app.crash import CrashLog


@pytest.fixture(autouse=True)
def faulthandler_as_it_was() -> Iterator[None]:
    yield
    faulthandler.enable(sys.__stderr__ or 2)


BEGIN = """
import os, signal, sys
from pathlib import Path
from fleetgui.app.crash import CrashLog
log = CrashLog(Path(sys.argv[1]))
log.begin()
print("ready", flush=True)
sys.stdin.readline()
"""


def process(folder: Path, then: str = "") -> subprocess.Popen[str]:
    """A process that writes a crash log, ready, and waits for a line; then it does what `then` says."""
    child = subprocess.Popen(
        [sys.executable, "-c", BEGIN + then, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def ended(child: subprocess.Popen[str]) -> int:
    with child:
        child.communicate("\n", timeout=20)
    return child.returncode


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_fault_leaves_the_stacks_of_all_threads_once(tmp_path: Path) -> None:
    ended(process(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)"))
    log = CrashLog(tmp_path)
    crash = log.begin()
    log.end()
    assert crash is not None
    assert "Segmentation fault" in crash.text
    assert 'File "<string>"' in crash.text
    assert "Help → Diagnostics" in crash.sentence
    again = CrashLog(tmp_path)
    assert again.begin() is None
    again.end()
    assert left(tmp_path) == []


def test_an_orderly_end_leaves_nothing(tmp_path: Path) -> None:
    assert ended(process(tmp_path, "log.end()")) == 0
    assert left(tmp_path) == []


def test_a_console_that_was_killed_is_no_crash_and_leaves_nothing_for_long(tmp_path: Path) -> None:
    child = process(tmp_path)
    child.kill()
    ended(child)
    assert len(left(tmp_path)) == 1
    log = CrashLog(tmp_path)
    assert log.begin() is None
    log.end()
    assert left(tmp_path) == []


def test_another_console_that_runs_keeps_its_file(tmp_path: Path) -> None:
    other = process(tmp_path)
    try:
        log = CrashLog(tmp_path)
        assert log.begin() is None
        log.end()
        assert left(tmp_path) == [f"crash-{other.pid}.log"]
    finally:
        ended(other)


def test_of_several_crashes_the_newest_is_told(tmp_path: Path) -> None:
    gone = process(tmp_path, "log.end()")
    number = gone.pid
    ended(gone)
    for name, at, text in ((number, 1_000.0, "newer"), (f"0{number}", 900.0, "older")):
        path = tmp_path / f"crash-{name}.log"
        path.write_text(text)
        os.utime(path, (at, at))
    log = CrashLog(tmp_path)
    crash = log.begin()
    log.end()
    assert crash is not None
    assert (crash.at, crash.text) == (1_000.0, "newer")
    assert left(tmp_path) == []


@pytest.mark.parametrize("number", ["", "x", "-1", "²³", str(10**30)])
def test_files_of_others_are_left_alone(tmp_path: Path, number: str) -> None:
    name = f"crash-{number}.log"
    (tmp_path / name).write_text("theirs")
    log = CrashLog(tmp_path)
    assert log.begin() is None
    log.end()
    assert left(tmp_path) == [name]


def test_a_folder_that_cannot_be_made_costs_the_log_and_not_the_console(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    log = CrashLog(tmp_path / "file" / "folder")
    assert log.begin() is None
    log.end()
    assert "will leave no trace" in caplog.text


@pytest.mark.skipif(not hasattr(signal, "SIGABRT"), reason="no SIGABRT here")
def test_an_abort_counts_too(tmp_path: Path) -> None:
    ended(process(tmp_path, "os.abort()"))
    log = CrashLog(tmp_path)
    crash = log.begin()
    log.end()
    assert crash is not None
    assert "Aborted" in crash.text

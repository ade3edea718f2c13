"""The console as a process: what it leaves behind when it ends in any way, and what its report says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.backend.processes import until
from tests.nats_server import free_port

pytestmark = pytest.mark.timeout(120)

REPORT_KEYS = {
    "devices_total",
    "rows_loaded",
    "pages_fetched",
    "link_state",
    "connections",
    "lag_samples",
    "throttle_engagements",
    "events_seen",
    "messages_in",
    "dropped",
    "malformed",
    "start_to_window_ms",
    "connect_to_first_rows_ms",
    "loop_lag_ms",
    "states",
    "states_left_out",
    "ledger",
    "footprint",
    "rss_mb",
}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Settings, temporary files and Qt of this test alone."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return os.environ | {
        "FLEETGUI_CONFIG_DIR": str(tmp_path / "config"),
        "QT_QPA_PLATFORM": "offscreen",
        "TMPDIR": str(folder),
    }


@pytest.fixture
def demo(environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "fleetgui", "demo", "--devices", "20", "--scenario", "calm"],
        env=environ,
        stdin=subprocess.DEVNULL,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()


def reported(environ: dict[str, str], report: Path, *words: str) -> dict[str, Any]:
    """What a console that ends by itself, and well, has put into `report`."""
    done = subprocess.run(
        [sys.executable, *words, "--report", str(report)], env=environ, timeout=100, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    figures: dict[str, Any] = json.loads(report.read_text())
    return figures


def test_a_demo_reports_what_it_measured(tmp_path: Path, environ: dict[str, str]) -> None:
    report, picture = tmp_path / "report.json", tmp_path / "picture.png"
    words = ("demo", "--devices", "40", "--scenario", "calm", "--exit-after", "20", "--offscreen")
    figures = reported(environ, report, "-m", "fleetgui", *words, "--screenshot", str(picture))
    assert set(figures) == REPORT_KEYS
    assert figures["devices_total"] == figures["rows_loaded"] == 40
    assert figures["connections"] == 1
    assert figures["link_state"] == "connected"
    assert figures["dropped"] == figures["malformed"] == 0
    assert set(figures["loop_lag_ms"]) == {"p50", "p99", "max"}
    live = {each["source"] for each in figures["states"] if each["state"] == "live"}
    assert {"link", "registry", "heartbeats", "gateway gw-1"} <= live
    assert sum(each.startswith("device ") for each in {each["source"] for each in figures["states"]}) == 40
    assert figures["footprint"]["connections"] == 1
    assert [each for each in figures["ledger"] if each["count"]] == []
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert list(Path(environ["TMPDIR"]).iterdir()) == []


def test_an_unreachable_server_opens_the_console_all_the_same(tmp_path: Path, environ: dict[str, str]) -> None:
    report = tmp_path / "report.json"
    words = ("--server", f"nats://127.0.0.1:{free_port()}", "--exit-after", "3")
    figures = reported(environ, report, "-X", "dev", "-m", "fleetgui", *words)
    assert (figures["link_state"], figures["connections"]) == ("connecting", 0)
    assert figures["connect_to_first_rows_ms"] is None


async def _tree(console: int) -> list[psutil.Process]:
    """Every process of the demo, once all are there: supervisor, guardian, broker, gateway, devices."""
    await until(lambda: len(psutil.Process(console).children(recursive=True)) >= 5, "the backend is there")
    return psutil.Process(console).children(recursive=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM and SIGINT between processes")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_however_it_ends_nothing_is_left(
    demo: subprocess.Popen[bytes], environ: dict[str, str], number: signal.Signals
) -> None:
    tree = await _tree(demo.pid)
    demo.send_signal(number)
    await until(lambda: demo.poll() is not None, "the console has ended")
    if number is not signal.SIGKILL:
        assert demo.returncode == 0
    await until(lambda: not any(process.is_running() for process in tree), "its processes have ended")
    await until(lambda: not list(Path(environ["TMPDIR"]).glob("fleetgui*")), "no folder of it is left")

"""Connect to the first rows painted: a fleet of a million beside one of a thousand, both on the embedded backend."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SIZES = (1_000, 1_000_000)


def first_rows_ms(url: str, user: str, password: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            [sys.executable, "-m", "fleetgui", "--server", url, "--report", str(report), "--exit-after", "4"],
            check=True,
            timeout=60,
            env=os.environ | {"FLEETGUI_CONFIG_DIR": folder, "NATS_USER": user, "NATS_PASSWORD": password},
            capture_output=True,
        )
        figures: dict[str, Any] = json.loads(report.read_text())
        return figures


def measured(devices: int, runs: int) -> dict[str, Any]:
    with subprocess.Popen(
        [sys.executable, "-m", "fleetgui", "serve", "--devices", str(devices), "--scenario", "calm"]
        + ["--roles", "broker,gateway,devices"]
        + ["--ready-file", "-", "--until-stdin-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as backend:
        assert backend.stdout is not None
        facts = json.loads(backend.stdout.readline())
        reports = [first_rows_ms(facts["url"], facts["user"], facts["password"]) for _ in range(runs)]
        assert backend.stdin is not None
        backend.stdin.close()
        backend.wait(20)
    return {
        "devices": devices,
        "connect_to_first_rows_ms": round(statistics.median(one["connect_to_first_rows_ms"] for one in reports), 1),
        "rss_mb": round(statistics.median(one["rss_mb"] for one in reports), 1),
        "runs": runs,
    }


def run(quick: bool) -> dict[str, Any]:
    small, large = (measured(devices, 1 if quick else 5) for devices in SIZES)
    return {
        "what": "connect to the first rows painted, ms, and resident memory, MiB",
        "fleets": [small, large],
        "ratio_ms": round(large["connect_to_first_rows_ms"] / small["connect_to_first_rows_ms"], 3),
        "ratio_memory": round(large["rss_mb"] / small["rss_mb"], 3),
    }

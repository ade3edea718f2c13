"""The one command that measures everything, or what is named, and prints JSON."""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import psutil

BENCHMARKS = (
    "pages",
    "start",
    "frames",
    "overview",
    "rows",
    "jump",
    "walking",
    "stall",
    "load",
    "intake",
    "devices",
    "throttle",
    "registry",
    "walk",
    "page",
    "herd",
    "deployments",
    "held",
)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    import msgspec
    import PySide6

    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%MZ"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "pyside": PySide6.__version__,
        "msgspec": msgspec.__version__,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="all by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: to see that it runs")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    figures: dict[str, Any] = {"machine": machine(), "command": " ".join(["python -m tests.bench", *sys.argv[1:]])}
    for name in arguments.names or BENCHMARKS:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures[name] = importlib.import_module(f"tests.bench.{name}").run(arguments.quick)
    text = json.dumps(figures, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

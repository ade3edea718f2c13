"""The guardian: a tiny process that holds nats-server's life, because nats-server cannot watch a pipe itself.

Standard library alone, started as `python -I -S guardian.py` (about 10 MB). It reads one JSON line from stdin
(`binary`, `folder`, `config`), makes the private folder, starts nats-server in it, prints `{"ready": true, "port",
"pid"}` once the server takes connections, and when stdin ends, kills the server and removes the folder. If it is the
guardian that gets killed, the supervisor does both: it chose the folder's name, so nothing is known to the dead alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any


def read_order() -> dict[str, Any]:
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(0, 65536)
        if not chunk:
            sys.exit(0)
        line += chunk
    order: dict[str, Any] = json.loads(line)
    return order


def tell(message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more: the end of stdin says so too
        os.write(1, json.dumps(message).encode() + b"\n")


def start(binary: str, folder: Path, config: str) -> subprocess.Popen[bytes]:
    file = folder / "nats.conf"
    file.touch(mode=0o600)
    file.write_text(config, encoding="utf-8")
    with (folder / "start.log").open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - the server itself, no shell
            [binary, "-c", str(file)], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder
        )


def port_when_ready(server: subprocess.Popen[bytes], folder: Path) -> int | None:
    """The port from the file that the server writes once it listens; None when it ended before that."""
    while True:
        try:
            server.wait(0.01)  # the pause between two looks, and the news of its end
        except subprocess.TimeoutExpired:
            pass
        else:
            return None
        for file in folder.glob("*.ports"):
            try:
                urls = json.loads(file.read_text())["nats"]
                return int(urls[0].rsplit(":", 1)[1])
            except (OSError, ValueError, LookupError):
                continue  # half written; the next look sees the rest


def last_words(folder: Path) -> str:
    """Why the server ended, as far as it said so: its last fatal or error line, "" when there is none."""
    lines: list[str] = []
    for name in ("start.log", "nats.log"):
        with contextlib.suppress(OSError):
            lines += (folder / name).read_text(errors="replace").splitlines()[-50:]
    telling = [line for line in lines if "[FTL]" in line or "[ERR]" in line or line.startswith("nats-server:")]
    return telling[-1].split("] ", 2)[-1].strip() if telling else ""


def remove(folder: Path) -> None:
    pause = threading.Event()
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        pause.wait(0.05)  # Windows keeps a killed process's files open for a moment


def main() -> int:
    order = read_order()
    folder = Path(order["folder"])
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        tell({"error": f"no private folder can be made for the broker: {error}"})
        return 1
    try:
        try:
            server = start(order["binary"], folder, order["config"])
        except OSError as error:
            tell({"error": f"nats-server cannot be started: {error}"})
            return 1
        asked = threading.Event()

        def end(*_: object) -> None:
            asked.set()
            server.kill()

        def watch() -> None:
            while os.read(0, 65536):
                pass
            end()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        threading.Thread(target=watch, daemon=True).start()

        port = port_when_ready(server, folder)
        if port is not None:
            tell({"ready": True, "port": port, "pid": server.pid})
        code = server.wait()
        if asked.is_set():
            return 0
        why = last_words(folder)
        tell({"error": f"nats-server ended (exit code {code})" + (f": {why}" if why else "")})
        return 1
    finally:
        remove(folder)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the watching thread sits in a read that nothing interrupts

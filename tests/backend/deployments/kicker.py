"""A broker that can be told to end a client's connection, as an operator or a network does it: from outside."""

from __future__ import annotations

import contextlib
import json
from typing import Final

from pydantic import SecretStr

from fleetgui.link.credentials import UserPassword
from fleetgui.link.errors import LinkError
from tests.backend.deployments.rig import Side, until
from tests.nats_server import NatsServer

SYSTEM: Final = """
accounts {
  FLEET { jetstream: enabled, users: [ { user: fleet, password: fleet } ] }
  SYS { users: [ { user: sys, password: sys } ] }
}
system_account: SYS
no_auth_user: fleet
"""
"""For `NatsServer(SYSTEM, jetstream=True)`: whoever has no credentials is of the fleet."""

OPERATOR: Final = UserPassword(user="sys", password=SecretStr("sys"))


class Kicker:
    """Ends connections from the broker's side, through its system account."""

    def __init__(self, broker: NatsServer, system: Side) -> None:
        self._broker = broker
        self._system = system

    def connection(self, name: str) -> int | None:
        """The id of the connection whose client's name begins so."""
        found = [each["cid"] for each in self._broker.connections() if each.get("name", "").startswith(name)]
        return found[0] if found else None

    async def kick(self, name: str) -> None:
        """End it, and return once that client has another one."""
        before = self.connection(name)
        if before is not None:
            server = self._broker.monitor("varz")["server_id"]
            data = json.dumps({"cid": before}).encode()
            with contextlib.suppress(LinkError):
                await self._system.link.request(f"$SYS.REQ.SERVER.{server}.KICK", data, timeout=5.0)
        await until(lambda: self.connection(name) not in (None, before), f"{name} is back")

"""Broker URLs taken apart: what may be shown of them, and the credentials that some people write into them.

Credentials are taken out of a URL the moment it is read, so that no title, log line or error can show them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from fleetgui.link.credentials import ContextError, Token, UserPassword

_HOST = re.compile(r"^[A-Za-z0-9._:%-]+$")


@dataclass(frozen=True)
class Server:
    """One broker: where it is, and whether its URL demands TLS. `tls_name`: the name its certificate must bear."""

    host: str
    port: int
    tls: bool = False
    tls_name: str | None = None

    @property
    def where(self) -> str:
        """host:port, as it is shown."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'tls' if self.tls else 'nats'}://{self.where}"


def parse_servers(urls: str) -> tuple[list[Server], UserPassword | Token | None]:
    """The servers of a comma-separated list, and the first credentials found in it. Raises `ContextError`.

    A name alone, or with a port, is a `nats://` URL; the port is 4222 where none is given.
    """
    servers: list[Server] = []
    credentials: UserPassword | Token | None = None
    for number, text in enumerate((part for part in urls.split(",") if part.strip()), 1):
        server, found = _parse(text.strip(), number)
        if server not in servers:
            servers.append(server)
        credentials = credentials or found
    if not servers:
        raise ContextError("The server URL is empty; it should be like nats://broker.example:4222.")
    return servers, credentials


def _parse(text: str, number: int) -> tuple[Server, UserPassword | Token | None]:
    # The text itself may hold a password, so errors name its number in the list and never quote it whole.
    wanted = "it should be like nats://broker.example:4222 or tls://broker.example:4222"
    try:
        parts = urlsplit(text if "://" in text else f"nats://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ContextError(f"Server URL number {number} cannot be read; {wanted}.") from None
    if parts.scheme in ("ws", "wss"):
        raise ContextError(f"WebSocket URLs ({parts.scheme}://) are not supported; {wanted}.")
    if parts.scheme not in ("nats", "tls"):
        raise ContextError(f"Server URL number {number} has the scheme {parts.scheme[:20]!r}; {wanted}.")
    if not host or not _HOST.match(host) or port == 0:
        raise ContextError(f"Server URL number {number} names no host and port; {wanted}.")
    credentials: UserPassword | Token | None = None
    if parts.username:
        user = unquote(parts.username)
        if parts.password is None:
            credentials = Token(token=SecretStr(user))
        else:
            credentials = UserPassword(user=user, password=SecretStr(unquote(parts.password)))
    return Server(host, port or 4222, parts.scheme == "tls"), credentials

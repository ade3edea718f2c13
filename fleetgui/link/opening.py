"""How a connection to one broker is opened, over nats-py's client: the greeting, encryption, and who we are.

Never a credential over a stream that should be encrypted and is not; one server, tried once; bounded in time whatever
the broker does. The attributes with a leading underscore are nats-py's own names. Runs on the loop.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Callable
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.transport import TcpTransport
from pydantic import SecretStr

from fleetgui.link.credentials import Proof
from fleetgui.link.errors import Refused
from fleetgui.link.reader import ProtocolViolation
from fleetgui.link.servers import Server

READ_BYTES: Final = 64 * 1024
"""Read at once. A turn of the loop takes in at most twice this, so a flood cannot hold the loop for longer."""


class TlsRefused(Refused):
    """The broker offers no TLS where TLS was asked for; nothing secret was sent."""


class OpeningClient(Client):
    """What a connection is until the broker has let us in; `link.guarded` is what it is from then on."""

    def __init__(self) -> None:
        super().__init__()
        self._encrypted_only = False
        self._tls_first = False

    def _begin(self) -> None:
        """The broker has let us in: read, ping and write from now on."""
        raise NotImplementedError

    def _informed(self, info: dict[str, Any]) -> None:
        """The broker told of itself, now or at any time later."""
        raise NotImplementedError

    def _failed(self, error: Exception) -> None:
        """Something of nats-py's own failed while the connection was up."""
        raise NotImplementedError

    async def open(
        self,
        server: Server,
        proof: Proof,
        *,
        tls: ssl.SSLContext | None,
        encrypted_only: bool,
        tls_first: bool,
        name: str,
        inbox_prefix: str,
        connect_timeout: float,
    ) -> None:
        """Connect to `server`, or raise: OSError, TimeoutError, `Refused`, ssl.SSLError, nats errors."""

        async def on_error(error: Exception) -> None:
            # Errors end up in `lost` or in what `open` raises; the rest is about JetStream's own subscriptions.
            if self.is_connected:
                self._failed(error)

        self._encrypted_only = encrypted_only
        self._tls_first = tls_first
        seed = _revealed(proof.seed)
        jwt = _revealed(proof.jwt)
        if jwt is not None:
            self._auth_configured = True
        async with asyncio.timeout(2 * connect_timeout):
            await self.connect(
                servers=[server.url],
                error_cb=on_error,
                name=name,
                allow_reconnect=False,
                connect_timeout=connect_timeout,  # type: ignore[arg-type]  # nats-py says int, and takes any number
                tls=tls,
                tls_hostname=server.tls_name or server.host,
                tls_handshake_first=tls_first,
                user=proof.user,
                password=_revealed(proof.password),
                token=_revealed(proof.token),
                user_jwt_cb=None if jwt is None else jwt.encode,
                signature_cb=None if jwt is None or seed is None else _signer(seed),
                nkeys_seed_str=seed if jwt is None else None,
                inbox_prefix=inbox_prefix,
                pending_size=0,
            )

    async def _select_next_server(self) -> None:
        # One server, one try: nats-py would go round until it has counted sixty failures. And the stream is opened
        # here, since `asyncio.wait_for`, which nats-py uses, can swallow a cancellation on Python 3.11.
        server = self._server_pool[0]
        transport = TcpTransport()  # type: ignore[no-untyped-call]  # nats-py's is untyped
        async with asyncio.timeout(self.options["connect_timeout"]):
            reader, writer = await asyncio.open_connection(server.uri.hostname, server.uri.port, limit=READ_BYTES)
        transport._bare_io_reader = transport._io_reader = reader
        transport._bare_io_writer = transport._io_writer = writer
        self._transport = transport
        self._current_server = server

    async def _process_connect_init(self) -> None:
        """INFO, TLS, CONNECT, PONG; then `_begin`."""
        self._status = Client.CONNECTING
        if self._tls_first:
            await self._encrypt()
        info = info_of(await self._line())
        self._server_info = info
        if info.get("auth_required"):
            self._auth_configured = True
        self._take_info(info)
        if info.get("tls_required") and not self._tls_first:
            await self._encrypt()
        self._writer.write(self._connect_command() + b"PING\r\n")
        await self._writer.drain()
        while not (line := await self._line()).startswith(b"PONG"):
            if line.startswith(b"-ERR"):
                raise Refused(line[4:].decode("utf-8", "replace").strip().strip("'"))
            if line.startswith(b"INFO"):
                self._take_info(info_of(line))
            elif line.startswith(b"PING"):
                self._writer.write(b"PONG\r\n")
            elif not line.startswith(b"+OK"):
                raise ProtocolViolation(f"the broker answered CONNECT with {line[:40]!r}")
        self._status = Client.CONNECTED
        self._begin()

    async def _line(self) -> bytes:
        async with asyncio.timeout(self.options["connect_timeout"]):
            line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the broker closed the connection")
        return line

    async def _encrypt(self) -> None:
        # A new reader: what came in plain text after the greeting is not to be taken for what comes encrypted.
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_BYTES, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        async with asyncio.timeout(self.options["connect_timeout"]):
            encrypted = await loop.start_tls(
                self._writer.transport, protocol, self.ssl_context, server_hostname=self.options["tls_hostname"]
            )
        if encrypted is None or not isinstance(self._transport, TcpTransport):
            raise ConnectionResetError("the broker closed the connection")
        self._transport._io_reader = reader
        self._transport._io_writer = asyncio.StreamWriter(encrypted, protocol, reader, loop)

    def _connect_command(self) -> bytes:
        if self._encrypted_only and self._writer.get_extra_info("ssl_object") is None:
            raise TlsRefused("the broker does not offer TLS, which this context demands")
        command: bytes = super()._connect_command()
        return command

    def _take_info(self, info: dict[str, Any]) -> None:
        if isinstance(limit := info.get("max_payload"), int) and limit > 0:
            self._max_payload = limit
        if isinstance(client := info.get("client_id"), int):
            self._client_id = client
        self._informed(info)

    @property
    def _writer(self) -> asyncio.StreamWriter:
        writer = self._transport._io_writer if isinstance(self._transport, TcpTransport) else None
        if writer is None:
            raise ConnectionResetError("there is no connection")
        return writer

    @property
    def _reader(self) -> asyncio.StreamReader:
        reader = self._transport._io_reader if isinstance(self._transport, TcpTransport) else None
        if reader is None:
            raise ConnectionResetError("there is no connection")
        return reader


def info_of(line: bytes) -> dict[str, Any]:
    """What an `INFO` line says; raises `ProtocolViolation` for any other."""
    try:
        operation, _, text = line.partition(b" ")
        info = json.loads(text)
    except (ValueError, RecursionError):
        info = None
    if operation.upper() != b"INFO" or not isinstance(info, dict):
        raise ProtocolViolation(f"this is no NATS broker: it greeted with {line[:40]!r}")
    return info


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _signer(seed: str) -> Callable[[str], bytes]:
    def sign(nonce: str) -> bytes:
        import nkeys  # here, because it loads a cryptographic library that most contexts do not need

        return base64.b64encode(nkeys.from_seed(bytearray(seed.encode())).sign(nonce.encode()))

    return sign

"""TLS is never downgraded: no credential leaves over a stream that should be encrypted and is not (C7)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from fleetgui.link.context import Context, Tls
from fleetgui.link.credentials import UserPassword
from fleetgui.policy.states import LinkPhase
from tests.certificates import Authority
from tests.link.conftest import QUICK, Links, phase, until, within
from tests.link.fake_server import INFO, FakeServer
from tests.nats_server import NatsServer

SECRET = UserPassword(user="operator", password=SecretStr("correct-horse"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[NatsServer]:
    with NatsServer(authority.server_config(), tls=True) as server:
        yield server


async def test_with_the_right_authority_it_is_encrypted(
    links: Links, authority: Authority, tls_server: NatsServer
) -> None:
    link = await links.up(Context(servers=(tls_server.url,), tls=Tls(ca=authority.ca)))
    (connection,) = tls_server.connections()
    assert connection["tls_version"].startswith("1.3")
    link.serve("tls.echo", "q", lambda message: message.data)
    payload = bytes(500_000)
    assert await within(link.request("tls.echo", payload, timeout=10)) == payload
    tls_server.restart()
    await until(lambda: link.state.reconnects == 1, link)


async def test_a_plain_url_is_upgraded_when_the_broker_demands_it(
    links: Links, authority: Authority, tls_server: NatsServer
) -> None:
    plain = tls_server.url.replace("tls://", "nats://")
    link = await links.up(Context(servers=(plain,), tls=Tls(ca=authority.ca)))
    assert link.is_up


async def test_an_unknown_authority_is_refused_with_the_reason(links: Links, tls_server: NatsServer) -> None:
    link = links.make(Context(servers=(tls_server.url,), credentials=SECRET))
    link.start()
    state = await phase(link, LinkPhase.REFUSED)
    assert "certificate" in str(state.error)
    assert "--tlsca" in str(state.error)


async def test_a_certificate_for_another_host_is_refused(links: Links, authority: Authority) -> None:
    with NatsServer(authority.server_config(host="elsewhere.example"), tls=True) as server:
        link = links.make(Context(servers=(server.url,), tls=Tls(ca=authority.ca)))
        link.start()
        state = await phase(link, LinkPhase.REFUSED)
        assert "certificate" in str(state.error)


async def test_a_client_certificate_is_shown_when_asked_for(links: Links, authority: Authority) -> None:
    certificate, key = authority.certificate("client")
    with NatsServer(authority.server_config(verify=True), tls=True) as server:
        tls = Tls(ca=authority.ca, cert=certificate, key=key)
        link = await links.up(Context(servers=(server.url,), tls=tls))
        assert link.is_up
        without = links.make(Context(servers=(server.url,), tls=Tls(ca=authority.ca)))
        without.start()
        await until(lambda: without.state.error, without)
        assert not without.is_up


async def test_the_handshake_before_the_greeting(links: Links, authority: Authority) -> None:
    with NatsServer(authority.server_config(first=True), tls=True) as server:
        link = await links.up(Context(servers=(server.url,), tls=Tls(ca=authority.ca, first=True)))
        assert link.is_up


@pytest.mark.parametrize("scheme", ["tls", "nats with a CA"])
async def test_a_server_without_tls_gets_no_credential_byte(links: Links, authority: Authority, scheme: str) -> None:
    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO)

    async with FakeServer(talk) as server:
        url = f"{'tls' if scheme == 'tls' else 'nats'}://{server.where}"
        tls = Tls() if scheme == "tls" else Tls(ca=authority.ca)
        link = links.make(Context(servers=(url,), credentials=SECRET, tls=tls))
        link.start()
        state = await phase(link, LinkPhase.REFUSED)
        assert "does not offer TLS" in str(state.error)
        assert "no credentials were sent" in str(state.error)
        await link.close()
    assert server.received == b""


async def test_one_tls_url_among_plain_ones_protects_them_all(links: Links) -> None:
    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO)

    async with FakeServer(talk) as server:
        link = links.make(Context(servers=(f"nats://{server.where}", "tls://127.0.0.1:1"), credentials=SECRET))
        link.start()
        await phase(link, LinkPhase.REFUSED)
        await link.close()
    assert server.received == b""


async def test_what_follows_the_greeting_in_plain_text_is_not_believed(links: Links, authority: Authority) -> None:
    """A PONG smuggled in before the handshake must not stand for the broker's own, which never comes here."""
    encrypted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    encrypted.load_cert_chain(*authority.certificate("server"))

    async def talk(server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO.replace(b"{", b'{"tls_required":true,', 1) + b"PONG\r\n")
        await writer.start_tls(encrypted)

    async with FakeServer(talk) as server:
        context = Context(servers=(f"tls://{server.where}",), credentials=SECRET, tls=Tls(ca=authority.ca))
        link = links.make(context, settings=replace(QUICK, connect_timeout=0.5))
        link.start()
        await until(lambda: link.state.error, link)
        assert "does not answer" in str(link.state.error)
        assert b"CONNECT" in server.received
        assert LinkPhase.UP not in {state.phase for state in links.history}
        await link.close()


async def test_files_that_cannot_be_used_are_said_to_be(links: Links, tmp_path: Path, tls_server: NatsServer) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("not a certificate")
    link = links.make(Context(servers=(tls_server.url,), tls=Tls(ca=nonsense)))
    link.start()
    state = await phase(link, LinkPhase.REFUSED)
    assert "--tlsca" in str(state.error)

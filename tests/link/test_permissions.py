"""What a broker denies is told to whoever asked for it, and leaves the rest alone."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from fleetgui.link.context import Context
from fleetgui.link.credentials import UserPassword
from fleetgui.link.denials import Denial, denied_subject
from fleetgui.link.errors import LinkError, PermissionDenied
from tests.link.conftest import Links, until, within
from tests.nats_server import NatsServer

CONFIG = """
authorization { users = [
  {user: "tenant", password: "p", permissions: {
    publish: ["device-connect.t.>", "_INBOX.>"], subscribe: ["device-connect.t.>", "_INBOX.>"] }}
  {user: "mute", password: "p", permissions: { publish: [">"], subscribe: ["device-connect.t.>"] }}
  {user: "service", password: "p"}
] }
"""


def as_user(server: NatsServer, user: str) -> Context:
    return Context(servers=(server.url,), credentials=UserPassword(user=user, password=SecretStr("p")))


async def test_an_ordinary_tenant_credential_is_enough_for_all_the_link_does(links: Links) -> None:
    with NatsServer(CONFIG) as server:
        link = await links.up(as_user(server, "tenant"))
        denied: list[LinkError] = []
        link.denied.connect(denied.append)
        link.serve("device-connect.t.echo", "q", lambda message: message.data)
        assert await within(link.request("device-connect.t.echo", b"x", timeout=5)) == b"x"
        await within(link.flush())
        assert denied == []


async def test_a_request_that_may_not_be_sent_fails_at_once_and_others_go_on(links: Links) -> None:
    with NatsServer(CONFIG) as server:
        link = await links.up(as_user(server, "tenant"))
        link.serve("device-connect.t.echo", "q", lambda message: message.data)
        asked = asyncio.gather(
            link.request("device-connect.other.cmd", b"", timeout=3_600),
            link.request("device-connect.t.echo", b"x", timeout=10),
            return_exceptions=True,
        )
        denied, answer = await within(asked)
        assert isinstance(denied, PermissionDenied)
        assert "device-connect.other.cmd" in str(denied)
        assert answer == b"x"
        assert link.state.reconnects == 0


async def test_a_denied_subscription_says_so(links: Links) -> None:
    with NatsServer(CONFIG) as server:
        link = await links.up(as_user(server, "tenant"))
        told: list[LinkError] = []
        link.denied.connect(told.append)
        fine = link.subscribe("device-connect.t.>", lambda message: None)
        bad = link.subscribe("device-connect.*.heartbeat", lambda message: None)
        in_group = link.subscribe("other.service", lambda message: None, queue="group")
        await until(lambda: len(told) == 2)
        assert fine.error is None
        assert isinstance(bad.error, PermissionDenied)
        assert isinstance(in_group.error, PermissionDenied)
        assert "may not subscribe to device-connect.*.heartbeat" in str(told[0])


async def test_without_an_inbox_requests_fail_and_say_why(links: Links) -> None:
    with NatsServer(CONFIG) as server:
        link = await links.up(as_user(server, "mute"))
        service = await links.up(as_user(server, "service"))
        service.subscribe("device-connect.t.x", lambda message: None)
        await within(service.flush())
        with pytest.raises(PermissionDenied, match="_INBOX"):
            await within(link.request("device-connect.t.x", b"", timeout=3_600))
        with pytest.raises(PermissionDenied):
            await within(link.request("device-connect.t.x", b"", timeout=3_600))


async def test_a_permission_granted_later_clears_the_error(links: Links) -> None:
    with NatsServer(CONFIG) as server:
        link = await links.up(as_user(server, "tenant"))
        bad = link.subscribe("other", lambda message: None)
        await until(lambda: bad.error is not None)
        server.config = CONFIG.replace('subscribe: ["device-connect.t.>", "_INBOX.>"]', 'subscribe: [">"]')
        server.restart()
        await until(lambda: link.state.reconnects == 1, link)
        await within(link.flush())
        assert bad.error is None


@pytest.mark.parametrize(
    ("text", "denial"),
    [
        ('Permissions Violation for Publish to "a.b"', Denial(True, "a.b")),
        ('Permissions Violation for Subscription to "a.>"', Denial(False, "a.>")),
        ('Permissions Violation for Subscription to "a" using queue "q"', Denial(False, "a", "q")),
        ('Permissions Violation for Publish with Reply of "_INBOX.x.y"', Denial(False, "_INBOX.x.y")),
        ("Permissions Violation, somehow", None),
    ],
)
def test_the_brokers_texts(text: str, denial: Denial | None) -> None:
    assert denied_subject(text) == denial

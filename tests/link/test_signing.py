"""Connecting with an nkey and with a user JWT, as brokers with operators demand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nkeys

from fleetgui.link.context import Context, Flags, resolve_context
from fleetgui.link.credentials import CredsFile, Jwt, Nkey
from fleetgui.policy.states import LinkPhase
from tests.jwts import Key, Operator
from tests.link.conftest import QUICK, Links, phase, until, within
from tests.nats_server import NatsServer


async def test_an_nkey(links: Links, tmp_path: Path) -> None:
    key = Key(nkeys.PREFIX_BYTE_USER)
    (tmp_path / "user.nk").write_text(key.seed)
    with NatsServer(f"authorization {{ users = [ {{ nkey: {key.public} }} ] }}") as server:
        link = await links.up(Context(servers=(server.url,), credentials=Nkey(path=tmp_path / "user.nk")))
        assert await within(link.flush()) > 0


async def test_both_kinds_of_credentials_file_and_a_jwt_in_memory(links: Links, tmp_path: Path) -> None:
    operator = Operator()
    with NatsServer(operator.server_config()) as server:
        plain = Context(servers=(server.url,), credentials=CredsFile(path=operator.creds(tmp_path / "u.creds")))
        path = operator.creds_json(tmp_path / "u.creds.json", server.url, tenant="acme")
        from_json = resolve_context(Flags(creds=str(path)), {"HOME": str(tmp_path)})
        in_memory = plain.model_copy(
            update={
                "credentials": Jwt.model_validate({"jwt": operator.user_jwt(), "seed": operator.user.seed}),
            }
        )
        for context in (plain, from_json, in_memory):
            link = await links.up(context)
            assert await within(link.flush()) > 0


async def test_a_credential_that_is_rotated_is_read_again(links: Links, tmp_path: Path) -> None:
    good, other = Operator(), Operator()
    path = other.creds(tmp_path / "u.creds")
    with NatsServer(good.server_config()) as server:
        link = links.make(Context(servers=(server.url,), credentials=CredsFile(path=path)))
        link.start()
        await phase(link, LinkPhase.REFUSED)
        good.creds(path)
        await phase(link, LinkPhase.UP)


async def test_a_credentials_file_that_vanishes_is_a_refusal_with_its_name(links: Links, tmp_path: Path) -> None:
    operator = Operator()
    path = operator.creds(tmp_path / "u.creds")
    with NatsServer(operator.server_config()) as server:
        context = Context(servers=(server.url,), credentials=CredsFile(path=path))
        link = await links.up(context, settings=replace(QUICK, refused_pause=3_600))
        path.unlink()
        link.reconnect_now()
        state = await phase(link, LinkPhase.REFUSED)
        assert str(path) in str(state.error)
        operator.creds(path)
        link.reconnect_now()
        await until(lambda: link.is_up, link)

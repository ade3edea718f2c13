"""How the backend's processes reach the broker: the context in a settings line, and a link that is up or a reason.

The keys of the settings line are the command line's own: url, user, password, token, creds, nkey, tlsca, tlscert,
tlskey, tlsfirst, tenant. It carries secrets and goes through a pipe only.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fleetgui.backend.parent import RoleFailed
from fleetgui.link.connection import Link
from fleetgui.link.context import Context, ContextError, Flags, resolve_context
from fleetgui.link.credentials import CredsFile, Jwt, Nkey, Token, UserPassword
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import LinkPhase

CONNECT_WITHIN_S: Final = 10.0

_FLAGS: Final = ("user", "password", "token", "creds", "nkey", "tlsca", "tlscert", "tlskey", "tlsfirst", "tenant")


def settings_of(context: Context) -> dict[str, Any]:
    """`context` as settings, secrets in the clear. Raises `ContextError` for credentials that only live in memory."""
    tls = context.tls
    settings: dict[str, Any] = {
        "url": ",".join(context.servers),
        "tenant": context.tenant,
        "tlsca": tls.ca and str(tls.ca),
        "tlscert": tls.cert and str(tls.cert),
        "tlskey": tls.key and str(tls.key),
        "tlsfirst": tls.first or None,
    }
    match context.credentials:
        case UserPassword(user=user, password=password):
            settings |= {"user": user, "password": password.get_secret_value()}
        case Token(token=token):
            settings |= {"token": token.get_secret_value()}
        case CredsFile(path=path):
            settings |= {"creds": str(path)}
        case Nkey(path=path):
            settings |= {"nkey": str(path)}
        case Jwt():
            raise ContextError("The backend takes a JWT from a credentials file only; name one with --creds.")
    return {key: value for key, value in settings.items() if value is not None}


def context_of(settings: dict[str, Any]) -> Context:
    """The context in a settings line; raises `RoleFailed`. The environment is left alone: the parent has decided."""
    try:
        return resolve_context(Flags(server=settings["url"], **{name: settings.get(name) for name in _FLAGS}), {})
    except KeyError:
        raise RoleFailed("the settings name no url") from None
    except (ContextError, TypeError) as error:
        raise RoleFailed(str(error)) from None


async def connect(context: Context, *, clock: Clock, name: str, tasks: Tasks) -> Link:
    """A started link that is up; raises `RoleFailed` when refused, or after `CONNECT_WITHIN_S`."""
    link = Link(context, clock=clock, name=name, tasks=tasks)
    refused = asyncio.get_running_loop().create_future()

    def look(_state: object) -> None:
        if link.state.phase in (LinkPhase.UP, LinkPhase.REFUSED) and not refused.done():
            refused.set_result(None)

    disconnect = link.state_changed.connect(look)
    link.start()
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            await refused
    except TimeoutError:
        pass
    finally:
        disconnect()
    if not link.is_up:
        sentence = link.state.error or f"The broker did not answer within {CONNECT_WITHIN_S:g} s."
        await link.close()
        raise RoleFailed(sentence)
    return link

"""Which fleet, as whom: one `Context`, resolved from flags, environment and the `nats` tool's contexts.

Settings come in layers, the first that says something wins: flags; a context named by a flag; the environment; a
context named by the environment; the selected context. Credentials count as one setting, never mixed from two layers;
and the context that merely happens to be selected is used only when nobody named a server: what was stored for one
broker is not sent to another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, SecretStr

from fleetgui.link import nats_cli
from fleetgui.link.credentials import (
    ContextError,
    Credentials,
    CredsContent,
    CredsFile,
    Jwt,
    Nkey,
    Token,
    UserPassword,
    describe_credentials,
    read_creds,
)
from fleetgui.link.servers import Server, parse_servers
from fleetgui.wire.subjects import NotAddressable, token

__all__ = ["Context", "ContextError", "Flags", "Protection", "Tls", "describe", "resolve_context"]

DEFAULT_SERVER: Final = "nats://127.0.0.1:4222"
DEFAULT_TENANT: Final = "default"


class Protection(Enum):
    """What the console may do to a fleet. READ_ONLY: calls are off; CONFIRM: every one is asked about."""

    OPEN = "open"
    CONFIRM = "confirm"
    READ_ONLY = "read-only"


class Tls(BaseModel):
    """Files for TLS, all optional. Whoever sets one of them gets an encrypted connection or none.

    `first`: the handshake comes before the broker's greeting (its `handshake_first`).
    """

    model_config = ConfigDict(frozen=True)

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    first: bool = False

    @property
    def asked_for(self) -> bool:
        return self.ca is not None or self.cert is not None or self.first


class Context(BaseModel):
    """One fleet as one user. Frozen; its repr shows no secret. `servers` are URLs without credentials."""

    model_config = ConfigDict(frozen=True)

    name: str = "default"
    servers: tuple[str, ...] = (DEFAULT_SERVER,)
    credentials: Credentials | None = None
    tls: Tls = Tls()
    tenant: str = DEFAULT_TENANT
    protection: Protection = Protection.OPEN
    colour: str | None = None
    description: str = ""

    def parsed_servers(self) -> tuple[Server, ...]:
        return tuple(parse_servers(",".join(self.servers))[0])


@dataclass(frozen=True)
class Flags:
    """What the command line said; None is "not said". Names are the flags' own."""

    context: str | None = None
    server: str | None = None
    user: str | None = None
    password: str | None = None
    token: str | None = None
    creds: str | None = None
    nkey: str | None = None
    tlsca: str | None = None
    tlscert: str | None = None
    tlskey: str | None = None
    tlsfirst: bool | None = None
    tenant: str | None = None
    protection: str | None = None

    def __repr__(self) -> str:
        said = sorted(field.name for field in fields(self) if getattr(self, field.name) is not None)
        return f"Flags({', '.join(said)})"

    @classmethod
    def from_namespace(cls, namespace: object) -> Self:
        """From what argparse returns: attributes that are missing count as not said."""
        return cls(**{field.name: getattr(namespace, field.name, None) for field in fields(cls)})


@dataclass(frozen=True, repr=False)
class _Layer:
    """What one source says. `source` names it in errors."""

    source: str
    name: str | None = None
    servers: tuple[Server, ...] = ()
    credentials: Credentials | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    tls_first: bool | None = None
    tenant: str | None = None
    protection: str | None = None
    colour: str | None = None
    description: str | None = None


def resolve_context(flags: Flags, environ: Mapping[str, str]) -> Context:
    """The context that flags and environment ask for. Raises `ContextError`. Reads files, connects to nothing."""
    flags, environ = _with_password(flags, environ)
    layers = [_flags_layer(flags)]
    if flags.context:
        layers.append(_cli_layer(nats_cli.load(flags.context, environ)))
    from_environment = _environment_layer(environ)
    layers.append(from_environment)
    if not flags.context:
        if named := environ.get("NATS_CONTEXT"):
            layers.append(_cli_layer(nats_cli.load(named, environ)))
        elif not layers[0].servers and not from_environment.servers and (chosen := nats_cli.selected(environ)):
            layers.append(_cli_layer(nats_cli.load(chosen, environ)))
    return _merged(layers)


def embedded(url: str, user: str, password: str, tenant: str) -> Context:
    """The context of a backend that this program started itself."""
    credentials = UserPassword(user=user, password=SecretStr(password)) if user else None
    return Context(name="demo", servers=(url,), credentials=credentials, tenant=tenant)


def describe(context: Context) -> dict[str, Any]:
    """The context for people and for `fleetgui info`: JSON types, no secret, no password's length."""
    tls = context.tls
    encrypted = tls.asked_for or any(server.tls for server in context.parsed_servers())
    return {
        "name": context.name,
        "servers": list(context.servers),
        "credentials": describe_credentials(context.credentials),
        "tls": {
            "required": encrypted,
            "first": tls.first,
            **{name: str(path) for name in ("ca", "cert", "key") if (path := getattr(tls, name)) is not None},
        },
        "tenant": context.tenant,
        "protection": context.protection.value,
        "colour": context.colour,
        "description": context.description,
    }


def _merged(layers: list[_Layer]) -> Context:
    def first(pick: Callable[[_Layer], Any]) -> Any:
        return next((value for layer in layers if (value := pick(layer)) not in (None, (), "")), None)

    servers: tuple[Server, ...] = first(lambda layer: layer.servers) or tuple(parse_servers(DEFAULT_SERVER)[0])
    tenant = first(lambda layer: layer.tenant) or DEFAULT_TENANT
    try:
        token(tenant)
    except NotAddressable as error:
        raise ContextError(f"The tenant {error}; name another with --tenant.") from None
    protection = first(lambda layer: layer.protection) or Protection.OPEN.value
    if protection not in {choice.value for choice in Protection}:
        raise ContextError(f"{protection!r} is no protection; it is one of open, confirm, read-only.")
    cert, key = first(lambda layer: layer.cert), first(lambda layer: layer.key)
    if (cert is None) != (key is None):
        raise ContextError("A client certificate needs its key: give both --tlscert and --tlskey, or neither.")
    return Context(
        name=first(lambda layer: layer.name) or servers[0].where,
        servers=tuple(server.url for server in servers),
        credentials=first(lambda layer: layer.credentials),
        tls=Tls(
            ca=_file(first(lambda layer: layer.ca), "CA file", "--tlsca"),
            cert=_file(cert, "client certificate", "--tlscert"),
            key=_file(key, "client key", "--tlskey"),
            first=bool(first(lambda layer: layer.tls_first)),
        ),
        tenant=tenant,
        protection=Protection(protection),
        colour=first(lambda layer: layer.colour),
        description=first(lambda layer: layer.description) or "",
    )


def _file(name: str | None, what: str, flag: str) -> Path | None:
    if name is None:
        return None
    path = Path(name).expanduser()
    if not path.is_file():
        raise ContextError(f"The {what} {path} is not there; name the right one with {flag}.")
    return path


def _with_password(flags: Flags, environ: Mapping[str, str]) -> tuple[Flags, Mapping[str, str]]:
    """--user with the password from the environment, as with the nats tool: no process list shows it there.

    Not where the environment names another user: then it is that one's password.
    """
    password = environ.get("NATS_PASSWORD")
    alone = flags.user and not (flags.password or flags.token or flags.creds or flags.nkey)
    if not password or not alone or environ.get("NATS_USER") not in (None, "", flags.user):
        return flags, environ
    rest = {name: text for name, text in environ.items() if name not in ("NATS_USER", "NATS_PASSWORD")}
    return replace(flags, password=password), rest


def _flags_layer(flags: Flags) -> _Layer:
    return _layer(
        "the flags",
        server=flags.server,
        user=flags.user,
        password=flags.password,
        token=flags.token,
        creds=flags.creds,
        nkey=flags.nkey,
        ca=flags.tlsca,
        cert=flags.tlscert,
        key=flags.tlskey,
        tls_first=flags.tlsfirst,
        tenant=flags.tenant,
        protection=flags.protection,
    )


def _environment_layer(environ: Mapping[str, str]) -> _Layer:
    """The names are the nats tool's own, and two of ours."""
    return _layer(
        "the environment",
        server=environ.get("NATS_URL"),
        user=environ.get("NATS_USER"),
        password=environ.get("NATS_PASSWORD"),
        token=environ.get("NATS_TOKEN"),
        creds=environ.get("NATS_CREDS"),
        nkey=environ.get("NATS_NKEY"),
        ca=environ.get("NATS_CA"),
        cert=environ.get("NATS_CERT"),
        key=environ.get("NATS_KEY"),
        tenant=environ.get("FLEETGUI_TENANT"),
        protection=environ.get("FLEETGUI_PROTECTION"),
    )


def _cli_layer(cli: nats_cli.CliContext) -> _Layer:
    return _layer(
        f"the context {cli.name!r}",
        name=cli.name,
        server=cli.url,
        user=cli.user,
        password=cli.password.get_secret_value(),
        token=cli.token.get_secret_value(),
        creds=cli.creds,
        nkey=cli.nkey,
        ca=cli.ca,
        cert=cli.cert,
        key=cli.key,
        tls_first=cli.tls_first or None,
        colour=cli.color_scheme,
        description=cli.description,
    )


def _layer(
    source: str,
    *,
    server: str | None = None,
    user: str | None = None,
    password: str | None = None,
    token: str | None = None,
    creds: str | None = None,
    nkey: str | None = None,
    ca: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    tls_first: bool | None = None,
    tenant: str | None = None,
    protection: str | None = None,
    name: str | None = None,
    colour: str | None = None,
    description: str | None = None,
) -> _Layer:
    """One source's settings, checked among themselves: one way to prove who we are, URLs that are URLs."""
    servers, in_url = parse_servers(server) if server else ([], None)
    content: CredsContent | None = None
    ways: dict[str, Credentials] = {}
    if user and (password or not token):
        # A user without a password is a token, as with the nats tool.
        ways["a user"] = (
            UserPassword(user=user, password=SecretStr(password)) if password else Token(token=SecretStr(user))
        )
    elif user:
        raise ContextError(f"Both a user and a token are given in {source}; give one of them.")
    elif password:
        raise ContextError(f"A password without a user is given in {source}; give --user too.")
    if token:
        ways["a token"] = Token(token=SecretStr(token))
    if creds:
        path = Path(creds).expanduser()
        content = read_creds(path)
        ways["a credentials file"] = CredsFile(path=path)
    if nkey:
        ways["an nkey"] = Nkey(path=Path(nkey).expanduser())
    if in_url is not None and not ways:
        ways["credentials in the URL"] = in_url
    if len(ways) > 1:
        raise ContextError(f"{' and '.join(ways).capitalize()} are both given in {source}; give one of them.")
    if content is not None:
        servers = servers or parse_servers(",".join(content.servers))[0] if content.servers or servers else []
        tenant, ca = tenant or content.tenant, ca or content.ca
        cert, key = cert or content.cert, key or content.key
    return _Layer(
        source=source,
        name=name,
        servers=tuple(servers),
        credentials=next(iter(ways.values()), None),
        ca=ca or None,
        cert=cert or None,
        key=key or None,
        tls_first=tls_first,
        tenant=tenant or None,
        protection=protection or None,
        colour=colour or None,
        description=description or None,
    )


Context.model_rebuild(_types_namespace={"Jwt": Jwt})

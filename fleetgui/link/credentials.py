"""What proves to a broker who we are, and the two kinds of file it comes in. Secrets never show in a repr or a log.

`.creds` is what NATS tools write: a user JWT and an nkey seed between marked lines. `.creds.json` is Device Connect's:
`{tenant, nats: {urls, jwt, nkey_seed, tls: {ca_file, cert_file, key_file}}}`. Files are read again for every
connection, so that a rotated credential is picked up by itself.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from fleetgui.wire.codec import Malformed, decode_object

MAX_FILE_BYTES: Final = 1024 * 1024

_BLOCK = re.compile(r"-{3,}BEGIN (NATS USER JWT|USER NKEY SEED)-{3,}\s+(\S+)\s+-{3,}END \1-{3,}")
_SEED = re.compile(r"^SU[A-Z2-7]{56}$")


class ContextError(ValueError):
    """A context that cannot be used. The text is one sentence that says what is wrong and what to do."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class UserPassword(_Frozen):
    user: str
    password: SecretStr = SecretStr("")


class Token(_Frozen):
    token: SecretStr


class Nkey(_Frozen):
    """A bare nkey: the file that holds its seed."""

    path: Path


class CredsFile(_Frozen):
    """A `.creds` or `.creds.json` file."""

    path: Path


class Jwt(_Frozen):
    """A user JWT and its seed, held in memory."""

    jwt: SecretStr
    seed: SecretStr


Credentials = UserPassword | Token | Nkey | CredsFile | Jwt


def secrets_of(credentials: Credentials | None) -> tuple[str, ...]:
    """What of it must not be shown or written anywhere: what is held here, not what files hold."""
    values = () if credentials is None else (getattr(credentials, name) for name in type(credentials).model_fields)
    return tuple(value.get_secret_value() for value in values if isinstance(value, SecretStr))


class Proof(_Frozen):
    """Credentials ready to use: exactly one of user and password, token, seed, or JWT and seed is set."""

    user: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    jwt: SecretStr | None = None
    seed: SecretStr | None = None


class _JsonTls(_Frozen):
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class _JsonNats(_Frozen):
    urls: list[str] = Field(default_factory=list)
    jwt: SecretStr | None = None
    nkey_seed: SecretStr | None = None
    tls: _JsonTls | None = None


class CredsContent(_Frozen):
    """What a credentials file says. All but `jwt` and `seed` only stand in Device Connect's kind."""

    jwt: SecretStr
    seed: SecretStr
    servers: tuple[str, ...] = ()
    tenant: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


def read_text(path: Path, what: str) -> str:
    """The text of a small file. Raises `ContextError` that names `what` it is and why it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise ContextError(f"The {what} {path} is larger than {MAX_FILE_BYTES} bytes; name the right file.")
        return data.decode()
    except OSError as error:
        raise ContextError(f"The {what} {path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise ContextError(f"The {what} {path} is not a text file; name the right file.") from None


def read_creds(path: Path) -> CredsContent:
    """Both kinds of credentials file. Raises `ContextError`; what is secret in the file never stands in it."""
    text = read_text(path, "credentials file")
    if text.lstrip().startswith("{"):
        return _json_creds(path, text)
    found = dict(_BLOCK.findall(text))
    jwt, seed = found.get("NATS USER JWT"), found.get("USER NKEY SEED")
    if not jwt or not seed:
        raise ContextError(
            f"{path} is no credentials file: it needs a NATS USER JWT and a USER NKEY SEED, or Device Connect's JSON."
        )
    return CredsContent(jwt=SecretStr(jwt), seed=_checked_seed(seed, path))


def _json_creds(path: Path, text: str) -> CredsContent:
    try:
        body = decode_object(text)
        nats = _JsonNats.model_validate(body.get("nats") or {})
        tenant = body.get("tenant")
        if tenant is not None and not isinstance(tenant, str):
            raise Malformed("tenant is not a string")
    except Malformed as error:
        raise ContextError(f"The credentials file {path} is not the JSON that it should be: {error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ContextError(f"The credentials file {path} does not fit: nats.{where}: {first['msg']}.") from None
    if nats.jwt is None or nats.nkey_seed is None:
        raise ContextError(f"The credentials file {path} lacks nats.jwt or nats.nkey_seed.")
    tls = nats.tls or _JsonTls()
    return CredsContent(
        jwt=nats.jwt,
        seed=_checked_seed(nats.nkey_seed.get_secret_value(), path),
        servers=tuple(nats.urls),
        tenant=tenant,
        ca=tls.ca_file,
        cert=tls.cert_file,
        key=tls.key_file,
    )


def _checked_seed(seed: str, path: Path) -> SecretStr:
    if not _SEED.match(seed.strip()):
        raise ContextError(f"{path} holds no user's nkey seed (58 characters that begin with SU).")
    return SecretStr(seed.strip())


def prove(credentials: Credentials | None) -> Proof:
    """Credentials ready to use, their files read now. Raises `ContextError`."""
    match credentials:
        case None:
            return Proof()
        case UserPassword(user=user, password=password):
            return Proof(user=user, password=password)
        case Token(token=token):
            return Proof(token=token)
        case Nkey(path=path):
            return Proof(seed=_checked_seed(read_text(path, "nkey file").strip(), path))
        case CredsFile(path=path):
            content = read_creds(path)
            return Proof(jwt=content.jwt, seed=content.seed)
        case Jwt(jwt=jwt, seed=seed):
            return Proof(jwt=jwt, seed=seed)


def describe_credentials(credentials: Credentials | None) -> str:
    """How we prove who we are, without what proves it."""
    match credentials:
        case None:
            return "none"
        case UserPassword(user=user):
            return f"user {user}"
        case Token():
            return "a token"
        case Nkey(path=path):
            return f"the nkey in {path}"
        case CredsFile(path=path):
            return f"the credentials in {path}"
        case Jwt():
            return "a user JWT"

"""The `nats` tool's contexts: JSON files in its configuration folder, one of them selected.

`$XDG_CONFIG_HOME/nats/context/NAME.json` (`~/.config` where the variable is not set, on every platform), the selected
name in `nats/context.txt`. Only read here, never written. Layout: NATS ADR-21.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from fleetgui.link.credentials import ContextError, read_text
from fleetgui.wire.codec import Malformed, decode_object


class CliContext(BaseModel):
    """What FleetGUI uses of a context file; everything else in it is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    url: str = ""
    user: str = ""
    password: SecretStr = SecretStr("")
    token: SecretStr = SecretStr("")
    creds: str = ""
    nkey: str = ""
    user_jwt: SecretStr = SecretStr("")
    cert: str = ""
    key: str = ""
    ca: str = ""
    tls_first: bool = False
    description: str = ""
    color_scheme: str = ""


def folder(environ: Mapping[str, str]) -> Path:
    """Where the tool keeps its files."""
    base = environ.get("XDG_CONFIG_HOME")
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return (Path(base) if base else (Path(home) if home else Path.home()) / ".config") / "nats"


def known(environ: Mapping[str, str]) -> list[str]:
    """Names of all contexts, sorted; empty when there are none or the folder cannot be read."""
    try:
        return sorted(path.stem for path in (folder(environ) / "context").glob("*.json"))
    except OSError:
        return []


def selected(environ: Mapping[str, str]) -> str | None:
    """The name of the selected context, None when none is selected."""
    try:
        return (folder(environ) / "context.txt").read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def load(name: str, environ: Mapping[str, str]) -> CliContext:
    """The context called `name`. Raises `ContextError` for one that is unknown (with the known ones) or unreadable."""
    if not name or ".." in name or "/" in name or "\\" in name or "\0" in name:
        raise ContextError(f"{name!r} cannot be the name of a context; {_choice(environ)}")
    path = folder(environ) / "context" / f"{name}.json"
    if not path.is_file():
        raise ContextError(f"There is no context {name!r}; {_choice(environ)}")
    try:
        body = decode_object(read_text(path, "context file"))
        given = {key: value for key, value in body.items() if value is not None and key != "name"}
        return CliContext.model_validate({**given, "name": name})
    except Malformed as error:
        raise ContextError(f"The context file {path} is not JSON: {error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ContextError(f"The context file {path} does not fit: {first['loc'][0]}: {first['msg']}.") from None


def _choice(environ: Mapping[str, str]) -> str:
    names = known(environ)
    if not names:
        return f"no contexts are in {folder(environ) / 'context'} (make one with: nats context add)."
    return f"known are {', '.join(names[:20])}{' and more' if len(names) > 20 else ''}."

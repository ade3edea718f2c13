"""The users of an embedded broker: `operator`, who may do everything, and `device`, who may do what a device does.

A broker with a store has the same ones at every start, for whoever is told a password once must get in again after a
restart. They stand in the store, in `credentials.json`: `{"operator": "its password", "device": "its password"}`.
Without a store they are new each time, and known to the ready file alone.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fleetgui.backend.private import write_private_once

OPERATOR: Final = "operator"
DEVICE: Final = "device"
FILE: Final = "credentials.json"


class LoginsUnusable(Exception):
    """The file of passwords cannot be read or written. The text is one sentence and says what to do."""


@dataclass(frozen=True)
class Logins:
    """Both users' passwords; the repr shows neither."""

    operator: str = field(repr=False)
    device: str = field(repr=False)

    def users(self, tenant: str) -> list[dict[str, Any]]:
        """The users for the server's configuration; `device` gets what an ordinary credential of `tenant` has."""
        subjects = [f"device-connect.{tenant}.>", "_INBOX.>"]
        return [
            {"user": OPERATOR, "password": self.operator},
            {
                "user": DEVICE,
                "password": self.device,
                "permissions": {"publish": {"allow": subjects}, "subscribe": {"allow": subjects}},
            },
        ]


def new_logins() -> Logins:
    return Logins(secrets.token_urlsafe(24), secrets.token_urlsafe(24))


def kept_logins(store: Path) -> Logins:
    """The logins of `store`, made with its first use. Raises `LoginsUnusable`. Blocks."""
    file = store / FILE
    try:
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            fresh = new_logins()
            write_private_once(file, json.dumps({OPERATOR: fresh.operator, DEVICE: fresh.device}) + "\n")
    except OSError as error:
        raise LoginsUnusable(f"nothing can be stored in {store}: {error.strerror}") from None
    return _read(file)


def _read(file: Path) -> Logins:
    remedy = "bring it back from a copy, or delete it: then every device and console needs the new passwords"
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoginsUnusable(f"the credentials {file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise LoginsUnusable(f"the credentials {file} are no JSON; {remedy}") from None
    passwords = [said.get(user) for user in (OPERATOR, DEVICE)] if isinstance(said, dict) else []
    match passwords:
        case [str(operator), str(device)] if operator and device:
            return Logins(operator, device)
    raise LoginsUnusable(f"the credentials {file} name no password for {OPERATOR} and {DEVICE}; {remedy}")

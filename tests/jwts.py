"""An operator, an account and a user of a test's own, as NATS signs them: for the brokers that real fleets run."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import nkeys


class Key:
    """An nkey pair. `seed` is secret, `public` is its name."""

    def __init__(self, prefix: int) -> None:
        self.seed: str = nkeys.encode_seed(os.urandom(32), prefix).decode()
        self.public: str = nkeys.from_seed(bytearray(self.seed.encode())).public_key.decode()

    def sign(self, claims: dict[str, Any]) -> str:
        """`claims` as a JWT that this key issues."""
        body = {**claims, "iat": int(time.time()), "iss": self.public}
        body["jti"] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode().rstrip("=")
        text = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(body)}"
        signature = nkeys.from_seed(bytearray(self.seed.encode())).sign(text.encode())
        return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


class Operator:
    """`server_config` makes a nats-server trust it; `creds` writes a user's credentials file."""

    def __init__(self) -> None:
        self._operator = Key(nkeys.PREFIX_BYTE_OPERATOR)
        self._account = Key(nkeys.PREFIX_BYTE_ACCOUNT)
        self.user = Key(nkeys.PREFIX_BYTE_USER)

    def server_config(self) -> str:
        operator = self._operator.sign(
            {"sub": self._operator.public, "name": "O", "nats": {"type": "operator", "version": 2}}
        )
        limits = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1}
        account = self._operator.sign(
            {
                "sub": self._account.public,
                "name": "A",
                "nats": {"type": "account", "version": 2, "limits": {**limits, "leaf": -1}},
            }
        )
        return f"operator: {operator}\nresolver: MEMORY\nresolver_preload: {{ {self._account.public}: {account} }}\n"

    def user_jwt(self) -> str:
        return self._account.sign(
            {
                "sub": self.user.public,
                "name": "U",
                "nats": {"type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1},
            }
        )

    def creds(self, path: Path) -> Path:
        """A `.creds` file as NATS tools write it."""
        path.write_text(
            f"-----BEGIN NATS USER JWT-----\n{self.user_jwt()}\n------END NATS USER JWT------\n\n"
            "************************* IMPORTANT *************************\nNKEY Seed printed below is secret.\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{self.user.seed}\n------END USER NKEY SEED------\n\n*****\n"
        )
        return path

    def creds_json(self, path: Path, url: str, *, tenant: str = "default", ca: Path | None = None) -> Path:
        """The same as Device Connect writes it."""
        nats: dict[str, Any] = {"urls": [url], "jwt": self.user_jwt(), "nkey_seed": self.user.seed}
        if ca is not None:
            nats["tls"] = {"ca_file": str(ca), "cert_file": None, "key_file": None}
        path.write_text(json.dumps({"tenant": tenant, "nats": nats}))
        return path


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

"""Why a connection failed or ended: one sentence for people, and whether trying on fast is any use."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Final

from fleetgui.link.credentials import ContextError
from fleetgui.link.errors import Refused
from fleetgui.link.opening import TlsRefused
from fleetgui.link.reader import ProtocolViolation

_ABOUT_US: Final = (
    "authorization",
    "authentication",
    "revoked",
    "expired",
    "not permitted",
    "permission",
    "credential",
)
"""Words in a broker's `-ERR` that mean us rather than its own condition."""


@dataclass(frozen=True)
class Verdict:
    """`refused`: the broker, or we, will not have it this way; only a change of settings helps."""

    refused: bool
    sentence: str


def judge(error: BaseException, where: str) -> Verdict:
    """The verdict on what connecting to the broker at `where` (host:port) raised, or what a connection ended with."""
    match error:
        case ContextError():
            return Verdict(True, str(error))
        case TlsRefused():
            return Verdict(
                True, f"The broker at {where} does not offer TLS, which this context demands; no credentials were sent."
            )
        case Refused():
            text = str(error)[:200]
            if any(word in text.lower() for word in _ABOUT_US):
                return Verdict(
                    True, f"The broker at {where} refused us ({text}): check the user, token or credentials."
                )
            return Verdict(False, f"The broker at {where} ended the connection: {text}.")
        case ssl.SSLCertVerificationError():
            why = error.verify_message or "not trusted"
            return Verdict(True, f"The certificate of the broker at {where} does not hold: {why}; see --tlsca.")
        case ssl.SSLError():
            return Verdict(True, f"TLS with the broker at {where} failed: {error.reason or error}.")
        case ProtocolViolation():
            return Verdict(False, f"At {where}, {error}.")
        case socket.gaierror():
            return Verdict(False, f"The name in {where} cannot be resolved: {error.strerror}.")
        case ConnectionRefusedError():
            return Verdict(False, f"Nothing listens at {where}.")
        case ConnectionError() if error.errno is None:
            return Verdict(False, f"The connection to {where} ended: {error}.")
        case TimeoutError():
            return Verdict(False, f"The broker at {where} does not answer{f': {error}' if str(error) else ''}.")
        case OSError():
            return Verdict(False, f"The broker at {where} cannot be reached: {error.strerror or error}.")
        case _:
            return Verdict(False, f"The connection to {where} failed: {type(error).__name__}: {str(error)[:200]}.")

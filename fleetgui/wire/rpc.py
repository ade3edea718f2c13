"""JSON-RPC 2.0 as the fabric speaks it: requests, replies, notifications, and the error codes in use."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fleetgui.wire.codec import Malformed, decode, encode, refuse_non_finite

FAILED: Final = -32000
"""A device's function raised, or the registry could not do what it was asked."""
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL: Final = -32603
NOT_PERMITTED: Final = -32003
"""Whoever asks may not ask this, whatever it is about."""
UNKNOWN_TOPOLOGY: Final = -32004
RECONNECT_RATE: Final = -32029
"""The gateway's throttle refused a registration; `data` has retry_after_ms, reason, observed, allowed, band, level."""


class RpcError(Exception):
    """An error object in a reply: its `code`, `message` and `data`."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{message} (code {code})")
        self.code = code
        self.message = message
        self.data = data


class ErrorObject(msgspec.Struct, frozen=True, gc=False):
    code: int
    message: str = ""
    data: Any = None


class Reply(msgspec.Struct, frozen=True):
    """A reply whose result is kept as bytes, so that each caller decodes only what it needs."""

    result: msgspec.Raw = msgspec.Raw(b"")
    error: ErrorObject | None = None
    id: Any = None


class Request(msgspec.Struct, frozen=True):
    """A request as a service receives it. `params` stays undecoded until the method is known."""

    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")
    id: Any = None


class Notification(msgspec.Struct, frozen=True):
    method: str
    params: dict[str, Any] = {}


def request(method: str, params: dict[str, Any], request_id: str) -> bytes:
    """A request; raises `Malformed` for parameters that JSON cannot carry as they are."""
    refuse_non_finite(params)
    return encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def notification(method: str, params: object) -> bytes:
    return encode({"jsonrpc": "2.0", "method": method, "params": params})


def result(request_id: Any, value: object) -> bytes:
    """`value` may be any encodable object, `msgspec.Raw` for what is encoded already."""
    return encode({"jsonrpc": "2.0", "id": request_id, "result": value})


def error(request_id: Any, code: int, message: str, data: object = None) -> bytes:
    body: dict[str, object] = {"code": code, "message": message}
    if data is not None:
        body["data"] = data
    return encode({"jsonrpc": "2.0", "id": request_id, "error": body})


def result_of(data: bytes) -> msgspec.Raw:
    """The undecoded `result` of a reply; raises `RpcError` when it carries an error, `Malformed` when it is none."""
    reply = decode(data, Reply)
    if reply.error is not None:
        raise RpcError(reply.error.code, reply.error.message, reply.error.data)
    if not bytes(reply.result):
        raise Malformed("a reply with neither result nor error")
    return reply.result

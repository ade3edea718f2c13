"""Registrations and requests as tests need them."""

from __future__ import annotations

from typing import Any

from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_any, encode


def params(device_id: str = "cam-001", **changes: Any) -> dict[str, Any]:
    """The params of a small, valid registration."""
    return {
        "device_id": device_id,
        "device_ttl": 15,
        "capabilities": {
            "description": "a camera",
            "functions": [{"name": "capture", "parameters": {"type": "object"}}, {"name": "ping"}],
            "events": [{"name": "motion"}],
            "labels": {"category": "camera"},
        },
        "identity": {"device_type": "camera", "manufacturer": "Acme"},
        "status": {"ts": "2026-11-21T00:00:44Z", "location": "site-01", "availability": "idle", "battery": 88},
        **changes,
    }


def call(method: str, arguments: Any = None, request_id: Any = "e1") -> bytes:
    return encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": arguments or {}})


def register(device_id: str = "cam-001", **changes: Any) -> bytes:
    return call("registerDevice", params(device_id, **changes), "g1")


def result(reply: object) -> Any:
    """The decoded result of a reply; fails for an error, and for what is no reply yet."""
    assert isinstance(reply, bytes)
    return decode_any(bytes(rpc.result_of(reply)))


def error(reply: object) -> tuple[Any, int, str]:
    """(id, code, message) of an error reply; fails for a result, and for what is no reply yet."""
    assert isinstance(reply, bytes)
    body = decode_any(reply)
    assert set(body) == {"jsonrpc", "id", "error"}
    return body["id"], body["error"]["code"], body["error"]["message"]

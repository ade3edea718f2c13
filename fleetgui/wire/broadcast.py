"""A broadcast: one function call to many devices at once, and what each of them answers.

Plain JSON, not JSON-RPC. A client publishes a `Broadcast` on `Subjects.broadcast`; each device that it means publishes
its answer among its events, on `Subjects.async_reply`: what `succeeded` or `failed` makes.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fleetgui.wire.codec import encode

INVOKE_FAILED: Final = "invoke_failed"


class Broadcast(msgspec.Struct, frozen=True):
    """`targets` are device ids; none means every device. `where` is a CEL expression over `identity`, `labels`,
    `status` and `bindings`, which each device judges for itself. `fire_at` is epoch seconds; a device that hears of it
    later than that keeps still, unless `on_late` says `fire`.
    """

    correlation_id: str | int
    function: str
    params: Any = None
    targets: list[str] | None = None
    where: str | None = None
    bindings: Any = None
    fire_at: float | None = None
    on_late: str = "skip"


def succeeded(correlation_id: str | int, device_id: str, result: object, fired_at: float) -> bytes:
    """`fired_at` is when it was carried out: epoch seconds, by the device's own clock."""
    return encode(
        {
            "correlation_id": correlation_id,
            "device_id": device_id,
            "success": True,
            "result": result,
            "actually_fired_at": fired_at,
        }
    )


def failed(correlation_id: str | int, device_id: str, message: str, fired_at: float) -> bytes:
    return encode(
        {
            "correlation_id": correlation_id,
            "device_id": device_id,
            "success": False,
            "error": {"code": INVOKE_FAILED, "message": message},
            "actually_fired_at": fired_at,
        }
    )

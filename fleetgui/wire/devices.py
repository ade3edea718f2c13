"""What devices, and the registry about them, publish: heartbeats, events, online and offline."""

from __future__ import annotations

from typing import Any

import msgspec

from fleetgui.wire.codec import Malformed, decode
from fleetgui.wire.rpc import Notification


class Heartbeat(msgspec.Struct, frozen=True, gc=False):
    """A heartbeat's fixed part: the device and its own clock (epoch seconds); status fields ride along."""

    device_id: str
    ts: float | str | None = None


def heartbeat_status(data: bytes) -> dict[str, Any]:
    """The status fields a heartbeat carries beside `device_id` and `ts`; raises `Malformed`."""
    body = decode(data, dict[str, Any])
    body.pop("device_id", None)
    body.pop("ts", None)
    return body


class Presence(msgspec.Struct, frozen=True, gc=False):
    """The params of `device/online` and `device/offline`."""

    device_id: str
    ts: str | float | None = None


class _PresenceMessage(msgspec.Struct, frozen=True):
    method: str
    params: Presence


def presence_of(data: bytes) -> tuple[bool, Presence]:
    """(online?, params) of a presence notification; raises `Malformed` for any other method."""
    message = decode(data, _PresenceMessage)
    if message.method not in ("device/online", "device/offline"):
        raise Malformed(f"{message.method[:40]!r} is neither device/online nor device/offline")
    return message.method == "device/online", message.params


class DeviceEvent(msgspec.Struct, frozen=True):
    """An event a device emitted. Some runtimes put `event/` before the method's name; it is taken off here."""

    name: str
    params: dict[str, Any]


def event_of(data: bytes, subject_name: str) -> DeviceEvent:
    """The event in a message on `….event.<subject_name>`; raises `Malformed`.

    Answers to broadcasts (`async_reply.…`) are plain JSON, not JSON-RPC: their body is the payload.
    """
    if subject_name.startswith("async_reply."):
        return DeviceEvent("async_reply", decode(data, dict[str, Any]))
    message = decode(data, Notification)
    return DeviceEvent(message.method.removeprefix("event/"), message.params)

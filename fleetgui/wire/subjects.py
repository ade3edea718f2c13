"""Subjects of the fabric, built and taken apart in one place.

Tenants, device ids, node names and event names become subject tokens. A token that holds `.`, `*`, `>`, white space
or a control character cannot be addressed: no subject is ever built from it (`NotAddressable`), and whoever shows
such an id says so instead of offering actions on it.

    device-connect.<tenant>.registry                      device → registry, `registerDevice`
    device-connect.<tenant>.discovery                     client → registry, `discovery/…`
    device-connect.<tenant>.<device_id>.cmd               client → device, a function by its name
    device-connect.<tenant>.<device_id>.heartbeat         device, plain JSON, every ttl/3
    device-connect.<tenant>.<device_id>.event.<name>      device, notification
    device-connect.<tenant>.<device_id>.event.async_reply.<correlation_id>   device, its answer to a broadcast
    device-connect.<tenant>.broadcast                     client → all devices
    device-connect.<tenant>.device.online / .offline      registry, notification
    device-connect.<tenant>.gateway[.<node>.<family>]     gateway, see `wire.gateway`

`device-connect.<tenant>.>` is never subscribed: such a subscriber counts as a responder, and calls to absent devices
would then time out for everyone instead of failing at once.
"""

from __future__ import annotations

from typing import Final

PREFIX: Final = "device-connect"

RESERVED_IDS: Final = frozenset({"device", "gateway", "topology", "registry", "discovery", "broadcast"})
"""Ids that our registry refuses: they are words of the subject scheme itself."""

_FORBIDDEN: Final = frozenset(".*>")


class NotAddressable(ValueError):
    """A name that cannot stand in a subject. The text says why, for people."""


def why_not_addressable(name: str) -> str | None:
    """Why `name` cannot be one subject token, as a clause for people ("it holds a dot"); None when it can."""
    if not name:
        return "it is empty"
    for char in name:
        if char in _FORBIDDEN:
            return {".": "it holds a dot", "*": "it holds the wildcard *", ">": "it holds the wildcard >"}[char]
        if char.isspace():
            return "it holds white space"
        if ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0:
            return "it holds a control character"
        if 0xD800 <= ord(char) <= 0xDFFF:
            return "it holds half of a surrogate pair"
    if len(name.encode()) > 255:
        return "it is longer than 255 bytes"
    return None


def token(name: str) -> str:
    """`name` itself, once it is sure to be one subject token; raises `NotAddressable` with the reason."""
    if (why := why_not_addressable(name)) is not None:
        raise NotAddressable(f"{name[:64]!r} cannot be addressed: {why}")
    return name


class Subjects:
    """The subjects of one tenant.

    Raises `NotAddressable` at once when the tenant is no token, and from each builder when its argument is none.
    """

    def __init__(self, tenant: str) -> None:
        self.tenant = token(tenant)
        self._root = f"{PREFIX}.{self.tenant}"
        self.registry = f"{self._root}.registry"
        self.discovery = f"{self._root}.discovery"
        self.broadcast = f"{self._root}.broadcast"
        self.gateway = f"{self._root}.gateway"
        self.all_heartbeats = f"{self._root}.*.heartbeat"
        self.all_events = f"{self._root}.*.event.>"
        self.presence = f"{self._root}.device.*"
        self.online = f"{self._root}.device.online"
        self.offline = f"{self._root}.device.offline"
        self.gateway_all = f"{self._root}.gateway.>"

    def cmd(self, device_id: str) -> str:
        return f"{self._root}.{token(device_id)}.cmd"

    def heartbeat(self, device_id: str) -> str:
        return f"{self._root}.{token(device_id)}.heartbeat"

    def event(self, device_id: str, name: str) -> str:
        return f"{self._root}.{token(device_id)}.event.{token(name)}"

    def async_reply(self, device_id: str, correlation_id: str) -> str:
        """Where a device answers the broadcast `correlation_id`, which may be several tokens."""
        tokens = ".".join(map(token, correlation_id.split(".")))
        return f"{self._root}.{token(device_id)}.event.async_reply.{tokens}"

    def events_of(self, device_id: str) -> str:
        """Everything that one device emits, the answers to broadcasts (`event.async_reply.<id>`) too."""
        return f"{self._root}.{token(device_id)}.event.>"

    def gateway_node(self, node: str, family: str) -> str:
        """`family` is one of lag, band, throttle, keepalive."""
        return f"{self._root}.gateway.{token(node)}.{token(family)}"


def any_tenant(leaf: str) -> str:
    """The subject on which one service hears every tenant, e.g. `device-connect.*.registry` for `registry`."""
    return f"{PREFIX}.*.{leaf}"


def tenant_of(subject: str) -> str:
    """The tenant's token of a subject of the fabric; raises `ValueError` for a foreign subject."""
    parts = subject.split(".", 2)
    if len(parts) < 3 or parts[0] != PREFIX:
        raise ValueError(f"not a subject of the fabric: {subject[:80]!r}")
    return parts[1]


def device_of(subject: str) -> str:
    """The third token: the device id of a `….heartbeat`, `….event.…` or `….cmd` subject."""
    parts = subject.split(".", 3)
    if len(parts) < 4 or parts[0] != PREFIX:
        raise ValueError(f"not a device's subject: {subject[:80]!r}")
    return parts[2]


def event_name_of(subject: str) -> str:
    """What follows `.event.` in a device's event subject, with its dots (`async_reply.<id>`)."""
    parts = subject.split(".", 4)
    if len(parts) < 5 or parts[3] != "event":
        raise ValueError(f"not an event's subject: {subject[:80]!r}")
    return parts[4]

"""What the link costs the fabric and what it lost: counters, and a frozen copy of them to show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Counters:
    """Totals since the start, over all connections. Written by the link alone."""

    messages_in: int = 0
    bytes_in: int = 0
    messages_out: int = 0
    bytes_out: int = 0
    requests: int = 0
    late_replies: int = 0
    malformed: int = 0
    dropped: int = 0
    handler_failures: int = 0
    connects: int = 0
    request_failures: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Footprint:
    """The link at one moment. Totals are since the start, over all connections.

    What the broker's own monitoring says of this connection is the same: `connections` is 0 or 1, `subscriptions` and
    `consumers` are those it holds, `messages_in` what it delivered (replies, and what could not be read, too) and
    `messages_out` what it got. `requests` were sent, `requests_in_flight` wait now; `malformed` messages could not be
    read; `dropped` requests to our services found no room; `late_replies` came when nobody waited any more, twice, or
    unasked; `handler_failures` counts what handlers raised; `request_failures` is by `LinkError.kind`; `buffered` are
    bytes that the broker has not taken yet.
    """

    connections: int
    subscriptions: int
    consumers: int
    requests: int
    requests_in_flight: int
    messages_in: int
    bytes_in: int
    messages_out: int
    bytes_out: int
    buffered: int
    dropped: int
    malformed: int
    late_replies: int
    handler_failures: int
    reconnects: int
    request_failures: Mapping[str, int]

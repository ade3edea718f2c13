"""What a message of a bucket's stream says: a key's value or its deletion, and the place of the delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_DELETIONS: Final = ("DEL", "PURGE")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a key holds. `value` None: it was deleted. `written` is the broker's time, epoch seconds."""

    key: str
    value: bytes | None
    revision: int
    written: float


def is_deletion(headers: Mapping[str, str] | None) -> bool:
    """Whether a message of a bucket is the marker of a deleted key."""
    return headers is not None and (headers.get("KV-Operation") in _DELETIONS or "Nats-Marker-Reason" in headers)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a delivery's reply subject says of it."""

    stream_sequence: int
    consumer_sequence: int
    written: float
    pending: int


def delivery_of(reply: str) -> Delivery:
    """`$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending>[.…]`.

    Raises `ValueError` for anything else.
    """
    tokens = reply.split(".")
    at = 5 if len(tokens) == 9 else 7
    if len(tokens) < 9 or tokens[:2] != ["$JS", "ACK"]:
        raise ValueError(f"not a delivery: {reply[:80]!r}")
    stream_sequence, consumer_sequence, nanoseconds, pending = map(int, tokens[at : at + 4])
    return Delivery(stream_sequence, consumer_sequence, nanoseconds / 1e9, pending)

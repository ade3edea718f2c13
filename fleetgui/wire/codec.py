"""The one JSON reader and writer, hardened once for everybody.

msgspec, because it refuses what the fabric must not carry where other readers let it pass: NaN and infinities,
1e999, integers beyond 64 bits, half surrogates, bytes that are not UTF-8; and because a typed decode of a page takes
a tenth of the time of a plain one. Deep nesting raises RecursionError in it within half a millisecond, which becomes
`Malformed` here like everything else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""More than any broker's `max_payload`; guards what comes from files."""


class Malformed(ValueError):
    """A message that does not decode, or does not fit its model. The text is one line, cut, and safe to show."""

    def __init__(self, why: object) -> None:
        super().__init__(" ".join(str(why).split())[:300])


def decode(
    data: bytes | bytearray | memoryview | str, kind: type[T], *, hook: Callable[[type, Any], Any] | None = None
) -> T:
    """`data` as a `kind` (a msgspec Struct or builtin type); raises `Malformed`.

    `hook(type, value)` makes a type of ours of what JSON has, or raises `ValueError` with the reason why it cannot.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise _too_long(data)
    try:
        return msgspec.json.decode(data, type=kind, dec_hook=hook)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Malformed(error) from None


def _too_long(data: bytes | bytearray | memoryview | str) -> Malformed:
    return Malformed(f"{len(data)} bytes are more than a message may have ({MAX_MESSAGE_BYTES})")


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """`decode` of one kind, for where many are read one by one: a sixth quicker."""
    read = msgspec.json.Decoder(kind).decode

    def decode_one(data: bytes) -> T:
        if len(data) > MAX_MESSAGE_BYTES:
            raise _too_long(data)
        try:
            return read(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise Malformed(error) from None

    return decode_one


def decode_any(data: bytes | bytearray | memoryview | str) -> Any:
    """`data` as plain objects (dict, list, str, int, float, bool, None); raises `Malformed`."""
    return decode(data, object)


def decode_object(data: bytes | bytearray | memoryview | str) -> dict[str, Any]:
    """`data` as a JSON object; raises `Malformed` for anything else."""
    return decode(data, dict[str, Any])


def encode(value: object) -> bytes:
    """Compact UTF-8 JSON. Raises `Malformed` for what JSON cannot carry; NaN and infinities become null.

    Where somebody typed the value, ask `refuse_non_finite` first: what is sent must be what was meant.
    """
    try:
        data = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Malformed(error) from None
    return data


def refuse_non_finite(value: object) -> None:
    """Raise `Malformed` when a NaN or an infinity is anywhere in `value`: JSON has no word for them."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, float) and not math.isfinite(one):
            raise Malformed(f"{one} cannot be sent as JSON")
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)


def pretty(value: object) -> str:
    """JSON as people read it: indented by two."""
    return msgspec.json.format(encode(value), indent=2).decode()

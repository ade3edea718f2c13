"""Any field of a device's record, named by where it stands in it: `status.temperature`, `capabilities.labels.site`.

A record is as its device wants it: 200 kB long, a thousand levels deep, the same key a thousand times. So nothing is
decoded but the way to the value: each step scans what it stands in once, without making objects of it (2 µs for a
record of 2 kB, 1 ms for one of 400 kB), and nesting beyond a thousand levels is a value that cannot be read. Of keys
that repeat the last one counts, as everywhere.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import msgspec

from fleetgui.wire.codec import Malformed, decode, decode_any, encode
from fleetgui.wire.query import Value

LONGEST_PATH: Final = 256
MOST_STEPS: Final = 16
LONGEST_TEXT: Final = 1_024
"""Characters of a value that are compared and shown; what is longer is cut."""
LABELS: Final = "capabilities.labels."
"""What the path of a label begins with: a summary (`projection`) has labels too."""
_INEXACT: Final = 2.0**53
"""From here on not every integer is a float."""
_LARGEST_WHOLE: Final = 1e21
MOST_PATHS: Final = 300
"""Paths of one record that are offered."""

Path = tuple[str, ...]

_LONGEST_LIST: Final = 4 * LONGEST_TEXT
_ESCAPED: Final = {'"', "\\"}
"""Signs of a key that stand escaped in its JSON, which `_member` does not look for."""
_CAPABILITIES: Final = "capabilities."


def path_of(text: str) -> Path | None:
    """The steps of a path with dots between them; None where it is none.

    An element of a list is a step too, by its number. The first step alone is no path: what stands at the top of a
    record is known by name.
    """
    steps = tuple(text.split("."))
    if not 2 <= len(steps) <= MOST_STEPS or not all(steps) or len(text) > LONGEST_PATH:
        return None
    return steps if text.isprintable() and not _ESCAPED & set(text) else None


def is_left_out(path: str) -> bool:
    """Whether a summary (`projection`) leaves it out: all of the capabilities but their labels."""
    return path.startswith(_CAPABILITIES) and not path.startswith(LABELS)


def piece_at(record: bytes, path: Path) -> bytes | None:
    """The JSON that stands at `path`, as it came; None where nothing does, or nothing that can be read.

    A key may have dots in it: where a step is no key, it is tried together with the next ones.
    """
    piece: msgspec.Raw | bytes = record
    at = 0
    try:
        while at < len(path):
            for end in range(at + 1, len(path) + 1):
                found = _member(piece, ".".join(path[at:end]))
                if found is not None:
                    piece, at = found, end
                    break
            else:
                return None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return bytes(piece)


def value_of(piece: bytes | None) -> Value:
    """What a piece of JSON is compared and shown as.

    Texts as they are; numbers as floats, and as int where no float is that number; a list of texts, numbers and truths
    as their texts with commas between them; every other list or object as its JSON. Cut at `LONGEST_TEXT`. What has no
    value in it is missing: null, an empty text, an empty list, an empty object.
    """
    if piece is None:
        return None
    if piece[:1] == b'"':
        try:
            return decode(piece, str)[:LONGEST_TEXT] or None
        except Malformed:
            return _as_it_came(piece)
    if piece[:1] in (b"[", b"{"):
        return _several(piece)
    try:
        value = decode(piece, bool | float | None)  # type: ignore[arg-type] # a union is a type to msgspec
    except Malformed:
        return _as_it_came(piece)
    if value is None or isinstance(value, bool):
        return value
    return _exactly(value, piece) if math.isfinite(value) else _as_it_came(piece)


def number_text(number: float) -> str:
    """A number in full, as far as it was told: whole ones below 1e21 with all digits."""
    if isinstance(number, int) or (number.is_integer() and abs(number) < _LARGEST_WHOLE):
        return str(int(number))
    return f"{number:.15g}"


def value_at(record: bytes, path: Path) -> Value:
    """What stands at `path` of an encoded record, as it is compared and shown; None is missing."""
    return value_of(piece_at(record, path))


def value_within(status: dict[str, Any], path: Path) -> Value:
    """As `value_at`, for `status.…` in the status fields of a heartbeat, which are decoded already."""
    try:
        return value_at(encode({"status": status}), path)
    except Malformed:
        return None


def paths_in(record: bytes) -> list[str]:
    """The paths of a record that lead to a value or a list, the outer ones first, at most `MOST_PATHS`."""
    try:
        waiting = deque([("", decode_any(record))])
    except Malformed:
        return []
    found: list[str] = []
    while waiting and len(found) < MOST_PATHS:
        before, value = waiting.popleft()
        if not isinstance(value, dict):
            if before:
                found.append(before)
            continue
        for key, member in value.items():
            path = f"{before}.{key}" if before else key
            if path_of(path) is not None or (not before and isinstance(member, dict)):
                waiting.append((path, member))
            if len(waiting) > MOST_PATHS:
                break
    return found


def _member(piece: msgspec.Raw | bytes, key: str) -> msgspec.Raw | None:
    """What an object has under `key`, or a list at that number. Raises what msgspec does for what does not decode."""
    kind = bytes(memoryview(piece)[:1])
    if kind == b"[":
        if not (key.isascii() and key.isdecimal() and len(key) < 6):
            return None
        elements = _LIST.decode(piece)
        return elements[int(key)] if int(key) < len(elements) else None
    if kind not in (b"{", b" ", b"\t", b"\r", b"\n"):
        return None
    found: msgspec.Raw | msgspec.UnsetType = _object_with(key).decode(piece).found
    return None if isinstance(found, msgspec.UnsetType) else found


_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


@lru_cache(maxsize=256)
def _object_with(key: str) -> msgspec.json.Decoder[Any]:
    """Reads one member of an object and scans over the others, which is quicker than a dict of all of them."""
    member = ("found", msgspec.Raw | msgspec.UnsetType, msgspec.field(default=msgspec.UNSET, name=key))
    return msgspec.json.Decoder(msgspec.defstruct("ObjectWith", [member], gc=False))


def _several(piece: bytes) -> Value:
    if piece[:1] == b"[" and len(piece) <= _LONGEST_LIST:
        try:
            each = decode(piece, list[str | bool | int | float | None])
        except Malformed:
            pass
        else:
            return ", ".join(_said(one) for one in each)[:LONGEST_TEXT] or None
    return None if not piece[1:-1].strip() else _as_it_came(piece)


def _exactly(number: float, piece: bytes) -> float:
    """`number`, or the integer that was sent where this only comes near to it."""
    if abs(number) < _INEXACT or not piece.lstrip(b"-").isdigit():
        return number
    exact = int(piece)
    return number if exact == number else exact


def _said(value: Value) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return value if isinstance(value, str) else number_text(value)


def _as_it_came(piece: bytes) -> str:
    with suppress(msgspec.MsgspecError, RecursionError):
        piece = msgspec.json.format(piece, indent=0)  # one line, however it was written
    return piece[: 4 * LONGEST_TEXT].decode(errors="replace")[:LONGEST_TEXT]

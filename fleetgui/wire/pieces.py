"""JSON taken apart without being decoded: the members of an object, the elements of a list, as the bytes they are.

For what a strict reader refuses as a whole because of one part: Python's own writer emits NaN, a device may nest a
thousand levels deep, and a page of two hundred records must not be lost with the one. Only brackets and strings are
looked at, without recursion; whether a piece is JSON is for whoever decodes it.
"""

from __future__ import annotations

import re
from typing import Final

from fleetgui.wire.codec import Malformed, decode

_STRING: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_TOKEN: Final = re.compile(_STRING + rb'|["\[\]{},]', re.DOTALL)
_KEY: Final = re.compile(rb"\s*(" + _STRING + rb")\s*:", re.DOTALL)


def members(data: bytes) -> dict[str, bytes]:
    """The members of an object by name, the last one of those that share a name; raises `Malformed`."""
    found: dict[str, bytes] = {}
    for piece in _pieces(data, b"{"):
        key = _KEY.match(piece)
        if key is None:
            raise Malformed("a member without a name")
        found[decode(key.group(1), str)] = piece[key.end() :].strip()
    return found


def elements(data: bytes) -> list[bytes]:
    """The elements of a list, in order; raises `Malformed`."""
    return _pieces(data, b"[")


def _pieces(data: bytes, opening: bytes) -> list[bytes]:
    """What stands between the commas of the outermost list or object."""
    data = data.strip()
    if not data.startswith(opening):
        raise Malformed(f"it does not start with {opening.decode()}")
    pieces: list[bytes] = []
    depth, start = 0, 1
    for token in _TOKEN.finditer(data):
        sign = token.group()
        if sign in (b"[", b"{"):
            depth += 1
        elif sign in (b"]", b"}"):
            depth -= 1
            if depth == 0:
                if token.end() != len(data):
                    raise Malformed("something follows its end")
                last = data[start : token.start()].strip()
                return [*pieces, last] if pieces or last else []
        elif sign == b"," and depth == 1:
            pieces.append(data[start : token.start()].strip())
            start = token.end()
        elif sign == b'"':
            raise Malformed("a text without an end")
    raise Malformed("it is cut short")

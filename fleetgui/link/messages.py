"""A message as handlers get it, and the NATS header block taken apart.

Anybody on the fabric can publish anything: bytes that are no UTF-8 in a subject, a header block cut short. What cannot
be read raises `ValueError` here, and the reader counts it as malformed and goes on with the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

NO_RESPONDERS: Final = "503"

_VERSION: Final = b"NATS/1.0"
_END: Final = b"\r\n\r\n"


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message. `received` is `Clock.now()` of the chunk of bytes that it came with; `reply` is "" without one.

    `headers` is None where there were none. A status from the broker is in it as `Status` and `Description`.
    """

    subject: str
    data: bytes
    reply: str = ""
    received: float = 0.0
    headers: Mapping[str, str] | None = None


def header_block(headers: Mapping[str, str]) -> bytes:
    """The header block of an HPUB. Raises `ValueError` for a name or a value that would end its line."""
    for name, value in headers.items():
        if not name or ":" in name or not f"{name}{value}".isprintable():
            raise ValueError(f"no header: {name[:40]!r}: {value[:40]!r}")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return _VERSION + b"\r\n" + lines.encode() + b"\r\n"


def headers_of(block: bytes) -> dict[str, str]:
    """The header block of an HMSG. Raises `ValueError` for one that is cut short, or whose status line is not UTF-8.

    Values that are not UTF-8 are shown with replacement characters; lines without a colon are left out.
    """
    if not block.startswith(_VERSION) or not block.endswith(_END):
        raise ValueError(f"no header block: {block[:40]!r}")
    status_line, _, lines = block[len(_VERSION) : -len(_END)].partition(b"\r\n")
    if status_line and not status_line.startswith(b" "):
        raise ValueError(f"no header block: {block[:40]!r}")
    headers: dict[str, str] = {}
    if status := status_line.strip().decode():
        headers["Status"], _, description = status.partition(" ")
        if description:
            headers["Description"] = description
    for line in lines.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon and name.isascii() and name.strip():
            headers.setdefault(name.decode().strip(), value.strip().decode("utf-8", "replace"))
    return headers
